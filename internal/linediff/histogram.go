package linediff

import "context"

const rareEnough = 64 // times that a line may occur in a for histogram to divide at it

// histogram marks what differs by JGit's histogram algorithm: the longest run of equal lines with the rarest line in it
// divides the texts, and so on on both sides; where all that is common is too frequent, the classic search takes over.
func histogram(ctx context.Context, m *marks) error {
	o := &histogrammer{marks: m, next: make([]int32, len(m.idsA)), first: make([]int32, len(m.inA))}
	pending := []span{m.whole()}
	for len(pending) > 0 {
		s := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if s.empty() {
			m.set(s)
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		run, common, err := o.best(ctx, s)
		if err != nil {
			return err
		}
		switch {
		case common && o.rarest > rareEnough:
			if err := classic(ctx, m, s); err != nil {
				return err
			}
		case run.a0 == run.a1:
			m.set(s)
		default:
			pending = append(pending, span{run.a1, s.a1, run.b1, s.b1}, span{s.a0, run.a0, s.b0, run.b0})
		}
	}
	return nil
}

// A histogrammer finds runs to divide at.
type histogrammer struct {
	*marks
	next   []int32 // the next line of a in the span that is equal, + 1; 0: none
	first  []int32 // of a in the span, + 1, by the number of the line
	rarest int32   // how often the rarest line of the best run occurs in a
}

// best returns the best run in a span, empty if there is none, and whether the span's sides have any line in common.
func (o *histogrammer) best(ctx context.Context, s span) (run span, common bool, err error) {
	for i := s.a1 - 1; i >= s.a0; i-- {
		id := o.idsA[i]
		o.next[i], o.first[id] = o.first[id], int32(i+1)
		o.inA[id]++
	}
	defer func() {
		for _, id := range o.idsA[s.a0:s.a1] {
			o.first[id], o.inA[id] = 0, 0
		}
	}()
	o.rarest = rareEnough + 1
	for j, steps := s.b0, 1; j < s.b1; steps++ {
		if steps%1024 == 0 && ctx.Err() != nil {
			return run, common, ctx.Err()
		}
		id := o.idsB[j]
		common = common || o.inA[id] > 0
		if n := o.inA[id]; n == 0 || n > o.rarest {
			j++
			continue
		}
		j = o.improve(s, j, &run)
	}
	return run, common, nil
}

// improve looks at the runs through line j of b, and makes run what is longer or rarer. It returns the first line
// behind all of them.
func (o *histogrammer) improve(s span, j int, run *span) int {
	behind := j + 1
	id := o.idsB[j]
	for i := int(o.first[id]) - 1; i >= 0; {
		r := span{i, i, j, j} // both ends in it, for now
		rare := o.inA[id]
		for r.a0 > s.a0 && r.b0 > s.b0 && o.idsA[r.a0-1] == o.idsB[r.b0-1] {
			r.a0--
			r.b0--
			rare = min(rare, o.inA[o.idsA[r.a0]])
		}
		for r.a1 < s.a1-1 && r.b1 < s.b1-1 && o.idsA[r.a1+1] == o.idsB[r.b1+1] {
			r.a1++
			r.b1++
			rare = min(rare, o.inA[o.idsA[r.a1]])
		}
		r.a1++
		r.b1++
		behind = max(behind, r.b1)
		// An empty run has the length of one line: a run of one must be rarer to be better.
		if max(run.a1-run.a0, 1) < r.a1-r.a0 || rare < o.rarest {
			*run, o.rarest = r, rare
		}
		next := int(o.next[i]) - 1
		for next >= 0 && next < r.a1 {
			next = int(o.next[next]) - 1
		}
		i = next
	}
	return behind
}
