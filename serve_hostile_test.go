package reposit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/pktline"
)

// lines returns a request: each line, "" for a flush packet, and "|" for a delimiter.
func lines(text ...string) string {
	var b bytes.Buffer
	w := pktline.NewWriter(&b)
	for _, line := range text {
		switch line {
		case "":
			w.Flush()
		case "|":
			w.Delim()
		default:
			w.Printf("%s\n", line)
		}
	}
	w.Send()
	return b.String()
}

// TestUploadHostile says what no git says. Each is an error that the client is told.
func TestUploadHostile(t *testing.T) {
	r, fork := travelled(t, openMemory(t, nil))
	main := must(r.Resolve(t.Context(), "main"))(t).String()
	secret := must(fork.Resolve(t.Context(), "main"))(t).String()
	for _, test := range []struct {
		protocol, says string
		want           error
	}{
		{"version=2", "nonsense", reposit.ErrInvalid},
		{"version=2", "0003", reposit.ErrInvalid},
		{"version=2", "fff5", reposit.ErrInvalid},
		{"version=2", "0040command=fetch", io.ErrUnexpectedEOF},
		{"version=2", lines("command=steal", ""), reposit.ErrInvalid},
		{"version=2", lines("hello", ""), reposit.ErrInvalid},
		{"version=2", lines("command=fetch"), io.ErrUnexpectedEOF},
		{"version=2", lines("command=fetch", "object-format=sha256", "|", "want "+main, "done", ""), reposit.ErrInvalid},
		{"version=2", lines("command=fetch", "|", "want "+main), io.ErrUnexpectedEOF},
		{"version=2", lines("command=fetch", "|", "want "+main, "|", ""), reposit.ErrInvalid},
		{"version=2", lines("command=fetch", "|", "want "+main[1:], "done", ""), reposit.ErrInvalid},
		{"version=2", lines("command=fetch", "|", "want "+secret, "done", ""), reposit.ErrNotFound},
		{"version=2", lines("command=fetch", "|", "want-ref refs/heads/none", "done", ""), reposit.ErrInvalid},
		{"version=2", lines("command=fetch", "|", "want "+main, "deepen -1", "done", ""), reposit.ErrInvalid},
		{"version=2", lines("command=fetch", "|", "want "+main, "deepen 1", "deepen-since 1", "done", ""),
			reposit.ErrInvalid},
		{"version=2", lines("command=fetch", "|", "want "+main, "deepen-not nothing", "done", ""), reposit.ErrInvalid},
		{"version=2", lines("command=fetch", "|", "want "+main, "deepen-since 99999999999", "done", ""), reposit.ErrInvalid},
		{"version=2", lines("command=fetch", "|", "want "+main, "filter sparse:oid=x", "done", ""), reposit.ErrInvalid},
		{"version=2", lines("command=fetch", "|", "want "+main, "filter blob:limit=9999999999999g", ""), reposit.ErrInvalid},
		{"version=2", lines("command=fetch", "|", "want "+main,
			"shallow "+must(r.Resolve(t.Context(), "main:dir"))(t).String(), "done", ""), reposit.ErrInvalid},
		{"version=2", lines("command=ls-refs", "|", "everything", ""), reposit.ErrInvalid},
		{"version=2", lines("command=object-info", "|", "size", "oid x", ""), reposit.ErrInvalid},
		{"", "nonsense", reposit.ErrInvalid},
		{"", lines("want "+secret, "", "done"), reposit.ErrNotFound},
		{"", lines("want " + main), io.ErrUnexpectedEOF},
		{"", lines("want "+main+" object-format=sha256", "", "done"), reposit.ErrInvalid},
		{"", lines("have "+main, "", "done"), reposit.ErrInvalid},
		{"", lines("want "+main, "", "have x", "done"), reposit.ErrInvalid},
		{"", lines("want "+main, "", "want "+main, "done"), reposit.ErrInvalid},
		{"version=1", lines("want "+main, "|"), reposit.ErrInvalid},
	} {
		var out bytes.Buffer
		err := r.UploadPack(t.Context(), struct {
			io.Reader
			io.Writer
		}{strings.NewReader(test.says), &out}, &reposit.ServeOptions{Protocol: test.protocol, Stateless: true})
		if !errors.Is(err, test.want) || !strings.Contains(out.String(), "ERR upload-pack: ") ||
			strings.Contains(out.String(), "PACK") {
			t.Errorf("%q, said in %q = %v, want %v; the client is told %q", test.says, test.protocol, err, test.want,
				out.String())
		}
	}
}

// endless is a stream of one request that never ends.
type endless struct {
	begin []byte
	n     int
	next  func(n int) string
}

func (e *endless) Read(b []byte) (int, error) {
	for len(e.begin) < len(b) {
		e.n++
		e.begin = append(e.begin, e.next(e.n)...)
	}
	n := copy(b, e.begin)
	e.begin = append(e.begin[:0], e.begin[n:]...)
	return n, nil
}

func (e *endless) Write(b []byte) (int, error) { return len(b), nil }

// TestServeEndless has clients that never stop talking: there is a bound to each list, and to memory.
func TestServeEndless(t *testing.T) {
	r := create(t, openMemory(t, nil), "r", nil)
	main := write(t, r, "f", "x").Hash
	hash := func(n int) string { return fmt.Sprintf("%040x", n) }
	for _, test := range []struct {
		what, protocol, begin string
		next                  func(n int) string
		push                  bool
	}{
		{"haves", "version=2", lines("command=fetch", "|"), func(n int) string {
			return "0032have " + hash(n) + "\n"
		}, false},
		{"shallows", "version=2", lines("command=fetch", "|"), func(n int) string {
			return "0035shallow " + hash(n) + "\n"
		}, false},
		{"prefixes", "version=2", lines("command=ls-refs", "|"), func(int) string { return "0014ref-prefix refs/" }, false},
		{"commands", "", "", func(n int) string {
			return fmt.Sprintf("0069%s %s refs/heads/%08x", hash(0), main, n)
		}, true},
		{"options", "", lines(fmt.Sprintf("%s %s refs/heads/x\x00push-options", hash(0), main), ""), func(int) string {
			return "0006x\n"
		}, true},
	} {
		if testing.Short() && test.what == "haves" {
			continue // the longest
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		in := &endless{begin: []byte(test.begin), next: test.next}
		opts := &reposit.ServeOptions{Protocol: test.protocol, Stateless: true}
		var err error
		if test.push {
			err = r.ReceivePack(t.Context(), in, opts)
		} else {
			err = r.UploadPack(t.Context(), in, opts)
		}
		runtime.ReadMemStats(&after)
		if !errors.Is(err, reposit.ErrTooLarge) {
			t.Errorf("endless %s = %v, want ErrTooLarge", test.what, err)
		}
		if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 128<<20 {
			t.Errorf("endless %s take %d bytes", test.what, grown)
		}
	}
}

// TestServeStops ends the context while a client waits for ever, and has the host take the right to read away between
// two requests.
func TestServeStops(t *testing.T) {
	s := openMemory(t, nil)
	r, _ := travelled(t, s)
	for name, serve := range map[string]func(context.Context, io.ReadWriter, *reposit.ServeOptions) error{
		"UploadPack": r.UploadPack, "ReceivePack": r.ReceivePack,
	} {
		in, client := io.Pipe()
		defer client.Close()
		ctx, cancel := context.WithCancel(t.Context())
		out := cancelAfter{&bytes.Buffer{}, cancel}
		err := serve(ctx, struct {
			io.Reader
			io.Writer
		}{in, out}, nil)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s() of a client that waits = %v, want that the context ended", name, err)
		}
	}

	if _, err := r.Update(t.Context(), &reposit.RepoUpdate{Private: ref(true)}); err != nil {
		t.Fatal(err)
	}
	in, client := io.Pipe()
	answers, out := io.Pipe()
	done := make(chan error, 1)
	if err := s.Users().Put(t.Context(), reposit.Profile{Login: "bob"}); err != nil {
		t.Fatal(err)
	}
	if err := r.Collaborators().Add(t.Context(), "bob", reposit.Read); err != nil {
		t.Fatal(err)
	}
	bob := must(s.As(reposit.User("bob")).RepoByID(t.Context(), r.ID()))(t)
	go func() {
		done <- bob.UploadPack(t.Context(), struct {
			io.Reader
			io.Writer
		}{in, out}, &reposit.ServeOptions{Protocol: "version=2"})
		out.Close()
	}()
	told := pktline.NewReader(answers)
	readUntilFlush(t, told)
	io.WriteString(client, lines("command=ls-refs", ""))
	readUntilFlush(t, told)
	if err := r.Collaborators().Remove(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	io.WriteString(client, lines("command=ls-refs", ""))
	if _, line, err := told.Text(); err != nil || !strings.HasPrefix(line, "ERR ") {
		t.Errorf("an answer to who may read no more: %q, %v", line, err)
	}
	if err := <-done; !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("UploadPack() for who may read no more = %v, want ErrNotFound", err)
	}
}

// cancelAfter cancels when something was written.
type cancelAfter struct {
	io.Writer
	cancel func()
}

func (c cancelAfter) Write(b []byte) (int, error) {
	defer c.cancel()
	return c.Writer.Write(b)
}

func readUntilFlush(t *testing.T, r *pktline.Reader) {
	t.Helper()
	for {
		k, _, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if k == pktline.Flush {
			return
		}
	}
}

// FuzzServe has clients say anything. What they are told never holds a hash that is not theirs to know, an error is
// told, and what a push that is refused leaves is nothing.
func FuzzServe(f *testing.F) {
	s := openMemory(f, nil)
	r := create(f, s, "r", nil)
	main := write(f, r, "f", "x").Hash
	write(f, r, "f", "y")
	secret := commit(f, r, &reposit.CommitOptions{Branch: "hidden", Message: "m"}, reposit.Put("s", []byte("secret"))).Hash
	for _, seed := range []string{
		lines("command=ls-refs", "|", "peel", "symrefs", "unborn", "ref-prefix refs/heads/", ""),
		lines("command=fetch", "agent=x", "|", "want "+main.String(), "have "+secret.String(), "thin-pack", "ofs-delta", ""),
		lines("command=fetch", "|", "want "+main.String(), "deepen 1", "filter blob:none", "shallow "+main.String(), "done",
			""),
		lines("command=object-info", "|", "size", "oid "+main.String(), "oid "+secret.String(), ""),
		lines("want "+main.String()+" multi_ack_detailed side-band-64k no-done", "deepen 1", "", "have "+secret.String(), "",
			"done"),
		lines("want "+main.String()+" multi_ack include-tag", "", "have "+main.String(), "", "done"),
		pushes(emptyPack, "side-band-64k", fmt.Sprintf("%s %s refs/heads/x", reposit.Hash{}, secret)),
		pushes(nil, "atomic", fmt.Sprintf("%s %s refs/heads/main", main, reposit.Hash{})),
	} {
		for mode := range byte(4) {
			f.Add(mode, []byte(seed))
		}
	}
	opts := reposit.ServeOptions{Stateless: true, Hidden: []string{"refs/heads/hidden"}}
	f.Fuzz(func(t *testing.T, mode byte, in []byte) {
		before := refsOf(t, r)
		var out bytes.Buffer
		rw := struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(in), &out}
		o := opts
		o.Protocol = fmt.Sprintf("version=%d", mode%3)
		if mode%4 == 3 {
			err := r.ReceivePack(t.Context(), rw, &o)
			if now := refsOf(t, r); err != nil && now != before {
				t.Errorf("refs\n%s became\n%s, and ReceivePack() = %v", before, now, err)
			}
			for name, h := range allRefs(t, r) {
				if name != "refs/heads/hidden" && name != "HEAD" && h == secret.String() {
					t.Errorf("%s names what is hidden", name)
				}
			}
			return
		}
		err := r.UploadPack(t.Context(), rw, &o)
		if bytes.Contains(out.Bytes(), []byte("ACK "+secret.String())) {
			t.Errorf("what is hidden is acknowledged: %q", out.Bytes())
		}
		if told := bytes.Contains(out.Bytes(), []byte("upload-pack: ")); (err != nil) != told {
			t.Errorf("UploadPack() = %v, and the client is told %q", err, out.Bytes())
		}
	})
}
