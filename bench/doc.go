// Package bench holds the benchmarks: each figure beside its floor, which is the same bytes hashed and stored with no
// engine around, and beside a peer, in the same run. README.md says how to read them.
package bench
