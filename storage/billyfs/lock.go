package billyfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/reposit/reposit/storage"
)

// Names of the lock files that git knows.
const (
	lockSuffix = ".lock"
	packedLock = packedName + lockSuffix
)

// lockTries is how often a lock is tried for that another program holds, with twice the pause each time: a quarter
// of a second in all. git itself waits a tenth (core.filesRefLockTimeout).
const lockTries = 8

// takeLock makes a lock file, as git does, or returns storage.ErrBusy.
func (s *store) takeLock(ctx context.Context, name string, content []byte) error {
	pause := time.Millisecond
	for range lockTries {
		err := s.m.inDir(name, func() error { return s.m.WriteFile(name, content, exclusive) })
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrExist) {
			s.dropLock(name) // it may have been made
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
			pause *= 2
		}
	}
	return fmt.Errorf("%s: %w", name, storage.ErrBusy)
}

// dropLock removes a lock file of our own. If that fails, it is tried again before the next Update.
func (s *store) dropLock(name string) {
	if err := s.m.remove(name); err != nil {
		s.strays = append(s.strays, name)
	}
}

// dropStrays removes the lock files that dropLock could not.
func (s *store) dropStrays() error {
	for len(s.strays) > 0 {
		if err := s.m.remove(s.strays[0]); err != nil {
			return err
		}
		s.strays = s.strays[1:]
	}
	return nil
}

// dropLocks removes the lock files that an earlier process made and did not live to remove.
func (s *store) dropLocks(locks []lockNote) error {
	for _, l := range locks {
		if l.name != packedName && !validRef(l.name) || !validID(l.repo) {
			continue
		}
		file := path.Join(repoDir(l.repo), l.name+lockSuffix)
		text, err := s.readText(file)
		if err == nil && strings.HasPrefix(l.content, text) {
			err = s.m.remove(file)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dropAllLocks removes the lock files of all refs: no program that made one has outlived the machine's restart.
func (s *store) dropAllLocks(now reader) error {
	for key := range now.Scan(repoKey, nextPrefix(repoKey), false) {
		dir := repoDir(storage.ID([]byte(key[len(repoKey):])))
		for _, file := range []string{packedLock, "HEAD" + lockSuffix} {
			if err := s.m.remove(path.Join(dir, file)); err != nil {
				return err
			}
		}
		if err := s.dropLocksBelow(path.Join(dir, "refs")); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) dropLocksBelow(dir string) error {
	entries, err := s.m.ReadDir(dir)
	if err != nil {
		if absent(err) {
			return nil
		}
		return err
	}
	for _, e := range entries {
		name := path.Join(dir, e.name)
		switch {
		case e.dir:
			err = s.dropLocksBelow(name)
		case path.Ext(e.name) == lockSuffix:
			err = s.m.remove(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// nextPrefix returns the least string above all that begin with a prefix, which does not end in 0xff.
func nextPrefix(prefix string) string {
	last := len(prefix) - 1
	return prefix[:last] + string(prefix[last]+1)
}
