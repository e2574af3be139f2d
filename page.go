package reposit

import (
	"fmt"

	"github.com/reposit/reposit/internal/page"
)

// A Page is a part of a list.
type Page[T any] struct {
	Items         []T
	NextPageToken string // "" on the last page
	TotalCount    int
}

// A pageQuery asks for one page of a list.
type pageQuery struct {
	page.Bounds
	after  []byte // position of the last row of the page before; nil: the list begins
	secret *page.Secret
	text   []byte // what tokens are bound to
}

// page returns the query of a page by its size and its number or token, or an error of the kind ErrInvalid. The text,
// made as by fmt.Sprintf, says which list it is, and who asks.
func (s *Store) page(size, number int, token, format string, args ...any) (q pageQuery, err error) {
	q.secret, q.text = &s.secret, fmt.Appendf(nil, format, args...)
	if q.Bounds, err = pageBounds(size, number, token); err == nil && token != "" {
		q.after, err = s.secret.Position(q.text, token)
	}
	return q, err
}

// token returns the token of the next page behind a position, if there is more, or "".
func (q *pageQuery) token(position []byte, more bool) string {
	if !more {
		return ""
	}
	return q.secret.Token(q.text, position)
}

// pageBounds is page.Check, with its error in the words of this package.
func pageBounds(size, number int, token string) (page.Bounds, error) {
	b, err := page.Check(size, number, token)
	if err != nil {
		err = &detail{ErrInvalid, "invalid " + err.Error(), err}
	}
	return b, err
}
