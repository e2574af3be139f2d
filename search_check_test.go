package reposit_test

import (
	"context"
	"fmt"
	"maps"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/search"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

// checkSearch makes the records of the search anew from the repositories, and compares them with those that are stored.
func checkSearch(v storage.View, repos map[storage.ID]*catalog.Repo) error {
	fresh := memory.New()
	defer fresh.Close()
	ctx := context.Background()
	for _, r := range repos {
		state, err := catalog.LoadState(v, r)
		if err != nil {
			return err
		}
		d := search.Doc{
			ID: r.ID, Owner: r.Owner, Slug: r.Slug, Name: r.Name, Description: r.Description, Labels: r.Labels,
			Language: state.Language, Private: r.Private, Created: r.Created,
		}
		if err := fresh.Update(ctx, func(tx storage.Tx) error { return search.Add(tx, d.Entry()) }); err != nil {
			return err
		}
	}
	got, err := searchRecords(v)
	if err != nil {
		return err
	}
	return fresh.View(ctx, func(v storage.View) error {
		want, err := searchRecords(v)
		if err == nil && !maps.Equal(want, got) {
			err = fmt.Errorf("search records, -want +got:\n%s", differences(want, got))
		}
		return err
	})
}

func searchRecords(v storage.View) (map[string]string, error) {
	found := map[string]string{}
	for rec, err := range v.Records([]byte("S"), []byte("T"), storage.Ascending) {
		if err != nil {
			return nil, err
		}
		found[string(rec.Key)] = string(rec.Value)
	}
	return found, nil
}
