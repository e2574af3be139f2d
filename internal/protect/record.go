package protect

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// The keys of the records:
//
//	B ID    the rules of a repository; absent if there are none
const keyRules = 'B'

func rulesKey(repo storage.ID) []byte { return record.IDKey(repo, keyRules) }

// rulesVersion is the first byte of the stored value, and the version of its layout. Version 1 has one switch less.
const rulesVersion = 2

// allFlags are the bits of a rule's switches, in their order, and oldFlags those of version 1.
const (
	allFlags = 1<<7 - 1
	oldFlags = 1<<6 - 1
)

// Load returns the rules of a repository. It costs one look-up.
func Load(v storage.View, repo storage.ID) (Rules, error) {
	b, err := v.Record(rulesKey(repo))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decode(b)
}

// Set gives the pattern of a rule, which was checked, that rule in place of any other. It returns ErrTooMany.
func Set(tx storage.Tx, repo storage.ID, r Rule) error {
	rules, err := Load(tx, repo)
	if err != nil {
		return err
	}
	if i := rules.index(r.Pattern); i >= 0 {
		rules[i] = r
	} else if len(rules) == MaxRules {
		return ErrTooMany
	} else {
		rules = append(rules, r)
	}
	return rules.put(tx, repo)
}

// Remove takes the rule of a pattern away, or returns storage.ErrNotFound. It reports whether others are left.
func Remove(tx storage.Tx, repo storage.ID, pattern string) (left bool, err error) {
	rules, err := Load(tx, repo)
	if err != nil {
		return false, err
	}
	i := rules.index(pattern)
	if i < 0 {
		return len(rules) > 0, fmt.Errorf("branch protection %q: %w", pattern, storage.ErrNotFound)
	}
	rules = append(rules[:i], rules[i+1:]...)
	return len(rules) > 0, rules.put(tx, repo)
}

// Rename has the rule that names a branch follow it to its new name, unless another rule names that.
func Rename(tx storage.Tx, repo storage.ID, from, to string) error {
	rules, err := Load(tx, repo)
	if err != nil {
		return err
	}
	i := rules.index(from)
	if i < 0 || rules.index(to) >= 0 {
		return nil
	}
	rules[i].Pattern = to
	return rules.put(tx, repo)
}

// Drop removes the rules of a repository that is deleted.
func Drop(tx storage.Tx, repo storage.ID) error { return tx.DeleteRecord(rulesKey(repo)) }

func (rs Rules) put(tx storage.Tx, repo storage.ID) error {
	if len(rs) == 0 {
		return tx.DeleteRecord(rulesKey(repo))
	}
	return tx.PutRecord(rulesKey(repo), rs.encode())
}

func (rs Rules) encode() []byte {
	b := binary.AppendUvarint([]byte{rulesVersion}, uint64(len(rs)))
	for i := range rs {
		r := &rs[i]
		b = append(b, r.flags())
		b = binary.AppendUvarint(b, uint64(r.RequiredReviews))
		b = record.AppendString(b, r.Pattern)
	}
	return b
}

func (r *Rule) switches() [7]*bool {
	return [7]*bool{
		&r.RequirePR, &r.DismissStaleReviews, &r.RequireCodeOwnerReview, &r.AllowForcePush, &r.AllowDeletion, &r.BypassAdmins,
		&r.RequireLastPushReview,
	}
}

func (r *Rule) flags() byte {
	var f byte
	for i, set := range r.switches() {
		if *set {
			f |= 1 << i
		}
	}
	return f
}

func decode(b []byte) (Rules, error) {
	d := record.Decode(b)
	known := byte(allFlags)
	if d.Version(1, rulesVersion) == 1 {
		known = oldFlags
	}
	rules := make(Rules, d.Count(MaxRules))
	d.Check(len(rules) > 0)
	for i := range rules {
		r := &rules[i]
		flags := d.Byte()
		for bit, to := range r.switches() {
			*to = flags&(1<<bit) != 0
		}
		r.RequiredReviews = d.Count(MaxReviews)
		r.Pattern = d.String()
		d.Check(flags&^known == 0 && r.Pattern != "")
	}
	if err := d.End("branch protections"); err != nil {
		return nil, err
	}
	return rules, nil
}
