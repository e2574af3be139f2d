package reposit_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/reposit/reposit"
)

func ExampleRepo_Protection() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)

	rules := repo.Protection()
	if err := rules.Set(ctx, "main", reposit.Protection{RequirePR: true, RequiredReviews: 2}); err != nil {
		log.Fatal(err)
	}
	if err := rules.Set(ctx, "release/*", reposit.Protection{}); err != nil {
		log.Fatal(err)
	}
	list, err := rules.List(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, rule := range list {
		fmt.Println(rule.Pattern, rule.RequirePR, rule.RequiredReviews)
	}
	_, err = repo.Write(ctx, "README.md", []byte("# Hello again\n"), "Greet")
	fmt.Println(errors.Is(err, reposit.ErrProtected), err)
	branch, err := repo.Branches().Branch(ctx, "main")
	fmt.Println(branch.Protected, err)
	if err := rules.Remove(ctx, "main"); err != nil {
		log.Fatal(err)
	}
	rule, err := rules.Branch(ctx, "release/1")
	fmt.Println(rule.Pattern, err)
	_, err = rules.Branch(ctx, "main")
	fmt.Println(errors.Is(err, reposit.ErrNotFound))
	// Output:
	// main true 2
	// release/* false 0
	// true reposit: write local/my-new-project: "README.md": refused by the branch protection "main": changes must come by a pull request
	// true <nil>
	// release/* <nil>
	// true
}

func ExampleRepo_Pulls() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	for _, login := range []string{"ann", "bob"} {
		if err := store.Users().Put(ctx, reposit.Profile{Login: login}); err != nil {
			log.Fatal(err)
		}
		if err := repo.Collaborators().Add(ctx, login, reposit.Write); err != nil {
			log.Fatal(err)
		}
	}
	err := repo.Protection().Set(ctx, "main", reposit.Protection{RequirePR: true, RequiredReviews: 1})
	if err != nil {
		log.Fatal(err)
	}

	// Ann proposes a change, Bob approves of it, and it is merged.
	ann, err := store.As(reposit.User("ann")).RepoByID(ctx, repo.ID())
	if err != nil {
		log.Fatal(err)
	}
	_, err = ann.Commit(ctx, &reposit.CommitOptions{Branch: "greet", Message: "Greet"},
		reposit.Put("README.md", []byte("# Hello again\n")))
	if err != nil {
		log.Fatal(err)
	}
	pull, err := ann.Pulls().Open(ctx, "main", "greet", nil)
	if err != nil {
		log.Fatal(err)
	}
	status, err := ann.Pulls().Status(ctx, pull.Number)
	fmt.Println(pull.Number, pull.Title, status.Mergeable, status.Lacks, err)

	bob, err := store.As(reposit.User("bob")).RepoByID(ctx, repo.ID())
	if err != nil {
		log.Fatal(err)
	}
	if _, err := bob.Pulls().Review(ctx, pull.Number, reposit.Approved,
		&reposit.ReviewOptions{Expect: &pull.Head}); err != nil {
		log.Fatal(err)
	}
	for review, err := range ann.Pulls().Reviews(ctx, pull.Number) {
		fmt.Println(review.Reviewer, review.State, err)
	}
	merged, err := ann.Pulls().Merge(ctx, pull.Number, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(merged.Kind, len(merged.Commit.Parents))

	// Another one, she takes back.
	if _, err := ann.Commit(ctx, &reposit.CommitOptions{Branch: "draft", Message: "Try"},
		reposit.Put("draft", nil)); err != nil {
		log.Fatal(err)
	}
	other, err := ann.Pulls().Open(ctx, "main", "draft", nil)
	if err == nil {
		err = ann.Pulls().Close(ctx, other.Number)
	}
	if err != nil {
		log.Fatal(err)
	}
	page, err := repo.Pulls().List(ctx, &reposit.PullListOptions{State: reposit.PullAny})
	for _, p := range page.Items {
		fmt.Println(p.Number, p.Title, p.Author, p.State, p.EndedBy, err)
	}
	// Output:
	// 1 Greet false [it has 0 of 1 approvals] <nil>
	// bob approved <nil>
	// merged 2
	// 2 Try ann closed ann <nil>
	// 1 Greet ann merged ann <nil>
}

func ExampleRepo_Merge() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	_, err := repo.Commit(ctx, &reposit.CommitOptions{Branch: "topic", Message: "Greet"},
		reposit.Put("README.md", []byte("# Hello again\n")))
	if err != nil {
		log.Fatal(err)
	}
	for _, opts := range []*reposit.MergeOptions{{DryRun: true}, {Strategy: reposit.FastForwardOnly}, nil} {
		merged, err := repo.Merge(ctx, "topic", opts)
		if err != nil {
			log.Fatal(err)
		}
		data, err := repo.Read(ctx, "main", "README.md")
		fmt.Printf("%v: %q %v\n", merged.Kind, data, err)
	}
	// Output:
	// merged: "# Hello\n" <nil>
	// fast-forwarded: "# Hello again\n" <nil>
	// already merged: "# Hello again\n" <nil>
}
