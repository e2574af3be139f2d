package sshkey

import (
	"crypto"
	//lint:ignore SA1019 a key of it must be refused
	"crypto/dsa"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// line returns a public key as in authorized_keys, without comment.
func line(t testing.TB, key crypto.PublicKey) string {
	t.Helper()
	k, err := ssh.NewPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(k)), "\n")
}

func newEd25519(t testing.TB) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

// rsaOf returns a key whose modulus has that many bits. Nobody has its other half.
func rsaOf(bits uint) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537}
}

// securityKey returns the line of a key of a token, which has the application behind the key proper.
func securityKey(kind string, fields ...string) string {
	var b []byte
	for _, f := range append([]string{kind}, fields...) {
		b = append(b, ssh.Marshal(struct{ S string }{f})...)
	}
	return kind + " " + base64.StdEncoding.EncodeToString(b)
}

func TestParse(t *testing.T) {
	ed, _ := newEd25519(t)
	lines := []string{line(t, ed), line(t, rsaOf(2048)), line(t, rsaOf(16384)),
		securityKey(ssh.KeyAlgoSKED25519, string(ed), "ssh:")}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line(t, &k.PublicKey))
	}
	for _, text := range lines {
		want, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []struct{ line, comment string }{
			{text, ""}, {text + "\n", ""}, {" \t" + text + "\r\n", ""}, {text + " ann@host", "ann@host"},
			{strings.Replace(text, " ", "\t  ", 1) + "\t two words ", "two words"}, {text + ` command="x"`, `command="x"`},
		} {
			got, err := Parse(form.line)
			if err != nil || got.Text != text || got.Comment != form.comment {
				t.Errorf("Parse(%q) = %+v, %v, want %q and comment %q", form.line, got, err, text, form.comment)
			}
			if f := FormatFingerprint(got.Fingerprint); f != ssh.FingerprintSHA256(want) {
				t.Errorf("fingerprint of %q = %s, want %s", form.line, f, ssh.FingerprintSHA256(want))
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	ed, private := newEd25519(t)
	good := line(t, ed)
	blob := strings.Fields(good)[1]
	for name, test := range map[string]string{
		"empty":               "",
		"blank":               " \t\n",
		"comment":             "# " + good,
		"type alone":          "ssh-ed25519",
		"base64 alone":        blob,
		"no base64":           "ssh-ed25519 !!!!",
		"cut base64":          good[:len(good)-8],
		"more than the key":   "ssh-ed25519 " + base64.StdEncoding.EncodeToString(append(decode(t, blob), 0)),
		"another type":        "ssh-rsa " + blob,
		"type of a signature": "rsa-sha2-256 " + strings.Fields(line(t, rsaOf(2048)))[1],
		"unknown type":        "ssh-ed448 " + blob,
		"option":              "restrict " + good,
		"options":             `command="/bin/sh",no-pty ` + good,
		"option with spaces":  `environment="A=b c" ` + good,
		"empty option":        ", " + good,
		"option of a type":    "ssh-ed25519 " + good,
		"two keys":            good + "\n" + good,
		"a key in the second": "\n#\n" + good + "\nx",
		"NUL":                 good + " a\x00b",
		"carriage return":     good + " a\rb",
		"too long":            good + " " + strings.Repeat("x", maxLine),
		"private key":         "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n",
		"PEM":                 "-----BEGIN PUBLIC KEY----- " + blob,
		"RSA of 2047 bits":    line(t, rsaOf(2047)),
		"RSA of 1024 bits":    line(t, rsaOf(1024)),
		"RSA of 16385 bits":   line(t, rsaOf(16385)),
		"negative RSA":        negativeRSA(t),
		"DSA":                 weakDSA(t),
		"certificate":         certificate(t, ed, private),
		"point not on curve":  securityKey(ssh.KeyAlgoECDSA256, "nistp256", "\x04"+strings.Repeat("\x01", 64)),
	} {
		if got, err := Parse(test); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: Parse(%.60q) = %+v, %v, want %v", name, test, got, err, ErrMalformed)
		} else if strings.Contains(err.Error(), blob) {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
}

func decode(t testing.TB, text string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func negativeRSA(t testing.TB) string {
	t.Helper()
	n := new(big.Int).Neg(rsaOf(2048).N)
	b := ssh.Marshal(struct {
		Type string
		E, N *big.Int
	}{ssh.KeyAlgoRSA, big.NewInt(65537), n})
	return ssh.KeyAlgoRSA + " " + base64.StdEncoding.EncodeToString(b)
}

// weakDSA returns a key that is well formed as far as its sizes go.
func weakDSA(t testing.TB) string {
	t.Helper()
	p := new(big.Int).Lsh(big.NewInt(1), 1023)
	return line(t, &dsa.PublicKey{Parameters: dsa.Parameters{
		P: p.Add(p, big.NewInt(1)), Q: new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 159), big.NewInt(1)),
		G: big.NewInt(2),
	}, Y: big.NewInt(3)})
}

func certificate(t testing.TB, key ed25519.PublicKey, ca ed25519.PrivateKey) string {
	t.Helper()
	public, err := ssh.NewPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(ca)
	if err != nil {
		t.Fatal(err)
	}
	cert := &ssh.Certificate{Key: public, CertType: ssh.UserCert, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, signer); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(cert)), "\n")
}

// TestOneWayOfWriting holds that a key is the same key however its base64 and numbers are written.
func TestOneWayOfWriting(t *testing.T) {
	k := rsaOf(2048)
	want, err := Parse(line(t, k))
	if err != nil {
		t.Fatal(err)
	}
	field := func(b []byte) string { return string(ssh.Marshal(struct{ S string }{string(b)})) }
	padded := field([]byte(ssh.KeyAlgoRSA)) + field([]byte{0, 0, 1, 0, 1}) + field(append([]byte{0, 0, 0}, k.N.Bytes()...))
	got, err := Parse(ssh.KeyAlgoRSA + " " + base64.StdEncoding.EncodeToString([]byte(padded)) + " again")
	if err != nil || got.Text != want.Text || got.Fingerprint != want.Fingerprint {
		t.Errorf("a key with zeros before its numbers is another key: %q, %v, want %q", got.Text, err, want.Text)
	}
}

// TestKeygen makes keys with ssh-keygen, and compares what it says of them.
func TestKeygen(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("needs ssh-keygen")
	}
	for _, args := range [][]string{{"-t", "ed25519"}, {"-t", "ecdsa", "-b", "384"}, {"-t", "rsa", "-b", "2048"}} {
		file := filepath.Join(t.TempDir(), "key")
		if out, err := exec.Command(keygen, append(args, "-q", "-N", "", "-C", "ann@host", "-f",
			file)...).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen %v: %v\n%s", args, err, out)
		}
		text, err := os.ReadFile(file + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		shown, err := exec.Command(keygen, "-l", "-f", file+".pub").Output()
		if err != nil {
			t.Fatal(err)
		}
		k, err := Parse(string(text))
		if want := strings.Fields(string(shown))[1]; err != nil || FormatFingerprint(k.Fingerprint) != want ||
			k.Comment != "ann@host" {
			t.Errorf("Parse(%q) = %s, %q, %v, want %s", text, FormatFingerprint(k.Fingerprint), k.Comment, err, want)
		}
	}
}

// FuzzParse holds that what is accepted is accepted again as it is written, and is then the same key.
func FuzzParse(f *testing.F) {
	ed, _ := newEd25519(f)
	for _, seed := range []string{line(f, ed), line(f, ed) + " c", line(f, rsaOf(2048)), "restrict " + line(f, ed), "",
		"ssh-rsa AAAA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("Parse(%q) = %v, want %v", text, err, ErrMalformed)
			}
			return
		}
		again, err := Parse(k.Text + " " + k.Comment)
		if err != nil || again != k {
			t.Errorf("Parse(%q) = %+v, written and read again %+v, %v", text, k, again, err)
		}
	})
}
