package page

import (
	"errors"
	"testing"

	"github.com/reposit/reposit/internal/fault"
)

func TestToken(t *testing.T) {
	secret := Secret{1, 2, 3}
	token := secret.Token([]byte("query"), []byte("position"))
	if got, err := secret.Position([]byte("query"), token); string(got) != "position" || err != nil {
		t.Errorf("Position() = %q, %v, want %q", got, err, "position")
	}
	if got, err := (&Secret{1}).Position([]byte("query"), token); err != ErrToken || got != nil {
		t.Errorf("Position() of another store = %q, %v, want %v", got, err, ErrToken)
	}
	for _, query := range []string{"", "quer", "queryp"} {
		if got, err := secret.Position([]byte(query), token); err != ErrToken || got != nil {
			t.Errorf("Position() of query %q = %q, %v, want %v", query, got, err, ErrToken)
		}
	}
	if !errors.Is(ErrToken, fault.Invalid) {
		t.Errorf("%v is not of the kind %v", ErrToken, fault.Invalid)
	}
	key := secret.Key("a")
	if key == secret.Key("b") || key == (&Secret{1}).Key("a") || key != secret.Key("a") {
		t.Error("Key() is not one for each store and purpose")
	}
}

// FuzzToken asks for the position of what may be a token. None is taken but those that were given out.
func FuzzToken(f *testing.F) {
	secret := Secret{1, 2, 3}
	query := []byte("query")
	f.Add(secret.Token(query, []byte("position")))
	f.Add(secret.Token(nil, nil))
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		position, err := secret.Position(query, token)
		if err != nil {
			return
		}
		if got := secret.Token(query, position); got != token {
			t.Errorf("token %q is taken for %q", token, got)
		}
	})
}
