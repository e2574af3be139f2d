package reposit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-git/v5/plumbing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

// A door is an exported method, what it needs, and a call of it that a holder of that succeeds with.
type door struct {
	need reposit.Permission
	call func(*cell) error
}

// A cell is one store in which one actor tries one door.
type cell struct {
	ctx context.Context
	s   *reposit.Store // as the actor
	r   *reposit.Repo  // as the actor
	all *reposit.Repo  // as the host
}

// open are the methods that ask nobody: they do nothing but hand out what asks.
var openDoors = map[string]bool{
	"Store.As": true, "Repo.ID": true, "Repo.MovedFrom": true, "Repo.Branches": true, "Repo.Tags": true, "Repo.Refs": true,
	"Repo.Protection": true, "Repo.Pulls": true, "Repo.Notes": true, "Notes.With": true,
	"Repo.Collaborators": true, "Repo.DeployKeys": true, "Repo.Watchers": true, "Store.Users": true, "Store.Teams": true,
}

// storeDoors are the methods of a store that are not about one repository. TestStoreDoors and others look at each.
var storeDoors = map[string]bool{
	"Store.Create": true, "Store.Import": true, "Store.ImportBundle": true, "Store.ImportFS": true,
	"Store.ImportArchive": true,
	"Store.GetOrCreate":   true, "Store.List": true, "Store.All": true, "Store.Search": true, "Store.Close": true,
	"Store.Compact":       true,
	"Store.DeleteExpired": true, "Store.Deleted": true, "Store.Undelete": true, "Store.DropDeleted": true,
	"Store.Upkeep": true, "Store.Check": true,
	"Store.Repair": true, "Store.Feed": true, "Store.Stats": true, "Store.Backup": true, "Store.CopyTo": true,
	"Store.Events": true, "Store.EventRange": true,
	"Store.AsKey": true, "Store.Pushable": true, "Users.Put": true, "Users.User": true, "Users.Remove": true,
	"Users.RemoveTo": true,
	"Users.All":      true,
	"Users.Watching": true, "Users.Unwatch": true,
	"Teams.Put": true, "Teams.Leave": true, "Teams.Team": true, "Teams.Remove": true, "Teams.List": true,
}

// notForKeys are the doors that no deploy key opens: what is about people, and what git neither fetches nor pushes.
var notForKeys = map[string]bool{
	"Repo.Teams": true, "Collaborators.List": true, "Watchers.List": true, "Pulls.Merge": true, "Pulls.Close": true,
}

var doors = map[string]door{
	"Store.Repo":     {reposit.Read, func(c *cell) error { _, err := c.s.Repo(c.ctx, "owner/x"); return err }},
	"Store.RepoByID": {reposit.Read, func(c *cell) error { _, err := c.s.RepoByID(c.ctx, c.all.ID()); return err }},
	"Repo.Info":      {reposit.Read, func(c *cell) error { _, err := c.r.Info(c.ctx); return err }},
	"Repo.Read":      {reposit.Read, func(c *cell) error { _, err := c.r.Read(c.ctx, "", "f"); return err }},
	"Repo.Open": {reposit.Read, func(c *cell) error {
		r,
			err := c.r.Open(c.ctx, "", "f")
		return errors.Join(err, closeAll(r))
	}},
	"Repo.Stat":    {reposit.Read, func(c *cell) error { _, err := c.r.Stat(c.ctx, "", "f"); return err }},
	"Repo.List":    {reposit.Read, func(c *cell) error { _, err := c.r.List(c.ctx, "", ""); return err }},
	"Repo.Walk":    {reposit.Read, func(c *cell) error { return firstError(c.r.Walk(c.ctx, "", "")) }},
	"Repo.FS":      {reposit.Read, func(c *cell) error { _, err := c.r.FS(c.ctx, ""); return err }},
	"Repo.Resolve": {reposit.Read, func(c *cell) error { _, err := c.r.Resolve(c.ctx, ""); return err }},
	"Repo.Describe": {reposit.Read, func(c *cell) error {
		_, err := c.r.Describe(c.ctx, "", &reposit.DescribeOptions{Always: true})
		return err
	}},
	"Repo.Diff":    {reposit.Read, func(c *cell) error { _, err := c.r.Diff(c.ctx, "", "", nil); return err }},
	"Repo.Archive": {reposit.Read, func(c *cell) error { return c.r.Archive(c.ctx, io.Discard, nil) }},
	"Repo.Bundle":  {reposit.Read, func(c *cell) error { return c.r.Bundle(c.ctx, io.Discard, nil) }},
	"Repo.Export":  {reposit.Read, func(c *cell) error { return c.r.Export(c.ctx, memfs.New(), nil) }},
	"Repo.Fetch":   {reposit.Write, fetchDoor},
	"Repo.ReceivePack": {reposit.Write, func(c *cell) error {
		h, err := c.all.Resolve(c.ctx, "main")
		if err != nil {
			return err
		}
		return pushRef(c.ctx, c.r, fmt.Sprintf("%s %s refs/heads/pushed", reposit.Hash{}, h))
	}},
	"Repo.UploadPack":  {reposit.Read, func(c *cell) error { return c.r.UploadPack(c.ctx, gitClient(""), nil) }},
	"Repo.Blame":       {reposit.Read, func(c *cell) error { _, err := c.r.Blame(c.ctx, "", "f", nil); return err }},
	"Repo.Compare":     {reposit.Read, func(c *cell) error { _, err := c.r.Compare(c.ctx, "", ""); return err }},
	"Repo.Grep":        {reposit.Read, func(c *cell) error { return firstError(c.r.Grep(c.ctx, "", "", nil)) }},
	"Repo.Storer":      {reposit.Read, func(c *cell) error { _, err := c.r.Storer(c.ctx); return err }},
	"Repo.Forks":       {reposit.Read, func(c *cell) error { _, err := c.r.Forks(c.ctx, nil); return err }},
	"Repo.Network":     {reposit.Read, func(c *cell) error { _, err := c.r.Network(c.ctx, nil); return err }},
	"Repo.Permission":  {reposit.Admin, func(c *cell) error { _, err := c.r.Permission(c.ctx, "somebody"); return err }},
	"Repo.Write":       {reposit.Write, func(c *cell) error { _, err := c.r.Write(c.ctx, "g", nil, "m"); return err }},
	"Repo.CommitAt":    {reposit.Read, func(c *cell) error { _, err := c.r.CommitAt(c.ctx, ""); return err }},
	"Repo.Log":         {reposit.Read, func(c *cell) error { return firstError(c.r.Log(c.ctx, nil)) }},
	"Repo.LastCommits": {reposit.Read, func(c *cell) error { return firstError(c.r.LastCommits(c.ctx, "", "")) }},
	"Repo.Commit": {reposit.Write, func(c *cell) error {
		_,
			err := c.r.Commit(c.ctx, nil, reposit.Delete("f"))
		return err
	}},
	"Repo.Apply": {reposit.Write, func(c *cell) error {
		text := "diff --git a/applied b/applied\nnew file mode 100644\n"
		_, err := c.r.Apply(c.ctx, strings.NewReader(text), nil)
		return err
	}},
	"Repo.Restore": {reposit.Write, func(c *cell) error {
		_, err := c.r.Restore(c.ctx, "side", &reposit.RestoreOptions{CommitOptions: reposit.CommitOptions{AllowEmpty: true}})
		return err
	}},
	"Repo.Verify": {reposit.Read, func(c *cell) error {
		keys, err := reposit.NewKeyring(nil)
		if err == nil {
			_, err = c.r.Verify(c.ctx, "", keys)
		}
		return err
	}},
	"Repo.CherryPick": {reposit.Write, func(c *cell) error {
		opts := &reposit.PickOptions{CommitOptions: reposit.CommitOptions{AllowEmpty: true}}
		_, err := c.r.CherryPick(c.ctx, "topic", opts)
		return err
	}},
	"Repo.Revert": {reposit.Write, func(c *cell) error { _, err := c.r.Revert(c.ctx, "main", nil); return err }},
	"Repo.Worktree": {reposit.Write, func(c *cell) error {
		w, err := c.r.Worktree(c.ctx, "")
		if err != nil {
			return err
		}
		if err := writeFile(w, "written", "x"); err != nil {
			return err
		}
		return errorOf(w.Commit(c.ctx, nil))
	}},
	"Repo.Merge":       {reposit.Write, func(c *cell) error { _, err := c.r.Merge(c.ctx, "main", nil); return err }},
	"Repo.Update":      {reposit.Admin, func(c *cell) error { _, err := c.r.Update(c.ctx, nil); return err }},
	"Repo.Stats":       {reposit.Admin, func(c *cell) error { _, err := c.r.Stats(c.ctx); return err }},
	"Repo.DeleteToken": {reposit.Admin, func(c *cell) error { _, err := c.r.DeleteToken(c.ctx); return err }},
	"Repo.Delete":      {reposit.Admin, deleteDoor},
	"Repo.Fork":        {reposit.Read, forkDoor},
	"Branches.List":    {reposit.Read, func(c *cell) error { _, err := c.r.Branches().List(c.ctx, nil); return err }},
	"Branches.All":     {reposit.Read, func(c *cell) error { return firstError(c.r.Branches().All(c.ctx)) }},
	"Branches.Branch": {reposit.Read, func(c *cell) error {
		_,
			err := c.r.Branches().Branch(c.ctx, "main")
		return err
	}},
	"Branches.Create": {reposit.Write, func(c *cell) error {
		_,
			err := c.r.Branches().Create(c.ctx, "new", "")
		return err
	}},
	"Branches.Rename": {reposit.Write, func(c *cell) error { return c.r.Branches().Rename(c.ctx, "side", "new") }},
	"Branches.Restore": {reposit.Admin, func(c *cell) error {
		if _, err := c.all.Branches().Create(c.ctx, "gone", ""); err != nil {
			return err
		}
		if err := c.all.Branches().Delete(c.ctx, "gone"); err != nil {
			return err
		}
		_, err := c.r.Branches().Restore(c.ctx, "gone")
		return err
	}},
	"Branches.Delete": {reposit.Write, func(c *cell) error { return c.r.Branches().Delete(c.ctx, "side") }},
	"Tags.List":       {reposit.Read, func(c *cell) error { _, err := c.r.Tags().List(c.ctx, nil); return err }},
	"Tags.All":        {reposit.Read, func(c *cell) error { return firstError(c.r.Tags().All(c.ctx)) }},
	"Tags.Tag":        {reposit.Read, func(c *cell) error { _, err := c.r.Tags().Tag(c.ctx, "v1"); return err }},
	"Tags.Create": {reposit.Write, func(c *cell) error {
		_,
			err := c.r.Tags().Create(c.ctx, "v2", "", nil)
		return err
	}},
	"Tags.Delete":  {reposit.Write, func(c *cell) error { return c.r.Tags().Delete(c.ctx, "v1") }},
	"Notes.List":   {reposit.Read, func(c *cell) error { return firstError(c.r.Notes().List(c.ctx)) }},
	"Notes.Note":   {reposit.Read, func(c *cell) error { _, err := c.r.Notes().Note(c.ctx, ""); return err }},
	"Notes.Put":    {reposit.Write, func(c *cell) error { return c.r.Notes().Put(c.ctx, "", "other") }},
	"Notes.Remove": {reposit.Write, func(c *cell) error { return c.r.Notes().Remove(c.ctx, "") }},
	"Refs.All":     {reposit.Read, func(c *cell) error { return firstError(c.r.Refs().All(c.ctx, "")) }},
	"Refs.Log":     {reposit.Write, func(c *cell) error { return firstError(c.r.Refs().Log(c.ctx, "refs/heads/main")) }},
	"Refs.Update": {reposit.Write, func(c *cell) error {
		return c.r.Refs().Update(c.ctx,
			reposit.RefUpdate{Name: "refs/tags/v1"})
	}},
	"Protections.List": {reposit.Read, func(c *cell) error { _, err := c.r.Protection().List(c.ctx); return err }},
	"Protections.Branch": {reposit.Read, func(c *cell) error {
		_,
			err := c.r.Protection().Branch(c.ctx, "locked")
		return err
	}},
	"Protections.Set": {reposit.Admin, func(c *cell) error {
		return c.r.Protection().Set(c.ctx, "main", reposit.Protection{})
	}},
	"Pulls.Pull":         {reposit.Read, func(c *cell) error { _, err := c.r.Pulls().Pull(c.ctx, 1); return err }},
	"Pulls.List":         {reposit.Read, func(c *cell) error { _, err := c.r.Pulls().List(c.ctx, nil); return err }},
	"Pulls.Status":       {reposit.Read, func(c *cell) error { _, err := c.r.Pulls().Status(c.ctx, 1); return err }},
	"Pulls.Reviews":      {reposit.Read, func(c *cell) error { return firstError(c.r.Pulls().Reviews(c.ctx, 1)) }},
	"Pulls.Review":       {reposit.Read, reviewDoor},
	"Pulls.Open":         {reposit.Write, openPullDoor},
	"Pulls.Merge":        {reposit.Write, func(c *cell) error { _, err := c.r.Pulls().Merge(c.ctx, 1, nil); return err }},
	"Pulls.Close":        {reposit.Write, func(c *cell) error { return c.r.Pulls().Close(c.ctx, 1) }},
	"Protections.Remove": {reposit.Admin, func(c *cell) error { return c.r.Protection().Remove(c.ctx, "locked") }},
	"Repo.Languages":     {reposit.Read, func(c *cell) error { _, err := c.r.Languages(c.ctx, ""); return err }},
	"Repo.Contributors":  {reposit.Read, func(c *cell) error { _, err := c.r.Contributors(c.ctx, nil); return err }},
	"Storer.SetObject":   {reposit.Write, storerObjectDoor},
	"Storer.SetConfig":   {reposit.Write, storerConfigDoor},
	"Storer.SetRef":      {reposit.Write, storerRefDoor},
	"Storer.RemoveRef":   {reposit.Write, storerRemoveDoor},
	"Storer.Object":      {reposit.Read, storerReadDoor},
	"Storer.PackWriter":  {reposit.Write, storerPackDoor},

	"Repo.Teams":         {reposit.Write, func(c *cell) error { _, err := c.r.Teams(c.ctx); return err }},
	"Collaborators.List": {reposit.Write, func(c *cell) error { _, err := c.r.Collaborators().List(c.ctx); return err }},
	"Collaborators.Add": {reposit.Admin, func(c *cell) error {
		return c.r.Collaborators().Add(c.ctx, "stranger",
			reposit.Read)
	}},
	"Collaborators.Remove": {reposit.Admin, func(c *cell) error { return c.r.Collaborators().Remove(c.ctx, "guest") }},
	"DeployKeys.List":      {reposit.Admin, func(c *cell) error { _, err := c.r.DeployKeys().List(c.ctx); return err }},
	"DeployKeys.Add": {reposit.Admin, func(c *cell) error {
		_,
			err := c.r.DeployKeys().Add(c.ctx, "", sshKey(9), nil)
		return err
	}},
	"DeployKeys.Remove": {reposit.Admin, removeKeyDoor},
	"Watchers.List":     {reposit.Read, func(c *cell) error { _, err := c.r.Watchers().List(c.ctx, nil); return err }},
	"Watchers.Add":      {reposit.Read, func(c *cell) error { return ownDoor(c.r.Watchers().Add(c.ctx, "stranger")) }},
	"Watchers.Remove": {reposit.Read, func(c *cell) error {
		return ownDoor(c.r.Watchers().Remove(c.ctx,
			"stranger"))
	}},
}

func closeAll(c io.Closer) error {
	if v := reflect.ValueOf(c); !v.IsValid() || v.IsNil() {
		return nil
	}
	return c.Close()
}

func firstError[T any](seq iter.Seq2[T, error]) error {
	for _, err := range seq {
		return err
	}
	return nil
}

// deleteDoor deletes with a token of the host, so that it is Delete that refuses.
func deleteDoor(c *cell) error {
	token, err := c.all.DeleteToken(c.ctx)
	if err != nil {
		return err
	}
	return c.r.Delete(c.ctx, token)
}

// fetchDoor fetches a bundle that makes a branch of what is there.
func fetchDoor(c *cell) error {
	h, err := c.all.Resolve(c.ctx, "main")
	if err != nil {
		return err
	}
	bundle := fmt.Sprintf("# v2 git bundle\n%s refs/heads/fetched\n\n%s", h, emptyPack)
	_, err = c.r.Fetch(c.ctx, strings.NewReader(bundle), nil)
	return err
}

// forkDoor forks to the actor themselves. Who has no name can't have repositories, which is not what this is about.
func forkDoor(c *cell) error {
	_, err := c.r.Fork(c.ctx, &reposit.ForkOptions{Slug: "forked"})
	if errors.Is(err, reposit.ErrForbidden) && !errors.Is(err, storage.ErrReadOnly) {
		return nil
	}
	return err
}

// removeKeyDoor removes a key that is of no role.
func removeKeyDoor(c *cell) error {
	key, err := c.all.DeployKeys().Add(c.ctx, "", sshKey(9), nil)
	if err != nil {
		return err
	}
	return c.r.DeployKeys().Remove(c.ctx, key.ID)
}

// ownDoor is what a user may for themselves alone. TestWhoMayWithPeople looks at who that is.
func ownDoor(err error) error {
	if errors.Is(err, reposit.ErrForbidden) && !errors.Is(err, storage.ErrReadOnly) {
		return nil
	}
	return err
}

// reviewDoor reviews as the actor themselves. Who has no name can't, which is not what this is about.
func reviewDoor(c *cell) error {
	_, err := c.r.Pulls().Review(c.ctx, 1, reposit.Commented, nil)
	if errors.Is(err, storage.ErrReadOnly) {
		return err
	}
	if errors.Is(err, reposit.ErrForbidden) || errors.Is(err, reposit.ErrInvalid) { // the latter of the host
		return nil
	}
	return err
}

// openPullDoor opens a pull request as the actor themselves. A deploy key that may write has no name, and can't.
func openPullDoor(c *cell) error {
	_, err := c.r.Pulls().Open(c.ctx, "main", "topic2", nil)
	if errors.Is(err, reposit.ErrForbidden) {
		if _, err := c.r.Branches().Create(c.ctx, "new", ""); err == nil {
			return nil
		}
	}
	return err
}

func storerObjectDoor(c *cell) error {
	s, err := c.r.Storer(c.ctx)
	if err != nil {
		return err
	}
	o := s.NewEncodedObject()
	o.SetType(plumbing.BlobObject)
	_, err = s.SetEncodedObject(o)
	return err
}

func storerConfigDoor(c *cell) error {
	s, err := c.r.Storer(c.ctx)
	if err != nil {
		return err
	}
	cfg, err := s.Config()
	if err != nil {
		return err
	}
	return s.SetConfig(cfg)
}

func storerRefDoor(c *cell) error {
	s, err := c.r.Storer(c.ctx)
	if err != nil {
		return err
	}
	at, err := s.Reference("refs/heads/main")
	if err != nil {
		return err
	}
	return s.SetReference(plumbing.NewHashReference("refs/heads/new", at.Hash()))
}

func storerRemoveDoor(c *cell) error {
	s, err := c.r.Storer(c.ctx)
	if err != nil {
		return err
	}
	return s.RemoveReference("refs/heads/side")
}

func storerReadDoor(c *cell) error {
	s, err := c.r.Storer(c.ctx)
	if err != nil {
		return err
	}
	at, err := s.Reference("refs/heads/main")
	if err != nil {
		return err
	}
	_, err = s.EncodedObject(plumbing.AnyObject, at.Hash())
	return err
}

func storerPackDoor(c *cell) error {
	s, err := c.r.Storer(c.ctx)
	if err != nil {
		return err
	}
	w, err := s.(interface {
		PackfileWriter() (io.WriteCloser, error)
	}).PackfileWriter()
	return errors.Join(err, closeAll(w))
}

// A role is an actor with what they may do in a private repository of another owner. All of them may read public ones.
type role struct {
	actor   func(*testing.T, *matrix) *reposit.Store
	private reposit.Permission
	outside bool // may not even read what is public, but for the one repository
}

func user(login string) func(*testing.T, *matrix) *reposit.Store {
	return func(_ *testing.T, m *matrix) *reposit.Store { return m.s.As(reposit.User(login)) }
}

func key(n byte) func(*testing.T, *matrix) *reposit.Store {
	return func(t *testing.T, m *matrix) *reposit.Store { return must(m.s.AsKey(t.Context(), sshKey(n)))(t) }
}

var roles = map[string]role{
	"host":        {func(_ *testing.T, m *matrix) *reposit.Store { return m.s.Store }, reposit.Admin, false},
	"owner":       {user("owner"), reposit.Admin, false},
	"admin":       {user("admin"), reposit.Admin, false},
	"writer":      {user("writer"), reposit.Write, false},
	"reader":      {user("reader"), reposit.Read, false},
	"team admin":  {user("teamadmin"), reposit.Admin, false},
	"team writer": {user("teamwriter"), reposit.Write, false},
	"team reader": {user("teamreader"), reposit.Read, false},
	"both":        {user("both"), reposit.Write, false}, // reads as a collaborator, writes by a team
	"removed":     {user("removed"), reposit.None, false},
	"left":        {user("left"), reposit.None, false},    // was in a team
	"foreign":     {user("foreign"), reposit.None, false}, // in a team of another owner
	"stranger":    {user("stranger"), reposit.None, false},
	"nobody":      {user(""), reposit.None, false},
	"anonymous": {func(_ *testing.T, m *matrix) *reposit.Store { return m.s.As(reposit.Anonymous) }, reposit.None,
		false},
	"key":         {key(1), reposit.Write, true},
	"reading key": {key(2), reposit.Read, true},
	"zero":        {func(_ *testing.T, m *matrix) *reposit.Store { return m.s.As(reposit.Actor{}) }, reposit.None, false},
}

// A matrix is a store with one repository, and people of all roles.
type matrix struct {
	s *store
	r *reposit.Repo
}

func newMatrix(t *testing.T) *matrix {
	t.Helper()
	m := &matrix{s: openMemory(t, nil)}
	m.r = create(t, m.s, "x", &reposit.CreateOptions{Owner: "owner"})
	write(t, m.r, "f", "1")
	if _, err := m.r.Branches().Create(t.Context(), "side", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := m.r.Tags().Create(t.Context(), "v1", "", nil); err != nil {
		t.Fatal(err)
	}
	if err := m.r.Notes().Put(t.Context(), "", "note"); err != nil {
		t.Fatal(err)
	}
	protect(t, m.r, "locked", reposit.Protection{})
	for _, branch := range []string{"topic", "topic2"} {
		put(t, m.r, branch, branch, "1")
	}
	openPull(t, m.r, "main", "topic", &reposit.PullOptions{Author: "author"})
	must(m.r.DeployKeys().Add(t.Context(), "key", sshKey(1), &reposit.KeyOptions{Write: true}))(t)
	must(m.r.DeployKeys().Add(t.Context(), "reading key", sshKey(2), nil))(t)
	err := m.s.backend.Update(t.Context(), func(tx storage.Tx) error {
		id := storage.ID([]byte(m.r.ID()[len("rp_"):]))
		for _, login := range []string{"owner", "admin", "writer", "reader", "teamadmin", "teamwriter", "teamreader", "both",
			"removed", "left", "foreign", "stranger", "guest"} {
			if err := people.PutUser(tx, &people.User{Login: login}); err != nil {
				return err
			}
		}
		for login, p := range map[string]people.Permission{"admin": people.Admin, "writer": people.Write,
			"reader": people.Read, "both": people.Read, "guest": people.Read, "removed": people.Admin} {
			if err := people.AddCollaborator(tx, id, login, p); err != nil {
				return err
			}
		}
		if _, err := people.RemoveCollaborator(tx, id, "removed"); err != nil {
			return err
		}
		for _, team := range []people.Team{
			{Owner: "owner", Name: "admins", Permission: people.Admin, Members: []string{"teamadmin", "left"},
				Repos: []storage.ID{id}},
			{Owner: "owner", Name: "admins", Permission: people.Admin, Members: []string{"teamadmin"}, Repos: []storage.ID{id}},
			{Owner: "owner", Name: "writers", Permission: people.Write, Members: []string{"teamwriter", "both"},
				Repos: []storage.ID{id}},
			{Owner: "owner", Name: "readers", Permission: people.Read, Members: []string{"teamreader", "teamwriter"},
				Repos: []storage.ID{id}},
			{Owner: "other", Name: "admins", Permission: people.Admin, Members: []string{"foreign"}},
		} {
			if _, _, err := people.PutTeam(tx, &team); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestMatrix tries every door as every role, in public and private repositories and forks.
func TestMatrix(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	for _, v := range nouns(m.r, m.s.Store) {
		for i := range v.NumMethod() {
			name := reflect.Indirect(v).Type().Name() + "." + v.Type().Method(i).Name
			if _, ok := doors[name]; !ok && !openDoors[name] && !storeDoors[name] {
				t.Errorf("%s is in no row of the matrix: say what it needs", name)
			}
		}
	}
	cells := 0
	for _, name := range slices.Sorted(maps.Keys(doors)) {
		d := doors[name]
		for _, who := range slices.Sorted(maps.Keys(roles)) {
			role := roles[who]
			for _, private := range []bool{false, true} {
				if cells++; cells%5 != 0 && testing.Short() {
					continue
				}
				have := role.private
				if !private && !role.outside {
					have = max(have, reposit.Read)
				}
				got := tryDoor(t, d, role, private)
				want := error(nil)
				switch {
				case have == reposit.None:
					want = reposit.ErrNotFound
				case have < d.need, role.outside && notForKeys[name]:
					want = reposit.ErrForbidden
				}
				if !errors.Is(got, want) || want == nil && got != nil {
					t.Errorf("%s as %s, private: %v = %v, want %v", name, who, private, got, want)
				}
			}
		}
	}
	t.Logf("%d cells of %d methods and %d roles", cells, len(doors), len(roles))
}

// tryDoor has a role try a door of a repository, with a handle that they took when they could read it.
func tryDoor(t *testing.T, d door, who role, private bool) error {
	t.Helper()
	m := newMatrix(t)
	as := who.actor(t, m)
	c := &cell{ctx: t.Context(), s: as, all: m.r}
	var err error
	if c.r, err = as.RepoByID(t.Context(), m.r.ID()); err != nil && !who.outside {
		t.Fatal(err)
	}
	if private {
		if _, err := m.r.Update(t.Context(), &reposit.RepoUpdate{Private: &private}); err != nil {
			t.Fatal(err)
		}
	}
	before := m.s.digest(t)
	err = d.call(c)
	if err != nil && m.s.digest(t) != before && !errors.Is(err, reposit.ErrForbidden) &&
		!errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("a call that returned %v changed something", err)
	}
	return err
}

// noRoom is a writer that takes nothing.
type noRoom struct{}

func (noRoom) Write([]byte) (int, error) { return 0, errors.New("no room") }

// TestStoreDoors looks at what a store does that is not about one repository.
func TestStoreDoors(t *testing.T) {
	ctx := t.Context()
	for who, role := range roles {
		m := newMatrix(t)
		as := role.actor(t, m)
		_, err := as.Create(ctx, "y", &reposit.CreateOptions{Owner: "owner"})
		if may := role.private == reposit.Admin && who != "admin"; may != (err == nil) || !may &&
			!errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("Create() for owner as %s = %v, may: %v", who, err, may)
		}
		empty := strings.NewReader("# v2 git bundle\n\n" + string(emptyPack))
		toOwner := &reposit.ImportOptions{CreateOptions: reposit.CreateOptions{Owner: "owner"}}
		_, err = as.ImportBundle(ctx, "z", empty, toOwner)
		if may := role.private == reposit.Admin && who != "admin"; may != (err == nil) || !may &&
			!errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("ImportBundle() for owner as %s = %v, may: %v", who, err, may)
		}
		if _, err := as.DeleteExpired(ctx); (err == nil) != (who == "host") || err != nil &&
			!errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("DeleteExpired() as %s = %v", who, err)
		}
		if err := as.Upkeep(ctx); (err == nil) != (who == "host") || err != nil && !errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("Upkeep() as %s = %v", who, err)
		}
		if _, err := as.Compact(ctx, nil); (err == nil) != (who == "host") || err != nil &&
			!errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("Compact() as %s = %v", who, err)
		}
		if _, err := as.Check(ctx, nil); (err == nil) != (who == "host") || err != nil &&
			!errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("Check() as %s = %v", who, err)
		}
		if _, err := as.Stats(ctx); (err == nil) != (who == "host") || err != nil &&
			!errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("Stats() as %s = %v", who, err)
		}
		if err := as.Feed(ctx, noRoom{}, reposit.BackupMark{}); errors.Is(err, reposit.ErrForbidden) == (who == "host") {
			t.Errorf("Feed() as %s = %v", who, err)
		}
		if _, err := as.Repair(ctx, nil); (err == nil) != (who == "host") || err != nil &&
			!errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("Repair() as %s = %v", who, err)
		}
		if _, err := as.Backup(ctx, io.Discard, nil); (err == nil) != (who == "host") || err != nil &&
			!errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("Backup() as %s = %v", who, err)
		}
		if err := as.CopyTo(ctx, memory.New(), nil); (err == nil) != (who == "host") || err != nil &&
			!errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("CopyTo() as %s = %v", who, err)
		}
		if err := as.Close(); (err == nil) != (who == "host") || err != nil && !errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("Close() as %s = %v", who, err)
		}
	}
}
