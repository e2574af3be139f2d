package signature

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// A sshKey signs as ssh-keygen -Y sign does.
type sshKey struct{ ssh.Signer }

func newSSHKey(t testing.TB) sshKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return sshKey{s}
}

func (k sshKey) sign(t testing.TB, payload []byte, change func(*blob)) []byte {
	t.Helper()
	sum := sha512.Sum512(payload)
	b := blob{Version: 1, PublicKey: string(k.PublicKey().Marshal()), Namespace: namespace, Hash: "sha512"}
	copy(b.Magic[:], magic)
	m := message{Magic: b.Magic, Namespace: b.Namespace, Hash: b.Hash, Sum: string(sum[:])}
	sig, err := k.Sign(rand.Reader, ssh.Marshal(m))
	if err != nil {
		t.Fatal(err)
	}
	b.Signature = string(ssh.Marshal(sig))
	if change != nil {
		change(&b)
	}
	return []byte(sshBegin + "\n" + base64.StdEncoding.EncodeToString(ssh.Marshal(b)) + "\n" + sshEnd + "\n")
}

func (k sshKey) line(options string) string {
	return "ann " + options + " " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k.PublicKey()))) + "\n"
}

// TestSSH holds what is said of signatures that are not what they should be.
func TestSSH(t *testing.T) {
	ann, bob := newSSHKey(t), newSSHKey(t)
	payload, at := []byte("payload"), time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC)
	for what, test := range map[string]struct {
		allowed string
		change  func(*blob)
		want    Status
	}{
		"good":              {ann.line(""), nil, Good},
		"another key":       {bob.line(""), nil, Unknown},
		"in time":           {ann.line(`valid-after="202506011200Z",valid-before="20250601120001Z"`), nil, Good},
		"too early":         {ann.line(`valid-after="20250601120001Z"`), nil, Expired},
		"too late":          {ann.line(`valid-before="202506011200Z"`), nil, Expired},
		"one of two lines":  {ann.line(`valid-before="20200101Z"`) + ann.line(""), nil, Good},
		"a pattern":         {ann.line(`namespaces="file,g*"`), nil, Good},
		"not for git":       {ann.line(`namespaces="file"`), nil, Unknown},
		"another namespace": {ann.line(""), func(b *blob) { b.Namespace = "file" }, Bad},
		"another version":   {ann.line(""), func(b *blob) { b.Version = 2 }, Bad},
		"another hash":      {ann.line(""), func(b *blob) { b.Hash = "sha256" }, Bad},
		"a weak hash":       {ann.line(""), func(b *blob) { b.Hash = "sha1" }, Bad},
		"another's key":     {bob.line(""), func(b *blob) { b.PublicKey = string(bob.PublicKey().Marshal()) }, Bad},
		"no magic":          {ann.line(""), func(b *blob) { b.Magic[0] = 'x' }, Bad},
		"what is reserved":  {ann.line(""), func(b *blob) { b.Reserved = "x" }, Bad},
	} {
		keys, err := Parse(nil, []byte(test.allowed), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if got := keys.Verify(payload, ann.sign(t, payload, test.change), at); got.Status != test.want {
			t.Errorf("a signature of %s is %+v, want %v", what, got, test.want)
		}
	}
}

// FuzzVerify holds that nothing is a good signature of what nobody signed, whatever the signature and the keys are.
func FuzzVerify(f *testing.F) {
	ann := newSSHKey(f)
	f.Add(ann.sign(f, []byte("something else"), nil), []byte(ann.line("")), []byte(nil))
	f.Add([]byte("-----BEGIN PGP SIGNATURE-----\n\nwsBcBAABCAAQBQJk\n=aBcD\n-----END PGP SIGNATURE-----\n"), []byte("# none\n"),
		[]byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxsBN\n-----END PGP PUBLIC KEY BLOCK-----\n"))
	f.Fuzz(func(t *testing.T, signature, allowed, openPGP []byte) {
		keys, err := Parse(nil, allowed, time.Now)
		if err != nil {
			keys = &Keys{now: time.Now}
		}
		if more, err := Parse(openPGP, nil, time.Now); err == nil {
			keys.openPGP = more.openPGP
		}
		if got := keys.Verify([]byte("signed by nobody"), signature, time.Now()); got.Status == Good {
			t.Errorf("Verify() = %+v", got)
		}
	})
}
