package reposit_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/reposit/reposit"
)

// A pgpKey is a key of OpenPGP that is made for a test.
type pgpKey struct {
	entity *openpgp.Entity
	config *packet.Config
}

func newPGPKey(t testing.TB, name string, life time.Duration) *pgpKey {
	t.Helper()
	config := &packet.Config{
		Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return newYear }, KeyLifetimeSecs: uint32(life.Seconds()),
	}
	e, err := openpgp.NewEntity(name, "", name+"@example.org", config)
	if err != nil {
		t.Fatal(err)
	}
	return &pgpKey{e, config}
}

func (k *pgpKey) sign(payload []byte) (string, error) {
	var b strings.Builder
	err := openpgp.ArmoredDetachSign(&b, k.entity, bytes.NewReader(payload), k.config)
	return b.String(), err
}

// public returns the key as gpg exports it.
func (k *pgpKey) public(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
	if err == nil {
		err = errors.Join(k.entity.Serialize(w), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

func (k *pgpKey) fingerprint() string { return fmt.Sprintf("%X", k.entity.PrimaryKey.Fingerprint) }

func newKeyring(t testing.TB, opts *reposit.KeyringOptions) reposit.Keyring {
	t.Helper()
	return must(reposit.NewKeyring(opts))(t)
}

// TestVerifyOpenPGP holds what is said of signatures by keys that are known, unknown, out of date and revoked, and of
// commits that are not what was signed.
func TestVerifyOpenPGP(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", nil)
	ann, bob := newPGPKey(t, "ann", 0), newPGPKey(t, "bob", 24*time.Hour)
	signed := func(k *pgpKey) *reposit.Commit {
		return commit(t, r, &reposit.CommitOptions{Message: "signed\n", Sign: k.sign, AllowEmpty: true})
	}
	good, short := signed(ann), signed(bob)
	unsigned := write(t, r, "f", "1")
	moved := commit(t, r, &reposit.CommitOptions{Message: "another\n", AllowEmpty: true, Headers: good.Headers})
	noise := commit(t, r, &reposit.CommitOptions{AllowEmpty: true, Headers: "gpgsig -----BEGIN PGP SIGNATURE-----\n x\n"})
	other := commit(t, r, &reposit.CommitOptions{AllowEmpty: true, Headers: "gpgsig nothing known\n"})

	both := append(ann.public(t), bob.public(t)...)
	at := func(d time.Duration) func() time.Time { return func() time.Time { return newYear.Add(d) } }
	known := newKeyring(t, &reposit.KeyringOptions{OpenPGP: both, Now: at(time.Hour)})
	later := newKeyring(t, &reposit.KeyringOptions{OpenPGP: both, Now: at(48 * time.Hour)})
	nobody := newKeyring(t, nil)
	if err := ann.entity.RevokeKey(packet.NoReason, "", ann.config); err != nil {
		t.Fatal(err)
	}
	revoked := newKeyring(t, &reposit.KeyringOptions{OpenPGP: ann.public(t), Now: at(time.Hour)})
	by := func(status reposit.SignatureStatus, k *pgpKey, identities ...string) reposit.Verification {
		return reposit.Verification{Status: status, Key: k.fingerprint(), Identities: identities}
	}
	const annIs, bobIs = "ann <ann@example.org>", "bob <bob@example.org>"
	for what, test := range map[string]struct {
		c    *reposit.Commit
		keys reposit.Keyring
		want reposit.Verification
	}{
		"good":            {good, known, by(reposit.SignatureGood, ann, annIs)},
		"of the second":   {short, known, by(reposit.SignatureGood, bob, bobIs)},
		"out of date":     {short, later, by(reposit.SignatureExpired, bob, bobIs)},
		"revoked":         {good, revoked, by(reposit.SignatureRevoked, ann, annIs)},
		"unknown":         {good, nobody, by(reposit.SignatureUnknown, ann)},
		"of another":      {moved, known, by(reposit.SignatureBad, ann)},
		"unsigned":        {unsigned, known, reposit.Verification{}},
		"no armour":       {noise, known, reposit.Verification{Status: reposit.SignatureBad}},
		"of another kind": {other, known, reposit.Verification{Status: reposit.SignatureBad}},
	} {
		got, err := r.Verify(ctx, test.c.Hash.String(), test.keys)
		if got.Status != reposit.Unsigned && got.Key != "" && !got.When.Equal(newYear) {
			t.Errorf("Verify() of one that is %s says it was signed at %v, want %v", what, got.When, newYear)
		}
		got.When = time.Time{}
		if err != nil || got.Status != test.want.Status || got.Key != test.want.Key ||
			!slices.Equal(got.Identities, test.want.Identities) {
			t.Errorf("Verify() of one that is %s = %+v, %v, want %+v", what, got, err, test.want)
		}
	}
	for what, rev := range map[string]string{"tree": "main^{tree}", "file": "main:f"} {
		if _, err := r.Verify(ctx, rev, known); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("Verify() of a %s = %v, want %v", what, err, reposit.ErrInvalid)
		}
	}
	if _, err := r.Verify(ctx, "main", nil); !errors.Is(err, reposit.ErrInvalid) {
		t.Errorf("Verify() without keys = %v, want %v", err, reposit.ErrInvalid)
	}
	for what, opts := range map[string]reposit.KeyringOptions{
		"OpenPGP": {OpenPGP: []byte("no key")}, "SSH": {AllowedSigners: []byte("ann no key\n")},
		"options": {AllowedSigners: []byte("ann valid-after=\"soon\" " + sshKey(1))},
	} {
		if _, err := reposit.NewKeyring(&opts); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("NewKeyring() of no keys, %s = %v, want %v", what, err, reposit.ErrInvalid)
		}
	}
}

// signers makes keys of SSH, and returns the files that they are in.
func signers(t *testing.T, kinds ...string) (files []string) {
	t.Helper()
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("needs ssh-keygen")
	}
	dir := t.TempDir()
	for i, kind := range kinds {
		name := filepath.Join(dir, fmt.Sprint("key", i))
		args := append([]string{"-q", "-N", "", "-C", "", "-f", name, "-t"}, strings.Fields(kind)...)
		if out, err := exec.Command("ssh-keygen", args...).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v\n%s", err, out)
		}
		files = append(files, name)
	}
	return files
}

// TestVerifyAgainstGit compares what is said of signatures with SSH keys, on commits and tags that git made, with what
// git says.
func TestVerifyAgainstGit(t *testing.T) {
	needGit(t)
	keys := signers(t, "ed25519", "ecdsa -b 384", "rsa -b 2048", "ed25519")
	asPicker(t)
	dir := t.TempDir()
	git(t, dir, nil, "init", "-q", "--initial-branch=main", ".")
	allowed := filepath.Join(t.TempDir(), "allowed")
	config := []string{"-c", "gpg.format=ssh", "-c", "gpg.ssh.allowedSignersFile=" + allowed}
	run := func(key string, args ...string) {
		t.Helper()
		git(t, dir, nil, append(append(slices.Clone(config), "-c", "user.signingKey="+key), args...)...)
	}
	var lines []string
	options := []string{
		"ann@x,*@y ", `"bob@x" namespaces="git,file" `, `cy valid-after="20200101Z",valid-before="20300101Z" `,
	}
	for i, key := range keys {
		run(key, "commit", "-q", "--allow-empty", "-S", "-m", fmt.Sprint("signed ", i))
		run(key, "tag", "-s", "-m", "signed", fmt.Sprint("t", i))
		public, err := os.ReadFile(key + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		if i < len(options) {
			lines = append(lines, options[i]+string(public))
		}
	}
	git(t, dir, nil, "commit", "-q", "--allow-empty", "-m", "not signed")
	// What was signed is changed: the signature is that of another message.
	raw := git(t, dir, nil, "cat-file", "commit", "main~1")
	raw = strings.Replace(raw, "signed 3", "changed", 1) + "\n"
	changed := git(t, dir, []byte(raw), "hash-object", "-t", "commit", "-w", "--stdin")
	git(t, dir, nil, "branch", "changed", strings.TrimSpace(changed))

	r := importGit(t, openMemory(t, nil), "r", dir)
	first, _ := strings.CutPrefix(lines[0], options[0])
	for what, file := range map[string]string{
		"all":         strings.Join(lines, ""),
		"out of date": "ann@x valid-before=\"20200101\" " + first,
		"not for git": "# only files\n\nann@x namespaces=\"file\" " + first,
		"by others":   "ann@x cert-authority " + first,
	} {
		if err := os.WriteFile(allowed, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		ring := newKeyring(t, &reposit.KeyringOptions{AllowedSigners: []byte(file)})
		for _, rev := range []string{"main", "main~1", "main~2", "main~3", "main~4", "changed", "t0", "t1", "t2", "t3"} {
			verify := "verify-commit"
			if rev[0] == 't' {
				verify = "verify-tag"
			}
			_, failed := tryGit(t, dir, nil, append(slices.Clone(config), verify, rev)...)
			got, err := r.Verify(t.Context(), rev, ring)
			if err != nil || (got.Status == reposit.SignatureGood) != (failed == nil) {
				t.Errorf("%s: Verify(%s) = %+v, %v, want what git says: %v", what, rev, got, err, failed)
			}
			if want := strings.Split(strings.Trim(strings.Fields(file)[0], `"`), ","); got.Status == reposit.SignatureGood &&
				rev == "t0" && !slices.Equal(got.Identities, want) {
				t.Errorf("%s: Verify(%s) is by %q, want %q", what, rev, got.Identities, want)
			}
		}
	}
	ring := newKeyring(t, &reposit.KeyringOptions{AllowedSigners: []byte(strings.Join(lines, ""))})
	for rev, want := range map[string]reposit.SignatureStatus{
		"main": reposit.Unsigned, "changed": reposit.SignatureBad, "t3": reposit.SignatureUnknown,
		"t3^{}": reposit.SignatureUnknown,
	} {
		if got := must(r.Verify(t.Context(), rev, ring))(t); got.Status != want {
			t.Errorf("Verify(%s) = %+v, want %v", rev, got, want)
		}
	}
}

// TestVerifyGPG has gpg sign, if there is one.
func TestVerifyGPG(t *testing.T) {
	needGit(t)
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("needs gpg")
	}
	home, err := os.MkdirTemp("", "gpg") // a short name: a socket is in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		os.RemoveAll(home)
	})
	t.Setenv("GNUPGHOME", home)
	gpg := func(args ...string) []byte {
		args = append([]string{"--batch", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback"}, args...)
		out, err := exec.Command("gpg", args...).Output()
		if err != nil {
			t.Skipf("gpg %q: %v", args, err)
		}
		return out
	}
	gpg("--quick-generate-key", "Gil <gil@example.org>", "ed25519", "sign", "never")
	dir := t.TempDir()
	git(t, dir, nil, "init", "-q", "--initial-branch=main", ".")
	asPicker(t)
	git(t, dir, nil, "-c", "user.signingKey=gil@example.org", "commit", "-q", "--allow-empty", "-S", "-m", "signed")
	git(t, dir, nil, "-c", "user.signingKey=gil@example.org", "tag", "-s", "-m", "signed", "t")
	r := importGit(t, openMemory(t, nil), "r", dir)
	keys := newKeyring(t, &reposit.KeyringOptions{OpenPGP: gpg("--export")})
	for _, rev := range []string{"main", "t"} {
		got := must(r.Verify(t.Context(), rev, keys))(t)
		if got.Status != reposit.SignatureGood || !slices.Equal(got.Identities, []string{"Gil <gil@example.org>"}) {
			t.Errorf("Verify(%s) = %+v", rev, got)
		}
	}
}

// TestCoAuthors counts those whom messages name.
func TestCoAuthors(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", nil)
	n := 0
	on := func(branch, author, message string) {
		n++
		commit(t, r, &reposit.CommitOptions{
			Branch: branch, Message: message, Author: &reposit.Signature{Name: author, Email: author + "@x"},
		}, reposit.Put("f", fmt.Append(nil, n)))
	}
	on("main", "ann", "one\n\nCo-authored-by: Bob <bob@x>\nco-authored-BY: Ann <ANN@x>\nCo-authored-by: B <bob@x>\n")
	on("main", "bob", "two\n\nCo-authored-by: robert <robert@x>\nReviewed-by: Cy <cy@x>\n")
	on("main", "ann", "three\n\nCo-authored-by: nobody\n")
	commit(t, r, &reposit.CommitOptions{AllowEmpty: true, Message: "empty\n\nCo-authored-by: Dee <dee@x>\n"})
	commit(t, r, nil, reposit.Put(".mailmap", []byte("Bob <bob@x> <robert@x>\n")))
	all := must(r.Contributors(ctx, &reposit.ContributorOptions{Anonymous: true, CoAuthors: true}))(t)
	var got []string
	for _, c := range all {
		got = append(got, fmt.Sprint(c.Email, " ", c.Contributions))
	}
	own := must(r.CommitAt(ctx, ""))(t).Author.Email
	if want := []string{"bob@x 2", "ann@x 2", own + " 1"}; !slices.Equal(got, want) {
		t.Errorf("Contributors() = %q, want %q", got, want)
	}
	alone := must(r.Contributors(ctx, &reposit.ContributorOptions{Anonymous: true}))(t)
	if len(alone) != 3 || alone[1].Contributions != 1 {
		t.Errorf("Contributors() without co-authors = %+v", alone)
	}
}
