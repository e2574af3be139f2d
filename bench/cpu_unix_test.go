//go:build unix

package bench

import (
	"syscall"
	"testing"
)

// reportCPU adds the processor time that the benchmark took, all threads together: on a machine that others use too
// it says more than the clock. Call it before the loop, and what it returns after.
func reportCPU(b *testing.B) func() {
	start := cpuTime()
	return func() { b.ReportMetric(float64(cpuTime()-start)/float64(b.N), "cpu-ns/op") }
}

func cpuTime() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
