package reposit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
)

// TestTextForms writes values as JSON, as keys of maps and into logs, and reads them back.
func TestTextForms(t *testing.T) {
	type all struct {
		Hash       reposit.Hash
		ID         reposit.ID
		None       reposit.ID
		Mode       reposit.Mode
		Kind       reposit.EventKind
		State      reposit.PullState
		Review     reposit.ReviewState
		Merge      reposit.MergeKind
		Strategy   reposit.MergeStrategy
		Format     reposit.ArchiveFormat
		Sort       reposit.Sort
		Direction  reposit.Direction
		Order      reposit.LogOrder
		Permission reposit.Permission
		ByHash     map[reposit.Hash]reposit.Mode
		ByKind     map[reposit.EventKind]int
	}
	h := reposit.Hash{0xab}
	in := all{
		h, "rp_0123456789abcdefghij", "", reposit.ModeDir, reposit.RefChanged, reposit.PullMerged, reposit.ChangesRequested,
		reposit.Rebased,
		reposit.FastForwardOnly, reposit.TarZst, reposit.SortName, reposit.Descending, reposit.Reverse, reposit.Admin,
		map[reposit.Hash]reposit.Mode{h: reposit.ModeSymlink}, map[reposit.EventKind]int{reposit.PullChanged: 1},
	}
	const want = `{"Hash":"ab00000000000000000000000000000000000000","ID":"rp_0123456789abcdefghij","None":"","Mode":"040000","Kind":"ref changed",` +
		`"State":"merged","Review":"changes requested","Merge":"rebased","Strategy":"fast-forward","Format":"tar.zst","Sort":"name",` +
		`"Direction":"descending","Order":"reverse","Permission":"admin","ByHash":{"ab00000000000000000000000000000000000000":"120000"},"ByKind":{"pull changed":1}}`
	text, err := json.Marshal(in)
	if err != nil || string(text) != want {
		t.Fatalf("Marshal() = %s, %v, want %s", text, err, want)
	}
	var out all
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Errorf("what was written and read, -want +got:\n%s", diff)
	}
	for name := range strings.FieldsSeq("Hash ID Mode Kind State Review Merge Strategy Format Sort Direction Order Permission") {
		kept := in
		if err := json.Unmarshal([]byte(`{"`+name+`":"nonsense"}`), &kept); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("Unmarshal() of nonsense as %s = %v, want %v", name, err, reposit.ErrInvalid)
		}
		if diff := cmp.Diff(in, kept); diff != "" {
			t.Errorf("nonsense as %s changed it, -want +got:\n%s", name, diff)
		}
	}
	for _, bad := range []any{reposit.EventKind(99), reposit.PullState(-1), reposit.Mode(1 << 20), reposit.Sort(9),
		reposit.MergeStrategy(9), reposit.ID("x")} {
		if text, err := json.Marshal(bad); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("Marshal(%#v) = %s, %v, want %v", bad, text, err, reposit.ErrInvalid)
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "hash", h, "kind", reposit.RefChanged)
	if got := log.String(); !strings.Contains(got, `"hash":"ab00`) || !strings.Contains(got, `"kind":"ref changed"`) {
		t.Errorf("slog wrote %s", got)
	}
}
