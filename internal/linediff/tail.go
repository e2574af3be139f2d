package linediff

import "bytes"

const tailBlock = 1024

// TrimTail returns two texts without an end that both have, in whole blocks and from the beginning of a line. Git does
// so ahead wherever it compares without context: for git blame and git diff -U0. What differs may be found elsewhere
// then, since lines that were cut off count for nothing.
func TrimTail(a, b []byte) ([]byte, []byte) {
	n := 0
	for short := min(len(a), len(b)); n+tailBlock <= short; n += tailBlock {
		if !bytes.Equal(a[len(a)-n-tailBlock:len(a)-n], b[len(b)-n-tailBlock:len(b)-n]) {
			break
		}
	}
	if i := bytes.IndexByte(a[len(a)-n:], '\n'); i >= 0 {
		n -= i + 1
	} else {
		n = 0
	}
	return a[:len(a)-n], b[:len(b)-n]
}
