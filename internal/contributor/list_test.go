package contributor

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// users are known by the addresses in lower case.
func users(byEmail map[string]string) Directory {
	return func(email string) (string, string, error) {
		login := byEmail[lower(email)]
		if login == "" {
			return "", "", nil
		}
		return login, "The " + login, nil
	}
}

func TestList(t *testing.T) {
	authors := []Author{
		{"Ada", "ada@x.org", 5}, {"Ada L", "ADA@x.org", 7}, {"ada", "ada@old.org", 4}, {"Ada", "ada@home", 1},
		{"Bob", "bob@y.org", 3}, {"Bob", "bob@work", 10},
		{"Eve", "eve@z", 9},
		{"No One", "", 2}, {"Other", "", 1},
		{"Gone", "gone@x.org", 0},
	}
	none := users(nil)
	known := users(map[string]string{"ada@home": "ada", "bob@y.org": "bob", "bob@work": "bob"})
	mailmap := "Ada Lovelace <ada@new.org> <ada@x.org>\n<ada@new.org> <ada@old.org>\n<ada@new.org> <ada@home>\n"
	for _, tt := range []struct {
		name      string
		mailmap   string
		users     Directory
		anonymous bool
		want      []Contributor
	}{
		{"nobody is known", "", none, false, nil},
		{"addresses alone", "", none, true, []Contributor{
			{"", "Ada L", "ADA@x.org", 12}, {"", "Bob", "bob@work", 10}, {"", "Eve", "eve@z", 9}, {"", "ada", "ada@old.org", 4},
			{"", "Bob", "bob@y.org", 3}, {"", "No One", "", 2}, {"", "Ada", "ada@home", 1}, {"", "Other", "", 1}}},
		{"users", "", known, false, []Contributor{{"bob", "The bob", "bob@work", 13}, {"ada", "The ada", "ada@home", 1}}},
		{"mailmap", mailmap, none, true, []Contributor{
			{"", "Ada Lovelace", "ada@new.org", 17}, {"", "Bob", "bob@work", 10}, {"", "Eve", "eve@z", 9},
			{"", "Bob", "bob@y.org", 3},
			{"", "No One", "", 2}, {"", "Other", "", 1}}},
		{"a user by an address that the mailmap replaces", mailmap, known, true, []Contributor{
			{"ada", "The ada", "ada@new.org", 17}, {"bob", "The bob", "bob@work", 13}, {"", "Eve", "eve@z", 9},
			{"", "No One", "", 2}, {"", "Other", "", 1}}},
		{"the proper address first", "<bob@y.org> <ada@home>\n", known, false,
			[]Contributor{{"bob", "The bob", "bob@work", 14}}},
	} {
		got, err := List(authors, ParseMailmap([]byte(tt.mailmap)), tt.users, tt.anonymous)
		if d := cmp.Diff(tt.want, got); err != nil || d != "" {
			t.Errorf("%s: List = %v (-want +got):\n%s", tt.name, err, d)
		}
	}
	failing := func(string) (string, string, error) { return "", "", errors.New("unread") }
	if got, err := List(authors, &Mailmap{}, failing, true); err == nil {
		t.Errorf("List with a directory that fails = %v", got)
	}
}
