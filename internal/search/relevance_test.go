package search

import (
	"fmt"
	"go/build"
	"go/doc"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"maps"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

// TestRelevance searches the packages of Go's own sources, by their names and what the first sentence of each says of
// it: texts that nobody wrote for a test. What is asked for is to come first, or nearly.
func TestRelevance(t *testing.T) {
	b := memory.New()
	defer b.Close()
	names := map[storage.ID]string{}
	all := packages(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		id := storage.ID([]byte(fmt.Sprintf("%020d", len(names))))
		names[id] = name
		d := Doc{
			ID: id, Owner: strings.ReplaceAll(path.Dir(name), "/", "-"), Slug: path.Base(name), Name: path.Base(name),
			Description: all[name], Created: time.Unix(1e9, 0),
		}
		update(t, b, func(tx storage.Tx) error { return Add(tx, d.Entry()) })
	}
	if len(names) < 300 {
		t.Skipf("needs the sources of Go and of what this module depends on: found %d packages", len(names))
	}
	reciprocals := 0.0
	for _, q := range questions {
		var found []string
		err := b.View(t.Context(), func(v storage.View) error {
			r, err := Search(t.Context(), v, &Query{Text: q.text, Size: 10})
			if err != nil {
				return err
			}
			for _, h := range r.Hits {
				found = append(found, names[h.ID])
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		rank := 0
		for i, name := range found {
			if name == q.want {
				rank = i + 1
				reciprocals += 1 / float64(rank)
				break
			}
		}
		if rank != 1 {
			t.Logf("%q: %s is number %d of %v", q.text, q.want, rank, found)
		}
	}
	mrr := reciprocals / float64(len(questions))
	t.Logf("%d packages, %d questions: mean reciprocal rank %.3f", len(names), len(questions), mrr)
	if mrr < 0.9 {
		t.Errorf("mean reciprocal rank %.3f, want at least 0.9", mrr)
	}
}

// questions are what people ask for, in their words, and the package that they mean.
var questions = []struct{ text, want string }{
	{"json", "encoding/json"},
	{"encoding json", "encoding/json"},
	{"encoding/json", "encoding/json"},
	{"regular expression", "regexp"},
	{"regexp", "regexp"},
	{"hash sha256", "crypto/sha256"},
	{"sha256", "crypto/sha256"},
	{"http server", "net/http"},
	{"http", "net/http"},
	{"http client", "net/http"},
	{"gzip", "compress/gzip"},
	{"gzip compressed files", "compress/gzip"},
	{"zip archive", "archive/zip"},
	{"tar", "archive/tar"},
	{"tar archives", "archive/tar"},
	{"base64", "encoding/base64"},
	{"html template", "html/template"},
	{"text template", "text/template"},
	{"template", "text/template"},
	{"linked list", "container/list"},
	{"heap", "container/heap"},
	{"big numbers", "math/big"},
	{"arbitrary precision arithmetic", "math/big"},
	{"complex numbers", "math/cmplx"},
	{"sorting slices", "sort"},
	{"random numbers", "math/rand"},
	{"structured logging", "log/slog"},
	{"logging", "log"},
	{"syslog", "log/syslog"},
	{"mutual exclusion", "sync"},
	{"atomic memory", "sync/atomic"},
	{"command-line flag", "flag"},
	{"csv", "encoding/csv"},
	{"comma separated values", "encoding/csv"},
	{"xml", "encoding/xml"},
	{"hexadecimal encoding", "encoding/hex"},
	{"jpeg decoder", "image/jpeg"},
	{"png", "image/png"},
	{"gif", "image/gif"},
	{"elliptic curve", "crypto/elliptic"},
	{"tls", "crypto/tls"},
	{"x509", "crypto/x509"},
	{"mail messages", "net/mail"},
	{"smtp", "net/smtp"},
	{"rpc", "net/rpc"},
	{"url parsing", "net/url"},
	{"parse urls", "net/url"},
	{"file system interfaces", "io/fs"},
	{"embedded files", "embed"},
	{"context deadlines", "context"},
	{"unicode code points", "unicode"},
	{"utf8", "unicode/utf8"},
	{"utf16", "unicode/utf16"},
	{"profiling", "runtime/pprof"},
	{"reflection", "reflect"},
	{"sql database", "database/sql"},
	{"elf object files", "debug/elf"},
	{"mime multipart", "mime/multipart"},
	{"quoted-printable", "mime/quotedprintable"},
	{"lzw", "compress/lzw"},
	{"bzip2 decompression", "compress/bzip2"},
	{"suffix array", "index/suffixarray"},
	{"scanner for Go source", "go/scanner"},
	{"go parser", "go/parser"},
	{"abstract syntax tree", "go/ast"},
	{"type checker", "go/types"},
	{"testing support", "testing"},
	{"black box tests", "testing/quick"},
	{"weak pointers", "weak"},
	{"iterators", "iter"},
	{"time zone", "time/tzdata"},
	{"strconv", "strconv"},
	{"buffered io", "bufio"},
	{"bufi", "bufio"},
	{"filep", "path/filepath"},
	{"sha-1", "crypto/sha1"},
	{"aes", "crypto/aes"},
	{"des triple", "crypto/des"},
	{"run external commands", "os/exec"},
	{"signals", "os/signal"},
	{"user accounts", "os/user"},
}

// packages returns the first sentence of the documentation of each package of the standard library, and of the modules
// that this one depends on, as far as they are on this machine.
func packages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	addSynopses(found, "", filepath.Join(build.Default.GOROOT, "src"))
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Path}} {{.Dir}}", "all").Output()
	if err != nil {
		t.Log(err)
	}
	for line := range strings.Lines(string(out)) {
		module, dir, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok && dir != "" && module != "github.com/reposit/reposit" {
			addSynopses(found, module+"/", dir)
		}
	}
	return found
}

// addSynopses adds what is in a directory and below it, under import paths that begin with prefix.
func addSynopses(found map[string]string, prefix, root string) {
	skip := map[string]bool{"testdata": true, "vendor": true, "internal": true, "cmd": true, "_examples": true}
	_ = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil, d.IsDir() && skip[d.Name()]:
			return fs.SkipDir
		case d.IsDir(), !strings.HasSuffix(name, ".go"), strings.HasSuffix(name, "_test.go"):
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil || file.Doc == nil || file.Name.Name == "main" {
			return nil // some are not meant to be read
		}
		at := path.Clean(prefix + filepath.ToSlash(dir))
		if s := new(doc.Package).Synopsis(file.Doc.Text()); len(s) > len(found[at]) {
			found[at] = s
		}
		return nil
	})
}
