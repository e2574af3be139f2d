package revision

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

func TestMemo(t *testing.T) {
	repo, other := storage.ID([]byte("00000000000000000001")), storage.ID([]byte("00000000000000000002"))
	asked := Question{Version: 7, By: access.User("ann"), Repo: repo, Rev: "main"}
	answer := Answer{Pool: other, Commit: git.Hash{1}, Root: git.Hash{2}}
	var m Memo
	if got, ok := m.Answer(&asked); ok {
		t.Errorf("Answer() of an empty Memo = %v", got)
	}
	m.Remember(asked, answer)
	if got, ok := m.Answer(&asked); ok {
		t.Errorf("Answer() after one Remember = %v, want nothing", got)
	}
	m.Remember(asked, answer)
	if got, ok := m.Answer(&asked); !ok || got != answer {
		t.Errorf("Answer() = %v, %v, want %v", got, ok, answer)
	}
	for what, change := range map[string]func(q *Question){
		"an older version":       func(q *Question) { q.Version-- },
		"a newer version":        func(q *Question) { q.Version++ },
		"no version":             func(q *Question) { q.Version = 0 },
		"another actor":          func(q *Question) { q.By = access.User("bob") },
		"nobody":                 func(q *Question) { q.By = access.Actor{} },
		"the host":               func(q *Question) { q.By = access.Host() },
		"a key":                  func(q *Question) { q.By = access.Key(repo, 1) },
		"another repository":     func(q *Question) { q.Repo = other },
		"another revision":       func(q *Question) { q.Rev = "main~1" },
		"the empty revision":     func(q *Question) { q.Rev = "" },
		"a revision in capitals": func(q *Question) { q.Rev = "MAIN" },
	} {
		q := asked
		change(&q)
		if got, ok := m.Answer(&q); ok {
			t.Errorf("Answer() to %s = %v, want nothing", what, got)
		}
	}
	for _, q := range []Question{{Repo: repo, Rev: "x"},
		{Version: 1, Repo: repo, Rev: strings.Repeat("x", maxRemembered+1)}} {
		m.Remember(q, answer)
		m.Remember(q, answer)
		if got, ok := m.Answer(&q); ok {
			t.Errorf("Answer() to version %d, %d bytes = %v, want nothing", q.Version, len(q.Rev), got)
		}
	}
}

// TestMemoTogether asks and remembers at once. Whatever is told is the answer to that very question.
func TestMemoTogether(t *testing.T) {
	var m Memo
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range 40_000 {
				n := i / 2
				q := Question{Version: uint64(1 + n%3), Repo: storage.ID{byte(n % 5)}, Rev: fmt.Sprint(n % 700)}
				want := Answer{Pool: q.Repo, Commit: git.Hash{byte(q.Version)}, Root: git.Hash([]byte(fmt.Sprintf("%020d", n%700)))}
				if got, ok := m.Answer(&q); ok && got != want {
					t.Errorf("Answer(%v) = %v, want %v", q, got, want)
					return
				}
				m.Remember(q, want)
			}
		})
	}
	group.Wait()
}
