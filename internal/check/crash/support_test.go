package crash_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
	"github.com/reposit/reposit/storage"
)

// A player makes a random history of calls, on the repositories of an owner of its own and on one that all players
// share, and knows what is there after each of them. Its seed and number alone say which calls they are, so another
// process can go on where one was killed.
type player struct {
	number  int
	rand    *rand.Rand
	script  []string            // verbs to use in turn; nil: random ones
	repos   map[string]*holding // by slug
	gone    []*holding          // that were deleted, and can come back
	created int
	shared  []string // files in the shared repository
	done    int
	pending *deed
}

// A holding is what a repository should be.
type holding struct {
	slug, description, label string
	private                  bool
	head                     string          // name of the default branch
	refs                     map[string]mark // by full name
	forge                    forgeHolding
}

// A mark is what a ref holds.
type mark struct {
	at   *point
	note string // of an annotated tag
}

// A point is a commit.
type point struct {
	hash    reposit.Hash // zero until it is known
	parent  *point
	message string
	tree    map[string]text // by path
	seen    bool            // the tree was compared
}

// A deed is one call that changes something, and what follows from it.
type deed struct {
	what  string
	do    func(ctx context.Context, s *reposit.Store) (reposit.Hash, error) // returns the commit that it made, if any
	apply func(made reposit.Hash)
}

func newPlayer(seed uint64, number int) *player {
	return &player{number: number, rand: rand.New(rand.NewPCG(seed, uint64(number))), repos: map[string]*holding{}}
}

func (p *player) owner() string { return fmt.Sprintf("player-%d", p.number) }

// next returns the deed that comes next, the same one until settle is called.
func (p *player) next() *deed {
	if p.pending == nil {
		p.pending = p.think()
	}
	return p.pending
}

// settle takes the next deed for done. made is the commit that it made; zero if that is not known.
func (p *player) settle(made reposit.Hash) {
	p.next().apply(made)
	p.pending = nil
	p.done++
}

// verbs are all kinds of deeds. A verb that does not fit what is there returns nil.
var verbs = []struct {
	name   string
	weight int
	think  func(*player) *deed
}{
	{"create", 5, (*player).create},
	{"commit", 30, func(p *player) *deed { return p.commit(1+p.rand.IntN(5), 0) }},
	{"commit from readers", 5, func(p *player) *deed { return p.commit(2, 2000) }},
	{"commit many files", 2, func(p *player) *deed { return p.commit(100+p.rand.IntN(200), 0) }},
	{"commit a large file", 2, func(p *player) *deed { return p.commit(1, storage.LargeObject+p.rand.IntN(200_000)) }},
	{"commit to the shared repository", 12, (*player).share},
	{"create branch", 6, (*player).createBranch},
	{"rename branch", 4, (*player).renameBranch},
	{"delete branch", 4, (*player).deleteBranch},
	{"create tag", 5, (*player).createTag},
	{"delete tag", 2, (*player).deleteTag},
	{"update refs", 5, (*player).updateRefs},
	{"describe", 4, (*player).describe},
	{"rename", 3, (*player).rename},
	{"delete", 2, (*player).remove},
	{"undelete", 2, (*player).undelete},
	{"fork", 3, (*player).fork},
	{"watch", 2, (*player).watch},
	{"invite", 3, (*player).invite},
	{"protect", 2, (*player).protect},
	{"ask", 4, (*player).ask},
	{"read all", 0, (*player).readAll},
}

func (p *player) think() *deed {
	for {
		n := p.rand.IntN(103)
		for _, v := range verbs {
			if p.script != nil && v.name != p.script[p.done%len(p.script)] || p.script == nil && n >= v.weight {
				n -= v.weight
				continue
			}
			if d := v.think(p); d != nil {
				d.what = fmt.Sprintf("deed %d of %s: %s %s", p.done, p.owner(), v.name, d.what)
				return d
			}
			break
		}
	}
}

func pickKey[V any](p *player, from map[string]V, prefix string) (string, bool) {
	var keys []string
	for key := range from {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return "", false
	}
	slices.Sort(keys)
	return keys[p.rand.IntN(len(keys))], true
}

// holding returns one of the repositories, and a branch of it, or "" if there is none.
func (p *player) holding() (*holding, string) {
	slug, ok := pickKey(p, p.repos, "")
	if !ok {
		return nil, ""
	}
	branch, _ := pickKey(p, p.repos[slug].refs, "refs/heads/")
	return p.repos[slug], strings.TrimPrefix(branch, "refs/heads/")
}

func (p *player) open(ctx context.Context, s *reposit.Store, h *holding) (*reposit.Repo, error) {
	return s.Repo(ctx, p.owner()+"/"+h.slug)
}

// on makes a deed of a call on a repository that makes no commit.
func (p *player) on(h *holding, what string, do func(context.Context, *reposit.Repo) error, apply func()) *deed {
	return &deed{h.slug + " " + what, func(ctx context.Context, s *reposit.Store) (none reposit.Hash, _ error) {
		r, err := p.open(ctx, s, h)
		if err != nil {
			return none, err
		}
		return none, do(ctx, r)
	}, func(reposit.Hash) { apply() }}
}

const maxHoldings = 6

func (p *player) create() *deed {
	if len(p.repos) == maxHoldings {
		return nil
	}
	h := &holding{slug: fmt.Sprintf("r%d", p.created), label: "new", head: "main", refs: map[string]mark{}}
	return &deed{h.slug, func(ctx context.Context, s *reposit.Store) (none reposit.Hash, _ error) {
		_, err := s.Create(ctx, h.slug, &reposit.CreateOptions{Owner: p.owner(), Labels: map[string]string{"state": "new"}})
		return none, err
	}, func(reposit.Hash) {
		p.created++
		p.repos[h.slug] = h
	}}
}

// commit thinks of a commit that puts some files, or reads some of about size bytes, and deletes and moves others.
func (p *player) commit(files, size int) *deed {
	h, branch := p.holding()
	if h == nil {
		return nil
	}
	opts := &reposit.CommitOptions{Branch: h.head, Message: fmt.Sprintf("%s %d\n", p.owner(), p.done)}
	made := &point{message: opts.Message, tree: map[string]text{}}
	if branch != "" {
		made.parent = h.refs["refs/heads/"+branch].at
		made.tree = maps.Clone(made.parent.tree)
		if opts.Branch = branch; p.rand.IntN(8) == 0 {
			opts.Branch, opts.From = fmt.Sprintf("b%d", p.done), branch
		}
	}
	var changes []func() reposit.Change
	touched := map[string]bool{}
	for i := range files {
		path, c := fmt.Sprintf("d%d/e%d/f%d-%d", p.rand.IntN(9), p.rand.IntN(3), p.done, i),
			text{seed: p.rand.Uint32(), lines: 1 + p.rand.IntN(60)}
		switch old, ok := pickKey(p, made.tree, ""); {
		case size > 0:
			c = text{seed: c.seed, bytes: size}
			changes = append(changes, func() reposit.Change { return reposit.PutReader(path, bytes.NewReader(c.content())) })
			made.tree[path] = c
			continue
		case ok && !touched[old] && i > 0 && p.rand.IntN(8) == 0:
			changes = append(changes, func() reposit.Change { return reposit.Delete(old) })
			delete(made.tree, old)
			continue
		case ok && !touched[old] && i > 0 && p.rand.IntN(8) == 0:
			changes = append(changes, func() reposit.Change { return reposit.Move(old, path) })
			touched[path] = true
			made.tree[path] = made.tree[old]
			delete(made.tree, old)
			continue
		case ok && made.tree[old].lines > 0 && p.rand.IntN(2) == 0:
			path, c = old, made.tree[old]
			c.version++
		}
		touched[path] = true
		changes = append(changes, func() reposit.Change { return reposit.Put(path, c.content()) })
		made.tree[path] = c
	}
	return &deed{h.slug + " " + opts.Branch, func(ctx context.Context, s *reposit.Store) (none reposit.Hash, _ error) {
		r, err := p.open(ctx, s, h)
		if err != nil {
			return none, err
		}
		steps := make([]reposit.Change, len(changes))
		for i, change := range changes {
			steps[i] = change()
		}
		c, err := r.Commit(ctx, opts, steps...)
		if err != nil {
			return none, err
		}
		return c.Hash, nil
	}, func(hash reposit.Hash) {
		made.hash = hash
		h.refs["refs/heads/"+opts.Branch] = mark{at: made}
	}}
}

const sharedRepo = "all/shared"

func (p *player) share() *deed {
	file := fmt.Sprintf("%d", p.done)
	return &deed{file, func(ctx context.Context, s *reposit.Store) (none reposit.Hash, _ error) {
		r, err := s.Repo(ctx, sharedRepo)
		if err != nil {
			return none, err
		}
		path := p.owner() + "/" + file
		_, err = r.Write(ctx, path, []byte(path), path)
		return none, err
	}, func(reposit.Hash) { p.shared = append(p.shared, file) }}
}

func (p *player) createBranch() *deed {
	h, from := p.holding()
	if from == "" {
		return nil
	}
	name, at := fmt.Sprintf("x/b%d", p.done), h.refs["refs/heads/"+from].at
	if at.parent != nil && p.rand.IntN(2) == 0 {
		from, at = from+"~1", at.parent
	}
	return p.on(h, name+" at "+from, func(ctx context.Context, r *reposit.Repo) error {
		_, err := r.Branches().Create(ctx, name, from)
		return err
	}, func() { h.refs["refs/heads/"+name] = mark{at: at} })
}

func (p *player) renameBranch() *deed {
	h, from := p.holding()
	if from == "" {
		return nil
	}
	to := fmt.Sprintf("y/%d", p.done)
	return p.on(h, from+" to "+to, func(ctx context.Context, r *reposit.Repo) error {
		return r.Branches().Rename(ctx, from, to)
	}, func() {
		h.refs["refs/heads/"+to] = h.refs["refs/heads/"+from]
		delete(h.refs, "refs/heads/"+from)
		if h.head == from {
			h.head = to
		}
	})
}

func (p *player) deleteBranch() *deed {
	h, name := p.holding()
	if name == "" || name == h.head {
		return nil
	}
	return p.on(h, name, func(ctx context.Context, r *reposit.Repo) error {
		return r.Branches().Delete(ctx, name)
	}, func() { delete(h.refs, "refs/heads/"+name) })
}

func (p *player) createTag() *deed {
	h, at := p.holding()
	if at == "" {
		return nil
	}
	name := fmt.Sprintf("v%d", p.done)
	tagged := mark{at: h.refs["refs/heads/"+at].at}
	opts := &reposit.TagOptions{}
	if p.rand.IntN(2) == 0 {
		opts.Message = "Release " + name + "\n"
		tagged.note = opts.Message
	}
	return p.on(h, name+" at "+at, func(ctx context.Context, r *reposit.Repo) error {
		_, err := r.Tags().Create(ctx, name, at, opts)
		return err
	}, func() { h.refs["refs/tags/"+name] = tagged })
}

func (p *player) deleteTag() *deed {
	h, _ := p.holding()
	if h == nil {
		return nil
	}
	name, ok := pickKey(p, h.refs, "refs/tags/")
	if !ok {
		return nil
	}
	return p.on(h, name, func(ctx context.Context, r *reposit.Repo) error {
		return r.Tags().Delete(ctx, strings.TrimPrefix(name, "refs/tags/"))
	}, func() { delete(h.refs, name) })
}

// updateRefs makes two refs, moves one, and deletes one.
func (p *player) updateRefs() *deed {
	h, a := p.holding()
	if a == "" {
		return nil
	}
	b, _ := pickKey(p, h.refs, "refs/heads/")
	made, branch, moved := fmt.Sprintf("refs/keep/%d", p.done), fmt.Sprintf("refs/heads/z%d", p.done), "refs/moved"
	gone, _ := pickKey(p, h.refs, "refs/keep/")
	return p.on(h, fmt.Sprintf("%s %s %s %s", made, branch, moved, gone),
		func(ctx context.Context, r *reposit.Repo) error {
			at, err := r.Resolve(ctx, "refs/heads/"+a)
			if err != nil {
				return err
			}
			other, err := r.Resolve(ctx, b)
			if err != nil {
				return err
			}
			updates := []reposit.RefUpdate{
				{Name: made, New: at, Old: &reposit.Hash{}}, {Name: branch, New: other}, {Name: moved, New: at},
			}
			if gone != "" {
				updates = append(updates, reposit.RefUpdate{Name: gone})
			}
			return r.Refs().Update(ctx, updates...)
		}, func() {
			delete(h.refs, gone)
			h.refs[made], h.refs[branch], h.refs[moved] = h.refs["refs/heads/"+a], h.refs[b], h.refs["refs/heads/"+a]
		})
}

func (p *player) describe() *deed {
	h, branch := p.holding()
	if h == nil {
		return nil
	}
	description, label, private := fmt.Sprintf("described by deed %d", p.done), fmt.Sprint(p.rand.IntN(3)), !h.private
	if h.forge.fork {
		private = h.private // what a private repository's fork can't be depends on what became of that one
	}
	if h.forge.watchedByOthers() {
		private = h.private // those who can't read it any more are dropped in a step of its own
	}
	u := &reposit.RepoUpdate{Description: &description, Private: &private, Labels: map[string]string{"state": label}}
	if branch != "" {
		u.DefaultBranch = &branch
	}
	return p.on(h, branch, func(ctx context.Context, r *reposit.Repo) error {
		_, err := r.Update(ctx, u)
		return err
	}, func() {
		h.description, h.label, h.private = description, label, private
		if branch != "" {
			h.head = branch
		}
	})
}

func (p *player) rename() *deed {
	h, _ := p.holding()
	if h == nil {
		return nil
	}
	to := fmt.Sprintf("%.9s-n%d", h.slug, p.done)
	return p.on(h, to, func(ctx context.Context, r *reposit.Repo) error {
		_, err := r.Update(ctx, &reposit.RepoUpdate{Slug: &to})
		return err
	}, func() {
		delete(p.repos, h.slug)
		h.slug = to
		p.repos[to] = h
	})
}

func (p *player) remove() *deed {
	h, _ := p.holding()
	if h == nil {
		return nil
	}
	return p.on(h, "", func(ctx context.Context, r *reposit.Repo) error {
		token, err := r.DeleteToken(ctx)
		if err != nil {
			return err
		}
		return r.Delete(ctx, token)
	}, func() {
		delete(p.repos, h.slug)
		p.gone = append(p.gone, h)
	})
}

// undelete thinks of having the repository back that was deleted last.
func (p *player) undelete() *deed {
	if len(p.gone) == 0 {
		return nil
	}
	h := p.gone[len(p.gone)-1]
	return &deed{h.slug, func(ctx context.Context, s *reposit.Store) (none reposit.Hash, _ error) {
		deleted, err := s.Deleted(ctx, &reposit.ListOptions{Owner: p.owner(), PageSize: 100})
		if err != nil {
			return none, err
		}
		for _, d := range deleted.Items {
			if d.Slug == h.slug {
				_, err := s.Undelete(ctx, d.ID)
				return none, err
			}
		}
		return none, fmt.Errorf("deleted repository %s/%s is missing", p.owner(), h.slug)
	}, func(reposit.Hash) {
		p.gone = p.gone[:len(p.gone)-1]
		p.repos[h.slug] = h
	}}
}

// readAll thinks of a deed that changes nothing.
func (p *player) readAll() *deed {
	return &deed{"", func(ctx context.Context, s *reposit.Store) (none reposit.Hash, _ error) {
		return none, p.check(ctx, s)
	}, func(reposit.Hash) {}}
}

// ask thinks of questions that make the store keep what it counted, and is done whatever they come to.
func (p *player) ask() *deed {
	slug, ok := pickKey(p, p.repos, "")
	if !ok {
		return nil
	}
	return &deed{slug, func(ctx context.Context, s *reposit.Store) (none reposit.Hash, _ error) {
		r, err := s.Repo(ctx, p.owner()+"/"+slug)
		if err != nil {
			return none, err
		}
		languages, err := r.Languages(ctx, "")
		if err != nil {
			return none, err
		}
		info, err := r.Info(ctx)
		if err != nil {
			return none, err
		}
		tip, err := r.Resolve(ctx, "")
		if best := languages[info.Language]; err == nil && tip == info.LanguageAt && len(languages) > 0 &&
			best != slices.Max(slices.Collect(maps.Values(languages))) {
			return none, fmt.Errorf("language %q of %v", info.Language, languages)
		}
		if _, err := r.Contributors(ctx, &reposit.ContributorOptions{Anonymous: true}); err != nil {
			return none, err
		}
		return none, s.Upkeep(ctx)
	}, func(reposit.Hash) {}}
}

// A text is the content of a file: lines that change one by one, or bytes that do not compress.
type text struct {
	seed           uint32
	lines, version int
	bytes          int
}

func (c text) content() []byte {
	var key [32]byte
	key[0], key[1], key[2], key[3] = byte(c.seed), byte(c.seed>>8), byte(c.seed>>16), byte(c.seed>>24)
	random := rand.NewChaCha8(key)
	if c.bytes > 0 {
		b := make([]byte, c.bytes)
		random.Read(b)
		return b
	}
	lines := make([]string, c.lines)
	for i := range lines {
		lines[i] = fmt.Sprintf("%016x\n", random.Uint64())
	}
	for v := range c.version {
		lines[v*7%c.lines] = fmt.Sprintf("changed by version %d\n", v+1)
	}
	return []byte(strings.Join(lines, ""))
}

func (c text) hash() reposit.Hash { return fixture.BlobHash(string(c.content())) }
