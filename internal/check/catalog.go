package check

import (
	"cmp"
	"encoding/binary"
	"strings"
	"time"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

// Catalog looks at the repositories and the records of each, and makes the indexes and counts of lists anew.
func Catalog(v storage.View) ([]Finding, error) {
	s, err := newScan(v)
	if err == nil {
		err = s.catalog()
	}
	return s.results(err)
}

// A listing is what the indexes of lists should be.
type listing struct {
	*scan
	want   map[string]string
	counts map[string]*[8]uint64 // by scope, of the sets of fields in the index by time
}

func (s *scan) catalog() error {
	l := &listing{scan: s, want: map[string]string{}, counts: map[string]*[8]uint64{}}
	for _, id := range s.ids() {
		if err := l.add(s.repos[id]); err != nil {
			return err
		}
	}
	for scope, counts := range l.counts {
		var value []byte
		for fields, n := range counts {
			if n > 0 {
				value = binary.AppendUvarint(append(value, byte(fields)), n)
			}
		}
		l.want["n"+scope] = string(value)
	}
	got := map[string]string{}
	for rec, err := range s.records("", "") {
		if err != nil {
			return err
		}
		switch key := string(rec.Key); key[0] {
		case 'k', 'n', 'x':
			got[key] = string(rec.Value)
		case 't', 'd', 'g', 'z':
			s.owned(key, key[1:])
		case 'e':
			if id, ok := strings.CutPrefix(key, "er"); ok {
				s.owned(key, id)
			}
		case 'F':
			if strings.HasPrefix(key, "Fo") {
				got[key] = ""
			}
		case 'L', 'C':
			s.owned(key, key[min(2, len(key)):])
		case 'i', 'A', 'D', 'Q', 'v', 'M', 'P', 'K', 'S', 'B', 'R', 'E', 'G':
		default:
			s.noteMend(setAside(key), Record, storage.ID{}, key, "it is of no known kind")
		}
	}
	s.compare(Index, l.want, got)
	return nil
}

// owned looks for the repository that a record is of.
func (s *scan) owned(key, rest string) {
	if len(rest) < len(storage.ID{}) {
		s.noteMend(setAside(key), Record, storage.ID{}, key, "it is of no repository")
		return
	}
	if id := storage.ID([]byte(rest[:len(storage.ID{})])); s.repos[id] == nil && !s.damaged[id] {
		s.noteMend(setAside(key), Record, id, key, "there is no such repository")
	}
}

// add notes what the indexes must say of a repository.
func (l *listing) add(r *catalog.Repo) error {
	switch head, err := l.v.Ref(r.ID, "HEAD"); {
	case err != nil:
		if err := l.noteError(err, Reference, r.ID, "HEAD"); err != nil {
			return err
		}
	case !strings.HasPrefix(head.Target, ref.Branches):
		l.note(Reference, r.ID, "HEAD", "it names no branch, but %q", cmp.Or(head.Target, head.Hash.String()))
	}
	state := l.states[r.ID]
	times := map[string]byte{}
	for i, at := range []time.Time{r.Created, state.Updated, state.Pushed} {
		times[stamp(at)] |= 1 << i
	}
	scopes := []string{"", "o" + r.Owner}
	for key, value := range r.Labels {
		scopes = append(scopes, "l"+key+"\x01"+value)
	}
	if !r.Family.IsZero() {
		scopes = append(scopes, "c"+r.Family.String())
	}
	if r.Networked {
		scopes = append(scopes, "f"+r.Pool.String())
	}
	visible := "0"
	if r.Private {
		visible = "1"
	}
	for _, scope := range scopes {
		counts := l.counts[visible+scope]
		if counts == nil {
			counts = new([8]uint64)
			l.counts[visible+scope] = counts
		}
		prefix := "kt" + visible + scope + "\x00"
		if scope != "" && strings.Contains("cf", scope[:1]) {
			l.want[prefix+"\x01"+stamp(r.Created)+r.ID.String()] = ""
			counts[1]++
		} else {
			for at, fields := range times {
				l.want[prefix+string([]byte{fields})+at+r.ID.String()] = ""
				counts[fields]++
			}
		}
		if !strings.HasPrefix(scope, "o") {
			l.want["kn"+visible+scope+"\x00"+r.Owner+"/"+r.Slug] = r.ID.String()
		}
	}
	if !r.Expires.IsZero() {
		l.want["x"+stamp(r.Expires)+r.ID.String()] = ""
	}
	if !r.Upstream.IsZero() {
		l.want["Fo"+r.Owner+"\x00"+r.ID.String()] = ""
	}
	return nil
}

// stamp is how the keys of indexes have a time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return strings.Repeat("\x00", 8)
	}
	return string(binary.BigEndian.AppendUint64(nil, uint64(t.UnixNano())^1<<63))
}

// results returns what was found, if nothing else went wrong.
func (s *scan) results(err error) ([]Finding, error) {
	if err != nil {
		return nil, err
	}
	return s.found, nil
}
