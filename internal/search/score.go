package search

import "slices"

// A class says where in a document a word stands, at its best. It is the first thing that documents are ranked by.
type class byte

const (
	inLabels class = 1 + iota
	inDescription
	earlyInDescription // among its first earlyWords words
	inOwner
	inName
	halfOfName // the name has two words
	wholeName

	classes = int(wholeName) + 1
)

// A match says how a word of the query matches one of a document.
type match byte

const (
	noMatch match = iota
	byPrefix
	byStem
	exactly

	matches = int(exactly) + 1
)

// levels are the scores of one word, by class and match.
var levels = func() (scores [classes][matches]int) {
	for c, whole := range [classes]int{0, 2000, 2500, 3000, 4000, 6000, 8000, 12000} {
		scores[c] = [matches]int{0, whole * 6 / 10, whole * 9 / 10, whole}
	}
	return scores
}()

// scores are all levels, the highest first.
var scores = func() (all []int) {
	for _, byMatch := range levels {
		all = append(all, byMatch[:]...)
	}
	slices.Sort(all)
	slices.Reverse(all)
	return slices.Compact(all)
}()

// level returns the score of a word of that class that matches so.
func level(c class, m match) int {
	if int(c) >= classes {
		return 0
	}
	return levels[c][m]
}

// Scores of what the query as a whole matches, on top of those of its words.
const (
	wholeNameBonus = 12000 // it is the slug, but for what is no letter or digit
	fullNameBonus  = 24000 // it is "owner/slug"
)
