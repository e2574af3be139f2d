package crash_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/reposit/reposit/internal/check/fixture"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs"
	"github.com/reposit/reposit/storage/storagetest"
	"github.com/reposit/reposit/storage/storagetest/crashfs"
)

// A grower adds commits to a pool, and to the graph that is stored of it. Commit n is always the same.
type grower struct {
	b      storage.Backend
	pool   storage.ID
	hashes []git.Hash
	keeper *graph.Keeper
}

func newGrower(b storage.Backend) *grower {
	g := &grower{}
	copy(g.pool[:], "poolpoolpoolpoolpool")
	return g.on(b)
}

// on goes on with another backend, which has the same commits.
func (g *grower) on(b storage.Backend) *grower {
	return &grower{b, g.pool, g.hashes, &graph.Keeper{Store: graph.NewStore(b, object.New(b, 1<<20), 0), Update: b.Update}}
}

// put adds commits in one transaction, two of three to the tail of the graph.
func (g *grower) put(ctx context.Context, count int) error {
	return g.b.Update(ctx, func(tx storage.Tx) error {
		hashes := g.hashes
		for range count {
			n := len(hashes)
			c, objects, err := makeCommit(hashes)
			if err != nil {
				return err
			}
			for _, o := range objects {
				if _, err := tx.PutObject(g.pool, o); err != nil {
					return err
				}
			}
			hashes = append(hashes, objects[1].Hash)
			if n%3 > 0 {
				err = graph.Put(tx, g.pool, hashes[n], c)
			}
			if err != nil {
				return err
			}
		}
		g.hashes = hashes
		return nil
	})
}

// makeCommit makes the commit that follows others, and its tree.
func makeCommit(before []git.Hash) (*git.Commit, []storage.Object, error) {
	n := len(before)
	var tree []byte
	for i := range min(n+1, 5) {
		var blob git.Hash
		binary.BigEndian.PutUint32(blob[:], uint32((n-i)/5*5+i+1))
		tree = append(append(tree, fmt.Sprintf("100644 f%d\x00", i)...), blob[:]...)
	}
	who := git.Signature{Name: "A", Email: "a@example.org", When: time.Unix(1e9+int64(n), 0)}
	c := &git.Commit{Author: who, Committer: who, Message: "x\n"}
	if n > 0 {
		c.Parents = append(c.Parents, before[n-1])
	}
	if n > 3 && n%7 == 0 {
		c.Parents = append(c.Parents, before[n-3])
	}
	objects := []storage.Object{{Type: storage.Tree, Data: tree}, {Type: storage.Commit}}
	var err error
	if c.Tree, err = git.Sum(storage.Tree, tree); err != nil {
		return nil, nil, err
	}
	objects[0].Hash, objects[1].Data = c.Tree, c.Append(nil)
	objects[1].Hash, err = git.Sum(storage.Commit, objects[1].Data)
	for i := range objects {
		objects[i].Size = int64(len(objects[i].Data))
	}
	return c, objects, err
}

func (g *grower) advance(ctx context.Context) error {
	return g.keeper.Advance(ctx, g.pool, g.hashes[len(g.hashes)-1:])
}

// check compares what is stored of the graph with the commits, and asks it about some.
func (g *grower) check(ctx context.Context) error {
	objects := object.New(g.b, 1<<20)
	err := g.b.View(ctx, func(v storage.View) error {
		return graph.CheckStored(ctx, v, g.pool,
			func(h git.Hash) (*git.Commit, error) { return objects.Commit(ctx, g.pool, h) },
			func(ctx context.Context, h git.Hash) (*git.Tree, error) {
				item, err := objects.Tree(ctx, g.pool, h)
				if err != nil {
					return nil, err
				}
				return item.Tree, nil
			})
	})
	if err != nil {
		return err
	}
	return g.keeper.Do(ctx, g.pool, nil, func(stored *graph.Graph) error {
		last := len(g.hashes) - 1
		ahead, behind, err := stored.AheadBehind(ctx, g.hashes[last], g.hashes[last/2])
		if err == nil && (ahead != last-last/2 || behind != 0) {
			err = fmt.Errorf("ahead %d, behind %d of %d commits", ahead, behind, last)
		}
		return err
	})
}

// TestGraphPowerCuts cuts the power while commits of the tail get their numbers, filters are made, and runs are made
// one. What is left is true, and the rest is done by the next that comes.
func TestGraphPowerCuts(t *testing.T) {
	ctx, fs := t.Context(), crashfs.New()
	every := *stride
	if every > 1 {
		every *= 6 // each cut costs the look at 2,000 commits
	}
	if testing.Short() {
		every *= 2
	}
	b, err := billyfs.Open(fs, nil)
	if err != nil {
		t.Fatal(err)
	}
	g := newGrower(b)
	for range 3 {
		if err := errors.Join(g.put(ctx, 512), g.advance(ctx)); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.put(ctx, 530); err != nil {
		t.Fatal(err)
	}
	cuts := 0
	fs.Hook(func(op crashfs.Op) {
		if t.Failed() || op.N%every > 0 {
			return
		}
		for _, pct := range []int{0, 50, 100} {
			cuts++
			if err := g.afterCut(ctx, fs.Clone(uint64(op.N), pct)); err != nil {
				t.Errorf("power cut before operation %d, %s %s, with %d%% of what was not synced: %v", op.N, op.Kind, op.Name,
					pct, err)
			}
		}
	})
	if err := g.advance(ctx); err != nil {
		t.Fatal(err)
	}
	fs.Hook(nil)
	t.Logf("%d power cuts", cuts)
	if cuts < 3 {
		t.Errorf("%d power cuts", cuts)
	}
	if err := errors.Join(g.check(ctx), b.Close()); err != nil {
		t.Error(err)
	}
}

func (g *grower) afterCut(ctx context.Context, left *crashfs.FS) error {
	b, err := billyfs.Open(left, nil)
	if err != nil {
		return err
	}
	is := g.on(b)
	err = is.check(ctx)
	if err == nil {
		err = errors.Join(is.advance(ctx), is.check(ctx))
	}
	return errors.Join(err, b.Close())
}

// TestGraphKill kills processes that add to the graph of a pool.
func TestGraphKill(t *testing.T) {
	for i, on := range onDisk {
		t.Run(on.name, func(t *testing.T) {
			if dir := os.Getenv(killDir); dir != "" {
				b, err := on.open(dir, on.d)
				if err == nil {
					err = growUntilKilled(context.Background(), newGrower(b))
				}
				fmt.Println("error", err)
				os.Exit(1)
			}
			r, dir, most := rand.New(rand.NewPCG(*fixture.Seed, uint64(i))), storagetest.TempDir(t), 0
			t.Logf("-seed=%d", *fixture.Seed)
			rounds := *kills
			if testing.Short() {
				rounds = min(rounds, 2)
			}
			// It goes on, and waits longer, where a slow machine has made few commits.
			const least = 512
			for round := 0; round < rounds || most < least && round < 50; round++ {
				killGrower(t, dir, time.Duration(r.IntN(300)*(1+round/max(rounds, 1)))*time.Millisecond)
				b, err := on.open(dir, on.d)
				if err != nil {
					t.Fatal(err)
				}
				g := newGrower(b)
				if err = g.find(t.Context()); err == nil && len(g.hashes) > 0 {
					err = errors.Join(g.check(t.Context()), g.advance(t.Context()), g.check(t.Context()))
				}
				if err = errors.Join(err, b.Close()); err != nil {
					t.Fatalf("after kill %d: %v", round+1, err)
				}
				most = max(most, len(g.hashes))
			}
			if most < least {
				t.Errorf("there were %d commits", most)
			}
		})
	}
}

// find finds which commits there are.
func (g *grower) find(ctx context.Context) error {
	for {
		_, objects, err := makeCommit(g.hashes)
		if err != nil {
			return err
		}
		if _, _, err = g.b.StatObject(ctx, g.pool, objects[1].Hash); errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		g.hashes = append(g.hashes, objects[1].Hash)
	}
}

func growUntilKilled(ctx context.Context, g *grower) error {
	if err := g.find(ctx); err != nil {
		return err
	}
	for {
		fmt.Println(strconv.Itoa(len(g.hashes)))
		if err := errors.Join(g.put(ctx, 200), g.advance(ctx)); err != nil {
			return err
		}
	}
}

// killGrower has a process grow a graph for a while, and kills it.
func killGrower(t *testing.T, dir string, after time.Duration) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$")
	cmd.Env = append(os.Environ(), killDir+"="+dir)
	out := &cue{text: make(chan string, 1)}
	cmd.Stdout = out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first := <-out.text
	time.Sleep(after)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() || strings.HasPrefix(first, "error") {
		t.Fatalf("the process ended by itself: %v, %s", err, first)
	}
}

// A cue passes on what is written first.
type cue struct {
	text chan string
	said bool
}

func (c *cue) Write(b []byte) (int, error) {
	if !c.said {
		c.said = true
		c.text <- string(b)
	}
	return len(b), nil
}
