package query_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"fresnel/internal/query"
)

func TestNewDocumentErrors(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"nothing", " ", "byte 1: got the end of the text, want a JSON object"},
		{"no object", "[1]", `byte 0: got "[1]", want a JSON object`},
		{"an object that is cut", `{"a":1`, "byte 6: got the end of the text, want a comma or a closing bracket"},
		{"another bracket", `{"a":[1}}`, `byte 7: got "}}", want a comma or a closing bracket`},
		{"a comma too many", `{"a":1,}`, `byte 7: got "}", want a key in quotes`},
		{"a comma too many in an array", `{"a":[1,]}`, `byte 8: got "]}", want a value`},
		{"no key", `{1:2}`, `byte 1: got "1:2}", want a key in quotes`},
		{"no colon", `{"a" 1}`, `byte 5: got "1}", want a colon`},
		{"no value", `{"a":`, "byte 5: got the end of the text, want a value"},
		{"a word that is none", `{"a":nul}`, `byte 5: got "nul}", want a value`},
		{"a number that is none", `{"a":-}`, `byte 5: got "-}", want a value`},
		{"a number with a zero too many", `{"a":01}`, `byte 6: got "1}", want a comma or a closing bracket`},
		{"a string that is cut", `{"a":"0123456789`, "byte 16: got the end of the text, want a string that ends, without control characters and with the escapes of JSON"},
		{"a control character", "{\"a\":\"0123456789\n\"}", `byte 16: got "\n\"}", want a string that ends, without control characters and with the escapes of JSON`},
		{"an escape that is none", `{"a":"\x"}`, `byte 6: got "\\x\"}", want a string that ends, without control characters and with the escapes of JSON`},
		{"an escape that is none, in a key", `{"\u12G4":1}`, `byte 2: got "\\u12G4\":1}", want a key that ends, without control characters and with the escapes of JSON`},
		{"something behind it", "{} {}", `byte 3: got "{}", want nothing behind the object`},
		{"too deep", `{"a":` + strings.Repeat("[", 128), `byte 132: got "[", want at most 128 levels of nesting`},
		{"too long", `{"a":"` + strings.Repeat("x", 4<<20) + `"}`, "got a document of 4194312 bytes, want at most 4194304"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d, err := query.NewDocument([]byte(row.text))
			if err == nil || err.Error() != row.want {
				t.Errorf("got the error %v, want %s", err, row.want)
			}
			if d != nil {
				t.Error("got a document as well")
			}
		})
	}
}

func TestResetForgetsTheDocumentBefore(t *testing.T) {
	var d query.Document
	q := parse(t, "a: *")
	for _, row := range []struct {
		text string
		ok   bool
		want bool
	}{
		{`{"a":[1,2,3],"b":{"c":1}}`, true, true},
		{`{"b":1}`, true, false},
		{`{"a":1`, false, false},
		{`{"a":1}`, true, true},
		{``, false, false},
		{`{}`, true, false},
	} {
		if err := d.Reset([]byte(row.text)); (err == nil) != row.ok {
			t.Errorf("%s: got the error %v", row.text, err)
		}
		if got := q.Match(&d, now); got != row.want {
			t.Errorf("%s: got %t, want %t", row.text, got, row.want)
		}
	}
}

// FuzzDocument holds the reader against encoding/json: what it takes and what it reads.
func FuzzDocument(f *testing.F) {
	for _, d := range documents {
		f.Add([]byte(d.text))
	}
	f.Add([]byte(`{"a":"\ud83d\ude00\ud83d\u0041\ude00","b\n":[1.5e-3,-0,[],{}],"\u0062":"\b\f\n\r\t\/"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := query.NewDocument(text)
		var object map[string]json.RawMessage
		valid := json.Unmarshal(text, &object) == nil && object != nil
		if valid != (err == nil) && (err == nil || !strings.Contains(err.Error(), "nesting")) {
			t.Fatalf("%q: got the error %v, encoding/json says well-formed: %t", text, err, valid)
		}
		if err != nil || strings.ToValidUTF8(string(text), "") != string(text) {
			return
		}
		for key, raw := range object {
			var value string
			if key == "" || json.Unmarshal(raw, &value) != nil || raw[0] != '"' {
				continue
			}
			quoted := func(s string) string {
				var b strings.Builder
				for _, r := range s {
					if r > 0xffff {
						fmt.Fprintf(&b, "%c", r)
					} else {
						fmt.Fprintf(&b, `\u%04x`, r)
					}
				}
				return `"` + b.String() + `"`
			}
			if q, err := query.Parse(quoted(key) + ": " + quoted(value)); err == nil && !q.Match(d, now) {
				t.Errorf("%q does not match %q", q, text)
			}
		}
	})
}
