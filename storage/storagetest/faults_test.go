package storagetest_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/storagetest"
)

// TestInject runs the kit over backends with faults that the contract allows.
func TestInject(t *testing.T) {
	t.Run("None", func(t *testing.T) {
		storagetest.Run(t, func(*testing.T) storage.Backend {
			return storagetest.Inject(newMedium().open(), storagetest.NewPlan())
		})
	})
	t.Run("Again", func(t *testing.T) {
		storagetest.Run(t, func(*testing.T) storage.Backend {
			plan := storagetest.NewPlan(storagetest.Fault{Mode: storagetest.Again, Forever: true})
			return storagetest.Inject(newMedium().open(), plan)
		})
	})
}

var every = flag.Int("every", 5, "have TestEveryFault fail every n-th call only")

// TestEveryFault fails calls of a workload, one after the other, in each mode. What is left is always whole.
func TestEveryFault(t *testing.T) {
	for _, mode := range []storagetest.Mode{storagetest.Before, storagetest.Within, storagetest.After} {
		for _, forever := range []bool{false, true} {
			t.Run(fmt.Sprintf("mode=%d/forever=%v", mode, forever), func(t *testing.T) {
				points := 0
				n := 1 + int(mode)%*every
				for everyFault(t, storagetest.Fault{N: n, Mode: mode, Forever: forever}) {
					points++
					n += *every
				}
				t.Logf("%d points of failure", points)
				if points == 0 {
					t.Error("no call failed")
				}
			})
		}
	}
}

// everyFault reports whether fault was met. The workload goes on after it, with what is there then.
func everyFault(t *testing.T, fault storagetest.Fault) bool {
	const seed, units = 15, 6
	m := newMedium()
	plan := storagetest.NewPlan(fault)
	b := storagetest.Inject(m.open(), plan)
	defer b.Close()
	w := storagetest.NewWorkload(seed, 0)
	for done := range units {
		u := w.Next()
		if strings.HasSuffix(u.String(), "abort\n") {
			continue // its own error may hide that of the fault
		}
		err := u.Run(t.Context(), b)
		if err == nil {
			continue
		}
		if !errors.Is(err, storagetest.ErrInjected) {
			t.Fatalf("%+v: a unit returns %v, want the injected error", fault, err)
		}
		if _, err := storagetest.Verify(t.Context(), m.open(), seed, 0, done); err != nil {
			t.Fatalf("%+v: %v", fault, err)
		}
		return true
	}
	if fired := plan.Fired() > 0; fired {
		t.Fatalf("%+v was met, but nobody was told", fault)
	}
	return false
}

func TestUpdateModes(t *testing.T) {
	for _, test := range []struct {
		mode storagetest.Mode
		runs int
		done bool
		err  error
	}{
		{storagetest.Before, 0, false, storage.ErrNoSpace},
		{storagetest.Within, 1, false, storage.ErrNoSpace},
		{storagetest.After, 1, true, storage.ErrNoSpace},
		{storagetest.Again, 2, true, nil},
	} {
		plan := storagetest.NewPlan(storagetest.Fault{Call: storagetest.CallUpdate, N: 2, Mode: test.mode,
			Err: storage.ErrNoSpace})
		b := storagetest.Inject(newMedium().open(), plan)
		for i := range 3 {
			runs := 0
			err := b.Update(t.Context(), func(tx storage.Tx) error {
				runs++
				return tx.PutRecord([]byte{'a' + byte(i)}, nil)
			})
			wantRuns, wantErr := 1, error(nil)
			if i == 1 {
				wantRuns, wantErr = test.runs, test.err
			}
			if runs != wantRuns || !errors.Is(err, wantErr) {
				t.Errorf("mode %d: Update %d runs %d times and returns %v, want %d, %v", test.mode, i, runs, err, wantRuns, wantErr)
			}
		}
		err := b.View(t.Context(), func(v storage.View) error {
			_, err := v.Record([]byte("b"))
			return err
		})
		if done := err == nil; done != test.done {
			t.Errorf("mode %d: the Update is there: %v, want %v", test.mode, done, test.done)
		}
		if got := plan.Fired(); got != 1 {
			t.Errorf("mode %d: Fired() = %d, want 1", test.mode, got)
		}
		if got := plan.Calls(storagetest.CallPutRecord); got != 2+test.runs {
			t.Errorf("mode %d: Calls(PutRecord) = %d, want %d", test.mode, got, 2+test.runs)
		}
	}
}

func TestShortWritesAndReads(t *testing.T) {
	plan := storagetest.NewPlan(
		storagetest.Fault{Call: storagetest.CallWrite, N: 2, Mode: storagetest.Within},
		storagetest.Fault{Call: storagetest.CallRead, N: 1, Mode: storagetest.Within, Err: io.ErrUnexpectedEOF},
	)
	b := storagetest.Inject(newMedium().open(), plan)
	s, err := b.Stage(t.Context(), storage.ID{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.Write([]byte("first ")); n != 6 || err != nil {
		t.Errorf("first Write() = %d, %v, want 6, nil", n, err)
	}
	if n, err := w.Write([]byte("second")); n != 3 || !errors.Is(err, storagetest.ErrInjected) {
		t.Errorf("second Write() = %d, %v, want 3, %v", n, err, storagetest.ErrInjected)
	}
	r, err := w.Content()
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 8)
	if n, err := r.Read(p); n != 4 || !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(p[:n], []byte("firs")) {
		t.Errorf("first Read() = %d, %v, %q, want half of 8 bytes", n, err, p)
	}
	if rest, err := io.ReadAll(r); err != nil || string(rest) != "t sec" {
		t.Errorf("reading the rest = %q, %v, want %q, nil", rest, err, "t sec")
	}
}
