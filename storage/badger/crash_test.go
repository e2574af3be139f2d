package badger

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/reposit/reposit/storage"
)

var (
	kills = flag.Int("kills", 4, "how many times TestKill kills")
	flips = flag.Int("flips", 16, "how many bits TestBitFlips flips")
	seed  = flag.Uint64("seed", 1, "of what is random in tests")
)

// rounds returns n, or with -short a quarter of it.
func rounds(n int) int {
	if testing.Short() {
		return (n + 3) / 4
	}
	return n
}

// child is the environment variable that makes this test binary do a child's work instead.
const child = "REPOSIT_BADGER_CHILD"

func childCommand(t *testing.T, work, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), child+"="+work, "DIR="+dir)
	cmd.Env = append(cmd.Env, args...)
	return cmd
}

// TestChild is not a test: it is what the child processes of other tests run.
func TestChild(t *testing.T) {
	work := os.Getenv(child)
	if work == "" {
		t.Skip("runs in child processes only")
	}
	do := children[work]
	if do == nil {
		t.Fatalf("no work %q", work)
	}
	do(t)
}

// children are what TestChild can do. Tests that not all systems have add theirs.
var children = map[string]func(*testing.T){
	"write":  childWrite,
	"stream": childStream,
	"read":   func(t *testing.T) { fmt.Println("result:", childRead(t)) },
}

// noise returns an object that does not compress, the same for the same i.
func noise(i, n int) storage.Object {
	var key [32]byte
	copy(key[:], strconv.Itoa(i))
	o := storage.Object{Type: storage.Blob, Size: int64(n), Data: make([]byte, n)}
	random := rand.NewChaCha8(key)
	_, _ = random.Read(o.Hash[:])
	_, _ = random.Read(o.Data)
	return o
}

// step is the i-th Update of a history whose every state can be told from its number.
func step(tx storage.Tx, i, n int) error {
	o := noise(i, n)
	if _, err := tx.PutObject(testPool, o); err != nil {
		return err
	}
	if err := tx.PutRecord([]byte("n"), strconv.AppendInt(nil, int64(i), 10)); err != nil {
		return err
	}
	return tx.PutRef(testRepo, storage.Ref{Name: "refs/heads/main", Hash: o.Hash}, &storage.LogEntry{New: o.Hash})
}

// sizeOf returns the size of the i-th object: now and then one that rotates memtables soon.
func sizeOf(i int) int { return 50 + i%7*30_000 }

func childWrite(t *testing.T) {
	durability, err := strconv.Atoi(os.Getenv("DURABILITY"))
	if err != nil {
		t.Fatal(err)
	}
	// With small memtables, many kills hit the change from one to the next.
	b := openTest(t, os.Getenv("DIR"), &Options{Durability: storage.Durability(durability), MemoryBudget: 1})
	last, err := lastStep(b)
	if err != nil {
		t.Fatal(err)
	}
	for i := last + 1; ; i++ {
		if err := b.Update(t.Context(), func(tx storage.Tx) error { return step(tx, i, sizeOf(i)) }); err != nil {
			t.Fatal(err)
		}
		fmt.Println("ack", i)
	}
}

// lastStep returns the number of the last step and an error if what is there is not the state after it.
func lastStep(b *backend) (n int, err error) {
	err = b.View(context.Background(), func(v storage.View) error {
		value, err := v.Record([]byte("n"))
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if n, err = strconv.Atoi(string(value)); err != nil {
			return err
		}
		ref, err := v.Ref(testRepo, "refs/heads/main")
		if err != nil {
			return err
		}
		if want := noise(n, 0).Hash; ref.Hash != want {
			return fmt.Errorf("record says step %d, the ref is not of it", n)
		}
		entries := 0
		for _, err := range v.Log(testRepo, "refs/heads/main") {
			if err != nil {
				return err
			}
			entries++
		}
		if entries != n {
			return fmt.Errorf("%d log entries after step %d", entries, n)
		}
		return nil
	})
	return n, err
}

func TestKill(t *testing.T) {
	t.Parallel()
	t.Logf("seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 0))
	for _, durability := range []storage.Durability{storage.Sync, storage.NoSync} {
		dir := t.TempDir()
		acked := 0
		for range rounds(*kills) {
			acked = killOnce(t, dir, durability, acked, 1+random.IntN(200))
			b := openTest(t, dir, &Options{Durability: durability})
			last, err := lastStep(b)
			if err != nil {
				t.Fatal(err)
			}
			if last < acked {
				t.Fatalf("step %d was acknowledged, %d is the last", acked, last)
			}
			for i := 1; i <= last; i++ {
				want := noise(i, sizeOf(i))
				o, err := b.Object(t.Context(), testPool, want.Hash)
				if err != nil || !bytes.Equal(o.Data, want.Data) {
					t.Fatalf("Object() of step %d = %d bytes, %v", i, len(o.Data), err)
				}
			}
			closeStore(t, b)
		}
		t.Logf("durability %d: %d kills, %d acknowledged, 0 lost", durability, rounds(*kills), acked)
	}
}

// killOnce kills a child after some acknowledgements, and returns the number of the last step that it acknowledged.
func killOnce(t *testing.T, dir string, d storage.Durability, acked, after int) int {
	cmd := childCommand(t, "write", dir, fmt.Sprint("DURABILITY=", int(d)))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if _, err := fmt.Sscanf(lines.Text(), "ack %d", &acked); err != nil {
			t.Fatalf("child says %q", lines.Text())
		}
		if n == after {
			_ = cmd.Process.Kill() // Lines that are already in the pipe are acknowledgements too.
		}
	}
	_ = cmd.Wait()
	return acked
}

const flipSteps = 300

// TestBitFlips flips one bit of a closed store and has a child read everything. The child may refuse to open the store,
// or miss something by ErrCorrupt; it must not serve other bytes, or die.
func TestBitFlips(t *testing.T) {
	t.Parallel()
	t.Logf("seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 1))
	for name, key := range map[string]string{"plain": "", "encrypted": "0123456789abcdef"} {
		t.Run(name, func(t *testing.T) {
			source := t.TempDir()
			for part := range 3 {
				b := openTest(t, source, &Options{Durability: storage.NoSync, EncryptionKey: []byte(key)})
				for i := part*flipSteps/3 + 1; i <= (part+1)*flipSteps/3; i++ {
					update(t, b, func(tx storage.Tx) error { return step(tx, i, 50+i*3) })
				}
				closeStore(t, b)
			}
			files, err := filepath.Glob(filepath.Join(source, "*"))
			if err != nil {
				t.Fatal(err)
			}
			results := map[string]map[string]int{}
			for n := range rounds(*flips) {
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
					t.Fatal(err)
				}
				file := filepath.Join(dir, filepath.Base(files[n%len(files)]))
				if !flip(t, file, random) {
					continue
				}
				out, err := childCommand(t, "read", dir, "KEY="+key).CombinedOutput()
				result := "died"
				if _, line, ok := bytes.Cut(out, []byte("result: ")); ok && err == nil {
					line, _, _ = bytes.Cut(line, []byte("\n"))
					result = string(line)
				} else {
					t.Errorf("child died after a flip in %s: %v\n%.2000s", filepath.Base(file), err, out)
				}
				kind := filepath.Ext(file)
				if kind == "" {
					kind = filepath.Base(file)
				}
				if results[kind] == nil {
					results[kind] = map[string]int{}
				}
				results[kind][result]++
				if result == "wrong" || result == "missing" {
					t.Errorf("after a flip in %s: %s", filepath.Base(file), result)
				}
			}
			t.Logf("results by file: %v", results)
		})
	}
}

// flip flips a bit of file, and reports whether there was one.
func flip(t *testing.T, file string, random *rand.Rand) bool {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) == 0 {
		return false
	}
	data[random.IntN(len(data))] ^= 1 << random.IntN(8)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return true
}

// childRead reads everything of a store and returns what it was like.
func childRead(t *testing.T) string {
	b, err := open(os.Getenv("DIR"), &Options{Durability: storage.NoSync, EncryptionKey: []byte(os.Getenv("KEY"))})
	if err != nil {
		return "refused"
	}
	defer b.Close()
	worst := "ok"
	for range 2 {
		for i := 1; i <= flipSteps; i++ {
			want := noise(i, 50+i*3)
			o, err := b.Object(t.Context(), testPool, want.Hash)
			switch {
			case errors.Is(err, storage.ErrCorrupt), errors.Is(err, errEngine):
				worst = "corrupt"
			case err != nil:
				return "missing"
			case !bytes.Equal(o.Data, want.Data) || o.Type != storage.Blob:
				return "wrong"
			}
		}
		switch last, err := lastStep(b); {
		case errors.Is(err, storage.ErrCorrupt), errors.Is(err, errEngine):
			worst = "corrupt"
		case err != nil || last != flipSteps:
			return "missing"
		}
		if err := b.db.Flatten(1); err != nil { // Compaction must live through it, too.
			worst = "corrupt"
		}
	}
	return worst
}

func TestEmptyLogFile(t *testing.T) {
	dir := t.TempDir()
	closeStore(t, openTest(t, dir, nil))
	if err := os.WriteFile(filepath.Join(dir, "00077.mem"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	closeStore(t, openTest(t, dir, nil))
}

// TestManifestLost: Badger would make a new manifest, and delete the tables that it does not name.
func TestManifestLost(t *testing.T) {
	for name, damage := range map[string]func(file string) error{
		"missing": os.Remove,
		"last change longer": func(file string) error {
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			// The manifest is a header of 8 bytes, an empty change, and the change that adds the one table.
			data[16+3]++
			return os.WriteFile(file, data, 0o600)
		},
	} {
		dir := t.TempDir()
		b := openTest(t, dir, nil)
		update(t, b, func(tx storage.Tx) error { return tx.PutRecord([]byte("k"), []byte("v")) })
		closeStore(t, b)
		manifest := filepath.Join(dir, "MANIFEST")
		saved, err := os.ReadFile(manifest)
		if err != nil {
			t.Fatal(err)
		}
		if err := damage(manifest); err != nil {
			t.Fatal(err)
		}
		if b, err := Open(dir, nil); !errors.Is(err, storage.ErrCorrupt) {
			if err == nil {
				closeStore(t, b)
			}
			t.Errorf("Open() with manifest %s = %v, want %v", name, err, storage.ErrCorrupt)
		}
		if err := os.WriteFile(manifest, saved, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		b = openTest(t, dir, nil)
		if got := record(t, b, "k"); got != "v" {
			t.Errorf("Record() after the manifest was put back = %q, want v", got)
		}
	}
}
