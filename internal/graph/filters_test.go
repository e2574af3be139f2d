package graph

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

func TestMurmur(t *testing.T) {
	// Those of git's tests, and of a path that is not ASCII, of which older hashes are others.
	for s, want := range map[string]uint32{
		"":             0,
		"Hello world!": 0x627b0c2c,
		"The quick brown fox jumps over the lazy dog": 0x2e4ff723,
		"\x99\xaa\xbb\xcc\xdd\xee\xff":                0xa183ccfd,
	} {
		if got := murmur3(0, s); got != want {
			t.Errorf("murmur3(0, %q) = %#x, want %#x", s, got, want)
		}
	}
}

// gitWorld has git make a history, with a graph and filters, and returns its directory, the world with its objects, and
// its commits, parents before their children.
func gitWorld(t *testing.T, stream []byte) (dir string, w *world) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	dir = t.TempDir()
	run := func(in []byte, args ...string) []byte {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Stdin, cmd.Stderr = dir, bytes.NewReader(in), os.Stderr
		cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %v = %v", args, err)
		}
		return out
	}
	run(nil, "init", "-q", "--bare", "--initial-branch=main")
	run(stream, "fast-import", "--quiet", "--force")
	run(nil, "commit-graph", "write", "--reachable", "--changed-paths")
	w = newWorld(t)
	all := run(nil, "cat-file", "--batch-all-objects", "--batch", "--unordered")
	var objects []storage.Object
	for len(all) > 0 {
		head, rest, _ := bytes.Cut(all, []byte("\n"))
		words := strings.Fields(string(head))
		size, err := strconv.Atoi(words[2])
		if err != nil {
			t.Fatal(err)
		}
		o := storage.Object{Size: int64(size), Data: rest[:size]}
		o.Hash, _ = git.ParseHash(words[0])
		o.Type = map[string]storage.Type{"commit": storage.Commit, "tree": storage.Tree, "blob": storage.Blob}[words[1]]
		objects, all = append(objects, o), rest[size+1:]
	}
	err := w.b.Update(t.Context(), func(tx storage.Tx) error {
		for _, o := range objects {
			if _, err := tx.PutObject(w.pool, o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range strings.Fields(string(run(nil, "rev-list", "--all", "--topo-order", "--reverse"))) {
		h, _ := git.ParseHash(s)
		c, err := w.objects.Commit(t.Context(), w.pool, h)
		if err != nil {
			t.Fatal(err)
		}
		w.number[h] = len(w.hashes)
		w.hashes, w.commits = append(w.hashes, h), append(w.commits, c)
	}
	return dir, w
}

// gitFilters returns the filters that git has in its commit graph (gitformat-commit-graph).
func gitFilters(t *testing.T, dir string) map[git.Hash][]byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "objects", "info", "commit-graph"))
	if err != nil {
		t.Fatal(err)
	}
	chunks := map[string][]byte{}
	for i := range int(b[6]) {
		entry := b[8+12*i:]
		from, to := binary.BigEndian.Uint64(entry[4:]), binary.BigEndian.Uint64(entry[16:])
		chunks[string(entry[:4])] = b[from:to]
	}
	lookup, ends, data := chunks["OIDL"], chunks["BIDX"], chunks["BDAT"]
	word := func(at int) uint32 { return binary.BigEndian.Uint32(data[at:]) }
	if len(data) < 12 || word(4) != bloomHashes || word(8) != bloomBits {
		t.Fatalf("git's filters begin with %x", data[:min(len(data), 12)])
	}
	all, start := map[git.Hash][]byte{}, uint32(0)
	for i := range len(ends) / 4 {
		end := binary.BigEndian.Uint32(ends[4*i:])
		all[git.Hash(lookup[20*i:])] = data[12+start : 12+end]
		start = end
	}
	return all
}

// randomStream returns a history for git fast-import in which paths change in all ways.
func randomStream(r *rand.Rand, commits int) []byte {
	var s bytes.Buffer
	path := func() string {
		return []string{
			fmt.Sprint("f", r.IntN(9)), fmt.Sprint("d", r.IntN(4)), fmt.Sprintf("d%d/f%d", r.IntN(4), r.IntN(9)),
			fmt.Sprintf("d%d/sub/f%d", r.IntN(4), r.IntN(3)), fmt.Sprintf("d%d/sub/deeper/and deeper/f%d", r.IntN(4), r.IntN(3)),
		}[r.IntN(5)]
	}
	for i := range commits {
		fmt.Fprintf(&s, "commit refs/heads/b%d\nmark :%d\ncommitter A <a@example.org> %d +0000\ndata 1\nx\n", i, i+1,
			1_000_000_000+i)
		from := max(1, i-r.IntN(3))
		if i == 0 || r.IntN(50) == 0 {
			s.WriteString("deleteall\n")
		} else {
			fmt.Fprintf(&s, "from :%d\n", from)
			if other := max(1, i-r.IntN(9)); r.IntN(5) == 0 && other != from {
				fmt.Fprintf(&s, "merge :%d\n", other)
			}
		}
		changes := r.IntN(6)
		if r.IntN(40) == 0 {
			changes = 100 * (1 + r.IntN(8)) // more than a filter holds, or nearly
			for range changes {
				fmt.Fprintf(&s, "M 644 inline many/%d/%d\ndata 1\n%d\n", r.IntN(5), r.IntN(1000), r.IntN(10))
			}
			changes = 0
		}
		for range changes {
			switch mode := r.IntN(12); mode {
			case 0, 1:
				fmt.Fprintf(&s, "D %s\n", path())
			case 2:
				fmt.Fprintf(&s, "M 160000 %040x %s\n", r.IntN(5)+1, path())
			default:
				fmt.Fprintf(&s, "M %s inline %s\ndata 1\n%d\n", []string{"644", "644", "755", "120000"}[mode%4], path(), r.IntN(10))
			}
		}
		s.WriteByte('\n')
	}
	return s.Bytes()
}

// TestFiltersAgainstGit compares filters with those that git makes, bit by bit.
func TestFiltersAgainstGit(t *testing.T) {
	commits := 2100
	if testing.Short() {
		commits = 1100
	}
	dir, w := gitWorld(t, randomStream(rand.New(rand.NewPCG(2, 6)), commits))
	w.advance(w.allNumbers()...)
	w.checkStored()
	nodes, err := w.store.Nodes(t.Context(), w.pool)
	if err != nil {
		t.Fatal(err)
	}
	compared, kinds := 0, map[int]int{}
	for h, want := range gitFilters(t, dir) {
		n, ok, err := nodes.number(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			continue
		}
		f, err := w.store.filters(t.Context(), w.pool, n/chunkSize)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.of(int(n % chunkSize)); !bytes.Equal(got, want) {
			t.Fatalf("the filter of %s is %x, git has %x", h, got, want)
		}
		compared++
		if len(want) == 1 {
			kinds[int(want[0])]++
		}
	}
	if compared < commits/chunkSize*chunkSize || kinds[bloomNone] < 10 || kinds[bloomAll] < 3 {
		t.Errorf("%d filters were compared, of one byte %v", compared, kinds)
	}
}

func (w *world) allNumbers() (all []int) {
	for n := range w.hashes {
		all = append(all, n)
	}
	return all
}

// TestFilterDamage loses and damages filters: then nothing is said of commits, and filters are made anew.
func TestFilterDamage(t *testing.T) {
	_, w := gitWorld(t, randomStream(rand.New(rand.NewPCG(3, 6)), 530))
	w.advance(w.allNumbers()...)
	key := chunkKey(keyFilters, w.pool, 0)
	for _, damage := range []func(storage.Tx) error{
		func(tx storage.Tx) error { return tx.DeleteRecord(key) },
		func(tx storage.Tx) error { return tx.PutRecord(key, []byte("x")) },
	} {
		if err := w.b.Update(t.Context(), damage); err != nil {
			t.Fatal(err)
		}
		w.open()
		if unsure, of := w.unsure(); unsure != of {
			t.Errorf("of %d commits, %d may change a path, without filters", of, unsure)
		}
		if wanted := w.store.Wanted(); len(wanted) != 1 || wanted[0].Pool != w.pool {
			t.Errorf("wanted = %v", wanted)
		}
		w.advance()
		w.checkStored()
		if unsure, of := w.unsure(); unsure > of/10 {
			t.Errorf("of %d commits, %d may change a path that is nowhere", of, unsure)
		}
	}
}

// unsure returns how many commits may have changed a path that none did.
func (w *world) unsure() (unsure, of int) {
	w.t.Helper()
	nodes, err := w.store.Nodes(w.t.Context(), w.pool)
	if err != nil {
		w.t.Fatal(err)
	}
	keys := KeysOf("no such/path")
	for _, h := range w.hashes[:chunkSize] {
		if nodes.MayChange(h, keys) {
			unsure++
		}
	}
	return unsure, chunkSize
}

// TestOldHead reads what older programs wrote of a graph, which has no filters, and makes them.
func TestOldHead(t *testing.T) {
	_, w := gitWorld(t, randomStream(rand.New(rand.NewPCG(4, 6)), 530))
	w.advance(w.allNumbers()...)
	err := w.b.Update(t.Context(), func(tx storage.Tx) error {
		h, err := readHead(tx, w.pool)
		if err != nil {
			return err
		}
		b := h.append(nil)
		if b[0] != 2 || b[1] != 1 || b[2] != 1 {
			t.Fatalf("head = %x, want version 2 of a chunk with filters", b)
		}
		if err := tx.PutRecord(headKey(w.pool), append([]byte{1, 1}, b[3:]...)); err != nil {
			return err
		}
		return tx.DeleteRecord(chunkKey(keyFilters, w.pool, 0))
	})
	if err != nil {
		t.Fatal(err)
	}
	w.open()
	w.checkStored()
	if unsure, of := w.unsure(); unsure != of || len(w.store.Wanted()) != 1 {
		t.Errorf("of %d commits, %d may change a path, without filters", of, unsure)
	}
	w.advance()
	w.checkStored()
	if unsure, of := w.unsure(); unsure > of/10 {
		t.Errorf("of %d commits, %d may change a path that is nowhere", of, unsure)
	}
}

// TestLostTree has a tree be missing: its commits have no filter, and all others do.
func TestLostTree(t *testing.T) {
	_, w := gitWorld(t, randomStream(rand.New(rand.NewPCG(5, 6)), 530))
	lost := w.commits[100].Tree
	b := lacking{w.b, lost}
	w.store = NewStore(b, w.objects, 0)
	w.keeper = &Keeper{Store: w.store, Update: w.b.Update}
	w.advance(w.allNumbers()...)
	w.checkStored()
	f, err := w.store.filters(t.Context(), w.pool, 0)
	if err != nil {
		t.Fatal(err)
	}
	none := 0
	for i := range chunkSize {
		if len(f.of(i)) == 0 {
			none++
		}
	}
	if none == 0 || none > 20 {
		t.Errorf("%d commits have no filter", none)
	}
}

// lacking is a backend without an object.
type lacking struct {
	storage.Backend
	hash git.Hash
}

func (l lacking) Object(ctx context.Context, pool storage.ID, h storage.Hash) (storage.Object, error) {
	if h == l.hash {
		return storage.Object{}, storage.ErrNotFound
	}
	return l.Backend.Object(ctx, pool, h)
}

func FuzzFilters(f *testing.F) {
	f.Add(append([]byte{1}, make([]byte, chunkSize)...))
	f.Add(append(append([]byte{1, 2}, make([]byte, chunkSize-1)...), 3, 4))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := decodeFilters(b)
		if err != nil {
			return
		}
		again, err := decodeFilters(d.encode())
		if err != nil || !bytes.Equal(again.data, d.data) || again.ends != d.ends {
			t.Errorf("decoded again: %v", err)
		}
	})
}
