package crash_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/check"
	"github.com/reposit/reposit/internal/check/fixture"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
	"github.com/reposit/reposit/storage/billyfs"
	"github.com/reposit/reposit/storage/storagetest"
)

var (
	kills  = flag.Int("kills", 3, "how many times TestKill kills a process, on each backend")
	filled = flag.Int("filled", 200, "how many other repositories the store holds meanwhile")
)

// onDisk are the backends that outlive their process. Small memtables have kills hit the change from one to the next.
var onDisk = []struct {
	name string
	open func(dir string, d storage.Durability) (storage.Backend, error)
	d    storage.Durability
}{
	{"badger-sync", openBadger, storage.Sync},
	{"badger-nosync", openBadger, storage.NoSync},
	{"billyfs", openBillyfs, storage.Sync},
}

func openBadger(dir string, d storage.Durability) (storage.Backend, error) {
	return badger.Open(dir, &badger.Options{Durability: d, MemoryBudget: 1 << 20})
}

func openBillyfs(dir string, d storage.Durability) (storage.Backend, error) {
	return billyfs.Open(osfs.New(dir), &billyfs.Options{Durability: d})
}

const (
	players = 8  // writers of a process
	tenure  = 10 // kills that a player lives through

	// The environment of a process that is to play until it is killed.
	killDir   = "REPOSIT_KILL_DIR"
	killFirst = "REPOSIT_KILL_FIRST" // number of the first player
	killDone  = "REPOSIT_KILL_DONE"  // how many deeds each has done; "" opens the store only
)

// TestKill kills processes while eight writers are at work in each, or while they open what another one left. All that
// they acknowledged must be there, everything else as a whole or not at all.
func TestKill(t *testing.T) {
	for i, b := range onDisk {
		open := func(dir string) (storage.Backend, error) { return b.open(dir, b.d) }
		t.Run(b.name, func(t *testing.T) {
			if dir := os.Getenv(killDir); dir != "" {
				fmt.Println("error", playUntilKilled(dir, open))
				os.Exit(1)
			}
			k := &killer{
				T: t, dir: storagetest.TempDir(t), open: open, rand: rand.New(rand.NewPCG(*fixture.Seed, uint64(i))),
				walker: check.NewWalker(),
			}
			t.Logf("-seed=%d", *fixture.Seed)
			k.fill(func() (storage.Backend, error) { return b.open(k.dir, storage.NoSync) })
			rounds := *kills
			if testing.Short() {
				rounds = min(rounds, 2)
			}
			for round := range rounds {
				k.round(round)
				if k.check(false); t.Failed() {
					t.Fatalf("stopped after kill %d", round+1)
				}
			}
			k.now, k.walker = k.all, check.NewWalker()
			k.check(true)
			slices.Sort(k.opens)
			t.Logf("%d kills and %d while opening, with %d other repositories: %d deeds acknowledged, %d in flight that are there; "+
				"opened mostly in %v, at most in %v", rounds, k.opening, *filled, k.acked, k.there, k.opens[len(k.opens)/2],
				k.opens[len(k.opens)-1])
		})
	}
}

// playUntilKilled makes the players' deeds, and prints a line for each that is done.
func playUntilKilled(dir string, open func(dir string) (storage.Backend, error)) error {
	first, err := strconv.Atoi(os.Getenv(killFirst))
	if err != nil {
		return err
	}
	var ready []*player
	for i, n := range strings.Fields(os.Getenv(killDone)) {
		done, err := strconv.Atoi(n)
		if err != nil {
			return err
		}
		p := newPlayer(*fixture.Seed, first+i)
		for range done {
			p.settle(reposit.Hash{})
		}
		ready = append(ready, p)
	}
	ctx := context.Background()
	fmt.Println("opening")
	b, err := open(dir)
	if err != nil {
		return err
	}
	s, err := reposit.Open(ctx, b, nil)
	if err != nil {
		return err
	}
	fmt.Println("opened")
	failed := make(chan error)
	for i, p := range ready {
		go func() {
			for {
				d := p.next()
				made, err := d.do(ctx, s)
				if err != nil {
					failed <- fmt.Errorf("%s: %w", d.what, err)
					return
				}
				fmt.Println("ack", i, made)
				p.settle(made)
			}
		}()
	}
	return <-failed
}

// A killer starts processes, kills them, and knows what they have done.
type killer struct {
	*testing.T
	dir    string
	open   func(dir string) (storage.Backend, error)
	rand   *rand.Rand
	walker *check.Walker

	all, now              []*player // now: the players of this round
	opening, acked, there int
	opens                 []time.Duration
}

// fill makes the shared repository, and those which are there for the sake of their number.
func (k *killer) fill(open func() (storage.Backend, error)) {
	b, err := open()
	if err != nil {
		k.Fatal(err)
	}
	s := fixture.Open(k, b, k.dir, nil)
	fixture.Create(k, s.Store, "shared", &reposit.CreateOptions{Owner: "all"})
	numbers := make(chan int)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for n := range numbers {
				r, err := s.Create(k.Context(), fmt.Sprintf("other-%d", n), &reposit.CreateOptions{Owner: "others"})
				if err == nil {
					_, err = r.Write(k.Context(), "README", fmt.Append(nil, n), "first")
				}
				if err != nil {
					k.Error(err)
				}
			}
		})
	}
	for n := range *filled {
		numbers <- n
	}
	close(numbers)
	workers.Wait()
	if err := s.Close(); err != nil || k.Failed() {
		k.Fatal(err)
	}
}

// round has a process play for a while, and kills it; then, one time in three, others that open what it left.
func (k *killer) round(round int) {
	if round%tenure == 0 {
		k.now = nil
		for i := range players {
			k.now = append(k.now, newPlayer(*fixture.Seed, round*players+i))
		}
		k.all = append(k.all, k.now...)
	}
	var done []string
	for _, p := range k.now {
		done = append(done, strconv.Itoa(p.done))
	}
	k.kill(strings.Join(done, " "), "opened", time.Duration(5+k.rand.IntN(296))*time.Millisecond)
	if round%3 == 2 {
		for range 1 + k.rand.IntN(3) {
			k.opening++
			k.kill("", "opening", time.Duration(k.rand.IntN(60_000))*time.Microsecond)
		}
	}
}

// kill starts a process and kills it some time after it said something.
func (k *killer) kill(done, cue string, after time.Duration) {
	cmd := exec.CommandContext(k.Context(), os.Args[0], "-test.run=^"+strings.ReplaceAll(k.Name(), "/", "$/^")+"$",
		fmt.Sprintf("-seed=%d", *fixture.Seed))
	cmd.Env = append(os.Environ(), killDir+"="+k.dir, killDone+"="+done, fmt.Sprintf("%s=%d", killFirst, k.now[0].number))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		k.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		k.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		line := lines.Text()
		if line == cue {
			time.AfterFunc(after, func() { cmd.Process.Kill() }) // what it said meanwhile is read on
		}
		k.hear(line)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
		k.Fatalf("the process ended by itself: %v\n%s", err, stderr.String())
	}
}

func (k *killer) hear(line string) {
	var i int
	var made string
	switch n, _ := fmt.Sscanf(line, "ack %d %s", &i, &made); {
	case n == 2 && len(made) == 40:
		h, err := hex.DecodeString(made)
		if err != nil {
			k.Fatal(err)
		}
		k.now[i].settle(reposit.Hash(h))
		k.acked++
	case strings.HasPrefix(line, "error "):
		k.Error(line)
	case line != "opening" && line != "opened" && !strings.HasPrefix(line, "ack"):
		k.Logf("a process says: %s", line)
	}
}

// check opens what is left and compares it with what was acknowledged.
func (k *killer) check(last bool) {
	start := time.Now()
	b, err := k.open(k.dir)
	if err != nil {
		k.Fatalf("opening what a killed process left: %v", err)
	}
	s, err := reposit.Open(k.Context(), b, nil)
	if err != nil {
		k.Fatalf("opening what a killed process left: %v", err)
	}
	k.opens = append(k.opens, time.Since(start))
	defer func() {
		if err := s.Close(); err != nil {
			k.Errorf("Close() = %v", err)
		}
	}()
	for _, p := range k.now {
		done := p.done
		if err := p.verify(k.Context(), s); err != nil {
			k.Error(err)
		}
		k.there += p.done - done
	}
	skip := func(r *catalog.Repo) bool { return r.Owner == "others" }
	if last {
		skip = nil
	}
	if err := audit(k.Context(), k.walker, b, skip); err != nil {
		k.Error(err)
	}
	want := *filled + 1
	for _, p := range k.all {
		want += len(p.repos)
	}
	page, err := s.List(k.Context(), nil)
	if err != nil || page.TotalCount != want {
		k.Errorf("List() counts %d, %v, want %d", page.TotalCount, err, want)
	}
	if last {
		k.checkShared(s, b)
		fixture.CheckLists(k, s, want, nil)
	}
	if strings.HasPrefix(k.Name(), "TestKill/billyfs") {
		k.fsck(s)
	}
}

// checkShared looks for a commit for each file in the shared repository.
func (k *killer) checkShared(s *reposit.Store, b storage.Backend) {
	shared, err := s.Repo(k.Context(), sharedRepo)
	if err != nil {
		k.Fatal(err)
	}
	want := 0
	for _, p := range k.all {
		want += len(p.shared)
	}
	w := check.NewWalker()
	found, err := w.Objects(k.Context(), b, func(r *catalog.Repo) bool { return r.ID != fixture.StorageID(shared) })
	if err != nil || len(found) > 0 || w.Commits != want {
		k.Errorf("the shared repository has %d commits, %v, %v, want %d", w.Commits, found, err, want)
	}
}

// fsck has git look at two of the repositories.
func (k *killer) fsck(s *reposit.Store) {
	if _, err := exec.LookPath("git"); err != nil {
		k.Log("git is not installed")
		return
	}
	for range 2 {
		p := k.now[k.rand.IntN(len(k.now))]
		slugs := slices.Sorted(maps.Keys(p.repos))
		if len(slugs) == 0 {
			continue
		}
		r, err := s.Repo(k.Context(), p.owner()+"/"+slugs[k.rand.IntN(len(slugs))])
		if err != nil {
			k.Fatal(err)
		}
		fixture.Fsck(k, filepath.Join(k.dir, "repos", fixture.StorageID(r).String()+".git"))
	}
}
