package reposit

import (
	"context"
	"fmt"

	"github.com/reposit/reposit/internal/jsonmerge"
	"github.com/reposit/reposit/internal/merge"
)

// A MergeDriver merges the content of files that both sides changed. See Options.MergeDrivers.
type MergeDriver struct {
	// Pattern is one as in .gitattributes, "*.json" or "/docs/**/index", or "merge=name", for the files to which
	// .gitattributes give the driver of that name (gitattributes, "Performing a three-way merge").
	Pattern string
	// Merge returns the merged content, and whether nothing is left to decide: else it is ConflictContent, with merged
	// as Conflict.Merged. Base is empty for a file that both sides added. An error ends the merge. It is called outside
	// of all transactions, by several goroutines at once, keeps and changes no argument, and must always return the
	// same: it is asked again for each test merge and status of a pull request.
	Merge func(ctx context.Context, path string, base, ours, theirs []byte) (merged []byte, clean bool, err error)
}

// MergeJSON is the Merge of a MergeDriver for objects of JSON: what each side changed of a key is taken, at every depth
// up to 32, also where by lines it would be a conflict. The keys that nobody changed keep their place and formatting,
// as ours has it. Arrays, numbers and strings are values as a whole. What both sides changed in different ways stands
// between markers. Content that is no object of JSON, has a key twice, or more than 16 MiB, is merged by lines.
func MergeJSON(ctx context.Context, path string, base, ours, theirs []byte) (merged []byte, clean bool, err error) {
	return jsonmerge.Merge(ctx, base, ours, theirs)
}

// drivers returns the merge drivers of options that were checked.
func (o *Options) drivers() []merge.Driver {
	all := make([]merge.Driver, len(o.MergeDrivers))
	for i, d := range o.MergeDrivers {
		all[i] = merge.Driver(d)
	}
	return all
}

func (o *Options) checkDrivers() error {
	for i, d := range o.drivers() {
		if err := d.Check(); err != nil {
			return invalid(fmt.Sprintf("option MergeDrivers, %d (%q)", i, cut(d.Pattern)), err)
		}
	}
	return nil
}
