package codeowners

import (
	"fmt"
	"slices"
	"strings"
)

// A Requirement is changed paths that one of their owners must approve of. If it can't be told who owns what, there is
// one Requirement without owners, which nobody meets.
type Requirement struct {
	Path   string // the first of them
	Owners []Owner
}

// Text says what is missing, and of owners who can't approve, why.
func (r Requirement) Text(why map[Owner]string) string {
	if len(r.Owners) == 0 {
		return fmt.Sprintf("%s is too large to tell who must approve", r.Path)
	}
	all := make([]string, len(r.Owners))
	for i, o := range r.Owners {
		if all[i] = o.String(); why[o] != "" {
			all[i] += " (" + why[o] + ")"
		}
	}
	return fmt.Sprintf("no owner of %q has approved: %s", r.Path, Few(all, ", "))
}

// MetBy reports whether one of its owners is among those who are.
func (r Requirement) MetBy(are map[Owner]bool) bool {
	return slices.ContainsFunc(r.Owners, func(o Owner) bool { return are[o] })
}

// Shown is how many of many texts Few joins.
const Shown = 10

// Few joins the first of many texts, and says how many more there are.
func Few(texts []string, separator string) string {
	if more := len(texts) - Shown; more > 0 {
		texts = append(slices.Clone(texts[:Shown]), fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, separator)
}
