package reposittest

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/reposit/reposit"
)

// Dump returns the files of a revision, "" for the default branch, as an archive in path order, from which Repo makes a
// repository that has them: for comparing what a test did with what it should have done. It does not say who made them,
// and when; History does.
func Dump(tb testing.TB, r *reposit.Repo, rev string) string {
	tb.Helper()
	ctx := tb.Context()
	sections, err := files(ctx, r, rev)
	if err != nil {
		tb.Fatalf("reposittest: dumping %q: %v", rev, err)
	}
	return format(sections)
}

// files returns the sections of all files of a revision.
func files(ctx context.Context, r *reposit.Repo, rev string) ([]section, error) {
	var sections []section
	for e, err := range r.Walk(ctx, rev, "") {
		if err != nil {
			return nil, err
		}
		if e.Mode == reposit.ModeDir {
			continue
		}
		s, err := file(ctx, r, rev, e.Path, e.Mode, e.Hash)
		if err != nil {
			return nil, err
		}
		sections = append(sections, s)
	}
	return sections, nil
}

// file returns the section of one file.
func file(ctx context.Context, r *reposit.Repo, rev, path string, mode reposit.Mode, h reposit.Hash) (section, error) {
	name := quote(path)
	if mode == reposit.ModeSubmodule {
		return section{"submodule: " + name, h.String() + "\n"}, nil
	}
	data, err := r.Read(ctx, rev, path)
	if err != nil {
		return section{}, err
	}
	text := string(data)
	switch {
	case mode == reposit.ModeSymlink:
		return section{"symlink: " + name, quoteLine(text) + "\n"}, nil
	case !plain(text):
		word := "base64: "
		if mode == reposit.ModeExecutable {
			word = "base64-executable: "
		}
		return section{word + name, lines(base64.StdEncoding.EncodeToString(data))}, nil
	case mode == reposit.ModeExecutable:
		return section{"executable: " + name, text}, nil
	}
	return section{name, text}, nil
}

// lines breaks text into lines of 76 characters, as MIME does.
func lines(text string) string {
	var b strings.Builder
	for len(text) > 76 {
		b.WriteString(text[:76] + "\n")
		text = text[76:]
	}
	if text != "" {
		b.WriteString(text + "\n")
	}
	return b.String()
}

// quote returns a path as it stands in the name of a section.
func quote(path string) string {
	if directive.MatchString(path) || path != strings.TrimSpace(path) {
		return strconv.Quote(path)
	}
	return quoteLine(path)
}

// quoteLine quotes text that can't stand in a line as it is.
func quoteLine(text string) string {
	odd := func(c rune) bool { return !unicode.IsPrint(c) }
	if strings.HasPrefix(text, `"`) || !utf8.ValidString(text) || strings.ContainsFunc(text, odd) {
		return strconv.Quote(text)
	}
	if _, ok := marker(text); ok {
		return strconv.Quote(text)
	}
	return text
}

// History returns all branches and tags of a repository, with all that they reach, as an archive from which Repo makes
// them again. With the clock and author of New the commits have the same hashes, if they have neither signatures nor
// other headers of their own. The test fails if histories begin in more than one place, which an archive can't say, or
// a tag names no commit. Other refs are left out.
func History(tb testing.TB, r *reposit.Repo) string {
	tb.Helper()
	d := &dumper{ctx: tb.Context(), repo: r, at: map[reposit.Hash]place{}}
	text, err := d.run()
	if err != nil {
		tb.Fatalf("reposittest: dumping the history: %v", err)
	}
	return text
}

// A chain is the commits that a branch has of its own: from its tip along first parents, up to a commit of another
// chain.
type chain struct {
	branch  string
	commits []*reposit.Commit // the oldest first
	written int               // how many of commits are written
	passing bool              // a branch for commits that are reached by merges and tags alone
}

// A place is where a commit is.
type place struct {
	chain *chain
	index int
}

type dumper struct {
	ctx      context.Context
	repo     *reposit.Repo
	branches map[string]bool
	tags     []reposit.Tag
	chains   []*chain
	at       map[reposit.Hash]place
	sections []section
	current  string // branch
	rooted   bool   // the first commit is written
}

func (d *dumper) run() (string, error) {
	info, err := d.repo.Info(d.ctx)
	if err != nil {
		return "", err
	}
	if err := d.find(info.DefaultBranch); err != nil {
		return "", err
	}
	d.current = info.DefaultBranch
	for _, c := range d.chains {
		if err := d.writeTo(c, len(c.commits)); err != nil {
			return "", err
		}
	}
	if err := d.names(); err != nil {
		return "", err
	}
	text := format(d.sections)
	if info.DefaultBranch != "main" {
		text = "default-branch: " + info.DefaultBranch + "\n" + text
	}
	return text, nil
}

// find makes the chains.
func (d *dumper) find(first string) error {
	d.branches = map[string]bool{}
	tips := map[string]reposit.Hash{}
	names := []string{first}
	for b, err := range d.repo.Branches().All(d.ctx) {
		if err != nil {
			return err
		}
		d.branches[b.Name], tips[b.Name] = true, b.Commit.Hash
		if b.Name != first {
			names = append(names, b.Name)
		}
	}
	for _, name := range names {
		if d.branches[name] {
			if err := d.claim(name, tips[name], false); err != nil {
				return err
			}
		}
	}
	for t, err := range d.repo.Tags().All(d.ctx) {
		if err != nil {
			return err
		}
		d.tags = append(d.tags, t)
		if err := d.claim("", t.Target, true); err != nil {
			return fmt.Errorf("tag %s: %w", t.Name, err)
		}
	}
	for i := 0; i < len(d.chains); i++ { // which grow
		for _, c := range d.chains[i].commits {
			for _, p := range c.Parents[min(1, len(c.Parents)):] {
				if err := d.claim("", p, true); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// claim makes the chain of a tip, if that has commits of its own.
func (d *dumper) claim(branch string, tip reposit.Hash, passing bool) error {
	c := &chain{branch: branch, passing: passing}
	for !tip.IsZero() {
		if _, ok := d.at[tip]; ok {
			break
		}
		commit, err := d.repo.CommitAt(d.ctx, tip.String())
		if err != nil {
			return err
		}
		d.at[tip] = place{chain: c, index: len(c.commits)} // from the tip, for now
		c.commits = append(c.commits, commit)
		tip = reposit.Hash{}
		if len(commit.Parents) > 0 {
			tip = commit.Parents[0]
		}
	}
	if len(c.commits) == 0 && (passing || len(d.chains) > 0) {
		return nil
	}
	for i, commit := range c.commits {
		d.at[commit.Hash] = place{chain: c, index: len(c.commits) - 1 - i}
	}
	for i, j := 0, len(c.commits)-1; i < j; i, j = i+1, j-1 {
		c.commits[i], c.commits[j] = c.commits[j], c.commits[i]
	}
	for n := 1; c.branch == ""; n++ {
		if name := fmt.Sprintf("passing-%d", n); !d.branches[name] {
			c.branch, d.branches[name] = name, true
		}
	}
	d.chains = append(d.chains, c)
	return nil
}

// writeTo writes the first n commits of a chain, each after its parents.
func (d *dumper) writeTo(c *chain, n int) error {
	for c.written < n {
		commit := c.commits[c.written]
		for _, p := range commit.Parents {
			if at := d.at[p]; at.chain != c {
				if err := d.writeTo(at.chain, at.index+1); err != nil {
					return err
				}
			}
		}
		if err := d.write(c, commit); err != nil {
			return fmt.Errorf("commit %s: %w", commit.Hash, err)
		}
		c.written++
	}
	return nil
}

// write writes a commit, which is the next of its chain.
func (d *dumper) write(c *chain, commit *reposit.Commit) error {
	changes, err := d.changes(commit)
	if err != nil {
		return err
	}
	switch {
	case c.written == 0 && len(commit.Parents) > 0:
		d.add("branch: "+c.branch+" "+d.rev(commit.Parents[0]), "")
	case c.written == 0 && d.rooted:
		return fmt.Errorf("it has no parent, and is not the first that has none")
	case d.current != c.branch:
		d.add("branch: "+c.branch, "")
	}
	d.current, d.rooted = c.branch, true
	details := details{author: &commit.Author, committer: &commit.Committer}
	if len(commit.Parents) > 1 {
		name := "merge: " + c.branch
		for _, p := range commit.Parents[1:] {
			name += " " + d.rev(p)
		}
		details.ours = len(changes) == 0
		d.add(name, details.write("", commit.Message))
	} else {
		subject, _, _ := strings.Cut(commit.Message, "\n")
		if subject != strings.TrimSpace(subject) || quoteLine(subject) != subject {
			subject = ""
		}
		d.add("commit: "+subject, details.write(subject, commit.Message))
	}
	d.sections = append(d.sections, changes...)
	return nil
}

// changes returns the sections of what a commit has changed in its first parent's tree.
func (d *dumper) changes(c *reposit.Commit) ([]section, error) {
	rev := c.Hash.String()
	if len(c.Parents) == 0 {
		return files(d.ctx, d.repo, rev)
	}
	diff, err := d.repo.Diff(d.ctx, c.Parents[0].String(), rev, &reposit.DiffOptions{StatOnly: true})
	if err != nil {
		return nil, err
	}
	var gone, here []section
	for _, f := range diff.Files {
		if f.Status == reposit.Deleted {
			gone = append(gone, section{"delete: " + quote(f.Path), ""})
			continue
		}
		s, err := file(d.ctx, d.repo, rev, f.Path, f.NewMode, f.NewHash)
		if err != nil {
			return nil, err
		}
		here = append(here, s)
	}
	return append(gone, here...), nil
}

// names writes the branches without commits of their own, and the tags.
func (d *dumper) names() error {
	own := map[string]bool{}
	for _, c := range d.chains {
		own[c.branch] = true
	}
	for b, err := range d.repo.Branches().All(d.ctx) {
		if err != nil {
			return err
		}
		if !own[b.Name] {
			d.add("branch: "+b.Name+" "+d.rev(b.Commit.Hash), "")
		}
	}
	for _, t := range d.tags {
		text := ""
		if t.Tagger != nil {
			text = details{author: t.Tagger}.write("", t.Message)
		}
		d.add("tag: "+t.Name+" "+d.rev(t.Target), text)
	}
	for _, c := range d.chains {
		if c.passing {
			d.add("drop: "+c.branch, "")
		}
	}
	return nil
}

func (d *dumper) add(name, data string) { d.sections = append(d.sections, section{name, data}) }

// rev names a commit that is written, by its branch as that is now.
func (d *dumper) rev(h reposit.Hash) string {
	at := d.at[h]
	name := at.chain.branch
	for _, t := range d.tags {
		if t.Name == name {
			name = "refs/heads/" + name
			break
		}
	}
	if back := at.chain.written - 1 - at.index; back > 0 {
		return fmt.Sprintf("%s~%d", name, back)
	}
	return name
}
