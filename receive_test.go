package reposit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/pktline"
)

// pushes returns what a client says that pushes, from "old new name" and a pack.
func pushes(pack []byte, caps string, commands ...string) string {
	var b bytes.Buffer
	w := pktline.NewWriter(&b)
	for i, c := range commands {
		if i == 0 {
			c += "\x00report-status " + caps
		}
		w.Printf("%s", c)
	}
	w.Flush()
	w.Raw(pack)
	w.Send()
	return b.String()
}

// A refusedError says why a ref was refused, as the client is told.
type refusedError struct{ text string }

func (e *refusedError) Error() string { return e.text }

// pushRef pushes one ref by a client that speaks no more than it must, with a pack of nothing.
func pushRef(ctx context.Context, r *reposit.Repo, command string) error {
	told, err := receive(ctx, r, pushes(emptyPack, "", command), nil)
	if _, why, ok := strings.Cut(told, "\nng "); ok && err == nil {
		err = &refusedError{why}
	}
	return err
}

// receive has a repository take what a client says, and returns what that is told.
func receive(ctx context.Context, r *reposit.Repo, says string, opts *reposit.ServeOptions) (string, error) {
	if opts == nil {
		opts = &reposit.ServeOptions{Stateless: true}
	}
	var out bytes.Buffer
	err := r.ReceivePack(ctx, struct {
		io.Reader
		io.Writer
	}{strings.NewReader(says), &out}, opts)
	var text strings.Builder
	for in := pktline.NewReader(&out); ; {
		k, line, end := in.Text()
		if end != nil {
			return text.String(), err
		}
		if k == pktline.Data {
			text.WriteString("\n" + line)
		}
	}
}

// TestPush has git push to each backend, in the ways that it has.
func TestPush(t *testing.T) {
	t.Parallel()
	needGit(t)
	ways := 0
	eachKind(t, func(t *testing.T, open opener) {
		s := open(nil)
		r, _ := travelled(t, s)
		h, web, stream := serveHost(t, r)
		for range 2 {
			version, url := protocols[ways%3], []string{web, stream}[ways%2]
			ways++
			dir := filepath.Join(t.TempDir(), "c")
			git(t, t.TempDir(), nil, "clone", "-q", url, dir)
			for k, v := range map[string]string{"user.name": "a", "user.email": "a@b", "protocol.version": version} {
				git(t, dir, nil, "config", k, v)
			}
			same := func(name, rev string) {
				t.Helper()
				if got, err := r.Resolve(t.Context(), name); err != nil || got.String() != git(t, dir, nil, "rev-parse", rev) {
					t.Errorf("version %s of %s: %s is %s, %v, want %s", version, url, name, got, err, rev)
				}
			}
			git(t, dir, nil, "commit", "-q", "--allow-empty", "-m", "one")
			git(t, dir, nil, "push", "-q", "origin", "main", "main:refs/heads/new")
			same("main", "main")
			same("new", "main")
			for i := range 300 { // more than one transaction takes
				git(t, dir, fmt.Appendf(nil, "%d", i), "hash-object", "-w", "--stdin")
			}
			importCommits(t, dir, 300)
			git(t, dir, nil, "tag", "-a", "-m", "tag", "t", "imported")
			git(t, dir, nil, "push", "-q", "-o", "some=option", "origin", "imported", "t")
			same("imported", "imported")
			same("t", "t")
			git(t, dir, nil, "commit", "-q", "--amend", "--allow-empty", "-m", "two")
			if out, err := tryGit(t, dir, nil, "push", "-q", "origin", "main:new"); err == nil {
				t.Errorf("a push that is no fast-forward = %s", out)
			}
			git(t, dir, nil, "push", "-q", "-f", "origin", "main:new")
			same("new", "main")
			// The client believes that the branch is where it was.
			write(t, r, "elsewhere", fmt.Sprint(ways))
			if out, err := tryGit(t, dir, nil, "push", "-q", "--force-with-lease=main:main^", "origin", "main"); err == nil {
				t.Errorf("a push of a branch that moved = %s", out)
			}
			git(t, dir, nil, "push", "-q", "origin", "--delete", "new", "imported", "t")
			for _, name := range []string{"new", "imported", "t"} {
				if _, err := r.Resolve(t.Context(), name); !errors.Is(err, reposit.ErrNotFound) {
					t.Errorf("Resolve(%s) after its deletion = %v", name, err)
				}
			}
			h.quiet(t)
		}
		fsck(t, s.export(t, r))
		checkStore(t, s)
	})
}

// importCommits makes a branch of so many commits with a file each.
func importCommits(t testing.TB, dir string, n int) {
	t.Helper()
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "commit refs/heads/imported\ncommitter a <a@b> %d +0000\ndata 1\nm\n", 1700000000+i)
		if i == 0 {
			fmt.Fprintf(&b, "from refs/heads/main^0\n")
		}
		content := fmt.Sprintf("%d\n%s", i, strings.Repeat("line\n", i%50))
		fmt.Fprintf(&b, "M 644 inline dir/%d/%d\ndata %d\n%s\n", i%7, i%31, len(content), content)
	}
	git(t, dir, b.Bytes(), "fast-import", "--quiet", "--force")
}

// TestPushRefused has git push what is refused: each ref is named with the reason, others move unless all shall.
func TestPushRefused(t *testing.T) {
	needGit(t)
	s := openMemory(t, nil)
	r, _ := travelled(t, s)
	ctx := t.Context()
	h, web, stream := serveHost(t, r)
	h.hide("refs/secret/")
	dir := filepath.Join(t.TempDir(), "c")
	git(t, t.TempDir(), nil, "clone", "-q", web, dir)
	git(t, dir, nil, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "one")
	refused := map[string]string{
		"main:refs/pull/1/head":  "invalid ref: refs/pull/ is for pull requests alone",
		"main:refs/secret/x":     "the ref is hidden",
		":main":                  "invalid deletion: it is the default branch",
		"main:refs/heads/side/x": "is in the way",
		"v1^{tree}:refs/heads/tree": "invalid branch: object " +
			must(r.Resolve(ctx, "v1^{tree}"))(t).String() + " is a tree, not a commit",
	}
	for i, url := range []string{web, stream} {
		for refspec, why := range refused {
			objects := s.objects(t, storageID(r))
			out, err := tryGit(t, dir, nil, "push", "--atomic", url, refspec, "main:refs/heads/good")
			if said := out + fmt.Sprint(err); err == nil || !strings.Contains(said, why) {
				t.Errorf("push --atomic of %s = %s, %v, want %q", refspec, out, err, why)
			}
			if _, err := r.Resolve(ctx, "good"); err == nil {
				t.Errorf("push --atomic of %s moves another branch", refspec)
			}
			if now := s.objects(t, storageID(r)); now != objects {
				t.Errorf("push --atomic of %s leaves %d objects", refspec, now-objects)
			}
		}
		for refspec, why := range refused {
			good := fmt.Sprintf("good%d", i)
			out, err := tryGit(t, dir, nil, "push", url, refspec, "main:refs/heads/"+good)
			if said := out + fmt.Sprint(err); err == nil || !strings.Contains(said, why) {
				t.Errorf("push of %s = %s, %v, want %q", refspec, out, err, why)
			}
			if _, err := r.Resolve(ctx, good); err != nil {
				t.Errorf("push of %s does not move another branch: %v", refspec, err)
			}
			if err := r.Branches().Delete(ctx, good); err != nil {
				t.Error(err)
			}
		}
	}
	h.quiet(t)
}

// TestPushShallow pushes from a shallow clone: what is whole is taken, what lacks history is refused by name.
func TestPushShallow(t *testing.T) {
	needGit(t)
	s := openMemory(t, nil)
	r, _ := travelled(t, s)
	h, web, _ := serveHost(t, r)
	dir := filepath.Join(t.TempDir(), "c")
	git(t, t.TempDir(), nil, "clone", "-q", "--depth", "1", web, dir)
	git(t, dir, nil, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "one")
	git(t, dir, nil, "push", "-q", web, "main:refs/heads/whole")
	h.quiet(t)
	_, empty, _ := serveHost(t, create(t, s, "empty", nil))
	out, err := tryGit(t, dir, nil, "push", empty, "main:refs/heads/lacks")
	if said := out + fmt.Sprint(err); err == nil || !strings.Contains(said, "shallow update not allowed") {
		t.Errorf("push of a history that lacks commits = %s, %v", out, err)
	}
}
