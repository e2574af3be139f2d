package git

import "github.com/reposit/reposit/internal/packfile"

// deltaOf returns the delta, or nil if it would save less than half of the target.
func deltaOf(d *packfile.DeltaWriter, base, target int) []byte {
	if d.Len() > target/2 {
		return nil
	}
	return d.Delta(base, target)
}

// Difference returns the instructions that turn base into target, found by what their beginnings and ends have in
// common, or nil if they would save less than half. It costs one comparison of the two.
func Difference(base, target []byte) []byte {
	shorter := min(len(base), len(target))
	head := 0
	for head < shorter && base[head] == target[head] {
		head++
	}
	tail := 0
	for tail < shorter-head && base[len(base)-1-tail] == target[len(target)-1-tail] {
		tail++
	}
	middle := target[head : len(target)-tail]
	if len(middle) > len(target)/2 {
		return nil
	}
	var d packfile.DeltaWriter
	d.Copy(0, head)
	d.Insert(middle)
	d.Copy(len(base)-tail, len(base))
	return deltaOf(&d, len(base), len(target))
}
