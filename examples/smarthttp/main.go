// Smarthttp serves the repositories of a store to git, by smart HTTP (gitprotocol-http), with users and passwords.
//
//	go run ./examples/smarthttp
//	git clone http://localhost:8080/alice/notes
//
// The store is in memory, and gone when the program ends. The passwords are an example, too: hash yours.
package main

import (
	"compress/gzip"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage/memory"
)

func main() {
	ctx := context.Background()
	store, err := reposit.Open(ctx, memory.New(), nil)
	if err != nil {
		log.Fatal(err)
	}
	notes, err := store.Create(ctx, "notes", &reposit.CreateOptions{Owner: "alice"})
	if err == nil {
		_, err = notes.Write(ctx, "README.md", []byte("# Notes\n"), "Begin")
	}
	if err != nil {
		log.Fatal(err)
	}
	log.Println("git clone http://localhost:8080/alice/notes; alice has the password secret")
	log.Fatal(http.ListenAndServe("localhost:8080", &handler{store, map[string]string{"alice": "secret"}}))
}

// A handler serves a store at /owner/name, with or without .git at the end.
type handler struct {
	store     *reposit.Store
	passwords map[string]string // by login
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	actor, ok := h.actor(r)
	if !ok {
		unauthorized(w)
		return
	}
	out := &response{ResponseWriter: w}
	err := h.serve(out, r, h.store.As(actor))
	switch {
	case err == nil:
	case out.begun: // git was told
		log.Print(err)
	case errors.Is(err, reposit.ErrNotFound) && actor != reposit.Anonymous:
		http.NotFound(w, r)
	case errors.Is(err, reposit.ErrNotFound), errors.Is(err, reposit.ErrForbidden) && actor == reposit.Anonymous:
		unauthorized(w) // as what is not there, so that nobody learns what is
	case errors.Is(err, reposit.ErrForbidden):
		http.Error(w, err.Error(), http.StatusForbidden)
	default:
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// actor returns who asks, or false if they only say so.
func (h *handler) actor(r *http.Request) (reposit.Actor, bool) {
	login, password, given := r.BasicAuth()
	if !given {
		return reposit.Anonymous, true
	}
	known, ok := h.passwords[login]
	return reposit.User(login), ok && subtle.ConstantTimeCompare([]byte(password), []byte(known)) == 1
}

func unauthorized(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
	http.Error(w, "log in", http.StatusUnauthorized)
}

// serve serves one request of git.
func (h *handler) serve(w *response, r *http.Request, store *reposit.Store) (err error) {
	opts := &reposit.ServeOptions{Protocol: r.Header.Get("Git-Protocol"), Stateless: true}
	name, service := "", ""
	if path, ok := strings.CutSuffix(r.URL.Path, "/info/refs"); ok && r.Method == http.MethodGet {
		name, service, opts.Advertise = path, r.URL.Query().Get("service"), true
		w.kind = "advertisement"
		w.first = fmt.Sprintf("%04x# service=%s\n0000", len("0000# service=\n")+len(service), service)
	} else if i := strings.LastIndexByte(r.URL.Path, '/'); r.Method == http.MethodPost {
		name, service, w.kind = r.URL.Path[:i], r.URL.Path[i+1:], "result"
	}
	repo, err := store.Repo(r.Context(), strings.TrimSuffix(strings.Trim(name, "/"), ".git"))
	if err != nil {
		return err
	}
	body := r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(r.Body); err != nil {
			return err
		}
	}
	// Git answers while it reads: answers to what the client has may be many.
	if err := http.NewResponseController(w.ResponseWriter).EnableFullDuplex(); err != nil {
		return err
	}
	w.service = service
	stream := struct {
		io.Reader
		io.Writer
	}{body, w}
	switch service {
	case "git-upload-pack":
		return repo.UploadPack(r.Context(), stream, opts)
	case "git-receive-pack":
		return repo.ReceivePack(r.Context(), stream, opts)
	}
	return fmt.Errorf("service %q: %w", service, errors.ErrUnsupported)
}

// A response writes its headers with the first of its bytes: until then, an error can have a status of its own.
type response struct {
	http.ResponseWriter
	service, kind, first string
	begun                bool
}

// Write implements io.Writer.
func (w *response) Write(b []byte) (int, error) {
	if !w.begun {
		w.begun = true
		w.Header().Set("Content-Type", fmt.Sprintf("application/x-%s-%s", w.service, w.kind))
		w.Header().Set("Cache-Control", "no-cache")
		if _, err := io.WriteString(w.ResponseWriter, w.first); err != nil {
			return 0, err
		}
	}
	return w.ResponseWriter.Write(b)
}
