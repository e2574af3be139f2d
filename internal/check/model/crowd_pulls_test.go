package model_test

import (
	"cmp"
	"context"
	"fmt"

	"github.com/reposit/reposit"
)

// protect sets or removes a rule of one of the repositories.
func (m *member) protect(ctx context.Context) error {
	r, err := m.any(ctx)
	if err != nil {
		return err
	}
	pattern := m.pick([]string{"main", "b*", "**"})
	if m.rand.IntN(2) == 0 {
		return r.Protection().Remove(ctx, pattern)
	}
	return r.Protection().Set(ctx, pattern, reposit.Protection{
		RequirePR: m.rand.IntN(3) == 0, RequiredReviews: m.rand.IntN(2), AllowForcePush: m.rand.IntN(2) == 0,
		AllowDeletion: m.rand.IntN(2) == 0, BypassAdmins: m.rand.IntN(2) == 0, DismissStaleReviews: m.rand.IntN(2) == 0,
	})
}

// propose opens a pull request to one of the repositories or to what it was forked from, now and then of a new commit.
func (m *member) propose(ctx context.Context) error {
	r, err := m.any(ctx)
	if err != nil {
		return err
	}
	head := fmt.Sprint("b", m.rand.IntN(3))
	if m.rand.IntN(2) == 0 {
		_, err = r.Commit(ctx, &reposit.CommitOptions{Branch: head, Message: "m"},
			reposit.Put(fmt.Sprint("p", m.rand.IntN(5)), fmt.Append(nil, m.rand.Int())))
	}
	info, infoErr := r.Info(ctx)
	if err = cmp.Or(err, infoErr); err != nil {
		return err
	}
	to := r
	if info.Parent != "" && m.rand.IntN(3) > 0 {
		if to, err = m.RepoByID(ctx, info.Parent); err != nil {
			return err
		}
	}
	_, err = to.Pulls().Open(ctx, m.pick([]string{"", "main", "b0"}), head,
		&reposit.PullOptions{HeadRepo: r.ID(), Author: m.pick(crowdOwners)})
	return err
}

// decide reviews, merges or closes one of the pull requests.
func (m *member) decide(ctx context.Context) error {
	r, err := m.any(ctx)
	if err != nil {
		return err
	}
	page, err := r.Pulls().List(ctx, nil)
	if err != nil || len(page.Items) == 0 {
		return err
	}
	number := page.Items[m.rand.IntN(len(page.Items))].Number
	switch m.rand.IntN(4) {
	case 0:
		_, err = r.Pulls().Review(ctx, number, reposit.Approved, &reposit.ReviewOptions{Reviewer: m.pick(crowdOwners)})
	case 1:
		err = r.Pulls().Close(ctx, number)
	default:
		_, err = r.Pulls().Merge(ctx, number, &reposit.MergeOptions{Strategy: reposit.MergeStrategy(m.rand.IntN(4))})
	}
	return err
}

// checkPulls checks what is kept of the pull requests of all repositories.
func (c *crowd) checkPulls() {
	var all []*reposit.Repo
	for info, err := range c.All(c.t.Context(), nil) {
		if err != nil {
			c.t.Fatal(err)
		}
		r, err := c.RepoByID(c.t.Context(), info.ID)
		if err != nil {
			c.t.Fatal(err)
		}
		all = append(all, r)
	}
	c.CheckPulls(c.t, all...)
}
