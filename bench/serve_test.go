package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit"
)

// serveGit serves repositories by git's own protocol on this machine (gitprotocol-pack, "Git Transport"), and returns
// what their URLs begin with.
func serveGit(b *testing.B, s *reposit.Store) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var open sync.WaitGroup
	b.Cleanup(func() { l.Close(); open.Wait() })
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer c.Close()
				if err := serveOne(s, c); err != nil {
					b.Error(err)
				}
			})
		}
	})
	return "git://" + l.Addr().String() + "/local/"
}

func serveOne(s *reposit.Store, c net.Conn) error {
	ctx := context.Background()
	var n int
	header := make([]byte, 4)
	if _, err := io.ReadFull(c, header); err != nil {
		return err
	}
	if _, err := fmt.Sscanf(string(header), "%04x", &n); err != nil || n < 4 {
		return fmt.Errorf("a request of %q: %w", header, err)
	}
	line := make([]byte, n-4)
	if _, err := io.ReadFull(c, line); err != nil {
		return err
	}
	part := strings.Split(string(line), "\x00")
	service, name, _ := strings.Cut(part[0], " /")
	r, err := s.Repo(ctx, name)
	if err != nil {
		return err
	}
	opts := &reposit.ServeOptions{Protocol: part[max(0, len(part)-2)]}
	if service == "git-receive-pack" {
		return r.ReceivePack(ctx, c, opts)
	}
	return r.UploadPack(ctx, c, opts)
}

// BenchmarkServe has git clone and fetch from a repository, and push to one, beside git's own programs at the same
// work, on what git gc packed.
func BenchmarkServe(b *testing.B) {
	git := needGit(b)
	ctx := context.Background()
	dir := bareSource(b, git)
	s := newStore(b)
	if _, err := s.Import(ctx, "source", osfs.New(dir), nil); err != nil {
		b.Fatal(err)
	}
	served, out, n := serveGit(b, s), b.TempDir(), 0
	peers := []struct{ name, url string }{{"", served + "source"}, {"/peer=git", "file://" + dir}}
	clone := func(from string, args ...string) string {
		n++
		to := filepath.Join(out, fmt.Sprint(n))
		runGit(b, git, append(append([]string{"clone", "-q", "--bare"}, args...), from, to)...)
		return to
	}
	for _, p := range peers {
		b.Run("op=clone"+p.name, func(b *testing.B) {
			for b.Loop() {
				clone(p.url)
			}
		})
	}
	old := clone("file://"+dir, "--no-local")
	runGit(b, git, "-C", old, "update-ref", "refs/heads/main", "main~200")
	runGit(b, git, "-C", old, "reflog", "expire", "--expire=now", "--all")
	runGit(b, git, "-C", old, "gc", "-q", "--prune=now")
	for _, p := range peers {
		b.Run("op=fetch"+p.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				to := clone("file://" + old)
				b.StartTimer()
				runGit(b, git, "-C", to, "fetch", "-q", p.url, "main:main")
			}
		})
	}
	past := clone("file://" + old)
	runGit(b, git, "-C", past, "update-ref", "refs/heads/main", "main~800")
	runGit(b, git, "-C", past, "gc", "-q", "--prune=now")
	for _, p := range peers {
		b.Run("op=push"+p.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				var url string
				if p.name == "" {
					n++
					name := fmt.Sprint("pushed", n)
					if _, err := s.Import(ctx, name, osfs.New(past), nil); err != nil {
						b.Fatal(err)
					}
					url = served + name
				} else {
					url = "file://" + clone("file://"+past)
				}
				b.StartTimer()
				runGit(b, git, "-C", dir, "push", "-q", url, "main:main")
			}
		})
	}
}
