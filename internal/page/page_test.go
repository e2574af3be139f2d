package page

import (
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/reposit/reposit/internal/fault"
)

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		size, number int
		token        string
		want         Bounds
	}{
		{0, 0, "", Bounds{DefaultSize, 0}}, {0, 1, "", Bounds{DefaultSize, 0}}, {7, 3, "", Bounds{7, 14}},
		{MaxSize, 0, "t", Bounds{MaxSize, 0}}, {1, maxNumber, "", Bounds{1, maxNumber - 1}},
	} {
		if got, err := Check(test.size, test.number, test.token); got != test.want || err != nil {
			t.Errorf("Check(%d, %d, %q) = %+v, %v, want %+v", test.size, test.number, test.token, got, err, test.want)
		}
		if test.token != "" {
			continue
		}
		if _, err := Check(test.size, max(test.number, 1), "t"); !errors.Is(err, fault.Invalid) {
			t.Errorf("Check() of a page and a token = %v, want %v", err, fault.Invalid)
		}
	}
	for _, bad := range [][2]int{{-1, 0}, {MaxSize + 1, 0}, {0, -1}, {0, maxNumber + 1}} {
		if _, err := Check(bad[0], bad[1], ""); !errors.Is(err, fault.Invalid) {
			t.Errorf("Check(%d, %d) = %v, want %v", bad[0], bad[1], err, fault.Invalid)
		}
	}
}

// rows yields the numbers below n, counts those that are taken, and then the error, if it is not nil.
func rows(n int, err error, taken *int) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if *taken++; !yield(i, nil) {
				return
			}
		}
		if err != nil {
			yield(0, err)
		}
	}
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		n, size, skip int
		want          []int
		more          bool
		taken         int
	}{
		{5, 2, 0, []int{0, 1}, true, 3}, {5, 2, 3, []int{3, 4}, false, 5}, {5, 5, 0, []int{0, 1, 2, 3, 4}, false, 5},
		{5, 2, 7, []int{}, false, 5}, {0, 3, 0, []int{}, false, 0}, {5, 2, 2, []int{2, 3}, true, 5},
	} {
		taken := 0
		got, more, err := Cut(rows(test.n, nil, &taken), Bounds{test.size, test.skip})
		if !slices.Equal(got, test.want) || got == nil || more != test.more || err != nil || taken != test.taken {
			t.Errorf("Cut(%d rows, %d behind %d) = %v, %v, %v of %d taken, want %v, %v of %d", test.n, test.size, test.skip,
				got, more, err, taken, test.want, test.more, test.taken)
		}
	}
	bad, taken := errors.New("bad"), 0
	if got, more, err := Cut(rows(3, bad, &taken), Bounds{5, 1}); got != nil || more || err != bad {
		t.Errorf("Cut() = %v, %v, %v, want %v", got, more, err, bad)
	}
	if got, more, err := Cut(rows(3, bad, &taken), Bounds{2, 0}); len(got) != 2 || !more || err != nil {
		t.Errorf("Cut() = %v, %v, %v, want the page before the error", got, more, err)
	}
}

func TestAll(t *testing.T) {
	bad, reads := errors.New("bad"), 0
	read := func(at int) ([]int, int, bool, error) {
		if reads++; at == 6 {
			return nil, 0, true, bad
		}
		return []int{at, at + 1}, at + 2, at != 102, nil
	}
	var got []int
	all := All(100, read)
	for range 2 { // a sequence can be walked again
		for item, err := range all {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, item)
		}
	}
	if want := []int{100, 101, 102, 103, 100, 101, 102, 103}; !slices.Equal(got, want) || reads != 4 {
		t.Errorf("All() = %v in %d reads, want %v in 4", got, reads, want)
	}
	got, reads = nil, 0
	var last error
	for item, err := range All(2, read) {
		if last = err; err == nil {
			got = append(got, item)
		}
	}
	if want := []int{2, 3, 4, 5}; !slices.Equal(got, want) || last != bad || reads != 3 {
		t.Errorf("All() = %v, then %v in %d reads, want %v, then %v in 3", got, last, reads, want, bad)
	}
	reads = 0
	for range All(0, read) {
		break
	}
	if reads != 1 {
		t.Errorf("All() read %d pages for one item, want 1", reads)
	}
}
