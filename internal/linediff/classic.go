package linediff

import "context"

// classic marks what differs in a span by Myers' algorithm in linear space ("An O(ND) Difference Algorithm and Its
// Variations", 1986, section 4b), with git's measures against what takes long: lines that can hardly have a partner are
// marked ahead, and a search that becomes too long settles for a good place to divide the rest.
func classic(ctx context.Context, m *marks, s span) error {
	p := prune(m, s)
	if len(p.a) == 0 || len(p.b) == 0 {
		p.markAll(m, 0, len(p.a), 0, len(p.b))
		return nil
	}
	return newSearch(ctx, p).run(m)
}

// A pruned span is what of its lines takes part in the search.
type pruned struct {
	a, b     []int32 // their numbers
	atA, atB []int32 // where they are
}

func (p *pruned) markAll(m *marks, a0, a1, b0, b1 int) {
	for _, i := range p.atA[a0:a1] {
		m.a[i] = true
	}
	for _, i := range p.atB[b0:b1] {
		m.b[i] = true
	}
}

const maxOften = 1024 // how many partners are too many, at most

// roughRoot returns a power of two near the square root of n, as git finds it.
func roughRoot(n int) int {
	root := 1
	for ; n > 0; n >>= 2 {
		root <<= 1
	}
	return root
}

// The fates of lines in prune.
const (
	alone  = iota // without a partner
	paired        // with some partners
	common        // with too many
)

// prune leaves out what both texts have at the beginning and at the end of the span, and marks, and leaves out, lines
// without a partner, and lines with too many partners in the midst of those.
func prune(m *marks, s span) *pruned {
	from := span{s.a0, s.a1, s.b0, s.b1}
	for from.a0 < from.a1 && from.b0 < from.b1 && m.idsA[from.a0] == m.idsB[from.b0] {
		from.a0++
		from.b0++
	}
	for from.a0 < from.a1 && from.b0 < from.b1 && m.idsA[from.a1-1] == m.idsB[from.b1-1] {
		from.a1--
		from.b1--
	}
	p := &pruned{}
	if from.empty() {
		m.set(from)
		return p
	}
	// What counts is all lines of the span, those at its ends too.
	inA, inB := m.count(s)
	p.a, p.atA = keep(m.idsA, from.a0, from.a1, inB, s.a1-s.a0, m.a)
	p.b, p.atB = keep(m.idsB, from.b0, from.b1, inA, s.b1-s.b0, m.b)
	m.uncount(s)
	return p
}

// keep returns the lines from..to that stay in the search, and marks the others.
func keep(ids []int32, from, to int, partners []int32, lines int, marked []bool) (kept, at []int32) {
	often := int32(min(roughRoot(lines), maxOften))
	fates := make([]byte, to-from)
	for i := range fates {
		switch n := partners[ids[from+i]]; {
		case n >= often:
			fates[i] = common
		case n > 0:
			fates[i] = paired
		}
	}
	both := make([]int32, 2*len(fates))
	kept, at = both[:0:len(fates)], both[len(fates):len(fates)]
	for i, f := range fates {
		if f == paired || f == common && !amidLonely(fates, i) {
			kept, at = append(kept, ids[from+i]), append(at, int32(from+i))
		} else {
			marked[from+i] = true
		}
	}
	return kept, at
}

const (
	scanWindow = 100 // lines that amidLonely looks at, each way
	lonelyRun  = 4   // how many times as many as the common lines all must be
)

// amidLonely reports whether line i, which has too many partners, stands between lines without any, in a
// neighbourhood of nothing else and of few like itself.
func amidLonely(fates []byte, i int) bool {
	count := func(step int) (lonely, often int) {
		often = 1
		for r, at := 1, i+step; r <= scanWindow && at >= 0 && at < len(fates); r, at = r+1, at+step {
			switch fates[at] {
			case alone:
				lonely++
			case common:
				often++
			default:
				return lonely, often
			}
		}
		return lonely, often
	}
	lonely, often := count(-1)
	if lonely == 0 {
		return false
	}
	more, moreOften := count(1)
	if more == 0 {
		return false
	}
	lonely += more
	often += moreOften
	return often*lonelyRun < often+lonely
}
