package bench

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
)

var soak = flag.Duration("soak", 0, "how long TestSoak goes on; 0: a number of steps")

// soakSlack is what a store may take beyond its cache and the memory budget of its backend.
const soakSlack = 128 * mib

const (
	mib = 1 << 20

	soakCache  = 64 * mib // the defaults
	soakBudget = 64 * mib
	soakSteps  = 12_000
	soakTick   = 30 * time.Second
)

// TestSoak shows that what a store on Badger takes of memory does not grow while it is written to, whatever was written
// and deleted before: at most what its options say and soakSlack, of what the system counts as resident, files that are
// mapped included, beyond what the process had. It runs in a process of its own.
func TestSoak(t *testing.T) {
	if os.Getenv("SOAK_DIR") != "" {
		runSoak(t)
		return
	}
	if raceDetector {
		t.Skip("the race detector takes memory of its own")
	}
	if memoryOf("VmHWM") == 0 {
		t.Skip("the system does not tell how much memory a process has")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSoak$", "-test.v", "-test.timeout=0",
		fmt.Sprint("-soak=", *soak), fmt.Sprint("-test.short=", testing.Short()))
	cmd.Env = append(os.Environ(), "SOAK_DIR="+t.TempDir())
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
}

func runSoak(t *testing.T) {
	before := memoryOf("VmRSS")
	backend, err := badger.Open(os.Getenv("SOAK_DIR"), &badger.Options{
		Durability: storage.NoSync, MemoryBudget: soakBudget,
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := reposit.Open(t.Context(), backend, &reposit.Options{CacheSize: soakCache})
	if err != nil {
		t.Fatal(err)
	}
	l := &mixedLoad{ctx: t.Context(), s: s, steps: soakSteps}
	if testing.Short() {
		l.steps /= 4
	}
	if *soak > 0 {
		l.end = time.Now().Add(*soak)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run(t)
	}()
	tick := time.NewTicker(soakTick)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-tick.C:
		case <-done:
			running = false
		}
		fmt.Printf("%d steps: %s\n", l.step.Load(), memoryText(before))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if got, limit := memoryOf("VmHWM")-before, int64(soakCache+soakBudget+soakSlack); got > limit {
		t.Errorf("%d MiB were resident, want at most %d", got/mib, limit/mib)
	}
}

func memoryText(before int64) string {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, _ := os.ReadDir("/proc/self/fd")
	return fmt.Sprintf("heap %d MiB of %d from the system; beyond %d MiB before, at most %d resident, now %d; "+
		"anonymous %d, of files %d; %d descriptors", m.HeapAlloc/mib, (m.HeapSys-m.HeapReleased)/mib, before/mib,
		(memoryOf("VmHWM")-before)/mib, (memoryOf("VmRSS")-before)/mib, memoryOf("RssAnon")/mib, memoryOf("RssFile")/mib,
		len(files))
}

// memoryOf returns a number of bytes that the system tells of this process, or 0 where it does not.
func memoryOf(field string) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte(field+":"))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(string(fields[0]), 10, 64)
	return n << 10
}

// A mixedLoad has some goroutines commit, read, list, fork and delete, so that what is alive stays about as much.
type mixedLoad struct {
	ctx   context.Context
	s     *reposit.Store
	steps int64
	end   time.Time // instead, if set
	step  atomic.Int64

	mu    sync.Mutex
	repos []*reposit.Repo // the oldest first
}

const (
	loadWorkers = 4
	loadRepos   = 48 // from so many on, a new one takes the place of the oldest
	loadFiles   = 60
)

func (l *mixedLoad) run(t *testing.T) {
	var group sync.WaitGroup
	for w := range loadWorkers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 7))
			for n := l.step.Add(1); l.goesOn(n); n = l.step.Add(1) {
				if err := l.do(random, n); err != nil && !errors.Is(err, reposit.ErrNotFound) { // others delete
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

func (l *mixedLoad) goesOn(n int64) bool {
	if l.end.IsZero() {
		return n <= l.steps
	}
	return time.Now().Before(l.end)
}

func (l *mixedLoad) do(random *rand.Rand, n int64) error {
	r := l.pick(random)
	switch k := random.IntN(1000); {
	case r == nil || k < 6:
		return l.create(random, n)
	case k < 16:
		fork, err := r.Fork(l.ctx, &reposit.ForkOptions{Slug: fmt.Sprint("fork-", n), Name: fmt.Sprint("fork ", n)})
		if err != nil {
			return err
		}
		return l.add(fork)
	case k < 600:
		_, err := r.Write(l.ctx, loadPath(random.IntN(loadFiles)), noise(random, 200+random.IntN(6000)), "change")
		return err
	case k < 900:
		_, err := r.Read(l.ctx, "main", loadPath(random.IntN(loadFiles)))
		return err
	case k < 960:
		_, err := r.List(l.ctx, "main", "d3")
		return err
	default:
		_, err := l.s.List(l.ctx, &reposit.ListOptions{Sort: reposit.SortUpdated})
		return err
	}
}

func loadPath(i int) string { return fmt.Sprintf("d%d/f%d", i%7, i) }

// noise returns n bytes that do not shrink.
func noise(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

func (l *mixedLoad) pick(random *rand.Rand) *reposit.Repo {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.repos) == 0 {
		return nil
	}
	return l.repos[random.IntN(len(l.repos))]
}

func (l *mixedLoad) create(random *rand.Rand, n int64) error {
	r, err := l.s.Create(l.ctx, fmt.Sprint("repo-", n), nil)
	if err != nil {
		return err
	}
	var changes []reposit.Change
	for i := range loadFiles {
		changes = append(changes, reposit.Put(loadPath(i), noise(random, 4000)))
	}
	if _, err := r.Commit(l.ctx, &reposit.CommitOptions{Message: "all"}, changes...); err != nil {
		return err
	}
	return l.add(r)
}

// add makes r one of those that the load is on, and deletes the oldest if there are too many.
func (l *mixedLoad) add(r *reposit.Repo) error {
	l.mu.Lock()
	l.repos = append(l.repos, r)
	var oldest *reposit.Repo
	if len(l.repos) > loadRepos {
		oldest, l.repos = l.repos[0], l.repos[1:]
	}
	l.mu.Unlock()
	if oldest == nil {
		return nil
	}
	token, err := oldest.DeleteToken(l.ctx)
	if err != nil {
		return err
	}
	return oldest.Delete(l.ctx, token)
}
