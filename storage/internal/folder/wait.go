package folder

import (
	"errors"
	"time"

	"github.com/reposit/reposit/storage"
)

// Wait calls open until it returns anything but storage.ErrLocked, for about as long as wait says; with 0, once.
func Wait(wait time.Duration, open func() error) error {
	end := time.Now().Add(wait)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, time.Second/4) {
		err := open()
		if !errors.Is(err, storage.ErrLocked) {
			return err
		}
		left := time.Until(end)
		if left <= 0 {
			return err
		}
		time.Sleep(min(pause, left))
	}
}
