//go:build race

package badger

// raceDetector says that unpool must not write what the goroutines of Badger read, harmless as it is.
const raceDetector = true
