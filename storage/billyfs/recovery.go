package billyfs

import (
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
)

// recover makes up for what the last process did not finish. Any file that it wrote may be as it was at the last
// flush, or worse, also if the machine is the same and was not started again: a disk that was pulled, or went away with
// the network, takes with it what was not synced. So all that the journal vouches for is looked at, what is missing,
// stale or damaged is written again, and all of it is synced.
func (s *store) recover(h *journal.History) error {
	if h.Closed || !h.Opened {
		return nil
	}
	now := s.records.Snapshot()
	defer now.Close()
	if s.shared {
		if err := s.locks.dropFormer(h.Locks); err != nil {
			return err
		}
		boot := s.m.Traits().Boot
		if err := s.locks.dropAll(now, boot != "" && h.Boot != "" && h.Boot != boot); err != nil {
			return err
		}
	}
	for _, c := range h.Commits {
		s.noteFiles(c)
	}
	r := recovery{s, now, true, 0}
	return r.redo(h.Commits)
}

// noteFiles notes what was written for a commit and may not be synced.
func (s *store) noteFiles(c *journal.Commit) {
	note := func(name string) {
		s.m.Wrote(name)
		for ; name != "."; name = path.Dir(name) {
			s.m.Named(name)
		}
	}
	for _, o := range c.Objects {
		note(loosePath(poolDir(o.Pool)+"/objects", o.Hash))
	}
	for _, r := range c.Creates {
		for _, name := range []string{"objects/info/alternates", "HEAD", "config", "packed-refs", "refs/heads/x"} {
			note(path.Join(repoDir(r.Repo), name))
		}
	}
	packed := map[storage.ID]bool{}
	for _, r := range c.Refs {
		if s.folding.plain(r.Name) {
			note(path.Join(repoDir(r.Repo), r.Name))
		}
		if s.folding.any() {
			note(asidePath(repoDir(r.Repo), r.Name))
		}
		if !packed[r.Repo] {
			packed[r.Repo] = true
			note(path.Join(repoDir(r.Repo), packedName))
			note(path.Join(repoDir(r.Repo), packedLogsName))
		}
	}
	for _, l := range c.Logs {
		if s.folding.plain(l.Name) {
			note(logPath(repoDir(l.Repo), l.Name))
		}
		note(deletedLogPath(repoDir(l.Repo), l.Name))
	}
	for _, d := range c.Drops {
		note(repoDir(d.Repo))
	}
}

// A recovery brings files in line with commits that are in the journal.
type recovery struct {
	s      *store
	now    reader // the records, after them
	cut    bool   // any file that they wrote may be stale or damaged; otherwise each write was done or not
	number uint64 // of the last commit in memory, for the readers that there are; 0: none
}

// A refStory is what the commits to redo did to one ref.
type refStory struct {
	values       []refValue // what it held before each
	final        refValue
	logSize      int      // bytes of its log before the first
	deleted      bool     // at least once
	deletedLines []string // of its log, up to the last deletion
	live         []string // and after it
}

func (st *refStory) add(r journal.RefWrite, lines string) {
	if len(st.values) == 0 {
		st.logSize = r.LogSize
	} else {
		st.values = append(st.values, st.final)
	}
	st.values = append(st.values, r.Old)
	st.final = r.New
	for line := range strings.Lines(lines) {
		st.live = append(st.live, line)
	}
	if r.New.IsZero() {
		st.deleted, st.deletedLines, st.live = true, append(st.deletedLines, st.live...), nil
	}
}

// redo brings the files in line with commits. A ref which holds what none of the commits gave it was moved by another
// program later, and stays.
func (r *recovery) redo(commits []*journal.Commit) error {
	if r.cut {
		if err := r.s.objects.restore(commits); err != nil {
			return err
		}
	}
	stories := map[refName]*refStory{}
	byRepo := map[storage.ID]map[string]*refStory{}
	for _, c := range commits {
		if err := r.redoRepos(c); err != nil {
			return err
		}
		lines := c.Lines()
		for _, w := range c.Refs {
			if repo, _, ok := findRepo(r.now, w.Repo); ok && c.Seq >= repo.Born {
				if stories[w.RefName] == nil {
					stories[w.RefName] = &refStory{}
					if byRepo[w.Repo] == nil {
						byRepo[w.Repo] = map[string]*refStory{}
					}
					byRepo[w.Repo][w.Name] = stories[w.RefName]
				}
				stories[w.RefName].add(w, lines[w.RefName])
			}
		}
	}
	for id, stories := range byRepo {
		defer r.s.refs.touch(repoDir(id))
		if err := r.redoPacked(id, stories); err != nil {
			return err
		}
	}
	for _, deletes := range []bool{true, false} {
		for l, st := range stories {
			if st.final.IsZero() == deletes {
				if err := r.redoRef(l, st); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// redoRepos drops and creates repositories, and drops pools.
func (r *recovery) redoRepos(c *journal.Commit) error {
	for _, repo := range c.Drops {
		if born, ok := r.s.repos.bornIn(repoDir(repo.Repo)); ok && born != repo.Born {
			continue
		}
		if err := r.s.repos.drop(repo, r.number); err != nil {
			return err
		}
	}
	for _, n := range c.Creates {
		repo, pool, ok := findRepo(r.now, n.Repo)
		if !ok || repo.Born != c.Seq {
			continue
		}
		if err := r.s.repos.build(repoDir(n.Repo), repo, pool); err != nil {
			return err
		}
	}
	for _, pool := range c.Pools {
		if err := r.s.objects.dropPool(pool); err != nil {
			return err
		}
	}
	return nil
}

// stale reports whether what a ref holds is what one of the commits replaced, or what the cut left.
func (r *recovery) stale(st *refStory, holds refValue) bool {
	return slices.Contains(st.values, holds) || r.cut && holds.IsZero()
}

func (r *recovery) redoRef(l refName, st *refStory) error {
	dir := repoDir(l.Repo)
	holds, err := r.s.refs.read(dir, l.Name)
	damaged := errors.Is(err, storage.ErrCorrupt)
	if err != nil && !damaged {
		return err
	}
	if holds != st.final && r.stale(st, holds) || damaged {
		if st.final.IsZero() {
			if err := r.redoDelete(dir, l.Name); err != nil {
				return err
			}
		} else if err := r.s.refs.write(dir, l.Name, st.final); err != nil {
			return err
		}
	}
	return r.redoLog(dir, l.Name, st)
}

func (r *recovery) redoDelete(dir, name string) error {
	if err := r.s.refs.repack(dir, nil, []string{name}); err != nil {
		return err
	}
	return r.s.refs.remove(dir, name, false)
}

// redoLog adds the lines that a log lacks, after cutting off what a crash left of one. What was there before the
// first of the commits is there still, if perhaps twice: a log is copied before it goes.
func (r *recovery) redoLog(dir, name string, st *refStory) error {
	p, err := r.s.logs.parts(dir, name)
	if err != nil {
		return err
	}
	if p.aside {
		return r.redoAsideLog(dir, name, st.after(p.packed), p)
	}
	st = st.after(p.packed)
	live := wholeLines(p.live)
	if st.deleted {
		size := st.logSize
		for _, line := range st.deletedLines {
			size += len(line)
		}
		if len(p.deleted) < size {
			all := fillFrom(st.logSize, st.deletedLines, p.deleted+live)
			if err := r.s.logs.writeDeleted(dir, name, []byte(all)); err != nil {
				return err
			}
			live = ""
		} else if len(st.live) == 0 || !strings.HasPrefix(live, st.live[0]) {
			live = "" // what is there is among the deleted lines
		}
		live = fill(st.live, live)
	} else {
		live = fillFrom(st.logSize-len(p.deleted), st.live, live)
	}
	switch {
	case live == p.live:
		return nil
	case live == "":
		return r.s.m.RemoveAny(logPath(dir, name))
	}
	// It is synced before it replaces the old one: its first lines may be in no journal any more, and the power may be cut
	// again.
	return r.s.m.ClearPath(path.Join(dir, "logs"), name, func() error {
		return r.s.m.Replace(logPath(dir, name), []byte(live), disk.SyncData)
	})
}

// redoAsideLog is redoLog for a ref whose log is in one file, but for what another disk left.
func (r *recovery) redoAsideLog(dir, name string, st *refStory, p refLog) error {
	all := wholeLines(p.deleted)
	if len(all) < st.logSize {
		all += wholeLines(p.live)
	}
	all = fillFrom(st.logSize, st.lines(), all)
	if all != p.deleted {
		if err := r.s.logs.writeDeleted(dir, name, []byte(all)); err != nil {
			return err
		}
	}
	if p.live != "" {
		return r.s.m.RemoveAny(logPath(dir, name))
	}
	return nil
}

// lines returns all lines of the log.
func (st *refStory) lines() []string { return slices.Concat(st.deletedLines, st.live) }

// after returns the story of what a log has after its packed lines, which are there already.
func (st *refStory) after(packed string) *refStory {
	rest := *st
	rest.logSize = max(0, st.logSize-len(packed))
	have := map[string]int{}
	for line := range strings.Lines(packed[min(st.logSize, len(packed)):]) {
		have[line]++
	}
	is := func(line string) bool {
		have[line]--
		return have[line] >= 0
	}
	rest.deletedLines = slices.DeleteFunc(slices.Clone(st.deletedLines), is)
	rest.live = slices.DeleteFunc(slices.Clone(st.live), is)
	return &rest
}

// fillFrom is fill for what comes after the first size bytes of text.
func fillFrom(size int, lines []string, text string) string {
	size = min(max(size, 0), len(text))
	return text[:size] + fill(lines, text[size:])
}

// fill adds the lines that text lacks: before the first of those that come after them, so that their order holds, or at
// the end. Lines of other programs stay.
func fill(lines []string, text string) string {
	var b, lack strings.Builder
	for _, line := range lines {
		i := lineIndex(text, line)
		if i < 0 {
			lack.WriteString(line)
			continue
		}
		b.WriteString(text[:i])
		b.WriteString(lack.String())
		b.WriteString(line)
		lack.Reset()
		text = text[i+len(line):]
	}
	return b.String() + text + lack.String()
}

// lineIndex returns where in text a line begins, which has its end, or -1.
func lineIndex(text, line string) int {
	for from := 0; ; {
		i := strings.Index(text[from:], line)
		if i < 0 || from+i == 0 || text[from+i-1] == '\n' {
			if i >= 0 {
				i += from
			}
			return i
		}
		from += i + 1
	}
}

// wholeLines returns a log up to its last line that is one.
func wholeLines(text string) string {
	for text != "" {
		line := text[strings.LastIndexByte(strings.TrimSuffix(text, "\n"), '\n')+1:]
		if _, err := parseLog(strings.TrimSuffix(line, "\n")); err == nil && strings.HasSuffix(line, "\n") {
			break
		}
		text = text[:len(text)-len(line)]
	}
	return text
}
