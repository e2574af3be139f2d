package archive_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/reposit/reposit/internal/archive"
)

// sourceFiles returns files of about 4 KB each that compress like source code.
func sourceFiles(n int) []file {
	random := rand.New(rand.NewPCG(1, 2))
	words := make([]string, 4000)
	for i := range words {
		var b strings.Builder
		for range 2 + random.IntN(9) {
			b.WriteByte("etaoinshrdlucmfwypvbgkqjxz"[min(random.IntN(26), random.IntN(26))])
		}
		words[i] = b.String()
	}
	files := make([]file, n)
	for i := range files {
		var b strings.Builder
		for b.Len() < 4096 {
			b.WriteString(strings.Repeat("\t", random.IntN(4)))
			for range 1 + random.IntN(8) {
				b.WriteString(words[min(random.IntN(len(words)), random.IntN(len(words)), random.IntN(len(words)))])
				b.WriteByte(" (),.:="[random.IntN(7)])
			}
			b.WriteByte('\n')
		}
		files[i] = file{path: fmt.Sprintf("dir%03d/pkg%d/file%05d.go", i/100, i/10%10, i), content: b.String()[:4096]}
	}
	return files
}

// BenchmarkWrite has git archive beside it, on the same commit. Its objects are in a pack, ours in memory.
func BenchmarkWrite(b *testing.B) {
	r := newRepo(b)
	const n = 10_000
	commit := r.commit(sourceFiles(n)...)
	all := r.objects()
	for _, format := range []struct {
		format archive.Format
		name   string
	}{{archive.Tar, "tar"}, {archive.TarGz, "tar.gz"}, {archive.TarZst, "tar.zst"}, {archive.Zip, "zip"}} {
		b.Run("format="+format.name+"/by=reposit", func(b *testing.B) {
			opts := options(b, all, commit, format.format)
			b.ReportAllocs()
			var size countingWriter
			for b.Loop() {
				size = 0
				if err := archive.Write(b.Context(), &size, all, opts); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(size)/1e6, "MB")
		})
		if format.format == archive.TarZst {
			continue
		}
		b.Run("format="+format.name+"/by=git", func(b *testing.B) {
			var size countingWriter
			for b.Loop() {
				size = 0
				cmd := r.command("archive", "--format="+format.name, commit.String())
				cmd.Stdout = &size
				if err := cmd.Run(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(size)/1e6, "MB")
		})
	}
}

type countingWriter int64

func (w *countingWriter) Write(p []byte) (int, error) {
	*w += countingWriter(len(p))
	return len(p), nil
}
