package memory

import (
	"fmt"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/refstack"
)

// stack returns the stack of a repository, or nil if it has none: then its first segment is all there is.
func (r *reader) stack(repo storage.ID) *refstack.Stack {
	if r.b.forked.lacks(&repo) {
		return nil
	}
	var buffer [refKeySize]byte
	v, ok := r.get(text(appendStackKey(buffer[:0], repo)))
	if !ok {
		return nil
	}
	return v.ref.stack
}

func (t *tx) PutRef(repo storage.ID, r storage.Ref, entry *storage.LogEntry) error {
	return t.setRef(repo, r, true, entry)
}

func (t *tx) DeleteRef(repo storage.ID, name string, entry *storage.LogEntry) error {
	if _, err := t.Ref(repo, name); err != nil {
		return nil
	}
	return t.setRef(repo, storage.Ref{Name: name}, false, entry)
}

func (t *tx) setRef(repo storage.ID, r storage.Ref, live bool, entry *storage.LogEntry) error {
	s, own := t.stack(repo), repo
	if s != nil {
		own = s.Own
	}
	if own.IsZero() {
		return fmt.Errorf("memory: repository %s: %w", repo, storage.ErrNotFound)
	}
	next := &refState{ref: r, live: live}
	if old, inherited := t.find(repo, r.Name); old != nil && !inherited {
		next.log = old.log
	}
	if entry != nil {
		next.log = &logLine{entry: *entry, older: next.log}
	}
	t.values.Put(t.refKey(own, r.Name), value{ref: next})
	if s == nil {
		return nil
	}
	if s, changed := s.Put(r.Name); changed {
		return medium{t}.PutStack(repo, s)
	}
	return nil
}

func (t *tx) CreateRepo(repo, pool storage.ID) error { return refstack.Create(medium{t}, repo) }

// ForkRepo implements storage.Tx. Its cost does not depend on how many refs there are: what is merged is in proportion
// to the refs that were written since the last fork.
func (t *tx) ForkRepo(repo, from storage.ID) error {
	froze, err := refstack.Fork(medium{t}, repo, from)
	if err != nil || !froze {
		return err
	}
	layers, err := t.stack(from).Alike(t.count)
	if err != nil || len(layers) == 0 {
		return err
	}
	g, err := refstack.Start(medium{t}, from, layers)
	if err != nil || g == nil {
		return err
	}
	for name, e := range refstack.Entries(g.Layers, t.entries, "", "") {
		ref := e.Value
		if e.Layer.Inherited {
			ref = ref.withoutLog()
		}
		if ref.live || ref.log != nil || !g.Bottom {
			t.values.Put(t.refKey(g.Into, name), value{ref: ref})
		}
	}
	return g.Finish(medium{t})
}

// count returns the number of entries in a segment, or limit if there are more.
func (t *tx) count(segment storage.ID, limit int) (n int, err error) {
	for range t.entries(segment, "", "") {
		if n == limit {
			break
		}
		n++
	}
	return n, nil
}

func (s *refState) withoutLog() *refState {
	if s.log == nil {
		return s
	}
	return &refState{ref: s.ref, live: s.live}
}

func (t *tx) DropRepo(repo storage.ID) error { return refstack.Drop(medium{t}, repo) }
