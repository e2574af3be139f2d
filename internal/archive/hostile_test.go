package archive_test

import (
	"errors"

	"github.com/reposit/reposit/storage"
)

func isNotFound(err error) bool { return errors.Is(err, storage.ErrNotFound) }
