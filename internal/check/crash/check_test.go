package crash_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/check"
	"github.com/reposit/reposit/internal/check/fixture"
	"github.com/reposit/reposit/storage"
)

// verify compares what is there with the deeds that are done. If that fails, the next deed must be there as a whole;
// it is settled then.
func (p *player) verify(ctx context.Context, s *reposit.Store) error {
	lost := p.check(ctx, s)
	if lost == nil {
		return nil
	}
	last := p.next().what
	p.settle(reposit.Hash{})
	if half := p.check(ctx, s); half != nil {
		return fmt.Errorf("the state is neither that before %s: %w\nnor that after it: %w", last, lost, half)
	}
	return nil
}

// check compares what is there of the player's with what should be.
func (p *player) check(ctx context.Context, s *reposit.Store) error {
	left := maps.Clone(p.repos)
	for info, err := range s.All(ctx, &reposit.ListOptions{Owner: p.owner()}) {
		if err != nil {
			return err
		}
		h := left[info.Slug]
		if h == nil {
			return fmt.Errorf("repository %s should not be there", info.FullName())
		}
		delete(left, info.Slug)
		if err := h.check(ctx, s, info); err != nil {
			return fmt.Errorf("repository %s: %w", info.FullName(), err)
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("repositories %s/%v are missing", p.owner(), slices.Sorted(maps.Keys(left)))
	}
	return p.checkShared(ctx, s)
}

func (h *holding) check(ctx context.Context, s *reposit.Store, info reposit.Info) error {
	want := info
	want.Description, want.Private, want.DefaultBranch = h.description, h.private, h.head
	want.Labels = nil
	if h.label != "" {
		want.Labels = map[string]string{"state": h.label}
	}
	want.Watchers = len(h.forge.watchers)
	r, err := s.Repo(ctx, info.FullName())
	if err != nil {
		return err
	}
	byID, err := s.RepoByID(ctx, info.ID)
	if err != nil {
		return err
	}
	again, err := byID.Info(ctx)
	if err != nil {
		return err
	}
	if diff := cmp.Diff(want, info) + cmp.Diff(info, again); diff != "" || r.ID() != info.ID {
		return fmt.Errorf("info, -want +got: %s", diff)
	}
	if err := h.forge.check(ctx, r); err != nil {
		return err
	}
	left := maps.Clone(h.refs)
	for ref, err := range r.Refs().All(ctx, "") {
		if err != nil {
			return err
		}
		m, ok := left[ref.Name]
		if !ok {
			return fmt.Errorf("ref %q should not be there", ref.Name)
		}
		delete(left, ref.Name)
		if err := m.check(ctx, r, ref); err != nil {
			return fmt.Errorf("ref %q: %w", ref.Name, err)
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("refs %q are missing", slices.Sorted(maps.Keys(left)))
	}
	return nil
}

func (m mark) check(ctx context.Context, r *reposit.Repo, ref reposit.Ref) error {
	if m.note == "" {
		return m.at.check(ctx, r, ref.Hash)
	}
	tag, err := r.Tags().Tag(ctx, strings.TrimPrefix(ref.Name, "refs/tags/"))
	if err != nil {
		return err
	}
	if tag.Message != m.note || tag.Hash != ref.Hash {
		return fmt.Errorf("tag %v, want message %q and hash %s", tag, m.note, ref.Hash)
	}
	return m.at.check(ctx, r, tag.Target)
}

// check compares a commit with what it should be, and its tree once.
func (p *point) check(ctx context.Context, r *reposit.Repo, hash reposit.Hash) error {
	if !p.hash.IsZero() && p.hash != hash {
		return fmt.Errorf("commit %s, want %s", hash, p.hash)
	}
	if p.seen {
		return nil
	}
	if p.hash.IsZero() {
		if err := p.checkUnknown(ctx, r, hash); err != nil {
			return fmt.Errorf("commit %s: %w", hash, err)
		}
	}
	left := maps.Clone(p.tree)
	for e, err := range r.Walk(ctx, hash.String(), "") {
		if err != nil {
			return err
		}
		if e.Mode == reposit.ModeDir {
			continue
		}
		want, ok := left[e.Path]
		if !ok || want.hash() != e.Hash {
			return fmt.Errorf("path %q of %s holds %s, want %v", e.Path, hash, e.Hash, want)
		}
		delete(left, e.Path)
	}
	if len(left) > 0 {
		return fmt.Errorf("paths %q of %s are missing", slices.Sorted(maps.Keys(left)), hash)
	}
	p.hash, p.seen = hash, true
	return nil
}

func (p *point) checkUnknown(ctx context.Context, r *reposit.Repo, hash reposit.Hash) error {
	var parent reposit.Hash
	if p.parent != nil {
		parent = p.parent.hash
	}
	got, err := r.Resolve(ctx, hash.String()+"^")
	if err != nil && (p.parent != nil || !errors.Is(err, reposit.ErrNotFound)) {
		return err
	}
	if got != parent {
		return fmt.Errorf("parent %s, want %s", got, parent)
	}
	for b, err := range r.Branches().All(ctx) {
		if err != nil {
			return err
		}
		if b.Commit.Hash == hash && b.Commit.Message != p.message {
			return fmt.Errorf("message %q, want %q", b.Commit.Message, p.message)
		}
	}
	return nil
}

func (p *player) checkShared(ctx context.Context, s *reposit.Store) error {
	r, err := s.Repo(ctx, sharedRepo)
	if err != nil {
		return err
	}
	entries, err := r.List(ctx, "", p.owner())
	if err != nil && !errors.Is(err, reposit.ErrNotFound) {
		return err
	}
	got := map[string]reposit.Hash{}
	for _, e := range entries {
		got[e.Name] = e.Hash
	}
	want := map[string]reposit.Hash{}
	for _, name := range p.shared {
		want[name] = fixture.BlobHash(p.owner() + "/" + name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("files in %s, -want +got:\n%s", sharedRepo, diff)
	}
	return nil
}

// audit looks behind the store's back at all but what the refs of repositories lead to for which skip is true.
func audit(ctx context.Context, w *check.Walker, b storage.Backend, skip func(*catalog.Repo) bool) error {
	found, err := w.All(ctx, b, skip)
	for _, f := range found {
		err = errors.Join(err, errors.New(f.String()))
	}
	return err
}
