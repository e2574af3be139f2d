package reposit

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/reposit/reposit/internal/charset"
	"github.com/reposit/reposit/internal/commit"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/storage"
)

const (
	maxParents       = 1024
	maxCommitHeaders = 1 << 20 // bytes
)

// checkParents returns ErrNotFound unless the refs of the repository reach all parents, and ErrInvalid for one that is
// no commit.
func (r *Repo) checkParents(ctx context.Context, parents []Hash) error {
	if len(parents) == 0 {
		return nil
	}
	if len(parents) > maxParents {
		return &detail{ErrTooLarge, "too large: more than 1,024 parents", nil}
	}
	return r.resolve(ctx, func(res *revision.Resolver) error {
		for _, p := range parents {
			h := git.Hash(p)
			if err := res.Has(ctx, h); err != nil {
				return fault.About(p.String(), err)
			}
			t, _, err := res.Objects.Stat(ctx, res.Pool, h)
			if err == nil && t != storage.Commit {
				err = invalidf("parent: it is a %s, not a commit", t)
			}
			if err != nil {
				return fault.About(p.String(), err)
			}
		}
		return nil
	})
}

// addHeaders checks the headers that follow the committer, adds them to a request, and encodes its text as they say.
func addHeaders(req *commit.Request, headers string) error {
	if headers == "" {
		return nil
	}
	if !strings.HasSuffix(headers, "\n") {
		headers += "\n"
	}
	if err := checkHeaders(headers, req.Sign != nil); err != nil {
		return err
	}
	// What the headers are is read from a commit that has them.
	bare := git.Commit{Tree: git.EmptyTree, Headers: []byte(headers)}
	parsed, err := git.ParseCommit(bare.Append(nil))
	if err != nil {
		return invalid("headers", err)
	}
	req.Headers = parsed
	encodeText(req, parsed.Encoding)
	return nil
}

func checkHeaders(headers string, signs bool) error {
	if len(headers) > maxCommitHeaders {
		return &detail{ErrTooLarge, "too large: headers of more than 1 MiB", nil}
	}
	if strings.IndexByte(headers, 0) >= 0 {
		return invalidf("headers: they hold a NUL")
	}
	seen := map[string]bool{"tree": true, "parent": true, "author": true, "committer": true}
	first := true
	for line := range strings.Lines(headers) {
		if line[0] == ' ' && !first {
			continue
		}
		key, _, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok || key == "" || strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
			return invalidf("headers: a line is not %q", "key value")
		}
		if seen[key] || key == "gpgsig" && signs {
			return invalidf("headers: %s is set already", key)
		}
		seen[key] = key == "encoding" || key == "gpgsig"
		first = false
	}
	return nil
}

// encodeText encodes the text of a commit, all of it or nothing.
func encodeText(req *commit.Request, encoding string) {
	if charset.IsUTF8(encoding) {
		return
	}
	texts := [...]*string{&req.Author.Name, &req.Author.Email, &req.Committer.Name, &req.Committer.Email, &req.Message}
	var encoded [len(texts)]string
	for i, text := range texts {
		if !utf8.ValidString(*text) {
			return
		}
		var ok bool
		if encoded[i], ok = charset.Encode(encoding, *text); !ok {
			return
		}
	}
	for i, text := range texts {
		*text = encoded[i]
	}
}
