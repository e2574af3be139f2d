package billyfs_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/storagetest"
)

// TestGitReadsStoredPacks stores a pack as it came, and has git make its index, read it, and pack it anew.
func TestGitReadsStoredPacks(t *testing.T) {
	d := newDisk(t, nil)
	p, _ := storage.PackerOf(d.Backend)
	d.create(id("r"), id("p"))
	first, tip := commitOf(storage.Hash{}, "some text\n")
	more, tip := commitOf(tip, "some other text\n")
	text := bytes.Repeat([]byte("a line\n"), 100)
	base := storagetest.NewObject(storage.Blob, text)
	objects := append(append(first, more...), base, storagetest.NewDelta(base, append(bytes.Clone(text), "more\n"...)))
	pack, entries := storagetest.NewPack(objects...)
	if err := storagetest.StorePack(t.Context(), p, id("p"), pack, entries); err != nil {
		t.Fatal(err)
	}
	if err := d.Update(t.Context(), func(tx storage.Tx) error {
		return tx.PutRef(id("r"), storage.Ref{Name: "refs/heads/main", Hash: tip}, logEntry(storage.Hash{}, tip, "push"))
	}); err != nil {
		t.Fatal(err)
	}
	d.fsck(id("r"))
	dir := filepath.Join(d.dir, "pools", id("p").String()+".git", "objects", "pack")
	name := "pack-" + hex.EncodeToString(pack[len(pack)-20:])
	index, err := os.ReadFile(filepath.Join(dir, name+".idx"))
	if err != nil {
		t.Fatal(err)
	}
	d.git(dir, "index-pack", "-o", filepath.Join(d.dir, "git.idx"), name+".pack")
	want, err := os.ReadFile(filepath.Join(d.dir, "git.idx"))
	if err != nil || !bytes.Equal(index, want) {
		t.Errorf("the index is not that of git index-pack, %v", err)
	}

	d.add(id("r"), id("p"), "refs/heads/main", "more")
	cmd := exec.CommandContext(t.Context(), "git", "-C", dir, "pack-objects", "-q", "pack")
	var names bytes.Buffer
	for h, err := range d.Objects(t.Context(), id("p"), storage.Hash{}, storage.Hash(bytes.Repeat([]byte{255}, 20))) {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&names, h)
	}
	cmd.Stdin = &names
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git pack-objects: %v\n%s", err, out)
	}
	packs, err := p.Packs(t.Context(), id("p"))
	if err != nil || len(packs) != 2 {
		t.Fatalf("Packs() after git repack = %v, %v, want two", packs, err)
	}
	if packs[0].Objects < packs[1].Objects {
		packs[0], packs[1] = packs[1], packs[0]
	}
	if err := p.Repack(t.Context(), id("p"), []storage.PackID{packs[1].ID}); err != nil {
		t.Errorf("Repack() = %v, want nil", err)
	}
	for _, o := range objects {
		if _, data, err := storagetest.ReadObject(t.Context(), d, id("p"), o.Hash); err != nil || !bytes.Equal(data, o.Data) {
			t.Errorf("reading from git's pack gives %d bytes, %v", len(data), err)
		}
	}
	kept := filepath.Join(dir, "pack-"+hex.EncodeToString(packs[0].ID[:])+".keep")
	if err := os.WriteFile(kept, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if packs, err := p.Packs(t.Context(), id("p")); err != nil || len(packs) != 0 {
		t.Errorf("Packs() with one that is kept = %v, %v, want none", packs, err)
	}
	if err := p.Repack(t.Context(), id("p"), nil); err != nil {
		t.Errorf("Repack() = %v, want nil", err)
	}
	d.fsck(id("r"))
}
