package reposit

import (
	"strings"

	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/ref"
)

// branchRef returns the full name of the branch that a caller calls by its short or full name, or ErrInvalid.
func branchRef(name string) (string, error) {
	return fullName(name, ref.Branches, "branch", names.CheckBranch)
}

// tagRef is branchRef for tags.
func tagRef(name string) (string, error) { return fullName(name, ref.Tags, "tag", names.CheckTag) }

func fullName(name, dir, what string, check func(string) error) (string, error) {
	short, full := strings.CutPrefix(name, dir)
	if err := check(short); err != nil {
		return "", invalid(what, err)
	}
	if !full && strings.HasPrefix(short, "refs/") {
		return "", invalidf("%s: %q is the full name of something else", what, name)
	}
	return dir + short, nil
}
