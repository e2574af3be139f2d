package reposit_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/reposit/reposit"
)

// A host serves repositories to git: by smart HTTP, and by git's own protocol over TCP, where a stream stays open.
type host struct {
	t      testing.TB
	find   func(name string) *reposit.Repo
	hidden []string

	mu    sync.Mutex
	ended sync.Cond
	open  int     // connections
	errs  []error // that serving returned
}

// serveHost serves a repository as "repo", and returns what URLs begin with for HTTP and for streams.
func serveHost(t testing.TB, r *reposit.Repo) (h *host, web, stream string) {
	h = &host{t: t, find: func(string) *reposit.Repo { return r }}
	h.ended.L = &h.mu
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	t.Cleanup(func() { l.Close(); open.Wait() })
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			h.count(1)
			open.Go(func() {
				defer h.count(-1)
				h.daemon(c)
			})
		}
	})
	return h, server.URL + "/repo", "git://" + l.Addr().String() + "/repo"
}

func (h *host) note(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.errs = append(h.errs, err)
	}
}

// hide has clients see no refs whose names begin so.
func (h *host) hide(names ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hidden = names
}

func (h *host) hides() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hidden
}

// count notes that connections begin or end.
func (h *host) count(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open += n
	h.ended.Broadcast()
}

// errors returns what went wrong since it was called last, once all connections have ended.
func (h *host) errors() []error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.open > 0 {
		h.ended.Wait()
	}
	errs := h.errs
	h.errs = nil
	return errs
}

// quiet fails the test if something went wrong.
func (h *host) quiet(t testing.TB) {
	t.Helper()
	if errs := h.errors(); len(errs) > 0 {
		t.Errorf("serving returned %v", errs)
	}
}

// daemon serves one connection of git's own protocol (gitprotocol-pack, "Git Transport").
func (h *host) daemon(c net.Conn) {
	defer c.Close()
	var n int
	var line []byte
	header := make([]byte, 4)
	if _, err := io.ReadFull(c, header); err == nil {
		fmt.Sscanf(string(header), "%04x", &n)
		line = make([]byte, max(n-4, 0))
		if _, err := io.ReadFull(c, line); err != nil {
			return
		}
	}
	part := strings.Split(string(line), "\x00")
	service, name, _ := strings.Cut(part[0], " ")
	opts := &reposit.ServeOptions{Protocol: part[max(0, len(part)-2)], Hidden: h.hides()}
	r := h.find(strings.Trim(name, "/"))
	h.serve(h.t.Context(), service, r, c, opts)
}

// ServeHTTP serves smart HTTP.
func (h *host) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r := h.find("repo")
	opts := &reposit.ServeOptions{Protocol: q.Header.Get("Git-Protocol"), Stateless: true, Hidden: h.hides()}
	service := q.URL.Query().Get("service")
	var body io.Reader = q.Body
	if service != "" {
		opts.Advertise = true
		w.Header().Set("Content-Type", "application/x-"+service+"-advertisement")
		fmt.Fprintf(w, "%04x# service=%s\n0000", 4+len("# service=\n")+len(service), service)
	} else {
		service = filepath.Base(q.URL.Path)
		w.Header().Set("Content-Type", "application/x-"+service+"-result")
		if q.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(body)
			if err != nil {
				h.note(err)
				return
			}
			body = z
		}
	}
	rw := struct {
		io.Reader
		io.Writer
	}{body, w}
	h.serve(q.Context(), service, r, rw, opts)
}

// serve has a repository serve a client.
func (h *host) serve(ctx context.Context, service string, r *reposit.Repo, rw io.ReadWriter,
	opts *reposit.ServeOptions) {
	if service == "git-receive-pack" {
		h.note(r.ReceivePack(ctx, rw, opts))
	} else {
		h.note(r.UploadPack(ctx, rw, opts))
	}
}

// gitClient returns the stream of a client that says in, whatever it is told.
func gitClient(in string) io.ReadWriter {
	return struct {
		io.Reader
		io.Writer
	}{strings.NewReader(in), io.Discard}
}

// protocols are the versions that git asks for.
var protocols = []string{"0", "1", "2"}

// TestClone clones from each backend in the ways that git has, and compares what arrives with the repository.
func TestClone(t *testing.T) {
	t.Parallel()
	needGit(t)
	ways := 0
	eachKind(t, func(t *testing.T, open opener) {
		r, _ := travelled(t, open(nil))
		h, web, stream := serveHost(t, r)
		for range 2 {
			version, url := protocols[ways%3], []string{web, stream}[ways%2]
			ways++
			dir := t.TempDir()
			git(t, dir, nil, "-c", "protocol.version="+version, "clone", "-q", "--mirror", url, "all.git")
			all := filepath.Join(dir, "all.git")
			fsck(t, all)
			if got, want := git(t, all, nil, "for-each-ref", refFormat), refsOf(t, r); got != want {
				t.Errorf("refs of a mirror by version %s of %s:\n%swant:\n%s", version, url, got, want)
			}
			if got, want := stored(t, all), reached(t, all); !slices.Equal(got, want) {
				t.Errorf("a mirror by version %s of %s has %d objects, its refs reach %d", version, url, len(got), len(want))
			}
			git(t, dir, nil, "-c", "protocol.version="+version, "clone", "-q", url, "plain")
			if got := git(t, filepath.Join(dir, "plain"), nil, "rev-parse", "--abbrev-ref", "HEAD"); got != "main" {
				t.Errorf("a clone by version %s of %s is on branch %q", version, url, got)
			}
		}
		h.quiet(t)
	})
}

// TestCloneEmpty clones what has no commits: the clone is on its default branch.
func TestCloneEmpty(t *testing.T) {
	needGit(t)
	s := openMemory(t, &reposit.Options{DefaultBranch: "trunk"})
	h, web, stream := serveHost(t, create(t, s, "empty", nil))
	for i, version := range protocols {
		dir := t.TempDir()
		git(t, dir, nil, "-c", "protocol.version="+version, "clone", "-q", []string{web, stream}[i%2], "c")
		if got := git(t, filepath.Join(dir, "c"), nil, "symbolic-ref", "HEAD"); got != "refs/heads/trunk" && version == "2" {
			t.Errorf("a clone by version %s is on %s", version, got)
		}
	}
	h.quiet(t)
}
