// Package reposit is an embedded engine for Git repositories: a program opens a store on a backend, and creates,
// writes, reads, branches and archives repositories by calling functions. There is no server, no network, no git
// program and no checkout; what a store holds is true Git.
//
//	store, err := reposit.Open(ctx, memory.New(), nil)
//	repo, err := store.Create(ctx, "My New Project", nil)
//	commit, err := repo.Write(ctx, "README.md", []byte("# Hello\n"), "First words")
//	data, err := repo.Read(ctx, "main", "README.md")
//
// Backends are packages of their own: storage/memory for tests and throw-away work, storage/badger for real data,
// storage/billyfs for bare repositories on any go-billy filesystem.
//
// # Conventions
//
// Every method of every type is safe for concurrent use, unless its comment says otherwise. Bytes that are returned
// belong to the caller; bytes that are passed in are not kept. A nil options pointer means the defaults, and the
// zero value of each option is its default.
//
// Every error is an *Error around one of the sentinels (ErrNotFound and its like), around the context's error, or
// around what the medium reported. After an error nothing has changed, except when the medium failed while it was
// written to: then the change is there as a whole or not at all.
//
// Sequences are lazy. An error comes once, as the last element. The loop body runs under no lock, so it may call the
// store.
package reposit
