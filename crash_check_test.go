package reposit_test

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/catalog"
	gitobject "github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
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
		want[name] = blobHash(p.owner() + "/" + name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("files in %s, -want +got:\n%s", sharedRepo, diff)
	}
	return nil
}

// An auditor reads everything that refs lead to, behind the store's back.
type auditor struct {
	backend storage.Backend
	objects *object.Store
	seen    map[auditName]bool
	commits int // that it saw for the first time
}

type auditName struct{ pool, hash [20]byte }

func newAuditor() *auditor { return &auditor{seen: map[auditName]bool{}} }

// audit checks every repository but those of which skip is true, and the catalog.
func (a *auditor) audit(ctx context.Context, b storage.Backend, skip func(owner string) bool) error {
	a.backend, a.objects = b, object.New(b, 1<<20)
	if err := checkInsights(ctx, b); err != nil {
		return err
	}
	if err := checkGraphs(ctx, b); err != nil {
		return err
	}
	return b.View(ctx, func(v storage.View) error {
		repos, err := checkCatalog(v)
		if err != nil {
			return fmt.Errorf("catalog: %w", err)
		}
		for _, r := range repos {
			if skip != nil && skip(r.Owner) {
				continue
			}
			if err := a.repo(ctx, v, r); err != nil {
				return fmt.Errorf("repository %s/%s: %w", r.Owner, r.Slug, err)
			}
		}
		return nil
	})
}

func (a *auditor) repo(ctx context.Context, v storage.View, r *catalog.Repo) error {
	for ref, err := range v.Refs(r.ID, "", "") {
		if err != nil {
			return err
		}
		if ref.Target != "" {
			continue
		}
		if err := a.reach(ctx, r.Pool, ref.Hash); err != nil {
			return fmt.Errorf("ref %q: %w", ref.Name, err)
		}
	}
	return nil
}

func (a *auditor) reach(ctx context.Context, pool storage.ID, from storage.Hash) error {
	left := []storage.Hash{from}
	for len(left) > 0 {
		h := left[len(left)-1]
		left = left[:len(left)-1]
		if a.seen[auditName{pool, h}] {
			continue
		}
		a.seen[auditName{pool, h}] = true
		kind, data, err := a.objects.Pass(ctx, pool, h)
		if err != nil {
			return fmt.Errorf("object %s: %w", h, err)
		}
		sum := sha1.New()
		fmt.Fprintf(sum, "%s %d\x00", kind, len(data))
		sum.Write(data)
		if storage.Hash(sum.Sum(nil)) != h {
			return fmt.Errorf("object %s holds %x", h, sum.Sum(nil))
		}
		below, err := children(kind, data)
		if err != nil {
			return fmt.Errorf("object %s: %w", h, err)
		}
		if kind == storage.Commit {
			a.commits++
		}
		left = append(left, below...)
	}
	return nil
}

// children returns what an object names.
func children(kind storage.Type, data []byte) ([]storage.Hash, error) {
	switch kind {
	case storage.Commit:
		c, err := gitobject.ParseCommit(data)
		if err != nil {
			return nil, err
		}
		return append(c.Parents, c.Tree), nil
	case storage.Tag:
		t, err := gitobject.ParseTag(data)
		if err != nil {
			return nil, err
		}
		return []storage.Hash{t.Object}, nil
	case storage.Tree:
		t, err := gitobject.ParseTree(data)
		if err != nil {
			return nil, err
		}
		below := make([]storage.Hash, 0, t.Len())
		for i := range t.Len() {
			if e := t.Entry(i); e.Mode != gitobject.ModeSubmodule {
				below = append(below, e.Hash)
			}
		}
		return below, nil
	}
	return nil, nil
}
