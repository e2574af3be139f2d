package pretty

import (
	"strconv"
	"strings"
)

// describe appends the answer to %(describe...).
func (x *Expander) describe(dst []byte, s string) ([]byte, int) {
	rest, ok := strings.CutPrefix(s, "(describe")
	if !ok || x.Describes == 0 {
		return dst, 0
	}
	x.Describes--
	var options []string
	if after, ok := strings.CutPrefix(rest, ":"); ok {
		options, rest = describeOptions(after)
	}
	if !strings.HasPrefix(rest, ")") {
		return dst, 0
	}
	if x.repo.Describe != nil {
		dst = x.add(dst, strings.TrimRight(x.repo.Describe(options), blank))
	}
	return dst, len(s) - len(rest) + 1
}

// describeOptions reads "name[=value],..." up to what is none, or an option that is used wrongly.
func describeOptions(s string) (options []string, rest string) {
	for {
		end := strings.IndexAny(s, ",)")
		if end < 0 {
			return options, s
		}
		name, value, hasValue := strings.Cut(s[:end], "=")
		var option string
		switch name {
		case "tags":
			on, ok := parseBool(value)
			if !hasValue {
				on, ok = true, true
			}
			if !ok {
				return options, s
			}
			option = "--no-tags"
			if on {
				option = "--tags"
			}
		case "abbrev", "exclude", "match":
			if _, err := strconv.Atoi(value); value == "" || name == "abbrev" && err != nil {
				return options, s
			}
			option = "--" + name + "=" + value
		default:
			return options, s
		}
		options = append(options, option)
		if s[end] == ')' {
			return options, s[end:]
		}
		s = s[end+1:]
	}
}

func parseBool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true", "yes", "on", "1":
		return true, true
	case "false", "no", "off", "0", "":
		return false, true
	}
	return false, false
}
