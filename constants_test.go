package reposit_test

import (
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/event"
	gitobject "github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/internal/pull"
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
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s = %d, want %d", name, pair[0], pair[1])
		}
	}
}
