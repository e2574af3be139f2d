//go:build !race

package badger

const raceDetector = false
