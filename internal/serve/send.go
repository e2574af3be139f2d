package serve

import (
	"fmt"

	"github.com/reposit/reposit/internal/pktline"
	"github.com/reposit/reposit/internal/progress"
	"github.com/reposit/reposit/internal/transfer"
)

// send sends the pack of what is wanted, and ends the response.
func (u *upload) send(q *request) error {
	u.banded = q.band
	w := transfer.Wish{
		Tips: append(q.wants.hashes, q.parents...), Since: q.common.hashes, Shallow: u.refs.Shallow, Ends: q.ends,
		Filter: q.filter, Ask: u.src.Ask,
	}
	if q.moreTags {
		var err error
		if w.Tags, err = u.refs.tags(u.ctx); err != nil {
			return err
		}
	}
	var tell *progress.Reporter
	said := &talk{out: &pktline.Banded{W: u.out, Band: pktline.Progress, Size: q.band}}
	if q.band > 0 && !q.noProgress {
		tell = progress.New(said.report)
	}
	if err := transfer.WritePack(u.ctx, &pktline.Banded{W: u.out, Band: pktline.Content, Size: q.band},
		&u.refs.Objects, &w, transfer.Form{Thin: q.thin, Named: !q.offsets}, tell); err != nil {
		return err
	}
	if tell != nil {
		tell.End()
		said.end()
	}
	if q.band > 0 {
		u.out.Flush()
	}
	return u.out.Send()
}

// A talk tells people how far the work is, as git does.
type talk struct {
	out   *pktline.Banded
	stage string
	last  string
}

func (t *talk) report(r progress.Report) {
	if r.Stage != t.stage {
		t.end()
		t.stage = r.Stage
	}
	name := map[string]string{transfer.StageSelect: "Counting objects", transfer.StageWrite: "Sending objects"}[r.Stage]
	if r.Total > 0 {
		t.last = fmt.Sprintf("%s: %3d%% (%d/%d)", name, 100*r.Done/r.Total, r.Done, r.Total)
	} else {
		t.last = fmt.Sprintf("%s: %d", name, r.Done)
	}
	t.say(t.last + "\r")
}

// end ends the line of a stage.
func (t *talk) end() {
	if t.last != "" {
		t.say(t.last + ", done.\n")
		t.last = ""
	}
}

// say sends a text at once. What goes wrong is met again by what follows.
func (t *talk) say(text string) {
	_, _ = t.out.Write([]byte(text))
	_ = t.out.W.Send()
}
