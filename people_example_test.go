package reposit_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/reposit/reposit"
)

// exampleUsers makes users of which only the login is known.
func exampleUsers(store *reposit.Store, logins ...string) {
	for _, login := range logins {
		if err := store.Users().Put(context.Background(), reposit.Profile{Login: login}); err != nil {
			log.Fatal(err)
		}
	}
}

func ExampleUsers() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()

	err := store.Users().Put(ctx, reposit.Profile{
		Login: "ann", Name: "Ann Example", Email: "ann@example.org", Emails: []string{"ann@work.example.org"},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, actor := range []reposit.Actor{reposit.User("ann"), reposit.Anonymous} {
		profile, err := store.As(actor).Users().User(ctx, "ann")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(profile.Name, profile.Email, profile.Emails)
	}
	err = store.Users().Put(ctx, reposit.Profile{Login: "bob", Email: "Ann@work.example.org"})
	fmt.Println(err)

	exampleUsers(store, "bob", "cid")
	if err := store.Users().Remove(ctx, "bob"); err != nil {
		log.Fatal(err)
	}
	for profile, err := range store.Users().All(ctx) {
		fmt.Println(profile.Login, err)
	}
	// Output:
	// Ann Example ann@example.org [ann@work.example.org]
	// Ann Example ann@example.org []
	// reposit: put user: "bob": e-mail address "ann@work.example.org" already exists
	// ann <nil>
	// cid <nil>
}

func ExampleCollaborators() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	exampleUsers(store, "bob", "cid")
	repo, err := store.Create(ctx, "Site", &reposit.CreateOptions{Owner: "ann", Private: true})
	if err != nil {
		log.Fatal(err)
	}

	bob := store.As(reposit.User("bob"))
	_, err = bob.Repo(ctx, "ann/site")
	fmt.Println(err)

	if err := repo.Collaborators().Add(ctx, "bob", reposit.Write); err != nil {
		log.Fatal(err)
	}
	site, err := bob.Repo(ctx, "ann/site")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(site.Collaborators().List(ctx))
	fmt.Println(site.Permission(ctx, "bob"))
	fmt.Println(site.Collaborators().Add(ctx, "cid", reposit.Read))

	// What was granted ends at once, also for handles.
	if err := repo.Collaborators().Remove(ctx, "bob"); err != nil {
		log.Fatal(err)
	}
	_, err = site.Info(ctx)
	fmt.Println(errors.Is(err, reposit.ErrNotFound))
	// Output:
	// reposit: repo: "ann/site": not found
	// [{bob write}] <nil>
	// write <nil>
	// reposit: add collaborator ann/site: "cid": forbidden
	// true
}

func ExampleTeams() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	exampleUsers(store, "bob", "cid", "dan")
	repo, err := store.Create(ctx, "Site", &reposit.CreateOptions{Owner: "acme", Private: true})
	if err != nil {
		log.Fatal(err)
	}
	for _, team := range []reposit.Team{
		{Owner: "acme", Name: "everyone", Permission: reposit.Read, Members: []string{"bob", "cid", "dan"},
			Repos: []reposit.ID{repo.ID()}},
		{Owner: "acme", Name: "web", Permission: reposit.Write, Members: []string{"cid"}, Repos: []reposit.ID{repo.ID()}},
	} {
		if err := store.Teams().Put(ctx, team); err != nil {
			log.Fatal(err)
		}
	}

	teams, err := repo.Teams(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, team := range teams {
		fmt.Println(team.Name, team.Permission, team.Members)
	}
	seen, err := store.As(reposit.User("cid")).Teams().List(ctx, "acme")
	fmt.Println("cid is in", len(seen), "teams of acme", err)
	fmt.Println(repo.Collaborators().List(ctx))
	for _, login := range []string{"bob", "cid"} {
		page, err := store.Pushable(ctx, login, nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(login, " may push to ", page.TotalCount, ":")
		for _, info := range page.Items {
			fmt.Print(" ", info.FullName())
		}
		fmt.Println()
	}
	// Output:
	// everyone read [bob cid dan]
	// web write [cid]
	// cid is in 2 teams of acme <nil>
	// [{bob read} {cid write} {dan read}] <nil>
	// bob may push to 0:
	// cid may push to 1: acme/site
}

func ExampleStore_AsKey() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)

	const line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ deploy@ci"
	key, err := repo.DeployKeys().Add(ctx, "", line, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(key.ID, key.Title, key.Fingerprint)
	keys, err := repo.DeployKeys().List(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, k := range keys {
		fmt.Println(k.ID, k.Write, k.Key[:20])
	}

	machine, err := store.AsKey(ctx, line)
	if err != nil {
		log.Fatal(err)
	}
	same, err := machine.RepoByID(ctx, repo.ID())
	if err != nil {
		log.Fatal(err)
	}
	content, err := same.Read(ctx, "main", "README.md")
	fmt.Printf("%s%v\n", content, err)
	_, err = same.Commit(ctx, &reposit.CommitOptions{Message: "No"}, reposit.Put("a", nil))
	fmt.Println(err)

	if err := repo.DeployKeys().Remove(ctx, key.ID); err != nil {
		log.Fatal(err)
	}
	_, err = same.Read(ctx, "main", "README.md")
	fmt.Println(err)
	// Output:
	// 1 deploy@ci SHA256:T7SvZ2cslqpPj6nKzitCBHHlpVF3r3MvLwmFL0fk0IE
	// 1 false ssh-ed25519 AAAAC3Nz
	// # Hello
	// <nil>
	// reposit: commit local/my-new-project: forbidden
	// reposit: read local/my-new-project: "main": not found
}

func ExampleWatchers() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	for login, name := range map[string]string{"ann": "Ann Example", "bob": "Bob Example"} {
		if err := store.Users().Put(ctx, reposit.Profile{Login: login, Name: name}); err != nil {
			log.Fatal(err)
		}
	}
	repo := exampleRepo(store)

	for _, login := range []string{"ann", "bob"} {
		same, err := store.As(reposit.User(login)).RepoByID(ctx, repo.ID())
		if err != nil {
			log.Fatal(err)
		}
		if err := same.Watchers().Add(ctx, login); err != nil {
			log.Fatal(err)
		}
	}
	opts := &reposit.ListOptions{PageSize: 1}
	for {
		page, err := repo.Watchers().List(ctx, opts)
		if err != nil {
			log.Fatal(err)
		}
		for _, watcher := range page.Items {
			fmt.Println(watcher.Login, "is", watcher.Name, "and one of", page.TotalCount)
		}
		if opts.PageToken = page.NextPageToken; opts.PageToken == "" {
			break
		}
	}
	if err := repo.Watchers().Remove(ctx, "ann"); err != nil {
		log.Fatal(err)
	}
	for id, err := range store.Users().Watching(ctx, "bob") {
		if err == nil {
			err = store.As(reposit.User("bob")).Users().Unwatch(ctx, "bob", id)
		}
		fmt.Println(id == repo.ID(), err)
	}
	info, err := repo.Info(ctx)
	fmt.Println(info.Watchers, err)
	// Output:
	// ann is Ann Example and one of 2
	// bob is Bob Example and one of 2
	// true <nil>
	// 0 <nil>
}
