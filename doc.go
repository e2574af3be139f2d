// Package reposit is an embedded engine for Git repositories: a program opens a store on a backend, and creates,
// writes, reads, branches, merges and archives repositories by calling functions. There is no server, no network, no
// git program and no checkout; what a store holds is true Git.
//
//	store, err := reposit.Open(ctx, memory.New(), nil)
//	repo, err := store.Create(ctx, "My New Project", nil)
//	commit, err := repo.Write(ctx, "README.md", []byte("# Hello\n"), "First words")
//	data, err := repo.Read(ctx, "main", "README.md")
//
// # Store
//
// A [Store] holds any number of repositories on one backend, a package of its own: storage/memory for tests and
// throw-away work, storage/badger for real data, storage/billyfs for bare repositories on any go-billy filesystem.
// [Open] makes the store if the backend is empty, and [Store.Close] ends it. One process at a time has a store open; a
// second Open returns an error that matches storage.ErrLocked.
//
// A repository has a stable [ID] and a name, "owner/slug". [Store.Repo] finds it by name, also by one that it had
// before; [Store.RepoByID] by ID. Keep the ID. [Store.List] and [Store.Search] find repositories, [Repo.Update]
// renames, transfers and describes one, and [Repo.Delete] takes a token from [Repo.DeleteToken], so that nothing is
// deleted by a slip; what was, [Store.Undelete] brings back.
//
// # Actors
//
// The store that Open returns acts for the host, the program itself, which may do all. [Store.As] is the same store as
// a [User], or as [Anonymous], may see and use it, and [Store.AsKey] as the holder of a deploy key may. Each
// permission, [Read], [Write] and [Admin], holds those before it. It comes from owning a repository, from
// [Repo.Collaborators], from [Store.Teams], or from the repository's being public. It is asked again in each call, also
// of handles and readers that were taken before. What an actor may not read is ErrNotFound, as if it were not there;
// lists, counts and searches leave it out.
//
// # Revisions
//
// Where a method takes a revision, it is Git's syntax (gitrevisions): a branch, a tag, a full ref name, a hash or the
// beginning of one, "main~2", "main^{tree}", "main@{yesterday}", "v1.0-3-gabcdef". "" is HEAD, the default branch. A
// time in "main@{...}" is one as git writes it or "2005-04-07 22:13", in UTC unless it says otherwise, or parts of it
// in words: "2 hours ago", "3 days 2 hours ago", "yesterday noon", "last friday", "7 Apr 2005", "2005-04-07", which
// mean what they mean to git; what is not understood as a whole is ErrInvalid, and a time before the ref's log
// ErrNotFound. What only a worktree or remotes give a meaning is ErrInvalid, too: "@{-1}", "@{upstream}", "@{push}"
// and ":0:path". A path is separated by "/", without one at its ends, and is taken as it is. A hash is found only if
// refs of the repository lead to it, though repositories of one fork network share storage.
//
// # History
//
// [Repo.Log] lists commits as git log does, and [Repo.LastCommits] finds what changed each entry of a directory last.
// [Repo.Diff] says what differs between two revisions, [Repo.Blame] which commit brought each line of a file, and
// [Repo.Grep] where lines are that match. All of them compare with git in their tests.
//
// # Commits
//
// [Repo.Commit] makes one commit of any number of changes, all of them or none. It needs no checkout, and costs what it
// changes, however large the tree is. Any number of goroutines may commit to one branch: those that wait land together,
// each with a commit of its own. CommitOptions.Expect makes it compare-and-swap. [Repo.Merge] has a branch take the
// commits of another one, [Repo.CherryPick] the changes of some alone, and [Repo.Revert] takes changes back.
// [Repo.Restore] gives a branch back what it held. [Repo.Notes] say more of commits that there are. [Repo.Worktree] is
// a branch as a filesystem that can be written, for programs that know go-billy or io/fs.
//
// # Forks
//
// [Repo.Fork] costs the same whatever there is: a fork shares storage with its parent and outlives it. What one of them
// holds, the others do not see.
//
// # Pull requests
//
// [Repo.Pulls] asks to take the commits of one branch into another, of the same repository or of a fork. Reviews, code
// owners (CODEOWNERS) and [Repo.Protection] say what a merge needs, and hold at every door by which a branch can move.
// refs/pull/N/head and refs/pull/N/merge are kept as forges keep them, the latter when it is asked for.
//
// # Events
//
// [Store.Events] yields every change once and in order, from any point that is still kept, and waits for more. An event
// is there if, and only if, its change is.
//
// # Errors
//
// Every error is an [*Error] around one of the sentinels ([ErrNotFound] and its like), around the context's error, or
// around what the medium reported. Those of [Repo.FS] and its files are *fs.PathError around an *Error; those of a
// [Repo.Storer] that go-git compares are go-git's own. Of package storage, errors match ErrNoSpace, ErrNoFiles,
// ErrLocked, ErrBusy, ErrReadOnly and ErrFormat; for what is not found, too large, damaged or closed, use the sentinels
// of this package. A [*ConflictError] says what was expected and what was there. After an error nothing
// has changed, except when the medium failed while it was written to: then the change is there as a whole or not at
// all.
//
// # Durability
//
// Badger and billyfs sync by default: when a method returns nil, its change survives a power cut, if the hardware keeps
// what it was told to sync. Their NoSync survives the end of the process; a power cut may then take the last changes,
// never a part of one. A store in memory ends with its process. Stored bytes carry checksums that are checked when they
// are read.
//
// # In and out
//
// [Store.Import] makes a repository of a bare one, and [Store.ImportBundle], [Store.ImportFS] and [Store.ImportArchive]
// of other forms; [Repo.Export] and [Repo.Bundle] write what git opens and clones, and [Repo.Fetch] takes what is new
// from a bundle. [Repo.UploadPack] and [Repo.ReceivePack] speak git's own protocol over any stream, so that a host can
// have git clone from and push to a repository; package examples/smarthttp does so.
//
// # Upkeep
//
// [Store.Compact] makes packs of what was stored one by one. [Store.Check] looks at all that is stored and says what is
// damaged, and [Store.Repair] mends what it can. [Store.Backup] writes all of a store as one stream, or what changed
// since the last one, while others write to it; [Restore] makes a store of such streams on any backend, and
// [VerifyBackup] says beforehand that it will. [Store.CopyTo] moves a store to another kind of backend. [Store.Feed]
// and [Follow] keep a second store a moment behind.
//
// # What may be copied or synced
//
// A store's folder may be copied or moved as a whole while it is closed. A copy of an open one, by a program that
// synchronises folders for instance, is of no one moment, and two machines must not have one folder open. The page
// internal/docs/copying.md goes through all of that, backend by backend.
//
// # Git on the same folder
//
// On billyfs, the directories under repos/ are bare repositories: that of [Repo.ID] "rp_x" is repos/x.git. The file
// names.txt says which directory is which repository, and git's description in each. Copy them with the store, not
// alone, since forks share objects. Git reads and pushes there while no call is in flight. Whoever may write to the
// folder is past all that this package enforces: neither permissions nor [Repo.Protection] nor Limits bind git on disk,
// and git runs none of the checks. To hold users to rules, do not give them the folder.
//
// What git wrote to refs and objects is seen by the next call: branches, tags, histories, and the heads of pull
// requests. Nobody is told: there is no event, and what is derived, as [Info] has it, and refs/pull/, follow with the
// next change by this package; a merge or a review has its pull request follow first.
//
// On disks that ignore case or spell names anew, as those of macOS and Windows do, names of refs are what they are
// elsewhere: feature and Feature are two branches, in packed-refs where they could not have two files. A store may be
// moved between such disks and others. What git itself does on them with two such branches is git's.
//
// # Conventions
//
// Every method of every type is safe for concurrent use, unless its comment says otherwise. Bytes that are returned
// belong to the caller; bytes that are passed in are not kept. A nil options pointer means the defaults, and the zero
// value of each option is its default. Sequences are lazy: an error comes once, as the last element, and the loop body
// runs under no lock, so it may call the store.
package reposit
