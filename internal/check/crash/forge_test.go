package crash_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
)

// A forgeHolding is who should have to do with a repository, beside its owner.
type forgeHolding struct {
	fork     bool
	watchers []string // in the order in which they began
	guests   map[string]reposit.Permission
	patterns map[string]int // of protected branches, with the reviews that they need
}

// watchedByOthers reports whether somebody watches the repository who may read it only while it is public.
func (h *forgeHolding) watchedByOthers() bool {
	return slices.ContainsFunc(h.watchers, func(login string) bool { return h.guests[login] == reposit.None })
}

func (h *forgeHolding) check(ctx context.Context, r *reposit.Repo) error {
	watchers, err := r.Watchers().List(ctx, nil)
	if err != nil {
		return err
	}
	var logins []string
	for _, w := range watchers.Items {
		logins = append(logins, w.Login)
	}
	collaborators, err := r.Collaborators().List(ctx)
	if err != nil {
		return err
	}
	guests := map[string]reposit.Permission{}
	for _, c := range collaborators {
		guests[c.Login] = c.Permission
	}
	rules, err := r.Protection().List(ctx)
	if err != nil {
		return err
	}
	patterns := map[string]int{}
	for _, rule := range rules {
		patterns[rule.Pattern] = rule.RequiredReviews
	}
	if !slices.Equal(logins, h.watchers) || !maps.Equal(guests, h.guests) || !maps.Equal(patterns, h.patterns) {
		return fmt.Errorf("watchers, guests, patterns, -want +got: %s",
			cmp.Diff([]any{h.watchers, h.guests, h.patterns}, []any{logins, guests, patterns}))
	}
	return nil
}

// fork thinks of a fork of one of the player's repositories, for the player itself.
func (p *player) fork() *deed {
	from, _ := p.holding()
	if from == nil || len(p.repos) == maxHoldings {
		return nil
	}
	h := &holding{slug: fmt.Sprintf("r%d", p.created), description: from.description, private: from.private,
		head: from.head, refs: map[string]mark{}}
	h.forge.fork = true
	for name, m := range from.refs {
		if strings.HasPrefix(name, "refs/heads/") || strings.HasPrefix(name, "refs/tags/") {
			h.refs[name] = m
		}
	}
	return p.on(from, h.slug, func(ctx context.Context, r *reposit.Repo) error {
		_, err := r.Fork(ctx, &reposit.ForkOptions{Owner: p.owner(), Slug: h.slug})
		return err
	}, func() {
		p.created++
		p.repos[h.slug] = h
	})
}

// guest returns a user that is known once this returns.
func (p *player) guest(ctx context.Context, s *reposit.Store, n int) (string, error) {
	login := fmt.Sprintf("guest-%d", n)
	return login, s.Users().Put(ctx, reposit.Profile{Login: login})
}

// as makes a deed of a call on a repository for a guest.
func (p *player) as(h *holding, what string, do func(context.Context, *reposit.Repo, string) error,
	apply func(login string)) *deed {
	n := p.rand.IntN(4)
	login := fmt.Sprintf("guest-%d", n)
	return &deed{h.slug + " " + what + " " + login,
		func(ctx context.Context, s *reposit.Store) (none reposit.Hash, _ error) {
			if _, err := p.guest(ctx, s, n); err != nil {
				return none, err
			}
			r, err := p.open(ctx, s, h)
			if err != nil {
				return none, err
			}
			return none, do(ctx, r, login)
		}, func(reposit.Hash) { apply(login) }}
}

func (p *player) watch() *deed {
	h, _ := p.holding()
	if h == nil {
		return nil
	}
	f := &h.forge
	if p.rand.IntN(3) == 0 {
		return p.as(h, "left by", func(ctx context.Context, r *reposit.Repo, login string) error {
			return r.Watchers().Remove(ctx, login)
		}, func(login string) {
			f.watchers = slices.DeleteFunc(slices.Clone(f.watchers), func(w string) bool { return w == login })
		})
	}
	mayRead := func(login string) bool { return !h.private || f.guests[login] != reposit.None }
	return p.as(h, "watched by", func(ctx context.Context, r *reposit.Repo, login string) error {
		if !mayRead(login) {
			return nil
		}
		return r.Watchers().Add(ctx, login)
	}, func(login string) {
		if mayRead(login) && !slices.Contains(f.watchers, login) {
			f.watchers = append(slices.Clone(f.watchers), login)
		}
	})
}

func (p *player) invite() *deed {
	h, _ := p.holding()
	if h == nil {
		return nil
	}
	f := &h.forge
	with := []reposit.Permission{reposit.None, reposit.Read, reposit.Write, reposit.Admin}[p.rand.IntN(4)]
	return p.as(h, fmt.Sprint("shared, ", with, ", with"), func(ctx context.Context, r *reposit.Repo, login string) error {
		if with == reposit.None {
			if h.private {
				return nil // it might make a watcher lose Read, which drops them in a step of its own
			}
			collaborators, err := r.Collaborators().List(ctx)
			if err != nil || !slices.ContainsFunc(collaborators, func(c reposit.Collaborator) bool { return c.Login == login }) {
				return err
			}
			return r.Collaborators().Remove(ctx, login)
		}
		return r.Collaborators().Add(ctx, login, with)
	}, func(login string) {
		f.guests = maps.Clone(f.guests)
		if f.guests == nil {
			f.guests = map[string]reposit.Permission{}
		}
		if with != reposit.None {
			f.guests[login] = with
		} else if !h.private {
			delete(f.guests, login)
		}
	})
}

// protect protects branches that no deed touches.
func (p *player) protect() *deed {
	h, _ := p.holding()
	if h == nil {
		return nil
	}
	f := &h.forge
	pattern, reviews := fmt.Sprintf("guarded-%d/*", p.rand.IntN(3)), p.rand.IntN(4)
	return p.on(h, pattern, func(ctx context.Context, r *reposit.Repo) error {
		return r.Protection().Set(ctx, pattern, reposit.Protection{RequiredReviews: reviews, RequirePR: true})
	}, func() {
		f.patterns = maps.Clone(f.patterns)
		if f.patterns == nil {
			f.patterns = map[string]int{}
		}
		f.patterns[pattern] = reviews
	})
}
