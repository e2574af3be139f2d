package pktline

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReader(t *testing.T) {
	const in = "0006a\n0005a0004000000010002000bfoobar\n0003"
	type line struct {
		Kind Kind
		Text string
	}
	var got []line
	r := NewReader(iotestOneByte{strings.NewReader(in)})
	var end error
	for end == nil {
		k, text, err := r.Text()
		if end = err; err == nil {
			got = append(got, line{k, text})
		}
	}
	want := []line{{Data, "a"}, {Data, "a"}, {Data, ""}, {Flush, ""}, {Delim, ""}, {End, ""}, {Data, "foobar"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines differ (-want +got):\n%s", diff)
	}
	if !errors.Is(end, ErrMalformed) {
		t.Errorf("Next() of a length of 3 = %v, want ErrMalformed", end)
	}
}

// iotestOneByte reads one byte at a time.
type iotestOneByte struct{ r io.Reader }

func (r iotestOneByte) Read(b []byte) (int, error) { return r.r.Read(b[:min(1, len(b))]) }

func TestReaderErrors(t *testing.T) {
	for in, want := range map[string]error{
		"": io.EOF, "00": io.ErrUnexpectedEOF, "0009": io.ErrUnexpectedEOF, "0009abcd": io.ErrUnexpectedEOF,
		"00g0": ErrMalformed, "-001": ErrMalformed, "fff1": ErrMalformed, "ffff": ErrMalformed, "PACK": ErrMalformed,
	} {
		if _, _, err := NewReader(strings.NewReader(in)).Next(); !errors.Is(err, want) {
			t.Errorf("Next() of %q = %v, want %v", in, err, want)
		}
	}
}

func TestWriter(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	w.Printf("want %s\n", "x")
	w.Delim()
	w.Line(nil)
	w.Flush()
	if out.Len() > 0 {
		t.Errorf("wrote %q before Send", out.String())
	}
	if err := w.Send(); err != nil || out.String() != "000bwant x\n000100040000" {
		t.Errorf("wrote %q, %v", out.String(), err)
	}
	w.Line(make([]byte, MaxLine+1))
	if err := w.Send(); !errors.Is(err, ErrMalformed) {
		t.Errorf("Send() after a line that is too long = %v, want ErrMalformed", err)
	}
}

func TestBanded(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 20000)
	for _, size := range []int{0, Narrow, Wide} {
		var out bytes.Buffer
		w := NewWriter(&out)
		n, err := (&Banded{w, Content, size}).Write(content)
		if n != len(content) || err != nil || w.Send() != nil {
			t.Fatalf("Write() in lines of %d = %d, %v", size, n, err)
		}
		got := out.Bytes()
		if size > 0 {
			got = nil
			for r := NewReader(&out); ; {
				_, line, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil || len(line)+headerSize > size || line[0] != byte(Content) {
					t.Fatalf("a line of %d bytes, %v", len(line), err)
				}
				got = append(got, line[1:]...)
			}
		}
		if !bytes.Equal(got, content) {
			t.Errorf("lines of %d hold something else", size)
		}
	}
}

// FuzzReader holds that what is read, written again, is what was read, but for the case of digits.
func FuzzReader(f *testing.F) {
	for _, s := range []string{"0000", "0006a\n0001", "0004", "000bfoobar\n0002", "fff0", "0003"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(bytes.NewReader(in))
		var out bytes.Buffer
		w := NewWriter(&out)
		for {
			k, line, err := r.Next()
			if err != nil {
				break
			}
			switch k {
			case Data:
				w.Line(line)
			default:
				w.header(map[Kind]int{Flush: 0, Delim: 1, End: 2}[k])
			}
		}
		if err := w.Send(); err != nil {
			t.Fatal(err)
		}
		if n := out.Len(); n > len(in) || !strings.EqualFold(out.String(), string(in[:n])) {
			t.Errorf("wrote %q of %q", out.Bytes(), in)
		}
	})
}
