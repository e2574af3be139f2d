package reposit_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
)

func TestCreate(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		opts, c := fixed()
		s := open(opts)
		labels := map[string]string{"team": "red"}
		expires := newYear.Add(time.Hour + 1)
		r := create(t, s, "A Name", &reposit.CreateOptions{
			Owner: "Ann", Slug: "Slug", Description: "what it is", Homepage: "https://example.org", Private: true,
			DefaultBranch: "trunk",
			Labels:        labels, ExpiresAt: expires,
		})
		labels["team"] = "blue" // the caller's map is the caller's
		want := reposit.Info{
			ID: "rp_00000000000000000001", Owner: "ann", Slug: "slug", Name: "A Name", Description: "what it is",
			Homepage: "https://example.org",
			Private:  true, DefaultBranch: "trunk", HasWiki: true, HasIssues: true, HasDownloads: true, CreatedAt: c.now(),
			UpdatedAt: c.now(),
			ExpiresAt: expires, Labels: map[string]string{"team": "red"},
		}
		got, err := r.Info(t.Context())
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("Info() = %v, -want +got:\n%s", err, diff)
		}
		got.Labels["team"] = "green"
		if again, err := r.Info(t.Context()); err != nil || again.Labels["team"] != "red" {
			t.Errorf("Info() = %v, %v after the caller changed its copy", again.Labels, err)
		}
		if got.FullName() != "ann/slug" || r.ID() != want.ID {
			t.Errorf("FullName() = %q, ID() = %q", got.FullName(), r.ID())
		}
	})
}

// TestUpdate changes each field alone, and looks whether the others stay.
func TestUpdate(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		opts, c := fixed()
		s := open(opts)
		r := create(t, s, "x", &reposit.CreateOptions{Labels: map[string]string{"a": "b"}, ExpiresAt: newYear.Add(time.Hour)})
		write(t, r, "f", "1")
		if _, err := r.Branches().Create(t.Context(), "dev", ""); err != nil {
			t.Fatal(err)
		}
		want, err := r.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for name, step := range map[string]struct {
			update reposit.RepoUpdate
			apply  func(i *reposit.Info)
		}{
			"nothing":        {reposit.RepoUpdate{}, func(*reposit.Info) {}},
			"owner":          {reposit.RepoUpdate{Owner: ref("Ann")}, func(i *reposit.Info) { i.Owner = "ann" }},
			"slug":           {reposit.RepoUpdate{Slug: ref("New.Slug")}, func(i *reposit.Info) { i.Slug = "new.slug" }},
			"name":           {reposit.RepoUpdate{Name: ref("名前")}, func(i *reposit.Info) { i.Name = "名前" }},
			"description":    {reposit.RepoUpdate{Description: ref("d")}, func(i *reposit.Info) { i.Description = "d" }},
			"homepage":       {reposit.RepoUpdate{Homepage: ref("h")}, func(i *reposit.Info) { i.Homepage = "h" }},
			"default branch": {reposit.RepoUpdate{DefaultBranch: ref("dev")}, func(i *reposit.Info) { i.DefaultBranch = "dev" }},
			"private":        {reposit.RepoUpdate{Private: ref(true)}, func(i *reposit.Info) { i.Private = true }},
			"wiki":           {reposit.RepoUpdate{HasWiki: ref(false)}, func(i *reposit.Info) { i.HasWiki = false }},
			"issues":         {reposit.RepoUpdate{HasIssues: ref(false)}, func(i *reposit.Info) { i.HasIssues = false }},
			"downloads":      {reposit.RepoUpdate{HasDownloads: ref(false)}, func(i *reposit.Info) { i.HasDownloads = false }},
			"open issues": {reposit.RepoUpdate{OpenIssues: ref(math.MaxInt)},
				func(i *reposit.Info) { i.OpenIssues = math.MaxInt }},
			"expiry": {reposit.RepoUpdate{ExpiresAt: ref(newYear.Add(2 * time.Hour))},
				func(i *reposit.Info) { i.ExpiresAt = newYear.Add(2 * time.Hour) }},
			"labels": {reposit.RepoUpdate{Labels: map[string]string{"c": ""}},
				func(i *reposit.Info) { i.Labels = map[string]string{"c": ""} }},
		} {
			c.advance(time.Second)
			want.UpdatedAt = c.now()
			step.apply(&want)
			got, err := r.Update(t.Context(), &step.update)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("Update of %s = %v, -want +got:\n%s", name, err, diff)
			}
			if read, err := r.Info(t.Context()); err != nil || cmp.Diff(got, read) != "" {
				t.Errorf("Update of %s returns %+v, Info() = %+v, %v", name, got, read, err)
			}
		}
		for _, none := range []reposit.RepoUpdate{{ExpiresAt: &time.Time{}}, {Labels: map[string]string{}}} {
			if _, err := r.Update(t.Context(), &none); err != nil {
				t.Error(err)
			}
		}
		if info, err := r.Info(t.Context()); err != nil || !info.ExpiresAt.IsZero() || len(info.Labels) != 0 {
			t.Errorf("Info() = %+v, %v, want no expiry and no labels", info, err)
		}
	})
}

// TestHandles renames and transfers a repository under handles that were taken before.
func TestHandles(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "Old", nil)
		write(t, r, "f", "1")
		old, err := s.Repo(t.Context(), "old")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Update(t.Context(), &reposit.RepoUpdate{Owner: ref("ann"), Slug: ref("new")}); err != nil {
			t.Fatal(err)
		}
		if found, err := s.Repo(t.Context(), "old"); err != nil || found.ID() != r.ID() {
			t.Errorf("Repo(old) = %v, %v after the rename, want %s", found, err, r.ID())
		}
		other := create(t, s, "Old", nil) // takes the name
		write(t, other, "f", "other")
		for name, handle := range map[string]*reposit.Repo{"Create": r, "Repo": old} {
			if data, err := handle.Read(t.Context(), "", "f"); err != nil || string(data) != "1" {
				t.Errorf("Read() by the handle of %s = %q, %v, want 1", name, data, err)
			}
			write(t, handle, "by "+name, "x")
		}
		for _, slug := range []string{"ann/new", "ANN/New"} {
			found, err := s.Repo(t.Context(), slug)
			if err != nil || found.ID() != r.ID() {
				t.Errorf("Repo(%q) = %v, want the one with ID %s", slug, err, r.ID())
			}
		}
		byID, err := s.RepoByID(t.Context(), r.ID())
		if err != nil {
			t.Fatal(err)
		}
		if info, err := byID.Info(t.Context()); err != nil || info.FullName() != "ann/new" {
			t.Errorf("Info() = %q, %v", info.FullName(), err)
		}
		token, err := old.DeleteToken(t.Context())
		if err == nil {
			err = byID.Delete(t.Context(), token)
		}
		if err != nil {
			t.Fatal(err)
		}
		for name, m := range map[string]func() error{
			"Info":  func() error { _, err := r.Info(t.Context()); return err },
			"Write": func() error { _, err := r.Write(t.Context(), "f", []byte("x"), ""); return err },
			"Read":  func() error { _, err := old.Read(t.Context(), "", "f"); return err },
			"PutReader": func() error {
				_, err := old.Commit(t.Context(), nil, reposit.PutReader("f", strings.NewReader("x")))
				return err
			},
			"Refs": func() error {
				return r.Refs().Update(t.Context(), reposit.RefUpdate{Name: "refs/heads/x", New: blobHash("1")})
			},
			"Token": func() error { _, err := r.DeleteToken(t.Context()); return err },
			"Again": func() error { return r.Delete(t.Context(), token) },
			"List":  func() error { _, err := r.Branches().List(t.Context(), nil); return err },
		} {
			if err := m(); !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("%s of a deleted repository = %v, want %v", name, err, reposit.ErrNotFound)
			}
		}
		if data, err := other.Read(t.Context(), "", "f"); err != nil || string(data) != "other" {
			t.Errorf("Read() of the other repository = %q, %v", data, err)
		}
	})
}

// TestDelete deletes by token alone, and gives everything back.
func TestDelete(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		opts, c := fixed()
		opts.KeepDeleted = -1
		s := open(opts)
		keep := create(t, s, "keep", &reposit.CreateOptions{Labels: map[string]string{"a": "b"}})
		write(t, keep, "f", "1")
		before := s.records(t)
		r := create(t, s, "x", &reposit.CreateOptions{Labels: map[string]string{"a": "b", "c": "d"},
			ExpiresAt: newYear.AddDate(1, 0, 0)})
		for _, content := range []string{"1", "2"} {
			write(t, r, "dir/f", content)
		}
		if _, err := r.Tags().Create(t.Context(), "v1", "", &reposit.TagOptions{Message: "x"}); err != nil {
			t.Fatal(err)
		}
		token := func(r *reposit.Repo) string {
			token, err := r.DeleteToken(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		refused := func(what, token string) {
			t.Helper()
			if err := r.Delete(t.Context(), token); !errors.Is(err, reposit.ErrForbidden) {
				t.Errorf("Delete() with %s = %v, want %v", what, err, reposit.ErrForbidden)
			}
		}
		refused("what is no token", "x")
		first := token(r)
		second := token(r)
		refused("a token that another one replaced", first)
		refused("another repository's token", token(keep))
		refused("a token that is changed", second[:len(second)-1]+"x")
		c.advance(15 * time.Minute)
		refused("a token that is out of date", second)
		third := token(r)
		c.advance(15*time.Minute - 1)
		if err := r.Delete(t.Context(), third); err != nil {
			t.Errorf("Delete() in the last moment = %v", err)
		}
		if n := s.objects(t, storageID(r)); n != 0 {
			t.Errorf("%d objects are left", n)
		}
		err := s.backend.View(t.Context(), func(v storage.View) error {
			for found, err := range v.Refs(storageID(r), "", "") {
				t.Errorf("ref %q is left, %v", found.Name, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		// All that is new since is the token of the other repository.
		if diff := cmp.Diff(before, s.records(t)); len(s.records(t)) != len(before)+1 {
			t.Errorf("records, -before +after:\n%s", diff)
		}
		again := create(t, s, "x", nil)
		if again.ID() == r.ID() {
			t.Error("an ID was given out twice")
		}
	})
}

// records returns the keys of all records but events.
func (s *store) records(t testing.TB) (keys []string) {
	t.Helper()
	err := s.backend.View(t.Context(), func(v storage.View) error {
		for rec, err := range v.Records(nil, nil, storage.Ascending) {
			if err != nil {
				return err
			}
			if rec.Key[0] != 'E' {
				keys = append(keys, string(rec.Key))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestDeleteExpired(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		opts, c := fixed()
		s := open(opts)
		expiring := func(name string, after time.Duration) *reposit.Repo {
			return create(t, s, name, &reposit.CreateOptions{ExpiresAt: newYear.Add(after)})
		}
		soon, later := expiring("soon", time.Hour), expiring("later", 2*time.Hour)
		moved, freed := expiring("moved", time.Hour), expiring("freed", time.Hour)
		never := create(t, s, "never", nil)
		last := create(t, s, "last", &reposit.CreateOptions{ExpiresAt: time.Date(2262, 4, 11, 0, 0, 0, 0, time.UTC)})
		for i := range 120 {
			create(t, s, "many", &reposit.CreateOptions{Slug: fmt.Sprint("many-", i), ExpiresAt: newYear.Add(time.Minute)})
		}
		if _, err := moved.Update(t.Context(), &reposit.RepoUpdate{ExpiresAt: ref(newYear.Add(3 * time.Hour))}); err != nil {
			t.Fatal(err)
		}
		if _, err := freed.Update(t.Context(), &reposit.RepoUpdate{ExpiresAt: &time.Time{}}); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			advance time.Duration
			want    int
		}{{0, 0}, {time.Minute - 1, 0}, {1, 120}, {59*time.Minute - 1, 0}, {1, 1}, {0, 0}, {time.Hour, 1},
			{24 * time.Hour, 1}, {100 * 365 * 24 * time.Hour, 0}} {
			c.advance(step.advance)
			n, err := s.DeleteExpired(t.Context())
			if err != nil || n != step.want {
				t.Errorf("DeleteExpired() at %v = %d, %v, want %d", c.now(), n, err, step.want)
			}
		}
		for r, gone := range map[*reposit.Repo]bool{soon: true, later: true, moved: true, freed: false, never: false,
			last: false} {
			if _, err := r.Info(t.Context()); gone != errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("Info() of %s = %v, gone: %v", r.ID(), err, gone)
			}
		}
	})
}

func TestSlugify(t *testing.T) {
	for name, want := range map[string]string{
		"My New Project": "my-new-project", "": "", "---": "", "Ünïcödé & more": "unicode-more", "名前": "",
		"a.b_c-d": "a.b_c-d", "x.git": "x",
		"con": "", "  spaces  ": "spaces", "Straße": "strasse", "it's": "its",
	} {
		if got := reposit.Slugify(name); got != want {
			t.Errorf("Slugify(%q) = %q, want %q", name, got, want)
		}
	}
}
