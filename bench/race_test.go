//go:build race

package bench

// raceDetector says that the race detector, which takes memory of its own, is on.
const raceDetector = true
