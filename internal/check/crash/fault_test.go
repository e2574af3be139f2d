package crash_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check"
	"github.com/reposit/reposit/internal/check/fixture"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs"
	"github.com/reposit/reposit/storage/memory"
	"github.com/reposit/reposit/storage/storagetest"
	"github.com/reposit/reposit/storage/storagetest/crashfs"
)

// scripts are histories that have every verb once at least. Those of large files are short: they are costly to repeat.
var scripts = map[string][]string{
	"many verbs": {
		"create", "commit", "commit to the shared repository", "create branch", "commit", "commit from readers", "create tag",
		"update refs",
		"rename branch", "describe", "commit", "read all", "rename", "create tag", "delete tag", "commit", "update refs",
		"delete branch", "create",
		"read all", "commit", "fork", "watch", "invite", "protect", "fork", "commit", "invite", "delete", "watch", "protect",
		"undelete", "read all", "commit to the shared repository", "create", "read all",
	},
	"large file": {"create", "commit", "commit a large file", "commit", "delete"},
}

var stride = flag.Int("stride", 71,
	"of the faults and power cuts of TestFaults and TestPowerCuts, take each n-th; 1 takes all")

func faultStride() int {
	if testing.Short() {
		return 3 * *stride
	}
	return *stride
}

// kept is a backend that stays open when the store on it is closed.
type kept struct{ storage.Backend }

func (kept) Close() error { return nil }

// TestFaults has every call of some histories to the backend fail, in all ways. What was acknowledged stays, and what
// was not is there as a whole or not at all. Then the store goes on, having been opened again if the fault is for ever.
func TestFaults(t *testing.T) {
	modes := map[string]storagetest.Fault{
		"before":             {Mode: storagetest.Before},
		"within":             {Mode: storagetest.Within},
		"after":              {Mode: storagetest.After},
		"before and forever": {Mode: storagetest.Before, Forever: true, Err: storage.ErrNoSpace},
		"within and forever": {Mode: storagetest.Within, Forever: true},
		"after and forever":  {Mode: storagetest.After, Forever: true},
		"function again":     {Mode: storagetest.Again, Call: storagetest.CallUpdate},
	}
	var points atomic.Int64
	t.Run("fault", func(t *testing.T) {
		for name, script := range scripts {
			for mode, fault := range modes {
				t.Run(name+"/"+mode, func(t *testing.T) {
					t.Parallel()
					for fault.N = 1; !t.Failed(); fault.N += faultStride() {
						if untouched := suffer(t, script, fault); untouched {
							break
						}
						points.Add(1)
					}
				})
			}
		}
	})
	t.Logf("%d faults", points.Load())
}

// A sufferer plays a script on a backend with a fault.
type sufferer struct {
	*testing.T
	*player
	backend storage.Backend
	store   *reposit.Store
}

// suffer plays a script with a fault, and reports whether it was over before the fault.
func suffer(t *testing.T, script []string, fault storagetest.Fault) (untouched bool) {
	f := &sufferer{T: t, player: newPlayer(*fixture.Seed, 0), backend: memory.New()}
	f.script = script
	defer f.backend.Close()
	f.open()
	if _, err := f.store.Create(t.Context(), "shared", &reposit.CreateOptions{Owner: "all"}); err != nil {
		t.Fatal(err)
	}
	f.close()
	plan := storagetest.NewPlan(fault)
	var err error
	f.store, err = reposit.Open(t.Context(), storagetest.Inject(kept{f.backend}, plan), fixture.Quiet(nil))
	if err != nil {
		f.open()
	}
	for tries := 0; f.done < len(script) && !t.Failed(); tries++ {
		d := f.next()
		made, err := d.do(t.Context(), f.store)
		switch {
		case err == nil:
			f.settle(made)
			tries = 0
		case tries == 3, !errors.Is(err, storagetest.ErrInjected) && !errors.Is(err, storage.ErrNoSpace):
			t.Errorf("%+v: %s, try %d: %v", fault, d.what, tries, err)
		default:
			if fault.Forever {
				f.close()
				f.open()
			}
			f.verify(fmt.Sprintf("%+v: after %s, which failed", fault, d.what))
		}
	}
	f.close()
	f.open()
	f.verify(fmt.Sprintf("%+v: opened again", fault))
	f.close()
	return plan.Fired() == 0
}

func (f *sufferer) open() {
	var err error
	if f.store, err = reposit.Open(f.Context(), kept{f.backend}, fixture.Quiet(nil)); err != nil {
		f.Fatal(err)
	}
}

func (f *sufferer) close() {
	_ = f.store.Close() // may be made to fail
}

func (f *sufferer) verify(when string) {
	if err := errors.Join(f.player.verify(f.Context(), f.store),
		audit(f.Context(), check.NewWalker(), f.backend, nil)); err != nil {
		f.Errorf("%s: %v", when, err)
	}
}

// TestPowerCuts cuts the power before every operation on the filesystem, and opens what is left.
func TestPowerCuts(t *testing.T) {
	var points atomic.Int64
	t.Run("script", func(t *testing.T) {
		for name, script := range scripts {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c := &cutter{T: t, player: newPlayer(*fixture.Seed, 0)}
				c.player.script = script
				c.play(len(script))
				points.Add(c.points)
			})
		}
	})
	t.Logf("%d power cuts", points.Load())
}

type cutter struct {
	*testing.T
	player *player
	made   []reposit.Hash // by the deeds done
	opened bool           // the shared repository is there
	points int64
}

func (c *cutter) play(deeds int) {
	ctx := c.Context()
	every := faultStride()
	fs := crashfs.New()
	fs.Hook(func(op crashfs.Op) {
		if c.opened && !c.Failed() && op.N%every == 0 {
			c.cut(fs, fmt.Sprintf("before operation %d, %s %s", op.N, op.Kind, op.Name), uint64(op.N))
		}
	})
	b, err := billyfs.Open(fs, nil)
	if err != nil {
		c.Fatal(err)
	}
	opts, _ := fixture.Fixed()
	s := fixture.Open(c, b, "", opts)
	fixture.Create(c, s.Store, "shared", &reposit.CreateOptions{Owner: "all"})
	c.opened = true
	for range deeds {
		d := c.player.next()
		made, err := d.do(ctx, s.Store)
		if err != nil {
			c.Fatalf("%s: %v", d.what, err)
		}
		c.player.settle(made)
		c.made = append(c.made, made)
	}
	if err := s.Close(); err != nil {
		c.Fatal(err)
	}
	c.cut(fs, "at the end", 0)
}

func (c *cutter) cut(fs *crashfs.FS, when string, n uint64) {
	for _, pct := range []int{0, 50, 100} {
		c.points++
		if err := c.verify(c.Context(), fs.Clone(n, pct)); err != nil {
			c.Fatalf("-seed=%d, power cut %s, with %d%% of what was not synced: %v", *fixture.Seed, when, pct, err)
		}
	}
}

// verify opens what is left, compares it with a player that did the same, and has that go on.
func (c *cutter) verify(ctx context.Context, left *crashfs.FS) error {
	b, err := billyfs.Open(left, nil)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	s, err := reposit.Open(ctx, b, fixture.Quiet(nil))
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	p := newPlayer(*fixture.Seed, 0)
	p.script = c.player.script
	for _, made := range c.made {
		p.settle(made)
	}
	check := func() error {
		if err := p.verify(ctx, s); err != nil {
			return err
		}
		return audit(ctx, check.NewWalker(), b, nil)
	}
	if err := check(); err != nil {
		return errors.Join(err, s.Close())
	}
	d := p.next()
	made, err := d.do(ctx, s)
	if err != nil {
		return errors.Join(fmt.Errorf("the deed after: %s: %w", d.what, err), s.Close())
	}
	p.settle(made)
	return errors.Join(check(), s.Close())
}
