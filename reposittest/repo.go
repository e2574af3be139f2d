package reposittest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit"
)

// Repo makes a repository from an archive, as the package says. The test fails at once if the archive is none, or says
// what can't be.
func Repo(tb testing.TB, s *reposit.Store, archive string) *reposit.Repo {
	tb.Helper()
	r, err := build(tb.Context(), s, archive)
	if err != nil {
		tb.Fatalf("reposittest: making a repository: %v", err)
	}
	return r
}

// Bare writes the repository into a directory that goes with the test, as a bare one that git works with
// (reposit.Repo.Export), and returns the directory's name.
func Bare(tb testing.TB, r *reposit.Repo) (dir string) {
	tb.Helper()
	dir = tb.TempDir()
	if err := r.Export(tb.Context(), osfs.New(dir), nil); err != nil {
		tb.Fatalf("reposittest: exporting the repository: %v", err)
	}
	return dir
}

// A builder goes through the sections of an archive.
type builder struct {
	ctx    context.Context
	repo   *reposit.Repo
	branch string // that the next commit goes to
	next   *step  // the commit or merge whose files are being read; nil: none
	began  bool   // a section of history was read
}

// A step is a commit to be made.
type step struct {
	message string
	details
	heads   []string // of a merge: what the branch takes
	changes []reposit.Change
}

func build(ctx context.Context, s *reposit.Store, archive string) (*reposit.Repo, error) {
	comment, sections := parseArchive(archive)
	r, err := create(ctx, s, settings(comment))
	if err != nil {
		return nil, err
	}
	info, err := r.Info(ctx)
	if err != nil {
		return nil, err
	}
	b := &builder{ctx: ctx, repo: r, branch: info.DefaultBranch}
	for _, sec := range sections {
		if err := b.section(sec); err != nil {
			return nil, fmt.Errorf("section %q: %w", sec.name, err)
		}
	}
	return r, b.flush()
}

// settings returns the lines "key: value" of a comment.
func settings(comment string) map[string]string {
	set := map[string]string{}
	for line := range strings.Lines(comment) {
		if key, value, ok := strings.Cut(line, ":"); ok {
			set[key] = strings.TrimSpace(value)
		}
	}
	return set
}

// create makes the repository that the settings name, or the next one of those without a name.
func create(ctx context.Context, s *reposit.Store, set map[string]string) (*reposit.Repo, error) {
	opts := reposit.CreateOptions{DefaultBranch: set["default-branch"]}
	if name := set["repo"]; name != "" {
		if owner, slug, ok := strings.Cut(name, "/"); ok {
			opts.Owner, name = owner, slug
		}
		return s.Create(ctx, name, &opts)
	}
	for n := 1; ; n++ {
		name := "repo"
		if n > 1 {
			name = fmt.Sprintf("repo-%d", n)
		}
		r, err := s.Create(ctx, name, &opts)
		if !errors.Is(err, reposit.ErrExists) {
			return r, err
		}
	}
}

// directive is how the name of a section begins that is not just a file's.
var directive = regexp.MustCompile(`^([a-z][a-z0-9-]*):(?: +(.*))?$`)

func (b *builder) section(s section) error {
	word := directive.FindStringSubmatch(s.name)
	if word == nil {
		return b.file(s.name, func(path string) (reposit.Change, error) {
			return reposit.Put(path, []byte(s.data)), nil
		})
	}
	arg := word[2]
	switch word[1] {
	case "executable":
		return b.file(arg, func(path string) (reposit.Change, error) {
			return reposit.Put(path, []byte(s.data)).Mode(reposit.ModeExecutable), nil
		})
	case "base64", "base64-executable":
		return b.file(arg, func(path string) (reposit.Change, error) {
			data, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(s.data, "\n", ""))
			change := reposit.Put(path, data)
			if word[1] == "base64-executable" {
				change = change.Mode(reposit.ModeExecutable)
			}
			return change, err
		})
	case "symlink":
		return b.file(arg, func(path string) (reposit.Change, error) {
			target, err := unquote(strings.TrimSuffix(s.data, "\n"))
			return reposit.Symlink(path, target), err
		})
	case "submodule":
		return b.file(arg, func(path string) (reposit.Change, error) {
			h, err := reposit.ParseHash(strings.TrimSpace(s.data))
			return reposit.Submodule(path, h), err
		})
	case "delete":
		return b.file(arg, func(path string) (reposit.Change, error) { return reposit.Delete(path), nil })
	}
	return b.history(word[1], arg, s.data)
}

// file adds a change to the commit that is being read.
func (b *builder) file(name string, change func(path string) (reposit.Change, error)) error {
	path, err := unquote(name)
	if err != nil {
		return err
	}
	c, err := change(path)
	if err != nil {
		return err
	}
	if b.next == nil {
		if b.began {
			return errors.New(`there is no commit that it belongs to: a section "commit: message" comes first`)
		}
		b.next = &step{message: "initial commit"}
	}
	b.next.changes = append(b.next.changes, c)
	return nil
}

// history begins a commit, or does what else a section of history says.
func (b *builder) history(word, arg, data string) error {
	if err := b.flush(); err != nil {
		return err
	}
	b.began = true
	fields := strings.Fields(arg)
	need := func(least, most int) error {
		if len(fields) < least || len(fields) > most {
			return fmt.Errorf("%d names, want %d to %d", len(fields), least, most)
		}
		return nil
	}
	switch word {
	case "commit":
		return b.begin(arg, nil, data)
	case "merge":
		if err := need(1, 1000); err != nil {
			return err
		}
		if len(fields) > 1 {
			b.branch, fields = fields[0], fields[1:]
		}
		return b.begin("", fields, data)
	case "branch":
		if err := need(1, 2); err != nil {
			return err
		}
		return b.to(fields[0], strings.Join(fields[1:], ""))
	case "drop":
		if err := need(1, 1); err != nil {
			return err
		}
		return b.repo.Branches().Delete(b.ctx, fields[0])
	case "tag":
		if err := need(1, 2); err != nil {
			return err
		}
		return b.tag(fields[0], append(fields, "refs/heads/"+b.branch)[1], data)
	}
	return fmt.Errorf("%q is no kind of section; the name of a file that begins so is quoted", word)
}

// begin begins a commit: of subject, if it is not a merge.
func (b *builder) begin(subject string, heads []string, data string) error {
	d, body, err := parseDetails(data)
	if err != nil {
		return err
	}
	if d.message == nil && subject != "" && body != "" {
		body = "\n\n" + body
	}
	b.next = &step{message: subject + body, details: d, heads: heads}
	if d.message != nil {
		b.next.message = *d.message
	}
	return nil
}

// to goes on with a branch, which begins at start, or if that is empty with the branch before, if there is none.
func (b *builder) to(name, start string) error {
	_, err := b.repo.Branches().Branch(b.ctx, name)
	switch {
	case err == nil && start != "":
		return errors.New("there is such a branch, which does not begin anew")
	case err != nil && !errors.Is(err, reposit.ErrNotFound):
		return err
	case err != nil:
		from := start
		if from == "" {
			from = "refs/heads/" + b.branch
		}
		_, err = b.repo.Branches().Create(b.ctx, name, from)
		if errors.Is(err, reposit.ErrNotFound) && start == "" {
			err = nil // There is no commit yet: the branch is made with the next.
		}
	}
	b.branch = name
	return err
}

func (b *builder) tag(name, rev, data string) error {
	d, message, err := parseDetails(data)
	if err != nil {
		return err
	}
	if d.message != nil {
		message = *d.message
	}
	_, err = b.repo.Tags().Create(b.ctx, name, rev, &reposit.TagOptions{Message: message, Tagger: d.author})
	return err
}

// flush makes the commit whose sections were read.
func (b *builder) flush() error {
	s := b.next
	b.next = nil
	switch {
	case s == nil:
		return nil
	case len(s.heads) == 1 && len(s.changes) == 0 && !s.ours:
		_, err := b.repo.Merge(b.ctx, s.heads[0], &reposit.MergeOptions{
			Branch: b.branch, Message: s.message, Author: s.author, Committer: s.committer,
		})
		return err
	case len(s.heads) > 0 && s.message == "" && s.details.message == nil:
		s.message = "Merge " + strings.Join(s.heads, ", ")
	}
	opts := reposit.CommitOptions{
		Branch: b.branch, Message: s.message, Author: s.author, Committer: s.committer, AllowEmpty: true,
	}
	for _, head := range s.heads {
		h, err := b.repo.Resolve(b.ctx, head+"^{commit}")
		if err != nil {
			return err
		}
		opts.Parents = append(opts.Parents, h)
	}
	_, err := b.repo.Commit(b.ctx, &opts, s.changes...)
	return err
}

// unquote returns what a name in an archive stands for.
func unquote(name string) (string, error) {
	if !strings.HasPrefix(name, `"`) {
		return name, nil
	}
	text, err := strconv.Unquote(name)
	if err != nil {
		return "", fmt.Errorf("%s: a name that begins with a quotation mark is quoted as in Go", name)
	}
	return text, nil
}
