package reposit_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/storage"
)

// A catalogCheck makes the indexes and counts anew from the repositories.
type catalogCheck struct {
	v       storage.View
	want    map[string]string
	counts  map[string]*[8]uint64 // by scope, of the sets of fields in the index by time
	repos   map[storage.ID]*catalog.Repo
	forks   map[storage.ID][2]int // public and private ones of a repository
	members map[storage.ID]int    // of a pool
	buried  []storage.ID          // pools that have tombstones
}

// checkCatalog makes the indexes and counts anew from the repositories, and compares them with those that are stored.
func checkCatalog(v storage.View) ([]*catalog.Repo, error) {
	c := catalogCheck{
		v: v, want: map[string]string{}, counts: map[string]*[8]uint64{}, repos: map[storage.ID]*catalog.Repo{},
		forks: map[storage.ID][2]int{}, members: map[storage.ID]int{},
	}
	got := map[string]string{}
	var owned []string
	for rec, err := range v.Records(nil, nil, storage.Ascending) {
		if err != nil {
			return nil, err
		}
		switch rec.Key[0] {
		case 'i':
			r, err := catalog.Load(v, storage.ID(rec.Key[1:]))
			if err != nil {
				return nil, err
			}
			c.repos[r.ID] = r
			if err := c.add(r); err != nil {
				return nil, err
			}
		case 'k', 'n', 'x':
			got[string(rec.Key)] = string(rec.Value)
		case 't', 'd', 'g', 'z':
			owned = append(owned, string(rec.Key))
		case 'e':
			if id, ok := strings.CutPrefix(string(rec.Key), "er"); ok {
				owned = append(owned, "e"+id)
			}
		case 'A':
			if err := c.checkAlias(string(rec.Key[2:]), rec); err != nil {
				return nil, err
			}
		case 'F':
			if rec.Key[1] == 'o' {
				got[string(rec.Key)] = ""
			} else if err := c.checkFamily(rec); err != nil {
				return nil, err
			}
		case 'v', 'M', 'P', 'K', 'S', 'L', 'C', 'B', 'R', 'E', 'G':
		default:
			return nil, fmt.Errorf("record %q is of no known kind", rec.Key)
		}
	}
	for _, key := range owned {
		if c.repos[storage.ID([]byte(key[1:21]))] == nil {
			return nil, fmt.Errorf("record %q is of no repository", key)
		}
	}
	for scope, counts := range c.counts {
		var value []byte
		for fields, n := range counts {
			if n > 0 {
				value = binary.AppendUvarint(append(value, byte(fields)), n)
			}
		}
		c.want["n"+scope] = string(value)
	}
	if !maps.Equal(c.want, got) {
		return nil, fmt.Errorf("indexes, -want +got:\n%s", differences(c.want, got))
	}
	if err := checkSearch(v, c.repos); err != nil {
		return nil, err
	}
	return slices.Collect(maps.Values(c.repos)), c.checkNetworks()
}

// add notes what the indexes must say of a repository.
func (c *catalogCheck) add(r *catalog.Repo) error {
	head, err := c.v.Ref(r.ID, "HEAD")
	if err != nil || head.Target == "" {
		return fmt.Errorf("HEAD of %s = %v, %v", r.ID, head, err)
	}
	state, err := catalog.LoadState(c.v, r)
	if err != nil {
		return err
	}
	times := map[string]byte{}
	for i, at := range []time.Time{r.Created, state.Updated, state.Pushed} {
		times[catalogTime(at)] |= 1 << i
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
		counts := c.counts[visible+scope]
		if counts == nil {
			counts = new([8]uint64)
			c.counts[visible+scope] = counts
		}
		prefix := "kt" + visible + scope + "\x00"
		if scope != "" && strings.Contains("cf", scope[:1]) {
			c.want[prefix+"\x01"+catalogTime(r.Created)+r.ID.String()] = ""
			counts[1]++
		} else {
			for at, fields := range times {
				c.want[prefix+string([]byte{fields})+at+r.ID.String()] = ""
				counts[fields]++
			}
		}
		if !strings.HasPrefix(scope, "o") {
			c.want["kn"+visible+scope+"\x00"+r.Owner+"/"+r.Slug] = r.ID.String()
		}
	}
	if !r.Expires.IsZero() {
		c.want["x"+catalogTime(r.Expires)+r.ID.String()] = ""
	}
	if !r.Upstream.IsZero() {
		c.want["Fo"+r.Owner+"\x00"+r.ID.String()] = ""
	}
	return c.addFork(r)
}

func (c *catalogCheck) addFork(r *catalog.Repo) error {
	c.members[r.Pool]++
	parent, err := catalog.Parent(c.v, r)
	if err != nil || parent.IsZero() {
		return err
	}
	if parent == r.ID {
		return fmt.Errorf("%s is its own parent", r.ID)
	}
	n := c.forks[parent]
	if r.Private {
		n[1]++
	} else {
		n[0]++
	}
	c.forks[parent] = n
	return nil
}

// checkAlias holds that an alias stands both ways, and in the way of no repository.
func (c *catalogCheck) checkAlias(key string, rec storage.Record) error {
	other := "An" + key[min(len(key), 20):]
	if rec.Key[1] == 'n' {
		other = "Ai" + string(rec.Value) + key
		owner, slug, _ := strings.Cut(key, "/")
		id, _, err := catalog.Find(c.v, owner, slug)
		if err != nil || id.String() != string(rec.Value) {
			return fmt.Errorf("alias %q leads to %s, %v, want %s", key, id, err, rec.Value)
		}
		if _, err := catalog.Load(c.v, id); err != nil {
			return fmt.Errorf("alias %q: %w", key, err)
		}
	}
	if _, err := c.v.Record([]byte(other)); err != nil {
		return fmt.Errorf("alias %q has no %q: %w", rec.Key, other, err)
	}
	return nil
}

// checkFamily holds that what is kept of the forks of deleted repositories stands both ways.
func (c *catalogCheck) checkFamily(rec storage.Record) error {
	key := string(rec.Key[2:])
	other := ""
	switch rec.Key[1] {
	case 'h':
		other = "Fa" + string(rec.Value) + key
	case 'a':
		other = "Fh" + key[20:]
	case 'u':
		c.buried = append(c.buried, storage.ID([]byte(key[:20])))
		_, err := catalog.LoadTombstone(c.v, storage.ID([]byte(key[:20])), storage.ID([]byte(key[20:])))
		return err
	default:
		return nil
	}
	if _, err := c.v.Record([]byte(other)); err != nil {
		return fmt.Errorf("family %q has no %q: %w", rec.Key, other, err)
	}
	return nil
}

// checkNetworks compares the forks that each repository counts, and the members and root of each network.
func (c *catalogCheck) checkNetworks() error {
	for _, pool := range c.buried {
		if c.members[pool] == 0 {
			return fmt.Errorf("the tombstones of %s are left", pool)
		}
	}
	for _, r := range c.repos {
		state, err := catalog.LoadState(c.v, r)
		if err != nil {
			return err
		}
		if got := [2]int{state.Forks, state.PrivateForks}; got != c.forks[r.ID] {
			return fmt.Errorf("%s counts %v forks, want %v", r.ID, got, c.forks[r.ID])
		}
		if !r.Networked {
			if c.members[r.Pool] != 1 {
				return fmt.Errorf("%s is not in the list of its network of %d", r.ID, c.members[r.Pool])
			}
			continue
		}
		n, err := catalog.LoadNetwork(c.v, r.Pool)
		if err != nil || n.Members != c.members[r.Pool] {
			return fmt.Errorf("network of %s = %+v, %v, want %d members", r.ID, n, err, c.members[r.Pool])
		}
		if root := c.repos[n.Root]; root == nil || root.Pool != r.Pool || !root.Family.IsZero() {
			return fmt.Errorf("root of the network of %s is %+v", r.ID, root)
		}
		if r.Family.IsZero() && r.ID != n.Root {
			return fmt.Errorf("%s and %s are roots of one network", r.ID, n.Root)
		}
	}
	return nil
}

func catalogTime(t time.Time) string {
	if t.IsZero() {
		return strings.Repeat("\x00", 8)
	}
	return string(binary.BigEndian.AppendUint64(nil, uint64(t.UnixNano())^1<<63))
}

// differences returns the first few entries that are only in one of two maps.
func differences(want, got map[string]string) string {
	var lines []string
	for sign, sides := range map[string][2]map[string]string{"-": {want, got}, "+": {got, want}} {
		for key, value := range sides[0] {
			if other, ok := sides[1][key]; !ok || other != value {
				lines = append(lines, fmt.Sprintf("%s%q: %q", sign, key, value))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines[:min(len(lines), 20)], "\n")
}
