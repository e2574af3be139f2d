package reposit_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/reposit/reposit"
)

// TestErrorsTellWhatToDo holds that errors say what was missing, or how far beyond which limit something is.
func TestErrorsTellWhatToDo(t *testing.T) {
	s := openMemory(t, &reposit.Options{Limits: reposit.Limits{BlobSize: 100, CommitSize: 150, RepoSize: 400}})
	ctx := t.Context()
	putUsers(t, s, "ann", "bob")
	empty := create(t, s, "empty", nil)
	r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
	put(t, r, "main", "f", "1")
	hundred := []byte(strings.Repeat("x", 101))
	_, slug := s.Create(ctx, "日本", nil)
	_, branch := empty.Branches().Create(ctx, "dev", "")
	_, blob := r.Write(ctx, "g", hundred, "m")
	_, stream := r.Commit(ctx, nil, reposit.PutReader("g", strings.NewReader(string(hundred))))
	_, total := r.Commit(ctx, nil, reposit.Put("g", hundred[:90]), reposit.Put("h", hundred[:90]))
	_, full := r.Commit(ctx, nil, reposit.Put("g", hundred[:99]))
	_, head := r.Pulls().Open(ctx, "main", "nope", nil)
	_, base := r.Pulls().Open(ctx, "nope", "main", nil)
	_, merged := r.Merge(ctx, "x", nil)
	_, into := r.Merge(ctx, "main", &reposit.MergeOptions{Branch: "x"})
	for _, test := range []struct {
		name string
		err  error
		kind error
		want string
	}{
		{"Create", slug, reposit.ErrInvalid, "CreateOptions.Slug"},
		{"Branches.Create", branch, reposit.ErrNotFound, "no commit yet"},
		{"Write", blob, reposit.ErrTooLarge, "101 bytes: Limits.BlobSize is 100: "},
		{"PutReader", stream, reposit.ErrTooLarge, "Limits.BlobSize is 100: "},
		{"Commit", total, reposit.ErrTooLarge, "180 bytes: Limits.CommitSize is 150: "},
		{"Commit of a full repository", full, reposit.ErrTooLarge, "Limits.RepoSize is 400, which deletions do not change: "},
		{"Open of no head", head, reposit.ErrNotFound, "no such branch for the head"},
		{"Open to no base", base, reposit.ErrNotFound, "no such branch for the base"},
		{"Merge of no head", merged, reposit.ErrNotFound, "no such head"},
		{"Merge into nothing", into, reposit.ErrNotFound, "no such branch to merge into"},
	} {
		if !errors.Is(test.err, test.kind) || !strings.Contains(test.err.Error(), test.want) {
			t.Errorf("%s = %v, want %v with %q", test.name, test.err, test.kind, test.want)
		}
	}
}

// TestPullErrorsTellWhatToDo is TestErrorsTellWhatToDo of pull requests.
func TestPullErrorsTellWhatToDo(t *testing.T) {
	d := newDesk(t, openMemory(t, nil), reposit.Protection{RequiredReviews: 1})
	ctx := t.Context()
	_, nobody := d.r.Pulls().Review(ctx, 1, reposit.Approved, nil)
	if !errors.Is(nobody, reposit.ErrInvalid) || !strings.Contains(nobody.Error(), "ReviewOptions.Reviewer") {
		t.Errorf("Review() of the host = %v, want ErrInvalid", nobody)
	}
	review(t, d.r, 1, "ghost", reposit.Approved)
	review(t, d.r, 1, "ghost", reposit.Approved)
	status, err := d.r.Pulls().Status(ctx, 1)
	if err != nil || len(status.Notes) != 1 || !strings.HasPrefix(status.Notes[0], "ghost approved, which does not") {
		t.Errorf("Status() = %+v, %v, want a note of ghost", status, err)
	}
	review(t, d.r, 1, "wim", reposit.Approved)
	d.merge(t, "wanda")
	if _, err := d.r.Pulls().Open(ctx, "main", "topic", nil); !errors.Is(err, reposit.ErrNoChange) ||
		!strings.HasSuffix(err.Error(), "nothing to merge: the base has all commits of the head") {
		t.Errorf("Open() of what is merged = %v, want ErrNoChange", err)
	}
	commit(t, d.r, &reposit.CommitOptions{Branch: "again", From: "main", Message: "m"}, reposit.Put("again", nil))
	p := openPull(t, d.r, "main", "again", nil)
	err = d.repoAs(t, d.r, "rita").Pulls().Close(ctx, p.Number)
	if !errors.Is(err, reposit.ErrForbidden) || !strings.Contains(err.Error(), "its author") {
		t.Errorf("Close() of who may not = %v, want ErrForbidden that says who may", err)
	}
}

// TestTransferTellsWhy says why a transfer is refused, and calls a repository by the name that it has since then.
func TestTransferTellsWhy(t *testing.T) {
	s := openMemory(t, nil)
	ctx := t.Context()
	putUsers(t, s, "ann", "bob")
	r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
	_, err := s.repoAs(t, r, "ann").Update(ctx, &reposit.RepoUpdate{Owner: new("bob")})
	if !errors.Is(err, reposit.ErrForbidden) || !strings.Contains(err.Error(), "only bob, ") {
		t.Errorf("Update() = %v, want ErrForbidden that says who may", err)
	}
	if _, err := r.Update(ctx, &reposit.RepoUpdate{Owner: new("bob"), Slug: new("s")}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(ctx, "main", "f"); err == nil || !strings.Contains(err.Error(), "bob/s") {
		t.Errorf("Read() of a repository that moved = %v, want an error of bob/s", err)
	}
}

// TestFSErrors holds that errors of a file system are those of the package, and those of io/fs.
func TestFSErrors(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "r", nil)
	write(t, r, "d/f", "1")
	fsys, err := r.FS(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	_, missing := fs.ReadFile(fsys, "nope")
	_, malformed := fs.Stat(fsys, "/d")
	_, file := fs.ReadDir(fsys, "d/f")
	_, dir := fs.ReadFile(fsys, "d")
	remove(t, r)
	_, gone := fs.ReadFile(fsys, "d/f")
	for name, test := range map[string]struct{ err, kind, io error }{
		"what is not there":     {missing, reposit.ErrNotFound, fs.ErrNotExist},
		"a malformed name":      {malformed, reposit.ErrInvalid, fs.ErrInvalid},
		"a file as a directory": {file, reposit.ErrInvalid, fs.ErrInvalid},
		"a directory as a file": {dir, reposit.ErrInvalid, fs.ErrInvalid},
		"a deleted repository":  {gone, reposit.ErrNotFound, fs.ErrNotExist},
	} {
		var path *fs.PathError
		var named *reposit.Error
		if !errors.Is(test.err, test.kind) || !errors.Is(test.err, test.io) || !errors.As(test.err, &path) ||
			!errors.As(test.err, &named) {
			t.Errorf("%s = %v, want an *fs.PathError and *Error of %v", name, test.err, test.kind)
			continue
		}
		if named.Repo == "" || named.Op != path.Op || named.Name != path.Path ||
			strings.Contains(test.err.Error(), "reposit:") {
			t.Errorf("%s = %v with %+v, want it to be told once", name, test.err, named)
		}
	}
}

// TestBranchRecalled has admins bring back what a deleted branch held, by its hash, and nobody else, and nothing else.
func TestBranchRecalled(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		ctx := t.Context()
		putUsers(t, s, "ann", "wim")
		r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
		put(t, r, "main", "f", "1")
		s.grant(t, r, "wim", reposit.Write)
		first, last := put(t, r, "dev", "g", "2"), put(t, r, "dev", "g", "3")
		if err := r.Branches().Delete(ctx, "dev"); err != nil {
			t.Fatal(err)
		}
		for _, hash := range []reposit.Hash{first.Hash, last.Hash} {
			_, err := s.repoAs(t, r, "wim").Branches().Create(ctx, "dev", hash.String())
			if !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("Create() by one who may write = %v, want %v", err, reposit.ErrNotFound)
			}
			if _, err := r.Branches().Create(ctx, "other", hash.String()); !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("Create() of another branch = %v, want %v", err, reposit.ErrNotFound)
			}
		}
		for _, as := range []*reposit.Repo{r, s.repoAs(t, r, "ann")} {
			for _, want := range []reposit.Hash{first.Hash, last.Hash} {
				if got, err := as.Branches().Create(ctx, "dev", want.String()); err != nil || got.Commit.Hash != want {
					t.Errorf("Create() = %v, %v, want %v", got.Commit.Hash, err, want)
				}
				if got, err := r.Read(ctx, "dev", "g"); err != nil || len(got) != 1 {
					t.Errorf("Read() = %q, %v, want what the branch had", got, err)
				}
				if err := r.Branches().Delete(ctx, "dev"); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
