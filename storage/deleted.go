package storage

import "iter"

// DeletedRefs yields the names of the refs of a repository that are not there, and have a log, in no order, by a method
// DeletedRefs(ID) iter.Seq2[string, error]. Names that a backend can't tell any more are missing. Of a View that says
// nothing, there are none.
func DeletedRefs(v View, repo ID) iter.Seq2[string, error] {
	if d, ok := v.(interface {
		DeletedRefs(ID) iter.Seq2[string, error]
	}); ok {
		return d.DeletedRefs(repo)
	}
	return func(func(string, error) bool) {}
}
