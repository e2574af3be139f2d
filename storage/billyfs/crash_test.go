package billyfs

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/storagetest"
	"github.com/reposit/reposit/storage/storagetest/crashfs"
)

// By default not every operation is tried, which takes minutes.
var every = flag.Int("every", 199, "cut the power, or fail, at every n-th operation only")

// stride is every, or with -short more.
func stride() int {
	if testing.Short() {
		return *every * 5
	}
	return *every
}

// strideAgain is how much denser the power cuts are within an Open than before.
const strideAgain = 6

// A gitDisk is a filesystem on which locks are taken as if git programs worked there, too. When it is cut off from
// power, the machine stays up.
type gitDisk struct{ disk.Disk }

func (d gitDisk) Traits() disk.Traits {
	t := d.Disk.Traits()
	t.Shared, t.Boot = true, "the only one"
	return t
}

// openCrashable opens a store that syncs its files and writes its journal afresh every now and then.
func openCrashable(fs *crashfs.FS, shared bool) (*store, error) {
	d := disk.NewBilly(fs)
	if shared {
		d = gitDisk{d}
	}
	s, err := open(d, &Options{Durability: storage.Sync})
	if err == nil {
		s.upkeep.flushFiles, s.upkeep.flushBytes, s.upkeep.minRewrite, s.upkeep.packFrom = 60, 8<<10, 24<<10, 3
		s.packer.limit, s.refs.many = 2, 4
		if shared {
			s.refs.many = 1
		}
	}
	return s, err
}

// verify opens what is on fs, and compares it with the first acked units of a workload.
func verify(ctx context.Context, fs *crashfs.FS, shared bool, seed uint64, acked int) (int, error) {
	s, err := openCrashable(fs, shared)
	if err != nil {
		return 0, fmt.Errorf("open: %w", err)
	}
	n, err := storagetest.Verify(ctx, s, seed, 0, acked)
	if err != nil {
		return 0, errors.Join(err, s.Close())
	}
	// It must take Updates again: no lock may be left, and no name be in the way.
	w := storagetest.NewWorkload(seed, 0)
	for range n {
		w.Next()
	}
	if err := w.Next().Run(ctx, s); err != nil {
		return 0, errors.Join(fmt.Errorf("the unit after: %w", err), s.Close())
	}
	if err := w.Model.Compare(ctx, s); err != nil {
		return 0, errors.Join(fmt.Errorf("after the unit after: %w", err), s.Close())
	}
	return n, s.Close()
}

// TestPowerCut cuts the power, of the disk alone for every other one, before operations of some workloads, and, for
// some of the cuts, again before operations of the Open that follows.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	var points, again atomic.Int64
	t.Run("seed", func(t *testing.T) {
		for seed := range uint64(6) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				c := &cutter{T: t, seed: seed, shared: seed%2 == 0}
				c.run(10)
				points.Add(c.points)
				again.Add(c.again)
			})
		}
		for i, f := range foldings[:3] {
			t.Run("on a disk that "+f.name, func(t *testing.T) {
				t.Parallel()
				c := &cutter{T: t, seed: uint64(i + 1), shared: i%2 == 0, names: f.names, coarse: 4}
				c.run(6)
				points.Add(c.points)
				again.Add(c.again)
			})
		}
	})
	t.Logf("%d power cuts, %d more while opening", points.Load(), again.Load())
}

// TestFill adds lines to what a crash left of a log.
func TestFill(t *testing.T) {
	for _, test := range []struct{ lines, text, want string }{
		{"", "", ""},
		{"a\nb\n", "", "a\nb\n"},
		{"a\nb\n", "a\n", "a\nb\n"},
		{"a\nb\n", "b\n", "a\nb\n"},
		{"a\nb\nc\n", "git\nb\n", "git\na\nb\nc\n"},
		{"a\na\n", "a\n", "a\na\n"},
		{"a\n", "aa\n", "aa\na\n"},
		{"a\n", "ba\na\ngit\n", "ba\na\ngit\n"},
	} {
		if got := fill(slices.Collect(strings.Lines(test.lines)), test.text); got != test.want {
			t.Errorf("fill(%q, %q) = %q, want %q", test.lines, test.text, got, test.want)
		}
	}
}

type cutter struct {
	*testing.T
	seed          uint64
	shared        bool
	names         crashfs.Names
	coarse        int // that many times as few cuts, unless all are made; 0 is 1
	acked         int
	points, again int64
}

func (c *cutter) run(units int) {
	fs := crashfs.NewNames(c.names)
	fs.Hook(func(op crashfs.Op) {
		if !c.Failed() && op.N%(stride()*max(c.coarse, 1)) == 0 {
			c.cut(fs, fmt.Sprintf("before operation %d, %s %s", op.N, op.Kind, op.Name), uint64(op.N))
		}
	})
	s, err := openCrashable(fs, c.shared)
	if err != nil {
		c.Fatal(err)
	}
	w := storagetest.NewWorkload(c.seed, 0)
	for range units {
		if err := w.Next().Run(c.Context(), s); err != nil {
			c.Fatalf("unit %d: %v", c.acked+1, err)
		}
		c.acked++
	}
	if err := s.Close(); err != nil {
		c.Fatal(err)
	}
	c.cut(fs, "at the end", 0)
}

func (c *cutter) cut(fs *crashfs.FS, when string, n uint64) {
	again := n == 0 || c.points/3%int64(max(10, 331 / *every)) == 0
	for _, pct := range []int{0, 50, 100} {
		c.points++
		left := fs.Clone(n, pct)
		if again && pct == 50 {
			c.cutAgain(fs.Clone(n, pct), fmt.Sprintf("%s, with %d%%", when, pct))
		}
		if _, err := verify(c.Context(), left, c.shared, c.seed, c.acked); err != nil {
			c.Fatalf("seed %d, power cut %s, with %d%%: %v", c.seed, when, pct, err)
		}
	}
}

// cutAgain cuts the power before operations of an Open.
func (c *cutter) cutAgain(fs *crashfs.FS, when string) {
	fs.Hook(func(op crashfs.Op) {
		if c.Failed() || op.N%(max(1, stride()/strideAgain)*max(c.coarse, 1)) != 0 {
			return
		}
		c.again++
		left := fs.Clone(uint64(op.N), 50)
		if _, err := verify(c.Context(), left, c.shared, c.seed, c.acked); err != nil {
			c.Fatalf("seed %d, power cut %s, and again before operation %d, %s %s: %v", c.seed, when, op.N, op.Kind, op.Name,
				err)
		}
	})
	s, err := openCrashable(fs, c.shared)
	if err != nil {
		c.Fatalf("seed %d, power cut %s: %v", c.seed, when, err)
	}
	if err := s.Close(); err != nil {
		c.Fatal(err)
	}
}

// TestFaults has every operation of some workloads fail, in different ways. What was acknowledged stays, what was
// not is there as a whole or not at all, and what the next View shows is what stays.
func TestFaults(t *testing.T) {
	t.Parallel()
	faults := map[string]crashfs.Fault{
		"EIO once":         {Err: syscall.EIO},
		"EIO for ever":     {Err: syscall.EIO, Forever: true},
		"ENOSPC once":      {Err: syscall.ENOSPC},
		"ENOSPC for ever":  {Err: syscall.ENOSPC, Forever: true},
		"EIO after effect": {Err: syscall.EIO, After: true},
		"short write":      {Short: true},
	}
	var points atomic.Int64
	t.Run("fault", func(t *testing.T) {
		for name, fault := range faults {
			for _, seed := range []uint64{1, 2, 3} {
				t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
					t.Parallel()
					fault := fault
					step := stride()
					if seed == 3 && *every > 1 {
						step *= 3
					}
					for fault.At = 1; ; fault.At += step {
						points.Add(1)
						if untouched := suffer(t, seed, fault); untouched || t.Failed() {
							return
						}
					}
				})
			}
		}
	})
	t.Logf("%d faults", points.Load())
}

// suffer plays a workload with a fault, and reports whether it was over before the fault. The third seed is for a disk
// that folds names.
func suffer(t *testing.T, seed uint64, fault crashfs.Fault) bool {
	const units = 7
	ctx, shared := t.Context(), seed > 1
	fs := crashfs.New()
	if seed == 3 {
		fs = crashfs.NewNames(crashfs.IgnoreCase())
	}
	fs.Inject(fault)
	acked, shown := 0, -1
	s, err := openCrashable(fs, shared)
	if err == nil {
		w := storagetest.NewWorkload(seed, 0)
		for acked < units {
			if err = w.Next().Run(ctx, s); err != nil {
				break
			}
			acked++
		}
		if err != nil {
			fs.Inject()
			if shown, err = storagetest.Verify(ctx, s, seed, 0, acked); err != nil {
				t.Errorf("seed %d, %+v: shown after the error: %v", seed, fault, err)
			}
		}
		_ = s.Close() // may report what was not synced
	}
	untouched := fs.Ops() < fault.At
	fs.Inject()
	cut := fs.Clone(uint64(fault.At), 0)
	n, err := verify(ctx, fs, shared, seed, acked)
	if err != nil {
		t.Errorf("seed %d, %+v: opened again: %v", seed, fault, err)
	} else if shown >= 0 && n != shown {
		t.Errorf("seed %d, %+v: a View showed the state after unit %d, opened again it is that after %d", seed, fault, shown,
			n)
	}
	if _, err := verify(ctx, cut, shared, seed, acked); err != nil {
		t.Errorf("seed %d, %+v: after a power cut: %v", seed, fault, err)
	}
	return untouched
}
