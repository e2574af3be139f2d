// Command agents does with reposit what a runtime of agents does: each agent works in a fork of a template and commits
// each turn; the process is killed in the middle, and the agents go on where they were; what they made is merged back,
// and one bad turn is undone.
//
//	go run ./examples/agents -agents 200 -turns 20
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage/badger"
)

var (
	agents = flag.Int("agents", 200, "how many agents work at once")
	turns  = flag.Int("turns", 20, "how many turns each of them takes")
	dir    = flag.String("dir", "", "folder of the store; default: a temporary one")
	child  = flag.Bool("child", false, "be the process that is killed")
)

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	if *child {
		return inStore(ctx, func(s *reposit.Store) error {
			_, err := work(ctx, s)
			return err
		})
	}
	if *dir == "" {
		if *dir, err = os.MkdirTemp("", "agents"); err != nil {
			return err
		}
		defer os.RemoveAll(*dir)
	}
	if err := inStore(ctx, func(s *reposit.Store) error { return template(ctx, s) }); err != nil {
		return err
	}
	if err := killed(ctx); err != nil {
		return err
	}
	return inStore(ctx, func(s *reposit.Store) error {
		begun := time.Now()
		taken, err := work(ctx, s)
		if err != nil {
			return err
		}
		took := time.Since(begun)
		fmt.Printf("%d turns were there still, the other %d took %v: %.0f commits a second, each on disk when it returned\n",
			*agents**turns-taken, taken, took.Round(time.Millisecond), float64(taken)/took.Seconds())
		return mergeBack(ctx, s)
	})
}

// inStore opens the store, and closes it after fn.
func inStore(ctx context.Context, fn func(*reposit.Store) error) error {
	backend, err := badger.Open(*dir, nil)
	if err != nil {
		return err
	}
	s, err := reposit.Open(ctx, backend, nil)
	if err != nil {
		return errors.Join(err, backend.Close())
	}
	return errors.Join(fn(s), s.Close())
}

// template makes what each agent begins with.
func template(ctx context.Context, s *reposit.Store) error {
	r, err := s.Create(ctx, "template", nil)
	if err != nil {
		return err
	}
	changes := []reposit.Change{reposit.Put("README.md", []byte("# What we make\n"))}
	for i := range 500 {
		changes = append(changes, reposit.Put(fmt.Sprintf("lib/%03d.txt", i), []byte(strings.Repeat("text\n", i))))
	}
	_, err = r.Commit(ctx, &reposit.CommitOptions{Message: "template"}, changes...)
	return err
}

// killed runs the agents in another process, and kills it when it has done about half.
func killed(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "-child", "-dir", *dir,
		"-agents", strconv.Itoa(*agents), "-turns", strconv.Itoa(*turns))
	out, err := cmd.StdoutPipe()
	if err := errors.Join(err, cmd.Start()); err != nil {
		return err
	}
	half := int64(*agents * *turns / 2)
	if _, err := io.CopyN(io.Discard, out, half); err != nil { // It writes a byte for each turn.
		return err
	}
	_ = cmd.Process.Kill() // or it has ended
	_ = cmd.Wait()
	fmt.Printf("killed a process with %d agents after %d turns\n", *agents, half)
	return nil
}

// work has all agents take their turns, from where each of them is, and returns how many they took.
func work(ctx context.Context, s *reposit.Store) (taken int, err error) {
	parent, err := s.Repo(ctx, "local/template")
	if err != nil {
		return 0, err
	}
	var sum atomic.Int64
	errs := make([]error, *agents)
	var wait sync.WaitGroup
	for i := range *agents {
		wait.Go(func() { errs[i] = agent(ctx, s, parent, i, &sum) })
	}
	wait.Wait()
	return int(sum.Load()), errors.Join(errs...)
}

// agent takes the turns of one agent, and counts them.
func agent(ctx context.Context, s *reposit.Store, parent *reposit.Repo, i int, taken *atomic.Int64) error {
	name := fmt.Sprintf("agent-%d", i)
	r, err := s.Repo(ctx, name+"/template")
	if errors.Is(err, reposit.ErrNotFound) {
		r, err = parent.Fork(ctx, &reposit.ForkOptions{Owner: name}) // costs the same whatever is in it
	}
	if err != nil {
		return err
	}
	// What it has committed is there, whatever became of the process.
	tip, err := r.CommitAt(ctx, "")
	if err != nil {
		return err
	}
	var last int // 0 if it is at the template still
	_, _ = fmt.Sscanf(tip.Message, "turn %d", &last)
	for n := last + 1; n <= *turns; n++ {
		_, err := r.Commit(ctx, &reposit.CommitOptions{Message: fmt.Sprintf("turn %d\n", n)},
			reposit.Put(fmt.Sprintf("work/%s/%03d.md", name, n), fmt.Appendf(nil, "What %s did in turn %d.\n", name, n)),
			reposit.Put("work/"+name+"/state.json", fmt.Appendf(nil, `{"turn": %d}`, n)))
		if err != nil {
			return err
		}
		taken.Add(1)
		if *child {
			_, _ = os.Stdout.Write([]byte{'.'})
		}
	}
	return nil
}

// mergeBack merges what all agents made: their branches have diverged from the template's by the first merge on.
func mergeBack(ctx context.Context, s *reposit.Store) error {
	parent, err := s.Repo(ctx, "local/template")
	if err != nil {
		return err
	}
	begun := time.Now()
	for i := range *agents {
		r, err := s.Repo(ctx, fmt.Sprintf("agent-%d/template", i))
		if err == nil {
			_, err = parent.Merge(ctx, "main", &reposit.MergeOptions{HeadRepo: r.ID()})
		}
		if err != nil {
			return err
		}
	}
	fmt.Printf("merged %d forks in %v\n", *agents, time.Since(begun).Round(time.Millisecond))
	return undo(ctx, parent)
}

// undo takes back what a bad turn did to everybody's README.
func undo(ctx context.Context, r *reposit.Repo) error {
	if _, err := r.Write(ctx, "README.md", []byte("I was here.\n"), "a bad turn\n"); err != nil {
		return err
	}
	c, err := r.Restore(ctx, "HEAD~1", &reposit.RestoreOptions{Paths: []string{"README.md"}})
	if err == nil {
		fmt.Printf("undid a bad turn: %s\n", c.Message)
	}
	return err
}
