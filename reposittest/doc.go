// Package reposittest makes stores and repositories for tests: in memory, in microseconds, with the same hashes on
// every machine and in every run.
//
//	func TestTitle(t *testing.T) {
//		t.Parallel()
//		repo := reposittest.Repo(t, reposittest.New(t, nil), `
//	-- commit: first --
//	-- README.md --
//	# Notes
//	-- branch: draft --
//	-- commit: a better title --
//	-- README.md --
//	# Field notes
//	-- tag: v1 --
//	`)
//		// … what is tested …
//		got := reposittest.Dump(t, repo, "draft")
//	}
//
// Functions fail the test that they are given where they can't do what they are asked for, and so return no errors.
//
// # Archives
//
// Repositories are written as txtar archives, as the tests of Go are: a comment, and then sections, each with a name
// and lines of text. Those that come before the first name are the comment, of which a line "repo: alice/notes" names
// the repository; without one it is "repo", then "repo-2" and so on. A section is
//
//	-- README.md --                 a file, with the lines that follow
//	-- executable: run.sh --        one that can be run
//	-- symlink: latest --           a symlink; its target is the line that follows
//	-- submodule: lib --            a submodule; its commit is the line that follows
//	-- base64: logo.png --          a file that is no text, or whose last line does not end
//	-- base64-executable: tool --   one that can be run
//	-- delete: old.txt --           a file or directory that goes
//
// or history:
//
//	-- commit: message --           a commit of what follows, up to the next section of history
//	-- branch: topic --             goes on with a branch, which begins here if there is none
//	-- branch: topic v1~2 --        goes on with a new branch, which begins at a revision
//	-- drop: topic --               deletes a branch
//	-- tag: v1 --                   tags the last commit of the branch; with lines, they are the tag's message
//	-- tag: v1 topic~1 --           tags a revision
//	-- merge: topic --              merges a revision into the branch, by a commit that has both as parents
//	-- merge: main topic v1 --      goes on with main, and merges the others
//
// A merge is what Repo.Merge makes of the two; if sections of files follow, or if there are more than two, it has the
// first one's files, changed as they say. Files before any section of history are a commit of their own.
//
// The lines of a commit, or of a merge, are the rest of its message. They may begin with headers:
//
//	-- commit: message --
//	author: Bob <bob@example.com>
//	date: 2026-01-02T15:04:05+01:00
//
//	More about it.
//
// Without them, commits are by Options.Author, at the time of Options.Now. A name that begins with a quotation mark is
// quoted as in Go: that of a file whose own name would be taken for something else.
package reposittest
