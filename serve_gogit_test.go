package reposit_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/memfs"
	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/client"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/reposit/reposit"
)

// inProcess is a transport of go-git to the repositories of a store, without a network or a program.
type inProcess struct{ s *reposit.Store }

func (p inProcess) NewUploadPackSession(e *transport.Endpoint, _ transport.AuthMethod) (transport.UploadPackSession,
	error) {
	return p.session(e, (*reposit.Repo).UploadPack)
}

func (p inProcess) NewReceivePackSession(e *transport.Endpoint, _ transport.AuthMethod) (transport.ReceivePackSession,
	error) {
	return p.session(e, (*reposit.Repo).ReceivePack)
}

type verb func(*reposit.Repo, context.Context, io.ReadWriter, *reposit.ServeOptions) error

func (p inProcess) session(e *transport.Endpoint, serve verb) (*inProcessSession, error) {
	r, err := p.s.Repo(context.Background(), e.Host+e.Path)
	if err != nil {
		return nil, transport.ErrRepositoryNotFound
	}
	return &inProcessSession{r, serve}, nil
}

type inProcessSession struct {
	r     *reposit.Repo
	serve verb
}

// ask sends a request, and returns the answer.
func (s *inProcessSession) ask(ctx context.Context, request io.Reader, advertise bool) (*bytes.Buffer, error) {
	answer := &bytes.Buffer{}
	err := s.serve(s.r, ctx, struct {
		io.Reader
		io.Writer
	}{request, answer}, &reposit.ServeOptions{Stateless: true, Advertise: advertise})
	return answer, err
}

func (s *inProcessSession) AdvertisedReferences() (*packp.AdvRefs, error) {
	return s.AdvertisedReferencesContext(context.Background())
}

func (s *inProcessSession) AdvertisedReferencesContext(ctx context.Context) (*packp.AdvRefs, error) {
	answer, err := s.ask(ctx, bytes.NewReader(nil), true)
	if err != nil {
		return nil, err
	}
	refs := packp.NewAdvRefs()
	return refs, refs.Decode(answer)
}

func (s *inProcessSession) UploadPack(ctx context.Context, q *packp.UploadPackRequest) (*packp.UploadPackResponse,
	error) {
	if q.IsEmpty() {
		return nil, transport.ErrEmptyUploadPackRequest
	}
	var request bytes.Buffer
	if err := q.UploadRequest.Encode(&request); err != nil {
		return nil, err
	}
	if err := q.UploadHaves.Encode(&request, false); err != nil {
		return nil, err
	}
	if err := pktline.NewEncoder(&request).EncodeString("done\n"); err != nil {
		return nil, err
	}
	answer, err := s.ask(ctx, &request, false)
	if err != nil {
		return nil, err
	}
	response := packp.NewUploadPackResponse(q)
	return response, response.Decode(io.NopCloser(answer))
}

func (s *inProcessSession) ReceivePack(ctx context.Context, q *packp.ReferenceUpdateRequest) (*packp.ReportStatus,
	error) {
	var request bytes.Buffer
	if err := q.Encode(&request); err != nil {
		return nil, err
	}
	answer, err := s.ask(ctx, &request, false)
	if err != nil {
		return nil, err
	}
	report := packp.NewReportStatus()
	if err := report.Decode(answer); err != nil {
		return nil, err
	}
	return report, report.Error()
}

func (s *inProcessSession) Close() error { return nil }

// TestServeGoGit has go-git clone, fetch and push within the process.
func TestServeGoGit(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "near", nil)
	for _, text := range []string{"one", "two", "three"} {
		write(t, r, "dir/"+text, text)
	}
	client.InstallProtocol("inprocess", inProcess{s.Store})
	t.Cleanup(func() { client.InstallProtocol("inprocess", nil) })
	const url = "inprocess://local/near"

	clone, err := gogit.CloneContext(t.Context(), memory.NewStorage(), memfs.New(), &gogit.CloneOptions{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	head, err := clone.Head()
	if want := must(r.Resolve(t.Context(), "main"))(t); err != nil || head.Hash().String() != want.String() {
		t.Fatalf("HEAD of the clone = %v, %v, want %s", head, err, want)
	}
	shallow, err := gogit.CloneContext(t.Context(), memory.NewStorage(), nil, &gogit.CloneOptions{URL: url, Depth: 1})
	if err != nil {
		t.Fatal(err)
	}
	if ends, err := shallow.Storer.Shallow(); err != nil || len(ends) != 1 || ends[0] != head.Hash() {
		t.Errorf("a shallow clone ends at %v, %v, want %s", ends, err, head.Hash())
	}

	tree, err := clone.Worktree()
	if err != nil {
		t.Fatal(err)
	}
	made, err := tree.Commit("four", &gogit.CommitOptions{AllowEmptyCommits: true,
		Author: &object.Signature{Name: "a", Email: "a@b", When: time.Unix(1700000000, 0)}})
	if err != nil {
		t.Fatal(err)
	}
	err = clone.PushContext(t.Context(), &gogit.PushOptions{RefSpecs: []config.RefSpec{
		"refs/heads/main:refs/heads/main", "refs/heads/main:refs/heads/other",
	}})
	if got := must(r.Resolve(t.Context(), "other"))(t); err != nil || got.String() != made.String() {
		t.Errorf("Push() = %v, and other is %s, want %s", err, got, made)
	}
	more := write(t, r, "dir/five", "five")
	if err := clone.FetchContext(t.Context(), &gogit.FetchOptions{}); err != nil {
		t.Errorf("Fetch() = %v", err)
	}
	if got, err := clone.Reference("refs/remotes/origin/main", true); err != nil ||
		got.Hash().String() != more.Hash.String() {
		t.Errorf("main after Fetch() = %v, %v, want %s", got, err, more.Hash)
	}
}
