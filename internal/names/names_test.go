package names

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestCheckRef(t *testing.T) {
	part := strings.Repeat("x", MaxRefComponent)
	for _, test := range []struct{ name, want string }{
		{"HEAD", ""}, {"refs/heads/main", ""}, {"refs/heads/a/b", ""}, {"refs/stash", ""}, {"refs/heads/@", ""},
		{"refs/heads/-x", ""}, {"refs/heads/HEAD", ""}, {"refs/heads/é", ""}, {"refs/heads/\xff", ""}, {"refs/heads/a.b", ""},
		{"refs/heads/x.lock.y", ""}, {"refs/heads/@}", ""}, {"refs/heads/" + part, ""}, {"refs/heads/a./b", ""},
		{"", "malformed"}, {"main", "malformed"}, {"FETCH_HEAD", "malformed"}, {"objects/pack", "malformed"},
		{"head", "malformed"},
		{"refs/", "malformed"}, {"refs//x", "malformed"}, {"refs/heads/", "malformed"}, {"/refs/heads/x", "malformed"},
		{"refs/heads/../../config", "malformed"}, {"refs/heads/.x", "malformed"}, {"refs/heads/x.", "malformed"},
		{"refs/heads/x.lock", "malformed"}, {"refs/heads/x.lock/y", "malformed"}, {"refs/heads/a..b", "malformed"},
		{"refs/heads/a b", "malformed"}, {"refs/heads/a~b", "malformed"}, {"refs/heads/a^b", "malformed"},
		{"refs/heads/a:b", "malformed"}, {"refs/heads/a?b", "malformed"}, {"refs/heads/a*b", "malformed"},
		{"refs/heads/a[b", "malformed"}, {"refs/heads/a\\b", "malformed"}, {"refs/heads/a@{b", "malformed"},
		{"refs/heads/a\x7f", "malformed"}, {"refs/heads/a\n", "malformed"}, {"refs/heads/a\x00", "malformed"},
		{"refs/heads/" + part + "x", "too long"}, {"refs/" + strings.Repeat("abc/", 255) + "abc", "too long"},
	} {
		if got := kind(CheckRef(test.name)); got != test.want {
			t.Errorf("CheckRef(%.60q) = %q, want %q", test.name, got, test.want)
		}
	}
}

func TestCheckBranchAndTag(t *testing.T) {
	for _, test := range []struct{ name, want string }{
		{"main", ""}, {"feature/x", ""}, {"@", ""}, {"refs/heads/main", ""}, {"head", ""},
		{"", "malformed"}, {"HEAD", "malformed"}, {"-x", "malformed"}, {"x.lock", "malformed"}, {"a b", "malformed"},
		{strings.Repeat("abc/", 255) + "ab", "too long"},
	} {
		if got := kind(CheckBranch(test.name)); got != test.want {
			t.Errorf("CheckBranch(%.40q) = %q, want %q", test.name, got, test.want)
		}
		if got := kind(CheckTag(test.name)); got != test.want {
			t.Errorf("CheckTag(%.40q) = %q, want %q", test.name, got, test.want)
		}
	}
}

func TestCheckSlug(t *testing.T) {
	for _, test := range []struct{ name, want string }{
		{"a", ""}, {"my-project", ""}, {"a.b_c-d", ""}, {"0", ""}, {"git", ""}, {"console", ""}, {"com", ""}, {"com10", ""},
		{"a--b", ""}, {"x.git.y", ""}, {strings.Repeat("x", MaxSlug), ""},
		{"", "malformed"}, {".", "malformed"}, {"..", "malformed"}, {"a..b", "malformed"}, {"-a", "malformed"},
		{"a-", "malformed"},
		{"A", "malformed"}, {"a/b", "malformed"}, {"a b", "malformed"}, {"é", "malformed"}, {"a\n", "malformed"},
		{"x.git", "malformed"}, {"x.wiki", "malformed"}, {"x.lock", "malformed"}, {"x.atom", "malformed"},
		{"con", "malformed"}, {"aux.js", "malformed"}, {"com1", "malformed"}, {"lpt9", "malformed"},
		{strings.Repeat("x", MaxSlug+1), "too long"},
	} {
		if got := kind(CheckSlug(test.name)); got != test.want {
			t.Errorf("CheckSlug(%.40q) = %q, want %q", test.name, got, test.want)
		}
	}
	if got := kind(CheckOwner(strings.Repeat("x", MaxOwner+1))); got != "too long" {
		t.Errorf("CheckOwner(65 bytes) = %q, want %q", got, "too long")
	}
	if got := Key("\u212aIM\u017f"); got != "\u212aim\u017f" { // KELVIN SIGN and LONG S, which Unicode folds to k and s
		t.Errorf("Key(\\u212aIM\\u017f) = %q, want its ASCII letters alone in lower case", got)
	}
	if !Same("Kim", "kIM") || Same("\u212aim", "kim") || Same("", "kim") {
		t.Errorf("Same(Kim, kIM), Same(\\u212aim, kim) = %t, %t, want true, false", Same("Kim", "kIM"),
			Same("\u212aim", "kim"))
	}
	if got := Key("Hello-World"); got != "hello-world" {
		t.Errorf("Key(Hello-World) = %q, want %q", got, "hello-world")
	}
}

func TestSlugify(t *testing.T) {
	for _, test := range []struct{ name, want string }{
		{"My New Project", "my-new-project"}, {"my-project", "my-project"}, {"  C++ & Go!  ", "c-go"},
		{"Café Überraschung", "cafe-uberraschung"},
		{"Cafe\u0301", "cafe"}, {"Žižek", "zizek"}, {"Z\u030ciz\u030cek", "zizek"}, {"Łódź", "lodz"}, {"ﬁle ①", "file-1"},
		{"Ｗｉｄｅ", "wide"}, {"İstanbul", "istanbul"}, {"Straße", "strasse"}, {"Don't panic", "dont-panic"}, {"v1.2", "v1.2"},
		{"a...b", "a.b"},
		{"snake_case", "snake_case"}, {"site.git", "site"}, {"x.git.git", "x"}, {"x.-.git", "x"}, {"日本 go", "go"},
		{"2×3", "2-3"},
		{"", ""}, {"日本", ""}, {"...", ""}, {"con", ""}, {".git", "git"}, {"../../etc/passwd", "etc-passwd"},
		{"a\x00b\xffc", "a-b-c"},
		{strings.Repeat("x", 99) + " y", strings.Repeat("x", 99)}, {strings.Repeat("æ", 80), strings.Repeat("ae", 50)},
	} {
		if got := Slugify(test.name); got != test.want {
			t.Errorf("Slugify(%q) = %q, want %q", test.name, got, test.want)
		}
	}
}

func TestCleanIdentity(t *testing.T) {
	for _, test := range []struct{ name, email, wantName, wantEmail, want string }{
		{"A U Thor", "a@b", "A U Thor", "a@b", ""},
		{" \"A U Thor\", ", "a@b ", "A U Thor", "a@b", ""},
		{"John Jr.", "", "John Jr.", "", ""},
		{"\xff", "x", "\xff", "x", ""},
		{"", "a@b", "", "", "malformed"}, {" ;'", "a@b", "", "", "malformed"}, {"A <x", "a@b", "", "", "malformed"},
		{"A", "a>b", "", "", "malformed"}, {"A\ncommitter B <b> 0 +0000", "a@b", "", "", "malformed"},
		{"A\x00", "a@b", "", "", "malformed"},
		{"A", "a@b\n", "", "", "malformed"},
	} {
		name, email, err := CleanIdentity(test.name, test.email)
		if name != test.wantName || email != test.wantEmail || kind(err) != test.want {
			t.Errorf("CleanIdentity(%q, %q) = %q, %q, %q, want %q, %q, %q", test.name, test.email,
				name, email, kind(err), test.wantName, test.wantEmail, test.want)
		}
	}
}

func TestCheckTime(t *testing.T) {
	zone := func(sec int64, offset int) time.Time { return time.Unix(sec, 0).In(time.FixedZone("", offset)) }
	for _, test := range []struct {
		when time.Time
		want string
	}{
		{zone(0, 0), ""}, {zone(math.MaxInt64, 0), ""}, {zone(0, 14*3600), ""}, {zone(0, -12*3600), ""},
		{zone(-1, 0), "malformed"}, {zone(0, 14*3600+60), "malformed"}, {zone(0, -12*3600-60), "malformed"},
		{time.Time{}, "malformed"},
	} {
		if got := kind(CheckTime(test.when)); got != test.want {
			t.Errorf("CheckTime(%d, %v) = %q, want %q", test.when.Unix(), test.when.Location(), got, test.want)
		}
	}
}

func TestMessages(t *testing.T) {
	if err := CheckMessage("subject\n\nbody\n"); err != nil {
		t.Errorf("CheckMessage(good) = %v, want nil", err)
	}
	if got := kind(CheckMessage("a\x00b")); got != "malformed" {
		t.Errorf("CheckMessage(NUL) = %q, want %q", got, "malformed")
	}
	for _, test := range []struct{ message, want string }{
		{"commit: x", "commit: x"}, {"a\nb\r\n", "a b"}, {"  a \t b  ", "a b"}, {"a\n0000 forged", "a 0000 forged"},
		{"a\x00b", "a b"}, {"", ""},
	} {
		if got := LogMessage(test.message); got != test.want {
			t.Errorf("LogMessage(%q) = %q, want %q", test.message, got, test.want)
		}
	}
}

func TestCheckDisplayName(t *testing.T) {
	for _, test := range []struct{ name, want string }{
		{"My Project", ""}, {"日本", ""}, {"שלום", ""}, {"👩\u200d🚀", ""}, {strings.Repeat("é", MaxDisplayName), ""},
		{"", "malformed"}, {" \u00a0", "malformed"}, {"a\nb", "malformed"}, {"a\x7f", "malformed"}, {"a\u0085", "malformed"},
		{"a\u202eb", "malformed"}, {"a\u2066b", "malformed"}, {"a\u2028b", "malformed"}, {"a\xff", "malformed"},
		{strings.Repeat("é", MaxDisplayName+1), "too long"},
	} {
		if got := kind(CheckDisplayName(test.name)); got != test.want {
			t.Errorf("CheckDisplayName(%.40q) = %q, want %q", test.name, got, test.want)
		}
	}
	if err := CheckDescription(""); err != nil {
		t.Errorf("CheckDescription(empty) = %v, want nil", err)
	}
	if got := kind(CheckDescription(strings.Repeat("x", MaxDescription+1))); got != "too long" {
		t.Errorf("CheckDescription(4097 bytes) = %q, want %q", got, "too long")
	}
	for text, want := range map[string]string{
		"": "", "a\tb\r\nc": "", "a\x00": "malformed", "a\x1b[1m": "malformed", "a\u202eb": "malformed",
		strings.Repeat("x", MaxText+1): "too long",
	} {
		if got := kind(CheckText(text)); got != want {
			t.Errorf("CheckText(%.40q) = %q, want %q", text, got, want)
		}
	}
}
