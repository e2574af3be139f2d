package billyfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/reposit/reposit/internal/reffile"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
)

// Names of the lock files that git knows.
const (
	lockSuffix = ".lock"
	packedLock = packedName + lockSuffix
)

// packedName is the name of packed-refs, which also stands for it among the names of refs.
const packedName = "packed-refs"

// lockTries is how often a lock is tried for that another program holds, with twice the pause each time: a quarter
// of a second in all. git itself waits a tenth (core.filesRefLockTimeout).
const lockTries = 8

// lockValue is the file in a lock that holds what the ref is to hold. To rename it to the ref takes no space.
const lockValue = "/ref" + lockSuffix

// A refLocks takes locks on refs that git heeds, too.
type refLocks struct {
	m     *disk.Medium
	stale []string // locks of ours that could not be removed; belongs to the writer
}

// take makes the lock of a file that git programs write, too, or returns storage.ErrBusy, naming it. The lock is a
// directory with the name of git's lock file, which keeps git out as the file does. Whatever a crash leaves of it, and
// of the journal, it can't be taken for a lock of git's, and there is no need to say in advance that it will be made.
func (k *refLocks) take(ctx context.Context, name string, value []byte) error {
	pause := time.Millisecond
	for range lockTries {
		err := k.m.InDir(name, func() error { return k.m.Mkdir(name) })
		if err == nil && value != nil {
			err = k.m.WriteFile(name+lockValue, value, 0)
		} else if errors.Is(err, fs.ErrExist) {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(pause):
				pause *= 2
			}
			continue
		}
		if err != nil {
			k.drop(name) // it may have been made
		}
		return err
	}
	return fmt.Errorf("%s: %w", name, storage.ErrBusy)
}

// remove removes a lock of our own, if it is there.
func (k *refLocks) remove(name string) error {
	info, err := k.m.Stat(name)
	if err == nil && info.IsDir() {
		if err = k.m.Remove(name + lockValue); err == nil || disk.Absent(err) {
			err = k.m.RemoveAny(name)
		}
	}
	if disk.Absent(err) {
		return nil
	}
	return err
}

// drop removes a lock of our own. If that fails, it is tried again before the next Update.
func (k *refLocks) drop(name string) {
	if err := k.remove(name); err != nil {
		k.stale = append(k.stale, name)
	}
}

// dropStale removes the locks that dropLock could not.
func (k *refLocks) dropStale() error {
	for len(k.stale) > 0 {
		if err := k.remove(k.stale[0]); err != nil {
			return err
		}
		k.stale = k.stale[1:]
	}
	return nil
}

// dropFormer removes the lock files that a process made which kept a store of version 1.
func (k *refLocks) dropFormer(locks []journal.LockNote) error {
	for _, l := range locks {
		if l.Name != packedName && !reffile.ValidName(l.Name) || !validID(l.Repo) {
			continue
		}
		file := path.Join(repoDir(l.Repo), l.Name+lockSuffix)
		text, err := k.m.ReadText(file)
		if err == nil && strings.HasPrefix(l.Content, text) {
			err = k.m.RemoveAny(file)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dropAll removes the locks that a process of ours left. If the machine was started again since, it also removes
// those of git programs, none of which has outlived that.
func (k *refLocks) dropAll(now reader, restarted bool) error {
	for key := range now.Scan(repoKey, nextPrefix(repoKey), false) {
		dir := repoDir(storage.ID([]byte(key[len(repoKey):])))
		_, err := k.dropIn(dir, func(e disk.Entry) bool {
			return e.Dir || restarted && (e.Name == packedLock || e.Name == "HEAD"+lockSuffix)
		})
		if err == nil {
			err = k.dropBelow(path.Join(dir, "refs"), restarted)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dropIn removes the locks in a directory that are to go, and returns what else there is.
func (k *refLocks) dropIn(dir string, gone func(disk.Entry) bool) (left []disk.Entry, err error) {
	entries, err := k.m.ReadDir(dir)
	if err != nil && !disk.Absent(err) {
		return nil, err
	}
	for _, e := range entries {
		if path.Ext(e.Name) != lockSuffix {
			left = append(left, e)
		} else if gone(e) {
			name := path.Join(dir, e.Name)
			k.m.Named(name)
			if err := k.m.RemoveAll(name); err != nil {
				return nil, err
			}
		}
	}
	return left, nil
}

func (k *refLocks) dropBelow(dir string, files bool) error {
	left, err := k.dropIn(dir, func(e disk.Entry) bool { return e.Dir || files })
	for _, e := range left {
		if err == nil && e.Dir {
			err = k.dropBelow(path.Join(dir, e.Name), files)
		}
	}
	return err
}

// nextPrefix returns the least string above all that begin with a prefix, which does not end in 0xff.
func nextPrefix(prefix string) string {
	last := len(prefix) - 1
	return prefix[:last] + string(prefix[last]+1)
}
