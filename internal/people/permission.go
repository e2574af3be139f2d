package people

import (
	"fmt"
	"strconv"
)

// A Permission is what someone may do with a repository. Each one includes those below it.
type Permission int

// The permissions. The zero value allows nothing.
const (
	None Permission = iota
	Read
	Write
	Admin
)

var permissionTexts = [...]string{None: "none", Read: "read", Write: "write", Admin: "admin"}

// String returns "none", "read", "write" or "admin".
func (p Permission) String() string {
	if !p.valid() {
		return "Permission(" + strconv.Itoa(int(p)) + ")"
	}
	return permissionTexts[p]
}

// MarshalText returns the text of String, or ErrPermission if p is none of the constants.
func (p Permission) MarshalText() ([]byte, error) {
	if !p.valid() {
		return nil, fmt.Errorf("%w %d", ErrPermission, int(p))
	}
	return []byte(permissionTexts[p]), nil
}

// UnmarshalText reads what MarshalText returns, or returns ErrPermission.
func (p *Permission) UnmarshalText(text []byte) error {
	got, err := ParsePermission(string(text))
	if err == nil {
		*p = got
	}
	return err
}

// ParsePermission reads "none", "read", "write" or "admin", or returns ErrPermission.
func ParsePermission(text string) (Permission, error) {
	for p, known := range permissionTexts {
		if text == known {
			return Permission(p), nil
		}
	}
	return None, fmt.Errorf("%w %.40q", ErrPermission, text)
}

func (p Permission) valid() bool { return p >= None && p <= Admin }

// grantable returns ErrPermission unless p can be given to someone.
func (p Permission) grantable() error {
	if p <= None || p > Admin {
		return fmt.Errorf("%w %s", ErrPermission, p)
	}
	return nil
}
