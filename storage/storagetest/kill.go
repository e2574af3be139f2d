package storagetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reposit/reposit/storage"
)

// killDir is the environment variable that tells a process that it is to write until it is killed, and where.
const (
	killDir   = "STORAGETEST_KILL_DIR"
	killSeed  = "STORAGETEST_KILL_SEED"
	killFirst = "STORAGETEST_KILL_FIRST"
)

// killWriters is how many writers a process has.
const killWriters = 4

// RunKill tests that everything acknowledged, and no half of anything, is there after the process was killed. It must
// be the only thing that its test does: it starts the running test again, as a process of its own, for each of the
// rounds, and kills it in the midst of its writing, or, one time in four, while it opens what the one before left.
// open opens what is in a directory, or makes it.
func RunKill(t *testing.T, rounds int, open func(dir string) (storage.Backend, error)) {
	if dir := os.Getenv(killDir); dir != "" {
		if err := writeUntilKilled(dir, open); err != nil {
			fmt.Println("error", err)
		}
		os.Exit(1)
	}
	seed := seeds()[0]
	k := &killer{T: t, dir: TempDir(t), seed: seed, rng: rand.New(rand.NewPCG(seed, 0))}
	total := 0
	for round := range rounds {
		acked := k.round(round)
		k.acked = append(k.acked, acked...)
		for _, n := range acked {
			total += n
		}
		if !k.check(open, round*killWriters) {
			t.Fatalf("seed %d: stopped after round %d", seed, round)
		}
	}
	k.check(open, 0)
	t.Logf("seed %d: %d kills, %d Updates acknowledged", seed, rounds, total)
}

// writeUntilKilled plays workloads, and prints a line for each unit that was acknowledged.
func writeUntilKilled(dir string, open func(dir string) (storage.Backend, error)) error {
	seed, err := strconv.ParseUint(os.Getenv(killSeed), 10, 64)
	if err != nil {
		return err
	}
	first, err := strconv.Atoi(os.Getenv(killFirst))
	if err != nil {
		return err
	}
	fmt.Println("opening")
	b, err := open(dir)
	if err != nil {
		return err
	}
	errs := make(chan error)
	for i := range killWriters {
		w := NewWorkload(seed, first+i)
		go func() {
			for n := 1; ; n++ {
				if err := w.Next().Run(context.Background(), b); err != nil {
					errs <- fmt.Errorf("writer %d, unit %d: %w", w.writer, n, err)
					return
				}
				fmt.Println("ack", i, n)
			}
		}()
	}
	return <-errs
}

// A killer starts processes, kills them, and knows what they acknowledged.
type killer struct {
	*testing.T
	dir   string
	seed  uint64
	rng   *rand.Rand
	acked []int // by writer, of all rounds
}

// round has a process write until it has acknowledged a random number of units, and kills it. It returns how many
// units each of its writers has acknowledged.
func (k *killer) round(round int) []int {
	cmd := exec.CommandContext(k.Context(), os.Args[0], "-test.run=^"+k.Name()+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), killDir+"="+k.dir, fmt.Sprintf("%s=%d", killSeed, k.seed),
		fmt.Sprintf("%s=%d", killFirst, round*killWriters))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		k.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		k.Fatal(err)
	}
	var once sync.Once
	kill := func() { once.Do(func() { cmd.Process.Kill() }) }
	defer kill()
	acked, last := make([]int, killWriters), 1+k.rng.IntN(300)
	opening := round%4 == 3
	lines := bufio.NewScanner(stdout)
	for seen := 0; lines.Scan(); {
		var i, n int
		switch line := lines.Text(); {
		case line == "opening":
			if opening {
				time.AfterFunc(time.Duration(k.rng.IntN(30_000))*time.Microsecond, kill)
			}
		case strings.HasPrefix(line, "error "):
			k.Errorf("seed %d, round %d: %s", k.seed, round, line)
		default:
			if _, err := fmt.Sscanf(line, "ack %d %d", &i, &n); err != nil {
				k.Logf("round %d says: %s", round, line)
				continue
			}
			acked[i] = n
			if seen++; seen == last {
				kill() // what it printed meanwhile is read on
			}
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
		k.Fatalf("seed %d, round %d: the process ended by itself: %v\n%s", k.seed, round, err, stderr.String())
	}
	return acked
}

// check opens what is left and compares it, for the writers from first on, with what was acknowledged. It notes what
// it finds of units that were in flight.
func (k *killer) check(open func(dir string) (storage.Backend, error), first int) bool {
	b, err := open(k.dir)
	if err != nil {
		k.Errorf("seed %d: opening what a killed process left: %v", k.seed, err)
		return false
	}
	ok := true
	for i := first; i < len(k.acked); i++ {
		n, err := Verify(k.Context(), b, k.seed, i, k.acked[i])
		if err != nil {
			k.Error(err)
			ok = false
		}
		k.acked[i] = n
	}
	if err := b.Close(); err != nil {
		k.Errorf("Close() = %v, want nil", err)
		return false
	}
	return ok
}

// Verify compares b with the workload of seed and writer, of which acked units were acknowledged before the writer was
// stopped: the one in flight then is there as a whole, or not at all. It returns how many units are there.
func Verify(ctx context.Context, b storage.Backend, seed uint64, writer, acked int) (int, error) {
	w := NewWorkload(seed, writer)
	var u Unit
	for range acked {
		u = w.Next()
	}
	lost := w.Model.Compare(ctx, b)
	next := w.Next()
	half := w.Model.Compare(ctx, b)
	switch { // a model does not know of repositories that the next unit creates: so that after it comes first
	case half == nil:
		return acked + 1, nil
	case lost == nil:
		return acked, nil
	}
	return acked, errors.Join(
		fmt.Errorf("seed %d, writer %d: the state is neither that after the %d units acknowledged, the last of which was:\n%v: %w", seed, writer, acked, u, lost),
		fmt.Errorf("nor that after the one in flight:\n%v: %w", next, half),
	)
}
