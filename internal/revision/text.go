package revision

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/history"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

// cutText returns the text of ":/text".
func cutText(rev string) (string, bool) {
	text, ok := strings.CutPrefix(rev, ":/")
	return text, ok && text != ""
}

// textEnd returns how much of steps "^{/text}" is: a brace that closes it stands at the end, or before another step.
func textEnd(steps string) (int, bool) {
	if !strings.HasPrefix(steps, "^{/") {
		return 0, false
	}
	for i := range len(steps) {
		if steps[i] == '}' && (i+1 == len(steps) || steps[i+1] == '^' || steps[i+1] == '~') {
			return i + 1, true
		}
	}
	return 0, false
}

// maxText bounds the bytes of a text that is looked for.
const maxText = 1024

// matcher returns a function that reports whether a message has a text, which is a regular expression. "!-" before it
// looks for a message that has it not, and "!!" is "!" (gitrevisions, "<rev>^{/<text>}").
func matcher(text string) (func(*git.Commit) bool, error) {
	want := true
	if rest, ok := strings.CutPrefix(text, "!"); ok {
		switch {
		case strings.HasPrefix(rest, "-"):
			want, text = false, rest[1:]
		case strings.HasPrefix(rest, "!"):
			text = rest
		default:
			return nil, fmt.Errorf("%w: a lone %q, which neither - nor ! follows", ErrSyntax, "!")
		}
	}
	if len(text) > maxText {
		return nil, fmt.Errorf("%w: a text of more than 1 KiB", ErrSyntax)
	}
	expr, err := regexp.Compile("(?s)" + text) // in git's, "." matches the end of a line, too
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return func(c *git.Commit) bool { return expr.MatchString(c.Message) == want }, nil
}

// withText returns the latest commit that the tips reach whose message has a text.
func (r *Resolver) withText(ctx context.Context, text string, tips []git.Hash) (git.Hash, error) {
	o := &history.Options{Limit: 1}
	var err error
	if o.Match, err = matcher(text); err != nil {
		return git.Hash{}, err
	}
	for _, h := range tips {
		o.Tips = append(o.Tips, history.Tip{Commit: h})
	}
	w := history.New(&history.Objects{Store: r.Objects, Pool: r.Pool}, o)
	for {
		h, err := w.Next(ctx, 1<<20)
		if errors.Is(err, history.ErrEnd) {
			err = fmt.Errorf("no commit has the text %q: %w", text, storage.ErrNotFound)
		}
		if !errors.Is(err, history.ErrPaused) {
			return h, err
		}
	}
}

// anyWithText returns the latest commit that any ref reaches whose message has a text.
func (r *Resolver) anyWithText(ctx context.Context, text string) (git.Hash, error) {
	var tips []git.Hash
	add := func(name string) error {
		found, err := r.follow(name)
		var h git.Hash
		if err == nil {
			h, err = r.Peel(ctx, found.Hash, storage.Commit)
		}
		if errors.Is(err, storage.ErrNotFound) || errors.Is(err, ErrSyntax) {
			return nil
		}
		tips = append(tips, h)
		return err
	}
	for found, err := range r.View.Refs(r.Repo, "", "") {
		if err != nil {
			return git.Hash{}, err
		}
		if found.Name == ref.Head {
			continue
		}
		if err := add(found.Name); err != nil {
			return git.Hash{}, err
		}
	}
	if err := add(ref.Head); err != nil {
		return git.Hash{}, err
	}
	slices.Reverse(tips) // of commits of one time, the last one that git comes by is the first
	return r.withText(ctx, text, tips)
}
