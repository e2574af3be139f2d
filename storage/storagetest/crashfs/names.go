package crashfs

import (
	"slices"
	"strings"
	"syscall"

	"golang.org/x/text/unicode/norm"
)

// Names says what a filesystem makes of names. The zero Names takes each for itself.
type Names struct {
	Fold   func(name string) string // names that it makes equal are one; nil: no two are
	Form   func(name string) string // what is kept of a new name; nil: the name
	Refuse func(name string) bool   // of which there can be no file; nil: none
}

// IgnoreCase is as APFS has it: names that differ in case or in their form are one, and kept as they are. They must be
// UTF-8.
func IgnoreCase() Names {
	return Names{
		Fold:   func(name string) string { return norm.NFD.String(strings.ToLower(name)) },
		Refuse: func(name string) bool { return strings.ToValidUTF8(name, "") != name },
	}
}

// Normalize is as HFS+ has it where it minds the case: names are kept decomposed.
func Normalize() Names {
	decompose := func(name string) string { return norm.NFD.String(name) }
	return Names{Fold: decompose, Form: decompose}
}

// Windows is as Windows has it: names that differ in case are one, a dot or space at the end goes, and those of devices
// are refused.
func Windows() Names {
	form := func(name string) string { return strings.TrimRight(name, ". ") }
	return Names{
		Fold: func(name string) string { return strings.ToUpper(form(name)) },
		Form: form,
		Refuse: func(name string) bool {
			device, _, _ := strings.Cut(strings.ToLower(name), ".")
			return strings.ContainsAny(name, `<>:"|?*\`) || form(name) == "" ||
				slices.Contains([]string{"con", "prn", "aux", "nul", "com1", "lpt1"}, device)
		},
	}
}

// NewNames returns an empty filesystem that makes of names what n says.
func NewNames(n Names) *FS { return &FS{root: newDir(), names: n} }

// entry returns what a directory has under a name, and the name that it has there, or would have.
func (f *FS) entry(dir *node, name string) (string, *node) {
	if n := dir.entries[name]; n != nil {
		return name, n
	}
	if f.names.Fold != nil {
		folded := f.names.Fold(name)
		for other, n := range dir.entries {
			if f.names.Fold(other) == folded {
				return other, n
			}
		}
	}
	if f.names.Form != nil {
		name = f.names.Form(name)
	}
	return name, nil
}

// refused returns an error for a name that there cannot be.
func (f *FS) refused(name string) error {
	if f.names.Refuse != nil && name != "" && f.names.Refuse(name) {
		return syscall.EINVAL
	}
	return nil
}
