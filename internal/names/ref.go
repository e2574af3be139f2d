package names

import "strings"

// Limits of refs in bytes, beyond Git's rules: a component becomes a file's name, and with ".lock" behind it must
// still be one on most systems; a whole name is part of a key.
const (
	MaxRef          = 1024
	MaxRefComponent = 250
)

// CheckRef checks the full name of a ref: "HEAD", or one under "refs/" that git-check-ref-format takes, of at most
// MaxRef bytes, and MaxRefComponent in each component. Other names that Git takes, such as "FETCH_HEAD" or
// "objects/info", are refused: they would be files of the repository that are no refs.
func CheckRef(full string) error {
	if full == "HEAD" {
		return nil
	}
	if len(full) > MaxRef {
		return tooLong(full, "is longer than 1024 bytes")
	}
	rest, ok := strings.CutPrefix(full, "refs/")
	if !ok {
		return malformed(full, "is not under refs/")
	}
	return checkRefParts(full, rest)
}

// CheckBranch checks the short name of a branch, "main" for "refs/heads/main": as CheckRef, and it neither begins
// with "-" nor is "HEAD" (git-branch).
func CheckBranch(short string) error { return checkShort("refs/heads/", short) }

// CheckTag checks the short name of a tag, "v1" for "refs/tags/v1", as CheckBranch does that of a branch.
func CheckTag(short string) error { return checkShort("refs/tags/", short) }

func checkShort(prefix, short string) error {
	switch {
	case short == "HEAD":
		return malformed(short, "is reserved")
	case strings.HasPrefix(short, "-"):
		return malformed(short, "begins with -")
	case len(prefix)+len(short) > MaxRef:
		return tooLong(short, "is longer than 1024 bytes as a full ref name")
	}
	return checkRefParts(short, short)
}

// checkRefParts checks the components of rest, which is the end of name, by git's check_refname_format.
func checkRefParts(name, rest string) error {
	for {
		part, after, more := strings.Cut(rest, "/")
		if rule := refPartRule(part); rule != "" {
			return malformed(name, rule)
		}
		if len(part) > MaxRefComponent {
			return tooLong(name, "has a component longer than 250 bytes")
		}
		if !more {
			break
		}
		rest = after
	}
	if strings.HasSuffix(name, ".") {
		return malformed(name, "ends with a dot")
	}
	return nil
}

// refPartRule returns the rule that a ref's component breaks, or "".
func refPartRule(part string) string {
	if part == "" {
		return "has an empty component"
	}
	if part[0] == '.' {
		return "has a component that begins with a dot"
	}
	if strings.HasSuffix(part, ".lock") {
		return "has a component that ends with .lock"
	}
	var last byte
	for i := range len(part) {
		c := part[i]
		switch {
		case c < ' ' || c == 0x7f:
			return "contains a control character"
		case c == ' ' || c == '~' || c == '^' || c == ':' || c == '?' || c == '*' || c == '[' || c == '\\':
			return "contains one of space ~ ^ : ? * [ \\"
		case c == '.' && last == '.':
			return "contains .."
		case c == '{' && last == '@':
			return "contains @{"
		}
		last = c
	}
	return ""
}
