package badger

import "strings"

// A hook is what Badger calls before it makes files: its log, which it writes in the goroutine that is about to.
type hook struct{ files *files }

// Debugf implements the Logger of Badger.
func (h hook) Debugf(format string, _ ...any) {
	switch {
	case strings.HasPrefix(format, "Flushing memtable, "): // by a commit, which has filled the reserve
		h.files.give(rotationFiles)
	case strings.HasPrefix(format, "[%d] LOG Compact. Added "): // before the table of what was added
		h.files.await()
	}
}

func (hook) Infof(string, ...any)    {}
func (hook) Warningf(string, ...any) {}
func (hook) Errorf(string, ...any)   {}
