package jsonlines

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/testkit/telemetry"
)

var schema = NewSchema(map[string]int{"a": 0, "host.name": 1, "host.ip": 2, "x.y.z": 3, "@timestamp": 4, "é": 5})

func show(values []Value) []string {
	var s []string
	for _, v := range values {
		s = append(s, fmt.Sprintf("%d %d %s", v.Slot, v.Kind, v.Text))
	}
	return s
}

func TestScan(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		want       []string
	}{
		{"nested objects", `{"host":{"name":"x","ip":"1"}}`, []string{"1 4 x", "2 4 1"}},
		{"dotted keys", `{"host.name":"x","host.ip":"1"}`, []string{"1 4 x", "2 4 1"}},
		{"a mixture of both", `{"x.y":{"z":1},"x":{"y.z":2,"y":{"z":3}},"x.y.z":4}`, []string{"3 3 1", "3 3 2", "3 3 3", "3 3 4"}},
		{"every element of an array", `{"host":{"ip":["1","2",["3"]]}}`, []string{"2 4 1", "2 4 2", "2 4 3"}},
		{"objects in an array", `{"host":[{"ip":"1"},{"name":"n"},{"ip":"2"}]}`, []string{"2 4 1", "1 4 n", "2 4 2"}},
		{"all kinds", `{"a":null,"a":true,"a":false,"a":-1.5e+3,"a":"s"}`, []string{"0 0 null", "0 2 true", "0 1 false", "0 3 -1.5e+3", "0 4 s"}},
		{"escapes in values", `{"a":"q\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}`, []string{"0 4 q\"\\/\b\f\n\r\té😀"}},
		{"half a surrogate pair", `{"a":"\ud83dx\ude00","a":"\ud83d\u0041"}`, []string{"0 4 \ufffdx\ufffd", "0 4 \ufffdA"}},
		{"escapes in keys", `{"h\u006fst":{"n\u0061me":"x"},"\u00e9":1}`, []string{"1 4 x", "5 3 1"}},
		{"a key of another length or end", `{"hos":{"name":1},"host":{"names":1,"nam":1,"name":{"x":1}}}`, nil},
		{"sibling paths", `{"source":{"host":{"name":"no"}},"host":{"geo":{"name":"no"},"name":"yes"}}`, []string{"1 4 yes"}},
		{"a scalar where an object could be", `{"host":"x","x":[1,{"y":[{"z":2}]}]}`, []string{"3 3 2"}},
		{"brackets and quotes in strings", `{"b":"}]{[\"","a":"}]\\","c":"\\\\\""}`, []string{`0 4 }]\`}},
		{"white space", " { \"b\" : [ 1 , 2 ] ,\t\"a\" : 1 , \"host\" : { } } \r\n", []string{"0 3 1"}},
		{"empty containers", `{"b":{},"c":[],"d":[{},[]],"a":1}`, []string{"0 3 1"}},
		{"an empty object", `{}`, nil},
		{"an empty string and an empty key", `{"":"","a":""}`, []string{"0 4 "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := NewScanner(schema)
			for round := range 3 { // walked, then followed through the layout
				got, err := s.Scan([]byte(tt.line))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, show(got)); diff != "" {
					t.Errorf("round %d (-want +got):\n%s", round, diff)
				}
			}
			if s.values = s.values[:0]; !s.match(trim([]byte(tt.line))) {
				t.Error("the layout was not learned")
			}
		})
	}
}

func TestScanRefuses(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{``, `byte 0: got the end of the line, want a JSON object`},
		{`[1]`, `byte 0: got "[1]", want a JSON object`},
		{`{"a":1`, `byte 6: got the end of the line, want , or a closing bracket`},
		{`{"a":1}}`, `byte 7: got "}", want the end of the line after the document`},
		{`{"a":1}{"a":2}`, `byte 7: got "{\"a\":2}", want the end of the line after the document`},
		{`{"a":tru}`, `byte 5: got "tru}", want a value`},
		{`{"a":}`, `byte 5: got "}", want a value`},
		{`{"a":1,}`, `byte 7: got "}", want a key`},
		{`{"a":[1,]}`, `byte 8: got "]}", want a value`},
		{`{"a":[1}`, `byte 7: got "}", want , or a closing bracket`},
		{`{"a" 1}`, `byte 5: got "1}", want :`},
		{`{"a":"x`, `byte 5: got "\"x", want a closing "`},
		{`{"a":"\x"}`, `byte 5: got "\"\\x\"}", want a string with valid escapes`},
		{`{"a":"\u12g4"}`, `byte 5: got "\"\\u12g4\"}", want a string with valid escapes`},
		{`{a:1}`, `byte 1: got "a:1}", want a key`},
		{strings.Repeat(`{"b":`, 200), `byte 640: got "{\"b\":{\"b\":{\"b\":{", want at most 128 levels of nesting`},
	} {
		s := NewScanner(schema)
		for range 2 {
			if _, err := s.Scan([]byte(tt.line)); err == nil || err.Error() != tt.want {
				t.Errorf("%s: got error %v, want %s", tt.line, err, tt.want)
			}
		}
	}
}

// plain answers what Scan should, by encoding/json.
func plain(line []byte) ([]string, bool) {
	line = trim(line)
	if len(line) == 0 || line[0] != '{' || !json.Valid(line) {
		return nil, false
	}
	slots := map[string]int{"a": 0, "host.name": 1, "host.ip": 2, "x.y.z": 3, "@timestamp": 4, "é": 5}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	var out []string
	var value func(path string)
	value = func(path string) {
		tok, err := dec.Token()
		if err != nil {
			panic(err)
		}
		slot, wanted := slots[strings.TrimPrefix(path, ".")]
		put := func(kind Kind, text string) {
			if wanted {
				out = append(out, fmt.Sprintf("%d %d %s", slot, kind, text))
			}
		}
		switch tok := tok.(type) {
		case json.Delim:
			for dec.More() {
				if tok == '{' {
					key, err := dec.Token()
					if err != nil {
						panic(err)
					}
					value(path + "." + key.(string))
				} else {
					value(path)
				}
			}
			if _, err := dec.Token(); err != nil {
				panic(err)
			}
		case nil:
			put(Null, "null")
		case bool:
			put(map[bool]Kind{true: True, false: False}[tok], fmt.Sprint(tok))
		case json.Number:
			put(Number, tok.String())
		case string:
			put(String, tok)
		}
	}
	value("")
	return out, true
}

func depth(line []byte) int {
	most, now := 0, 0
	for _, c := range line {
		switch c {
		case '{', '[':
			now++
			most = max(most, now)
		case '}', ']':
			now--
		}
	}
	return most
}

// FuzzScan holds Scan to encoding/json, and to itself whatever it has learned before.
func FuzzScan(f *testing.F) {
	f.Add([]byte(`{"host":{"name":"x","ip":["1",2]},"a":1}`), []byte(`{"host":{"name":"y","ip":["1"]},"a":"1"}`))
	f.Add([]byte(`{"a":[],"b":1}`), []byte(`{"a":1}`))
	f.Add([]byte(`{"b":{"c":1}}`), []byte(`{"b":2,"c":1}`))
	f.Add([]byte(`{"x.y":{"z":true},"é":null}`), []byte(`{"a":"\"","b":"\\"}`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		if bytes.Contains(first, []byte("\xff")) || bytes.Contains(second, []byte("\xff")) {
			return
		}
		learned := NewScanner(schema)
		documents := [][]byte{first, second, first, second, first}
		for range firstSample + sampleSize { // shortcuts through what is the same in first
			learned.Scan(first)
		}
		for range sampleSize {
			documents = append(documents, first, second)
		}
		for _, line := range documents {
			fresh, freshErr := NewScanner(schema).Scan(line)
			got, err := learned.Scan(line)
			if (err == nil) != (freshErr == nil) || !slices.Equal(show(got), show(fresh)) {
				t.Fatalf("%q: learned: %q %v, fresh: %q %v", line, show(got), err, show(fresh), freshErr)
			}
			want, valid := plain(line)
			if valid && depth(line) <= maxDepth && (err != nil || len(want) != len(got)) {
				t.Fatalf("%q: got %q, %v, want %q", line, show(got), err, want)
			}
			for i := range want {
				// encoding/json replaces bytes that are no UTF-8; we keep them.
				if valid && err == nil && strings.ToValidUTF8(want[i], "") != strings.ToValidUTF8(show(got)[i], "") && !strings.Contains(want[i], "\ufffd") {
					t.Fatalf("%q: got %q, want %q", line, show(got), want)
				}
			}
		}
	})
}

func TestShortcuts(t *testing.T) {
	s := NewScanner(schema)
	document := func(i int, version string) []byte {
		return fmt.Appendf(nil, `{"@timestamp":%d,"agent":{"version":"%s","x":{"y":[1,"2"]}},"a":"q\"","host":{"ip":["1","2"],"name":"h%d"},"end":true}`, i, version, i%3)
	}
	for i := range 200 {
		version := "8.1"
		if i > 150 {
			version = "8.2" // from now on a shortcut does not hold
		}
		got, err := s.Scan(document(i, version))
		want := []string{fmt.Sprint("4 3 ", i), `0 4 q"`, "2 4 1", "2 4 2", fmt.Sprint("1 4 h", i%3)}
		if err != nil || !slices.Equal(show(got), want) {
			t.Fatalf("document %d: got %q, %v, want %q", i, show(got), err, want)
		}
	}
	found := 0
	for _, n := range s.layout.nodes {
		for _, e := range n.edges {
			if e.shortcut {
				found++
			}
		}
	}
	if found == 0 {
		t.Error("got no shortcut, want some")
	}
}

func TestLayoutIsBounded(t *testing.T) {
	s := NewScanner(schema)
	for i := range 30_000 {
		line := fmt.Sprintf(`{"k%d":{"v%d":%d,"w":"x"},"a":%d}`, i, i%7, i, i)
		got, err := s.Scan([]byte(line))
		if err != nil || len(got) != 1 || string(got[0].Text) != fmt.Sprint(i) {
			t.Fatalf("%s: got %v, %v", line, show(got), err)
		}
	}
	if len(s.layout.nodes) > maxNodes || s.layout.bytes > maxLayoutBytes {
		t.Errorf("got %d nodes and %d bytes, want bounds of %d and %d", len(s.layout.nodes), s.layout.bytes, maxNodes, maxLayoutBytes)
	}
}

func TestScanDoesNotAllocate(t *testing.T) {
	s := NewScanner(schema)
	lines := [][]byte{
		[]byte(`{"host":{"name":"x\ny","ip":["1",2]},"a":1}`),
		[]byte(`{"a":17,"host.name":"\u00e9"}`),
	}
	for i := range 2 * firstSample * sampleSize { // what is learned is learned
		if _, err := s.Scan(lines[i%2]); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, line := range lines {
			if _, err := s.Scan(line); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func BenchmarkScan(b *testing.B) {
	g := telemetry.New(telemetry.Spec{Seed: 1, Start: time.Unix(1767225600, 0), Span: time.Hour, Events: 1000, Hosts: 200, Processes: 50, Destinations: 500})
	var docs [][]byte
	size := 0
	for range 1000 {
		docs = append(docs, g.AppendECS(nil))
		size += len(docs[len(docs)-1])
	}
	wanted := map[string]int{}
	for i, p := range []string{"@timestamp", "host.name", "process.name", "source.ip", "source.bytes", "destination.ip", "destination.bytes", "event.action", "event.category", "event.ingested", "process.executable", "process.code_signature.trusted"} {
		wanted[p] = i
	}
	for _, bb := range []struct {
		name string
		full bool
	}{{"learned", false}, {"walked", true}} {
		b.Run(bb.name, func(b *testing.B) {
			s := NewScanner(NewSchema(wanted))
			s.layout.full = bb.full
			b.ReportAllocs()
			b.SetBytes(int64(size / len(docs)))
			for i := 0; b.Loop(); i++ {
				if _, err := s.Scan(docs[i%len(docs)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
