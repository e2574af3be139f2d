package reposit_test

import (
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/event"
	gitobject "github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/linemerge"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/internal/treemerge"
)

// TestConstants holds that constants which documents show by their values are those of the engines.
func TestConstants(t *testing.T) {
	for name, pair := range map[string][2]int{
		"None":  {int(reposit.None), int(people.None)},
		"Read":  {int(reposit.Read), int(people.Read)},
		"Write": {int(reposit.Write), int(people.Write)},
		"Admin": {int(reposit.Admin), int(people.Admin)},

		"ModeRegular":    {int(reposit.ModeRegular), int(gitobject.ModeRegular)},
		"ModeExecutable": {int(reposit.ModeExecutable), int(gitobject.ModeExecutable)},
		"ModeSymlink":    {int(reposit.ModeSymlink), int(gitobject.ModeSymlink)},
		"ModeDir":        {int(reposit.ModeDir), int(gitobject.ModeDir)},
		"ModeSubmodule":  {int(reposit.ModeSubmodule), int(gitobject.ModeSubmodule)},

		"RepoCreated":   {int(reposit.RepoCreated), int(event.RepoCreated)},
		"RepoUpdated":   {int(reposit.RepoUpdated), int(event.RepoUpdated)},
		"RepoDeleted":   {int(reposit.RepoDeleted), int(event.RepoDeleted)},
		"RefChanged":    {int(reposit.RefChanged), int(event.RefChanged)},
		"AccessChanged": {int(reposit.AccessChanged), int(event.AccessChanged)},
		"PullChanged":   {int(reposit.PullChanged), int(event.PullChanged)},

		"MergeCommit":     {int(reposit.MergeCommit), int(pull.MergeCommit)},
		"FastForwardOnly": {int(reposit.FastForwardOnly), int(pull.FastForward)},
		"Squash":          {int(reposit.Squash), int(pull.Squash)},
		"Rebase":          {int(reposit.Rebase), int(pull.Rebase)},

		"Commented":        {int(reposit.Commented), int(pull.Commented)},
		"Approved":         {int(reposit.Approved), int(pull.Approved)},
		"ChangesRequested": {int(reposit.ChangesRequested), int(pull.ChangesRequested)},

		"NoFavor": {int(reposit.NoFavor), int(linemerge.None)},
		"Ours":    {int(reposit.Ours), int(linemerge.Ours)},
		"Theirs":  {int(reposit.Theirs), int(linemerge.Theirs)},
		"Union":   {int(reposit.Union), int(linemerge.Union)},
		"Merge":   {int(reposit.Merge), int(linemerge.Merge)},
		"Diff3":   {int(reposit.Diff3), int(linemerge.Diff3)},
		"ZDiff3":  {int(reposit.ZDiff3), int(linemerge.ZDiff3)},

		"ConflictContent":    {int(reposit.ConflictContent), int(treemerge.Content)},
		"ConflictAddAdd":     {int(reposit.ConflictAddAdd), int(treemerge.AddAdd)},
		"ConflictBinary":     {int(reposit.ConflictBinary), int(treemerge.Binary)},
		"ConflictModes":      {int(reposit.ConflictModes), int(treemerge.Modes)},
		"ConflictSubmodule":  {int(reposit.ConflictSubmodule), int(treemerge.Submodule)},
		"ConflictDeleted":    {int(reposit.ConflictDeleted), int(treemerge.ModifyDelete)},
		"ConflictMoved":      {int(reposit.ConflictMoved), int(treemerge.RenameDelete)},
		"ConflictMovedTwice": {int(reposit.ConflictMovedTwice), int(treemerge.RenameRename)},
		"ConflictCollision":  {int(reposit.ConflictCollision), int(treemerge.RenameCollision)},
		"ConflictDirectory":  {int(reposit.ConflictDirectory), int(treemerge.FileDirectory)},
		"ConflictTypes":      {int(reposit.ConflictTypes), int(treemerge.DistinctTypes)},
		"ConflictLocation":   {int(reposit.ConflictLocation), int(treemerge.FileLocation)},
		"ConflictSplit":      {int(reposit.ConflictSplit), int(treemerge.DirectoryRenameSplit)},
		"ConflictTaken":      {int(reposit.ConflictTaken), int(treemerge.DirectoryCollision)},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s = %d, want %d", name, pair[0], pair[1])
		}
	}
}
