package billyfs

import (
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
)

// A packedWrite is what a transaction of many refs does to packed-refs and to the packed logs of one repository. Both
// are laid out as temporary files before the journal makes the transaction permanent, and only renamed after it. So a
// ref costs its lock, which git heeds, and no file of its own.
type packedWrite struct {
	refs, logs string          // temporary files; "" if nothing changes, or when they are in place
	others     map[string]bool // refs that have a file, or must: they are written like a few
	logged     map[string]bool // refs of which the log has a file
}

// isMany reports whether so many refs of a repository change that they are written to packed-refs at once. From
// refFiles.many on, a rewrite of the file, with one sync, costs less than files of their own, which take a sync each
// and which refPacker would move there soon: it leaves no more than twice as many.
func (p *prepared) isMany(r *txRepo) bool {
	return len(r.written) > p.s.refs.many && !p.s.refs.folding.any()
}

// prepareMany reads the refs of a repository under their locks, as prepareFew does, and lays out what changes.
func (p *prepared) prepareMany(r *txRepo) error {
	st, err := p.s.refs.state(r.dir)
	if err != nil {
		return err
	}
	logs, err := p.s.logs.packed.in(r.dir)
	if err != nil {
		return err
	}
	w := &packedWrite{others: map[string]bool{}}
	p.packs[r.Repo] = w
	if w.logged, err = p.s.logs.own(r.dir, r.written); err != nil {
		return err
	}
	for _, name := range r.written {
		if len(logs.text) > packedLogCost*len(r.written) || len(logs.find(name)) >= maxPackedLog {
			w.logged[name] = true
		}
	}
	var refs []packedRef
	var lines []packedLog
	drops := map[string]bool{}
	for _, name := range r.written {
		ref := r.refs[name]
		inRefs := strings.HasPrefix(name, "refs/")
		var now refValue
		if inRefs {
			now, err = st.find(name)
		} else {
			now, err = p.s.refs.read(r.dir, name)
			w.logged[name] = true
		}
		if err := p.addRef(r, name, now, err, w.logged[name], logs); err != nil {
			return err
		}
		if ref.lines != "" && !w.logged[name] {
			lines = append(lines, packedLog{name, logs.find(name) + ref.lines})
		}
		_, packed := st.packed.at(name)
		switch v := ref.value; {
		case v.IsZero() && packed:
			drops[name] = true
			w.others[name] = st.hasFile(name) || st.aside.has(name)
		case !inRefs || v.Target != "" || st.hasFile(name) || st.aside.has(name):
			w.others[name] = true
			if err := p.fillLock(r, name); err != nil {
				return err
			}
		case !v.IsZero() && st.packed.find(name) != v.Hash:
			refs = append(refs, packedRef{name: name, hash: v.Hash})
		}
	}
	if len(refs)+len(drops) > 0 {
		peeled := p.peel(r.pool, st.packed, refs)
		text := st.packed.change(refs, peeled, func(name string) bool { return drops[name] })
		if w.refs, err = p.s.refs.packed.stage(text); err != nil {
			return err
		}
	}
	if len(lines) > 0 {
		w.logs, err = p.s.logs.packed.stage(logs.change(lines))
	}
	return err
}

// peel adds to refs what they peel to, and reports whether it could be told of all.
func (p *prepared) peel(pool storage.ID, file *packedRefs, refs []packedRef) bool {
	if !file.peels() {
		return false
	}
	objects := map[storage.Hash]storage.Object{}
	for _, o := range p.tx.objects {
		if o.pool == pool {
			objects[o.object.Hash] = o.object
		}
	}
	type peeling struct {
		to storage.Hash
		ok bool
	}
	known := map[storage.Hash]peeling{}
	for i, r := range refs {
		k, ok := known[r.hash]
		if !ok {
			k.to, k.ok = p.s.packer.peel(p.tx.ctx, pool, r.hash, objects)
			known[r.hash] = k
		}
		if !k.ok {
			return false
		}
		refs[i].peeled = k.to
	}
	return true
}

// fillLock writes into the lock of a ref what the ref is to hold.
func (p *prepared) fillLock(r *txRepo, name string) error {
	value := lockFile(r.refs[name].value)
	if value == nil || !p.locked[refName{Repo: r.Repo, Name: name}] {
		return nil
	}
	return p.s.m.WriteFile(path.Join(r.dir, name+lockSuffix+lockValue), value, 0)
}

// applyPacked puts the files of many refs in place. Logs come first: a ref whose log has no line yet would be one that
// nobody made.
func (p *prepared) applyPacked(id storage.ID, w *packedWrite) error {
	dir := repoDir(id)
	if w.logs != "" {
		if err := p.s.logs.packed.publish(dir, w.logs); err != nil {
			return err
		}
		w.logs = ""
	}
	if w.refs != "" {
		if err := p.s.refs.packed.publish(dir, w.refs); err != nil {
			return err
		}
		w.refs = ""
	}
	return nil
}

// unlockPacked removes the locks of refs that are in packed-refs now, and the directories that were made for nothing
// else.
func (p *prepared) unlockPacked(id storage.ID, w *packedWrite) error {
	dir := repoDir(id)
	above := map[string]string{} // a ref by its directory
	for _, c := range p.commit.Refs {
		if c.Repo != id || !p.locked[c.RefName] || w.others[c.Name] {
			continue
		}
		if err := p.s.m.Remove(path.Join(dir, c.Name+lockSuffix)); err != nil && !disk.Absent(err) {
			return err
		}
		delete(p.locked, c.RefName)
		above[path.Dir(c.Name)] = c.Name
	}
	for _, name := range above {
		p.s.refs.clearDirs(dir, name)
	}
	return nil
}

// discardPacked removes the temporary files that are not in place.
func (p *prepared) discardPacked() error {
	var errs []error
	for _, w := range p.packs {
		for _, temp := range []string{w.refs, w.logs} {
			if temp != "" {
				errs = append(errs, p.s.m.RemoveAny(temp))
			}
		}
		w.refs, w.logs = "", ""
	}
	return errors.Join(errs...)
}

// packedChange is what redoPacked does to the packed files of a repository.
type packedChange struct {
	refs  []packedRef
	drops []string
	logs  []packedLog
}

// redoPacked does at once what is to be done to many refs of a repository that have no files, and to their logs, as the
// transactions did that are redone. What is left is done ref by ref.
func (r *recovery) redoPacked(id storage.ID, stories map[string]*refStory) error {
	dir := repoDir(id)
	names := make([]string, 0, len(stories))
	for name := range stories {
		if strings.HasPrefix(name, "refs/") {
			names = append(names, name)
		}
	}
	if len(names) <= r.s.refs.many {
		return nil
	}
	slices.Sort(names)
	st, err := r.s.refs.state(dir)
	if err != nil {
		return err
	}
	var c packedChange
	for _, name := range names {
		story := stories[name]
		holds, err := st.find(name)
		if err != nil || story.final.Target != "" || st.hasFile(name) || st.aside.has(name) ||
			holds == story.final || !r.stale(story, holds) {
			continue
		}
		if story.final.IsZero() {
			c.drops = append(c.drops, name)
		} else {
			c.refs = append(c.refs, packedRef{name: name, hash: story.final.Hash})
		}
	}
	r.s.refs.touch(dir)
	if err := r.s.refs.repack(dir, c.refs, c.drops); err != nil {
		return err
	}
	if r.s.folding.any() {
		return nil
	}
	return r.redoPackedLogs(dir, names, stories)
}

// redoPackedLogs adds the lines that the packed logs of refs lack, for those refs that have no logs of their own.
func (r *recovery) redoPackedLogs(dir string, names []string, stories map[string]*refStory) error {
	own, err := r.s.logs.own(dir, names)
	if err != nil {
		return err
	}
	packed, err := r.s.logs.packed.in(dir)
	if err != nil {
		return err
	}
	var logs []packedLog
	for _, name := range names {
		if own[name] {
			continue
		}
		story, text := stories[name], packed.find(name)
		base := min(story.logSize, len(text))
		all := text[:base] + fill(story.lines(), text[base:])
		if all != text {
			logs = append(logs, packedLog{name, all})
		}
	}
	if len(logs) == 0 {
		return nil
	}
	return r.s.logs.packed.write(dir, packed.change(logs))
}
