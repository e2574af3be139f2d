package reposit_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
)

func TestMerge(t *testing.T) {
	for _, test := range []struct {
		strategy reposit.MergeStrategy
		kind     reposit.MergeKind
		message  string
		parents  func(base, head reposit.Hash) []reposit.Hash // nil: it is the head
	}{
		{reposit.MergeCommit, reposit.Merged, "Merge topic into main\n",
			func(base, head reposit.Hash) []reposit.Hash { return []reposit.Hash{base, head} }},
		{reposit.Squash, reposit.Squashed, "Merge topic into main\n",
			func(base, _ reposit.Hash) []reposit.Hash { return []reposit.Hash{base} }},
		{reposit.FastForwardOnly, reposit.FastForwarded, "put h\n", nil},
		{reposit.Rebase, reposit.Rebased, "put h\n", nil},
	} {
		t.Run(test.kind.String(), func(t *testing.T) {
			eachBackend(t, func(t *testing.T, open opener) {
				opts, _ := fixed()
				s, ctx := open(opts), t.Context()
				r := create(t, s, "r", nil)
				base := put(t, r, "main", "f", "1")
				put(t, r, "topic", "g", "2")
				head := put(t, r, "topic", "h", "3")

				before := s.digest(t)
				dry, err := r.Merge(ctx, "topic", &reposit.MergeOptions{Strategy: test.strategy, DryRun: true})
				if err != nil || s.digest(t) != before {
					t.Errorf("Merge() that is only tried = %v, changed the store %t", err, s.digest(t) != before)
				}
				got, err := r.Merge(ctx, "topic", &reposit.MergeOptions{Strategy: test.strategy, Expect: &base.Hash})
				if err != nil {
					t.Fatal(err)
				}
				tip := resolve(t, r, "main")
				if got.Kind != test.kind || got.Base != base.Hash || got.Commit.Hash != tip || got.Commit.Message != test.message {
					t.Errorf("Merge() = %v, %+v, main is at %v", got.Kind, got.Commit, tip)
				}
				if dry.Kind != got.Kind || dry.Base != got.Base || dry.Commit == nil || dry.Commit.Hash != tip {
					t.Errorf("Merge() that is only tried = %+v, want %+v", dry, got)
				}
				if test.parents != nil {
					checkParents(t, r, "main", test.parents(base.Hash, head.Hash)...)
				} else if tip != head.Hash {
					t.Errorf("main = %v, want %v", tip, head.Hash)
				}
				if got := resolve(t, r, "main^{tree}"); got != head.Tree {
					t.Errorf("tree = %v, want that of the head, %v", got, head.Tree)
				}
				checkStore(t, s)
			})
		})
	}
}

// TestMergeRefused holds what a merge is not made of, and that it then changes nothing.
func TestMergeRefused(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", nil)
	base := put(t, r, "main", "f", "1")
	topic := put(t, r, "topic", "g", "2")
	put(t, r, "other", "g", "3")
	protect(t, r, "main", reposit.Protection{RequirePR: true})
	fork := must(r.Fork(ctx, &reposit.ForkOptions{Owner: "bob"}))(t)
	secret := put(t, fork, "main", "s", "secret")
	empty := create(t, s, "empty", nil)
	before := s.digest(t)
	for _, test := range []struct {
		head string
		opts *reposit.MergeOptions
		want error
	}{
		{"topic", nil, reposit.ErrProtected},
		{"topic", &reposit.MergeOptions{DryRun: true}, reposit.ErrProtected},
		{"topic", &reposit.MergeOptions{Branch: "other"}, reposit.ErrConflict},
		{"main", &reposit.MergeOptions{Branch: "topic", Expect: &base.Hash}, reposit.ErrConflict},
		{"main", &reposit.MergeOptions{Branch: "none"}, reposit.ErrNotFound},
		{"none", nil, reposit.ErrNotFound},
		{"topic^{tree}", nil, reposit.ErrNotFound},
		{secret.Hash.String(), nil, reposit.ErrNotFound},
		{"topic", &reposit.MergeOptions{Branch: "a..b"}, reposit.ErrInvalid},
		{"topic", &reposit.MergeOptions{Strategy: 9}, reposit.ErrInvalid},
		{"topic", &reposit.MergeOptions{Message: "\x00"}, reposit.ErrInvalid},
		{"topic", &reposit.MergeOptions{Author: &reposit.Signature{}}, reposit.ErrInvalid},
	} {
		if got, err := r.Merge(ctx, test.head, test.opts); !errors.Is(err, test.want) {
			t.Errorf("Merge(%q, %+v) = %+v, %v, want %v", test.head, test.opts, got, err, test.want)
		}
	}
	for head, branch := range map[string]string{"main": "topic", "topic~1": "topic", "": "refs/heads/topic"} {
		got, err := r.Merge(ctx, head, &reposit.MergeOptions{Branch: branch})
		if err != nil || got.Kind != reposit.AlreadyMerged || got.Commit.Hash != topic.Hash || got.Base != topic.Hash {
			t.Errorf("Merge(%q) of what the branch has = %+v, %v", head, got, err)
		}
	}
	if _, err := empty.Merge(ctx, "", nil); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("Merge() without commits = %v, want %v", err, reposit.ErrNotFound)
	}
	if s.digest(t) != before {
		t.Error("a merge that was not made changed something")
	}
}

// TestMergePull holds that a merge of a pull request's head makes that merged, and that one of a pull request can be
// tried.
func TestMergePull(t *testing.T) {
	opts, _ := fixed()
	s, ctx := openMemory(t, opts), t.Context()
	r := create(t, s, "r", nil)
	put(t, r, "main", "f", "1")
	head := put(t, r, "topic", "g", "2")
	openPull(t, r, "main", "topic", nil)
	before := s.digest(t)
	dry, err := r.Pulls().Merge(ctx, 1, &reposit.MergeOptions{DryRun: true})
	if err != nil || dry.Kind != reposit.Merged || s.digest(t) != before {
		t.Errorf("Pulls.Merge() that is only tried = %+v, %v, changed the store %t", dry, err, s.digest(t) != before)
	}
	if _, err := r.Pulls().Merge(ctx, 1, &reposit.MergeOptions{Branch: "main"}); !errors.Is(err, reposit.ErrInvalid) {
		t.Errorf("Pulls.Merge() into a branch = %v, want %v", err, reposit.ErrInvalid)
	}
	if _, err := r.Merge(ctx, "refs/pull/1/head", nil); err != nil {
		t.Fatal(err)
	}
	if p := loadPull(t, r, 1); p.State != reposit.PullMerged || p.Head != head.Hash || p.Result != resolve(t, r, "main") {
		t.Errorf("Pull() = %+v, want it merged", p)
	}
	checkPulls(t, s, r)
}

// TestMergeWhileOthersWrite holds that no commit is lost by merges that go on at the same time.
func TestMergeWhileOthersWrite(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", nil)
	put(t, r, "main", "f", "1")
	const each = 20
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for n := range each {
				branch := fmt.Sprintf("w%d/%d", w, n)
				for done := false; !done; {
					_, err := r.Commit(ctx, &reposit.CommitOptions{Branch: branch, From: "main", Message: "m"},
						reposit.Put(branch, nil))
					if err == nil {
						_, err = r.Merge(ctx, branch, nil)
					}
					if done = err == nil; !done && !errors.Is(err, reposit.ErrConflict) {
						t.Error(err)
						return
					}
					if err := r.Branches().Delete(ctx, branch); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	for w := range 4 {
		if entries, err := r.List(ctx, "main", fmt.Sprint("w", w)); len(entries) != each || err != nil {
			t.Errorf("List() has %d of %d, %v", len(entries), each, err)
		}
	}
}

// TestMergeIntoSymbolic holds that a pull request to a branch that a program outside made symbolic is not merged.
func TestMergeIntoSymbolic(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", nil)
	put(t, r, "main", "CODEOWNERS", "* @nobody\n")
	put(t, r, "topic", "g", "2")
	must(r.Branches().Create(ctx, "strict", "main"))(t)
	openPull(t, r, "main", "topic", nil)
	protect(t, r, "strict", reposit.Protection{RequirePR: true, RequireCodeOwnerReview: true})
	err := s.backend.Update(ctx, func(tx storage.Tx) error {
		return tx.PutRef(storageID(r), storage.Ref{Name: "refs/heads/main", Target: "refs/heads/strict"}, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Pulls().Merge(ctx, 1, nil); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("Merge() = %+v, %v, want %v", got, err, reposit.ErrNotFound)
	}
	if _, err := r.Merge(ctx, "topic", nil); !errors.Is(err, reposit.ErrProtected) {
		t.Errorf("Repo.Merge() = %v, want %v", err, reposit.ErrProtected)
	}
}

// TestMergeFork merges what another repository of the network has, without a pull request.
func TestMergeFork(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
		base := write(t, r, "f", "1")
		fork := must(r.Fork(ctx, &reposit.ForkOptions{Owner: "bob"}))(t)
		head := put(t, fork, "topic", "g", "2")
		other := create(t, s, "other", &reposit.CreateOptions{Owner: "ann"})
		write(t, other, "f", "1")
		ann, bob := s.repoAs(t, r, "ann"), s.repoAs(t, r, "bob")
		from := func(r *reposit.Repo) *reposit.MergeOptions { return &reposit.MergeOptions{HeadRepo: r.ID()} }
		secret := must(fork.Fork(ctx, &reposit.ForkOptions{Owner: "cid", Private: ref(true)}))(t)
		put(t, secret, "topic", "h", "3")
		for what, test := range map[string]struct {
			r    *reposit.Repo
			head string
			opts *reposit.MergeOptions
			want error
		}{
			"a branch that this repository has not": {ann, "topic", nil, reposit.ErrNotFound},
			"a hash that this repository has not":   {ann, head.Hash.String(), nil, reposit.ErrNotFound},
			"who may not write":                     {bob, "topic", from(fork), reposit.ErrForbidden},
			"another network":                       {ann, "main", from(other), reposit.ErrInvalid},
			"what can't be an ID":                   {ann, "main", &reposit.MergeOptions{HeadRepo: "x"}, reposit.ErrInvalid},
			"one that the actor may not read":       {ann, "topic", from(secret), reposit.ErrNotFound},
			"a private one into a public one":       {r, "topic", from(secret), reposit.ErrForbidden},
			"a branch that the fork has not":        {ann, "none", from(fork), reposit.ErrNotFound},
			"a hash that the other has and the fork not": {ann, resolve(t, secret, "topic").String(), from(fork),
				reposit.ErrNotFound},
		} {
			if _, err := test.r.Merge(ctx, test.head, test.opts); !errors.Is(err, test.want) {
				t.Errorf("Merge() of %s = %v, want %v", what, err, test.want)
			}
		}
		if tip := resolve(t, r, "main"); tip != base.Hash {
			t.Errorf("main = %v after what was refused, want %v", tip, base.Hash)
		}
		dry := from(fork)
		dry.DryRun = true
		must(ann.Merge(ctx, "topic", dry))(t)
		got := must(ann.Merge(ctx, "topic", from(fork)))(t)
		checkParents(t, r, "main", base.Hash, head.Hash)
		if got.Kind != reposit.Merged || got.Base != base.Hash || got.Commit.Hash != resolve(t, r, "main") {
			t.Errorf("Merge() = %+v", got)
		}
		if data, err := ann.Read(ctx, "", "g"); err != nil || string(data) != "2" {
			t.Errorf("Read() = %q, %v, want what the fork has", data, err)
		}
		if again := must(ann.Merge(ctx, "topic", from(fork)))(t); again.Kind != reposit.AlreadyMerged {
			t.Errorf("Merge() again = %v, want %v", again.Kind, reposit.AlreadyMerged)
		}
		must(ann.Merge(ctx, "topic", &reposit.MergeOptions{HeadRepo: fork.ID(), Strategy: reposit.Squash}))(t)
		remove(t, fork)
		if data, err := ann.Read(ctx, "main^2", "g"); err != nil || string(data) != "2" {
			t.Errorf("Read() when the fork is gone = %q, %v", data, err)
		}
		if _, err := r.Pulls().Merge(ctx, 1, from(secret)); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("Merge() of a pull request from elsewhere = %v, want %v", err, reposit.ErrInvalid)
		}
		checkStore(t, s)
	})
}
