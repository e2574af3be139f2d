// Package revision resolves what users write for a commit, tree or blob, or for a set of commits: gitrevisions, but for
// what depends on the time of the day, or on a worktree.
package revision

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/reach"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

// Errors beside storage.ErrNotFound.
var (
	ErrSyntax    = fault.New(fault.Invalid, "malformed revision")
	ErrAmbiguous = fault.New(fault.Invalid, "ambiguous revision")
)

// A Resolver resolves revisions in one repository, on one snapshot. Names of refs cost it a look-up; a hash must be
// one that the refs reach, which costs what reach.Index.Has says.
type Resolver struct {
	View    storage.View
	Objects *object.Store
	Reach   *reach.Index
	Repo    storage.ID
	Pool    storage.ID
	// Ready returns an error, which is that of the revision, if a ref is yet to be made that is made when somebody asks
	// for it; nil: there is none such
	Ready func(v storage.View, repo storage.ID, name string) error
	By    access.Actor // who may write may also know what refs held before, and an admin what deleted ones did

	in *reach.Repo // once a hash was asked for
}

// Has returns storage.ErrNotFound unless the refs of the repository reach an object, whether or not the pool holds it.
// To those who may write, what the logs of refs tell of is reached too, and to admins what deleted refs of their names
// held.
func (r *Resolver) Has(ctx context.Context, h git.Hash) error {
	if r.in == nil {
		r.in = &reach.Repo{View: r.View, ID: r.Repo, Pool: r.Pool}
	}
	found, err := r.Reach.Has(ctx, r.in, h)
	if err == nil && !found && !r.in.Logs {
		if r.in.Logs, r.in.OldLogs, err = r.seesLogs(); r.in.Logs {
			found, err = r.Reach.Has(ctx, r.in, h)
		}
	}
	if err == nil && !found {
		err = fmt.Errorf("object %s: %w", h, storage.ErrNotFound)
	}
	return err
}

// seesLogs reports whether the actor may know what refs held since they were made, and what deleted ones did.
func (r *Resolver) seesLogs() (logs, old bool, err error) {
	p, err := r.By.Permission(r.View, r.Repo)
	return p >= access.Write, p >= access.Admin, err
}

// Resolve returns the object that rev names. An empty rev is HEAD. It returns storage.ErrNotFound, ErrSyntax or
// ErrAmbiguous. A branch that has no commit yet is not found.
func (r *Resolver) Resolve(ctx context.Context, rev string) (git.Hash, error) {
	return r.ResolveAs(ctx, rev, Any)
}

// ResolveAs is Resolve where an object of a kind is wanted. Of several objects that an abbreviated hash fits, the only
// one of that kind is meant. The outcome may be of another kind all the same.
func (r *Resolver) ResolveAs(ctx context.Context, rev string, want Kind) (git.Hash, error) {
	if text, ok := cutText(rev); ok {
		return r.anyWithText(ctx, text)
	}
	if tree, path, ok := cutPath(rev); ok {
		return r.atPath(ctx, tree, path)
	}
	base, steps := cutSteps(rev)
	h, err := r.base(ctx, base, kindFor(steps, want))
	for err == nil && steps != "" {
		h, steps, err = r.step(ctx, h, steps)
	}
	return h, err
}

// cutPath splits "rev:path".
func cutPath(rev string) (tree, path string, ok bool) {
	depth := 0
	for i := range len(rev) {
		switch rev[i] {
		case '{':
			depth++
		case '}':
			depth--
		case ':':
			if depth == 0 {
				return rev[:i], rev[i+1:], true
			}
		}
	}
	return "", "", false
}

// cutSteps splits a revision before the first "~" or "^".
func cutSteps(rev string) (base, steps string) {
	if i := strings.IndexAny(rev, "~^"); i >= 0 {
		return rev[:i], rev[i:]
	}
	return rev, ""
}

func (r *Resolver) atPath(ctx context.Context, rev, path string) (git.Hash, error) {
	h, err := r.ResolveAs(ctx, rev, Treeish)
	if err != nil {
		return git.Hash{}, err
	}
	if h, err = r.Peel(ctx, h, storage.Tree); err != nil || path == "" {
		return h, err
	}
	at := git.Entry{Mode: git.ModeDir, Hash: h}
	below, isDir := strings.CutSuffix(path, "/")
	for name := range strings.SplitSeq(below, "/") {
		var ok bool
		if at.IsDir() {
			item, err := r.Objects.Tree(ctx, r.Pool, at.Hash)
			if err != nil {
				return git.Hash{}, err
			}
			at, ok = item.Tree.Find(name)
		}
		if !ok {
			return git.Hash{}, fmt.Errorf("%q: %w", path, storage.ErrNotFound)
		}
	}
	if isDir && !at.IsDir() {
		return git.Hash{}, fmt.Errorf("%q is no directory: %w", below, storage.ErrNotFound)
	}
	if at.Mode == git.ModeSubmodule {
		// Whoever writes a submodule may name any commit.
		return at.Hash, r.Has(ctx, at.Hash)
	}
	return at.Hash, nil
}

// base resolves what stands before any step.
func (r *Resolver) base(ctx context.Context, base string, want Kind) (git.Hash, error) {
	if base == "" || base == "@" {
		base = ref.Head
	}
	if h, ok := git.ParseHash(base); ok {
		return r.whole(ctx, h)
	}
	if name, n, ok, err := cutLog(base); ok || err != nil {
		if err != nil {
			return git.Hash{}, err
		}
		return r.logged(name, n)
	}
	found, err := r.Ref(base)
	if err == nil {
		return found.Hash, nil
	}
	if !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, ErrSyntax) {
		return git.Hash{}, err
	}
	digits, described := cutDescribed(base)
	if h, ok := git.ParseHash(digits); ok {
		return r.whole(ctx, h)
	}
	switch {
	case !isPrefix(digits):
		return git.Hash{}, err
	case described:
		want = commitOnly
	}
	return r.abbreviated(ctx, digits, want)
}

// whole returns a hash that the refs reach.
func (r *Resolver) whole(ctx context.Context, h git.Hash) (git.Hash, error) {
	if err := r.Has(ctx, h); err != nil {
		return git.Hash{}, err
	}
	_, _, err := r.Objects.Stat(ctx, r.Pool, h)
	return h, err
}

// cutDescribed returns the digits at the end of what git-describe writes, "v1-3-gabcdef", or else base itself.
func cutDescribed(base string) (digits string, ok bool) {
	if at := strings.LastIndex(base, "-g"); at > 0 {
		return base[at+2:], true
	}
	return base, false
}

// Ref returns the ref that a short or full name stands for, resolved. The first counts of the name itself, if it is
// HEAD or begins with "refs/", and of those under refs/, refs/tags/, refs/heads/, refs/remotes/, and
// refs/remotes/<name>/HEAD, as gitrevisions(7) has it. A symbolic ref that leads nowhere is none.
func (r *Resolver) Ref(name string) (storage.Ref, error) {
	if name == ref.Head || strings.HasPrefix(name, "refs/") {
		if found, err := r.follow(name); !errors.Is(err, storage.ErrNotFound) {
			return found, err
		}
	}
	all := "refs/" + name + ref.Tags + name + ref.Branches + name // one allocation
	if err := names.CheckRef(all[:len("refs/")+len(name)]); errors.Is(err, names.ErrMalformed) {
		return storage.Ref{}, fmt.Errorf("%w: %q can't be a ref", ErrSyntax, name)
	}
	for _, dir := range [...]int{len("refs/"), len(ref.Tags), len(ref.Branches)} {
		found, err := r.direct(all[:dir+len(name)])
		if !errors.Is(err, storage.ErrNotFound) {
			return found, err
		}
		all = all[dir+len(name):]
	}
	remote := "refs/remotes/" + name + "/" + ref.Head
	found, err := r.direct(strings.TrimSuffix(remote, "/"+ref.Head))
	if errors.Is(err, storage.ErrNotFound) {
		found, err = r.direct(remote)
	}
	return found, err
}

// direct is follow for a ref that is hardly ever symbolic.
func (r *Resolver) direct(name string) (storage.Ref, error) {
	if err := r.ready(name); err != nil {
		return storage.Ref{}, err
	}
	found, err := r.View.Ref(r.Repo, name)
	if err == nil && found.Target != "" {
		return r.follow(name)
	}
	return found, err
}

func (r *Resolver) ready(name string) error {
	if r.Ready == nil || !strings.HasPrefix(name, "refs/pull/") {
		return nil
	}
	return r.Ready(r.View, r.Repo, name)
}

func (r *Resolver) follow(name string) (storage.Ref, error) {
	if err := r.ready(name); err != nil {
		return storage.Ref{}, err
	}
	found, err := ref.Follow(r.View, r.Repo, name)
	if err == nil && found.Hash.IsZero() || errors.Is(err, ref.ErrSymbolic) {
		return found, storage.ErrNotFound
	}
	return found, err
}

// cutLog splits "name@{n}".
func cutLog(base string) (name string, n int, ok bool, err error) {
	at := strings.Index(base, "@{")
	if at < 0 {
		return "", 0, false, nil
	}
	n, err = strconv.Atoi(strings.TrimSuffix(base[at+2:], "}"))
	if err != nil || n < 0 || !strings.HasSuffix(base, "}") {
		return "", 0, false, fmt.Errorf("%w: only @{n} is known of the forms with @{", ErrSyntax)
	}
	return base[:at], n, true, nil
}

// logged returns what a ref held n changes ago.
func (r *Resolver) logged(name string, n int) (git.Hash, error) {
	if name == "" || name == "@" {
		name = ref.Head
	}
	found, err := r.Ref(name)
	if err != nil {
		return git.Hash{}, err
	}
	if n == 0 {
		return found.Hash, nil
	}
	sees, old, err := r.seesLogs()
	if err != nil || !sees {
		return git.Hash{}, cmp.Or(err, tooOld(found.Name))
	}
	log := ref.Log(r.View, r.Repo, found.Name)
	if old {
		log = r.View.Log(r.Repo, found.Name)
	}
	for entry, err := range log {
		if err != nil {
			return git.Hash{}, err
		}
		if n--; n == 0 {
			if entry.Old.IsZero() {
				break
			}
			return entry.Old, nil
		}
	}
	return git.Hash{}, tooOld(found.Name)
}

func tooOld(name string) error {
	return fmt.Errorf("the log of %q does not go back that far: %w", name, storage.ErrNotFound)
}

// step applies the first of the steps "~n", "^n" and "^{type}".
func (r *Resolver) step(ctx context.Context, h git.Hash, steps string) (git.Hash, string, error) {
	kind := steps[0]
	rest := steps[1:]
	if end, ok := textEnd(steps); ok {
		h, err := r.Peel(ctx, h, storage.Commit)
		if err == nil && end > len("^{/}") {
			h, err = r.withText(ctx, steps[len("^{/"):end-1], []git.Hash{h})
		}
		return h, steps[end:], err
	}
	if kind == '^' && strings.HasPrefix(rest, "{") {
		name, after, ok := strings.Cut(rest[1:], "}")
		if !ok {
			return git.Hash{}, "", fmt.Errorf("%w: unclosed ^{", ErrSyntax)
		}
		h, err := r.peelNamed(ctx, h, name)
		return h, after, err
	}
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	n := 1
	if digits > 0 {
		var err error
		if n, err = strconv.Atoi(rest[:digits]); err != nil {
			return git.Hash{}, "", fmt.Errorf("%w: number too large", ErrSyntax)
		}
	}
	rest = rest[digits:]
	if rest != "" && rest[0] != '~' && rest[0] != '^' {
		return git.Hash{}, "", fmt.Errorf("%w: %q", ErrSyntax, steps)
	}
	h, err := r.ancestor(ctx, h, kind, n)
	return h, rest, err
}

func (r *Resolver) ancestor(ctx context.Context, h git.Hash, kind byte, n int) (git.Hash, error) {
	h, err := r.Peel(ctx, h, storage.Commit)
	if err != nil || n == 0 {
		return h, err
	}
	parent, generations := n-1, 1
	if kind == '~' {
		parent, generations = 0, n
	}
	for range generations {
		if err := ctx.Err(); err != nil {
			return git.Hash{}, err
		}
		c, err := r.Objects.Commit(ctx, r.Pool, h)
		if err != nil {
			return git.Hash{}, err
		}
		if parent >= len(c.Parents) {
			return git.Hash{}, fmt.Errorf("commit %s has %d parents: %w", h, len(c.Parents), storage.ErrNotFound)
		}
		h = c.Parents[parent]
	}
	return h, nil
}

func (r *Resolver) peelNamed(ctx context.Context, h git.Hash, name string) (git.Hash, error) {
	switch name {
	case "":
		return r.Peel(ctx, h, 0)
	case "object":
		return h, nil
	}
	t := git.ParseType(name)
	if t == 0 {
		return git.Hash{}, fmt.Errorf("%w: ^{%s}", ErrSyntax, name)
	}
	return r.Peel(ctx, h, t)
}

// maxTags is how many annotated tags may point one to the next.
const maxTags = 100

// Peel follows tags, and from a commit to its tree, until an object of the given type, or with 0 until one that is
// no tag. It returns storage.ErrNotFound if there is none.
func (r *Resolver) Peel(ctx context.Context, h git.Hash, want storage.Type) (git.Hash, error) {
	for range maxTags {
		t, _, err := r.Objects.Stat(ctx, r.Pool, h)
		if err != nil {
			return git.Hash{}, err
		}
		switch {
		case t == want || want == 0 && t != storage.Tag:
			return h, nil
		case t == storage.Tag:
			item, err := r.Objects.Item(ctx, r.Pool, h)
			if err != nil {
				return git.Hash{}, err
			}
			tag, err := git.ParseTag(item.Data)
			if err != nil {
				return git.Hash{}, fmt.Errorf("%w: %w", storage.ErrCorrupt, err)
			}
			h = tag.Object
		case t == storage.Commit && want == storage.Tree:
			c, err := r.Objects.Commit(ctx, r.Pool, h)
			if err != nil {
				return git.Hash{}, err
			}
			h = c.Tree
		default:
			return git.Hash{}, fmt.Errorf("object %s is a %s, not a %s: %w", h, t, want, storage.ErrNotFound)
		}
	}
	return git.Hash{}, fmt.Errorf("%w: too many tags in a row", ErrSyntax)
}
