package reposit_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage/memory"
)

func ExampleParseID() {
	id, err := reposit.ParseID("rp_8f3k2m1q9t6w4z7c5n2h")
	fmt.Println(id, err)
	_, err = reposit.ParseID("my-project")
	fmt.Println(errors.Is(err, reposit.ErrInvalid))
	// Output:
	// rp_8f3k2m1q9t6w4z7c5n2h <nil>
	// true
}

// Keep the ID of a repository, not its name: it stays when the repository is renamed or gets another owner.
func ExampleStore_RepoByID() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	kept := map[string]reposit.ID{"user 7": exampleRepo(store).ID()}

	// Later, from the stored ID.
	repo, err := store.RepoByID(ctx, kept["user 7"])
	if err != nil {
		log.Fatal(err)
	}
	data, err := repo.Read(ctx, "", "README.md")
	fmt.Printf("%s %q %v\n", repo.ID(), data, err)
	// Output: rp_00000000000000000001 "# Hello\n" <nil>
}

// Whoever comes first makes the repository, and everybody gets it, also by a name that it had before.
func ExampleStore_GetOrCreate() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	opts := &reposit.CreateOptions{Owner: "ann"}
	for range 2 {
		repo, err := store.GetOrCreate(ctx, "My notes", opts)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(repo.ID())
		slug := "kept"
		if _, err := repo.Update(ctx, &reposit.RepoUpdate{Slug: &slug}); err != nil {
			log.Fatal(err)
		}
	}
	repo, err := store.GetOrCreate(ctx, "My notes", opts)
	fmt.Println(repo.MovedFrom(), err)
	// Output:
	// rp_00000000000000000001
	// rp_00000000000000000001
	// ann/my-notes <nil>
}

// A name that a repository had before leads to it until another repository takes the name.
func ExampleStore_Repo() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	slug, owner := "renamed", "ann"
	for _, u := range []*reposit.RepoUpdate{{Slug: &slug}, {Owner: &owner}} {
		if _, err := repo.Update(ctx, u); err != nil {
			log.Fatal(err)
		}
	}
	for _, name := range []string{"ann/renamed", "local/renamed", "my-new-project"} {
		found, err := store.Repo(ctx, name)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(name, "is", found.ID())
	}
	// Output:
	// ann/renamed is rp_00000000000000000001
	// local/renamed is rp_00000000000000000001
	// my-new-project is rp_00000000000000000001
}

func ExampleStore_All() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	for _, name := range []string{"alpha", "beta", "gamma"} {
		if _, err := store.Create(ctx, name, &reposit.CreateOptions{Owner: "ann", Private: name == "beta"}); err != nil {
			log.Fatal(err)
		}
	}
	for _, actor := range []reposit.Actor{reposit.User("ann"), reposit.Anonymous} {
		fmt.Println("as", actor)
		for info, err := range store.As(actor).All(ctx, &reposit.ListOptions{Owner: "ann", Sort: reposit.SortName}) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(" ", info.FullName())
		}
	}
	// Output:
	// as user ann
	//   ann/alpha
	//   ann/beta
	//   ann/gamma
	// as anonymous
	//   ann/alpha
	//   ann/gamma
}

func ExampleRepo_Info() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	info, err := exampleRepo(store).Info(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.ID, info.FullName(), info.DefaultBranch, info.Private)
	fmt.Println(info.PushedAt.Format("2006-01-02"), info.Size > 0, info.Forks, info.Watchers, info.OpenIssues,
		info.OpenPulls)
	fmt.Println(info.HasWiki, info.HasIssues, info.HasDownloads, info.Fork)
	// Output:
	// rp_00000000000000000001 local/my-new-project main false
	// 2026-01-01 true 0 0 0 0
	// true true true false
}

func ExampleRepo_Update() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	description, homepage := "What it is for", "https://example.org"
	yes, no, branch, issues := true, false, "develop", 5
	if _, err := repo.Branches().Create(ctx, branch, "main"); err != nil {
		log.Fatal(err)
	}
	info, err := repo.Update(ctx, &reposit.RepoUpdate{
		Description: &description, Homepage: &homepage, DefaultBranch: &branch, Private: &yes,
		HasWiki: &no, HasIssues: &yes, HasDownloads: &no, OpenIssues: &issues,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Description, info.Homepage, info.DefaultBranch, info.Private)
	fmt.Println(info.HasWiki, info.HasIssues, info.HasDownloads, info.OpenIssues)
	_, err = store.As(reposit.Anonymous).RepoByID(ctx, repo.ID())
	fmt.Println(errors.Is(err, reposit.ErrNotFound))
	// Output:
	// What it is for https://example.org develop true
	// false true false 5
	// true
}

func ExampleRepo_Read() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	entry, err := repo.Stat(ctx, "main", "README.md")
	if err != nil {
		log.Fatal(err)
	}
	data, err := repo.Read(ctx, "main", "README.md")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s %d %.7s %q\n", entry.Path, entry.Size, entry.Hash, data)
	// Output: README.md 8 fec5601 "# Hello\n"
}

func ExampleRepo_List() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	entries, err := exampleRepo(store).List(ctx, "main", "")
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range entries {
		fmt.Printf("%o %d %s\n", e.Mode, e.Size, e.Path)
	}
	// Output:
	// 100644 8 README.md
	// 120000 9 latest
	// 100755 10 run.sh
}

func ExampleBranches_List() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	if _, err := repo.Branches().Create(ctx, "develop", "main"); err != nil {
		log.Fatal(err)
	}
	if err := repo.Protection().Set(ctx, "main", reposit.Protection{}); err != nil {
		log.Fatal(err)
	}
	page, err := repo.Branches().List(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, b := range page.Items {
		fmt.Printf("%s %.7s %q protected: %v\n", b.Name, b.Commit.Hash, b.Commit.Message, b.Protected)
	}
	// Output:
	// develop 4ed9eb1 "First words" protected: false
	// main 4ed9eb1 "First words" protected: true
}

// Branches and tags, as names and hashes.
func ExampleRefs_All() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	if _, err := repo.Tags().Create(ctx, "v1", "main", nil); err != nil {
		log.Fatal(err)
	}
	for ref, err := range repo.Refs().All(ctx, "refs/") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %.7s\n", ref.Name, ref.Hash)
	}
	// Output:
	// refs/heads/main 4ed9eb1
	// refs/tags/v1 4ed9eb1
}

// An agent works in a fork of its own, which costs nothing.
func ExampleRepo_Fork() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	fork, err := repo.Fork(ctx, &reposit.ForkOptions{Owner: "agent-7"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := fork.Write(ctx, "README.md", []byte("# Changed\n"), "Try something"); err != nil {
		log.Fatal(err)
	}
	for _, r := range []*reposit.Repo{repo, fork} {
		info, err := r.Info(ctx)
		if err != nil {
			log.Fatal(err)
		}
		data, err := r.Read(ctx, "", "README.md")
		fmt.Printf("%s fork: %v of %q, %d forks: %q %v\n", info.FullName(), info.Fork, info.Parent, info.Forks, data, err)
	}
	// Output:
	// local/my-new-project fork: false of "", 1 forks: "# Hello\n" <nil>
	// agent-7/my-new-project fork: true of "rp_00000000000000000001", 0 forks: "# Changed\n" <nil>
}

func ExampleRepo_Network() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	fork, err := repo.Fork(ctx, &reposit.ForkOptions{Owner: "ann"})
	if err == nil {
		_, err = fork.Fork(ctx, &reposit.ForkOptions{Owner: "bob"})
	}
	if err != nil {
		log.Fatal(err)
	}
	page, err := fork.Network(ctx, &reposit.ListOptions{Sort: reposit.SortName})
	if err != nil {
		log.Fatal(err)
	}
	for _, info := range page.Items {
		fmt.Printf("%s from %q, root %q\n", info.FullName(), info.Parent, info.Source)
	}
	direct, err := repo.Forks(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, info := range direct.Items {
		fmt.Println("directly:", info.FullName())
	}
	// Output:
	// ann/my-new-project from "rp_00000000000000000001", root "rp_00000000000000000001"
	// bob/my-new-project from "rp_00000000000000000002", root "rp_00000000000000000001"
	// local/my-new-project from "", root ""
	// directly: ann/my-new-project
}

func ExampleStore_As() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo, err := store.Create(ctx, "notes", &reposit.CreateOptions{Owner: "ann"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := repo.Write(ctx, "a", []byte("1"), "First"); err != nil {
		log.Fatal(err)
	}

	asBob, err := store.As(reposit.User("bob")).Repo(ctx, "ann/notes")
	if err != nil {
		log.Fatal(err)
	}
	_, err = asBob.Write(ctx, "a", []byte("2"), "Mine")
	fmt.Println(errors.Is(err, reposit.ErrForbidden))

	private := true
	if _, err := repo.Update(ctx, &reposit.RepoUpdate{Private: &private}); err != nil {
		log.Fatal(err)
	}
	_, err = asBob.Read(ctx, "", "a")
	fmt.Println(errors.Is(err, reposit.ErrNotFound))
	// Output:
	// true
	// true
}

// A host that mirrors a store keeps the number of the last event that it has seen.
func ExampleStore_Events() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	var seen int64
	for e, err := range store.Events(ctx, seen) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Number, e.Kind, e.Name, "by", e.By)
		if seen = e.Number; seen == 2 {
			break
		}
	}
	if err := repo.Branches().Rename(ctx, "main", "trunk"); err != nil {
		log.Fatal(err)
	}
	for e, err := range store.Events(ctx, seen) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d %s %s %q\n", e.Number, e.Kind, e.Name, e.Detail)
		if e.Number == 5 {
			break
		}
	}
	// Output:
	// 1 repo created local/my-new-project by host
	// 2 ref changed refs/heads/main by host
	// 3 ref changed refs/heads/main ""
	// 4 ref changed refs/heads/trunk ""
	// 5 ref changed HEAD "refs/heads/trunk"
}

// A program that shows what there is takes the number of the last event first. So it misses nothing of what happens
// while it reads, and begins with what happens from then on.
func ExampleStore_EventRange() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	first, last, err := store.EventRange(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("kept:", first, "to", last)
	branches, err := repo.Branches().List(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("branches:", branches.TotalCount)
	if _, err := repo.Branches().Create(ctx, "topic", "main"); err != nil {
		log.Fatal(err)
	}
	for e, err := range store.Events(ctx, last) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Number, e.Kind, e.Name)
		break
	}
	// Output:
	// kept: 1 to 2
	// branches: 1
	// 3 ref changed refs/heads/topic
}

// A host that wants to do nothing in the background has a store brought up to date when it suits.
func ExampleStore_Upkeep() {
	ctx := context.Background()
	store, err := reposit.Open(ctx, memory.New(), &reposit.Options{Upkeep: reposit.Upkeep{Off: true}})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	repo, err := store.Create(ctx, "service", nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := repo.Write(ctx, "main.go", []byte("package main\n"), "Begin"); err != nil {
		log.Fatal(err)
	}
	for range 2 {
		found, err := store.Search(ctx, "service", nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%q\n", found.Items[0].Language)
		if err := store.Upkeep(ctx); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// ""
	// "Go"
}

func ExampleRepo_Languages() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	_, err := repo.Commit(ctx, &reposit.CommitOptions{Message: "Sources"},
		reposit.Put("main.go", []byte("package main\n\nfunc main() {}\n")),
		reposit.Put("vendor/other.rb", []byte("class NotOurs\nend\n")),
		reposit.Put("query.sql", []byte("SELECT 1;\n")),
		reposit.Put(".gitattributes", []byte("*.sql linguist-detectable\n")),
	)
	if err != nil {
		log.Fatal(err)
	}
	languages, err := repo.Languages(ctx, "main")
	if err != nil {
		log.Fatal(err)
	}
	info, err := repo.Info(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(languages, info.Language)
	// Output: map[Go:29 SQL:10 Shell:10] Go
}

func ExampleRepo_Contributors() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store) // with a commit by reposit@localhost
	if err := store.Users().Put(ctx, reposit.Profile{Login: "ann", Name: "Ann Lee",
		Email: "ann@example.org"}); err != nil {
		log.Fatal(err)
	}
	for i, author := range []reposit.Signature{
		{Name: "Ann", Email: "ann@example.org"}, {Name: "A. Lee", Email: "ann@work.example"},
		{Name: "Guest", Email: "guest@example.net"},
	} {
		_, err := repo.Commit(ctx, &reposit.CommitOptions{Author: &author}, reposit.Put(fmt.Sprint("note", i), nil))
		if err != nil {
			log.Fatal(err)
		}
	}
	if _, err := repo.Write(ctx, ".mailmap", []byte("Ann Lee <ann@example.org> <ann@work.example>\n"),
		"Who is who"); err != nil {
		log.Fatal(err)
	}
	for _, anonymous := range []bool{false, true} {
		contributors, err := repo.Contributors(ctx, &reposit.ContributorOptions{Anonymous: anonymous, Limit: 2})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%+v\n", contributors)
	}
	// Output:
	// [{Login:ann Name:Ann Lee Email:ann@example.org Contributions:2}]
	// [{Login:ann Name:Ann Lee Email:ann@example.org Contributions:2} {Login: Name:reposit Email:reposit@localhost Contributions:2}]
}

func ExampleStore_Pushable() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	if err := store.Users().Put(ctx, reposit.Profile{Login: "bob"}); err != nil {
		log.Fatal(err)
	}
	for name, p := range map[string]reposit.Permission{"to-read": reposit.Read, "to-write": reposit.Write} {
		repo, err := store.Create(ctx, name, &reposit.CreateOptions{Owner: "ann", Private: true})
		if err == nil {
			err = repo.Collaborators().Add(ctx, "bob", p)
		}
		if err != nil {
			log.Fatal(err)
		}
	}
	if _, err := store.Create(ctx, "his own", &reposit.CreateOptions{Owner: "bob"}); err != nil {
		log.Fatal(err)
	}
	page, err := store.As(reposit.User("bob")).Pushable(ctx, "bob", nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, info := range page.Items {
		fmt.Println(info.FullName())
	}
	// Output: ann/to-write
}
