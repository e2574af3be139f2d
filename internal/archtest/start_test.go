package archtest

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// build builds a program of testdata.
func build(tb testing.TB, name string) string {
	tb.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		tb.Skip("needs the go command")
	}
	file := filepath.Join(tb.TempDir(), name)
	if runtime.GOOS == "windows" {
		file += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", file, "./testdata/"+name).CombinedOutput(); err != nil {
		tb.Fatalf("go build: %v\n%s", err, out)
	}
	return file
}

// TestStart holds that a program which opens a store in memory is small, and links no tables that are filled at its
// start.
func TestStart(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs the go command")
	}
	if _, ok := dependencies(t, module)["github.com/go-enry/go-enry/v2/data"]; ok {
		t.Error("the root links go-enry, whose tables take 16 MB and tens of milliseconds at the start of every program")
	}
	out, err := exec.Command(build(t, "start")).Output()
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "linux" {
		t.Skip("its memory is not told")
	}
	var peak int
	if _, err := fmt.Sscanf(string(out), "%d kB", &peak); err != nil {
		t.Fatalf("it says %q: %v", out, err)
	}
	if most := 8 << 10; peak > most {
		t.Errorf("a program with a store in memory takes %d KiB, want at most %d", peak, most)
	}
}

// BenchmarkStart starts a program that opens a store in memory, and beside it one that does nothing.
func BenchmarkStart(b *testing.B) {
	for _, name := range []string{"empty", "start"} {
		b.Run("program="+name, func(b *testing.B) {
			program := build(b, name)
			for b.Loop() {
				if err := exec.Command(program).Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
