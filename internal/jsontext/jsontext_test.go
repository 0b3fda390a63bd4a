package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

const answer = `{"took":3,"timed_out":false,"_shards":{"total":1},"hits":{"total":{"value":2},"max_score":null,"hits":[%s]},"aggregations":{"x":{"hits":[1,{}]}}}`

func TestLines(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"one document a line", "{\"a\":1}\r\n\n{\"b\":2}", []string{"{\"a\":1}\r", "", `{"b":2}`}},
		{"no JSON", "#fields\ta\n1\n", []string{"#fields\ta", "1"}},
		{"nothing", "", nil},
		{"white space", " \n\t\n", []string{" ", "\t"}},
		{"documents printed over several lines", "{\n  \"a\": [\n    1,\n    2\n  ]\n}\n{\n  \"b\": {}\n}\n", []string{`{ "a": [ 1, 2 ] }`, `{ "b": {} }`}},
		{"the same with CRLF", "{\r\n\t\"a\": 1\r\n}\r\n", []string{"{\r \"a\": 1\r }"}},
		{"the same without indentation", "{\n\"a\": [\n{\n\"b\": 1\n},\n{\n\"b\": 2\n}\n]\n}\n{\n\"a\": 2\n}\n", []string{`{ "a": [ { "b": 1 }, { "b": 2 } ] }`, `{ "a": 2 }`}},
		{"an empty object first", "{\n}\n{\"a\":1}", []string{"{", "}", `{"a":1}`}}, // as if the first line were damaged
		{"documents without line ends", `{"a":1}{"b":2} {"c":3}`, []string{`{"a":1}`, `{"b":2}`, `{"c":3}`}},
		{"documents with commas behind them", "{\"a\":1},\n{\"b\":2}\n", []string{`{"a":1}`, `{"b":2}`}},
		{"a JSON text sequence", "\x1e{\"a\":1}\n\x1e{\"b\":2}\n", []string{`{"a":1}`, `{"b":2}`}},
		{"an array", `[{"a":[{}]}, {"b":"]}\"\\"},[{"c":3}]]`, []string{`{"a":[{}]}`, `{"b":"]}\"\\"}`, `{"c":3}`}},
		{"an array of a document a line", "[\n{\"a\":1},\n{\"b\":2}\n]\n", []string{`{"a":1}`, `{"b":2}`}},
		{"an array behind a byte order mark", "\ufeff[{\"a\":1}]", []string{`{"a":1}`}},
		{"an empty array", "[]\n", nil},
		{"an array of what is no object", `[1,"a,]b",null,-2.5e3 ,true]`, []string{"1", `"a,]b"`, "null", "-2.5e3", "true"}},
		{"the answer of a search", fmt.Sprintf(answer, `{"_source":{"a":1}},{"_source":{"b":2}}`) + "\n", []string{`{"_source":{"a":1}}`, `{"_source":{"b":2}}`}},
		{"an answer without documents", fmt.Sprintf(answer, ""), nil},
		{"two answers, one a line", fmt.Sprintf(answer, `{"a":1}`) + "\n" + fmt.Sprintf(answer, `{"b":2}`) + "\n", []string{`{"a":1}`, `{"b":2}`}},
		{"an array of answers", "[" + fmt.Sprintf(answer, `{"a":1}`) + "," + fmt.Sprintf(answer, `{"b":2}`) + `,{"c":3}]`, []string{`{"a":1}`, `{"b":2}`, `{"c":3}`}},
		{"answers of a multi search", `{"took":1,"responses":[` + fmt.Sprintf(answer, `{"a":1}`) + "," + fmt.Sprintf(answer, `{"b":2}`) + "]}", []string{`{"a":1}`, `{"b":2}`}},
		{"the answer of an asynchronous search", `{"id":"x","is_partial":false,"response":` + fmt.Sprintf(answer, `{"a":1}`) + `}`, []string{`{"a":1}`}},
		{"an answer printed over several lines", "{\n  \"took\" : 1,\n  \"hits\" : {\n    \"hits\" : [\n      {\n        \"_source\" : {\n          \"a\" : 1\n        }\n      },\n      {\n        \"b\" : 2\n      }\n    ]\n  }\n}\n", []string{
			`{ "_source" : { "a" : 1 } }`, `{ "b" : 2 }`,
		}},
		{"hits that are no answer", "[{\"hits\":[{\"a\":1}]},{\"hits\":{\"hits\":1}},{\"x\":{\"hits\":{\"hits\":[]}}},{\"a\":\"\\\"hits\",\"hits\":{\"a\":{\"hits\":[]}}}]", []string{
			`{"hits":[{"a":1}]}`, `{"hits":{"hits":1}}`, `{"x":{"hits":{"hits":[]}}}`, `{"a":"\"hits","hits":{"a":{"hits":[]}}}`,
		}},
		{"a damaged first line", "{\"a\":{\"b\":1}\n{\"c\":3}\n{\"d\":4}\n", []string{`{"a":{"b":1}`, `{"c":3}`, `{"d":4}`}},
		{"the end of a line first", "\"a\":1}\n{\"c\":3}\n", []string{`"a":1}`, `{"c":3}`}},
		{"rubbish behind the first document", "{\"a\":1}}\n{\"c\":3}\n", []string{`{"a":1}}`, `{"c":3}`}},
		{"a document printed over several lines that has no end", "{\n  \"a\": {\n    \"b\": 1\n{\n  \"c\": 3\n}\n", []string{`{ "a": { "b": 1 `, `{ "c": 3 }`}},
		{"an element of an array that has no end", "[\n  {\n    \"a\": {\n      \"b\": 1\n  },\n  {\n    \"c\": 3\n  }\n]\n", []string{`{ "a": { "b": 1 }, `, `{ "c": 3 }`}},
		{"a line of an array that has no end", "[\n{\"a\":{\"b\":1,\n{\"c\":3}\n]\n", []string{`{"a":{"b":1, `, `{"c":3}`}},
		{"a line end in a string", "[{\"a\":\"x\ny\",\"b\":1},{\"c\":3}]", []string{`{"a":"x`, `{"c":3}`}},
		{"an escaped line end in a string", "[{\"a\":\"x\\\n\",\"b\":1},{\"c\":3}]", []string{`{"a":"x\`, `{"c":3}`}},
		{"too many closing brackets", `[{"a":1}}},{"b":2}]]`, []string{`{"a":1}`, "}", "}", `{"b":2}`, "]"}},
		{"another closing bracket", `[{"a":1],{"b":2}]`, []string{`{"a":1]`, `{"b":2}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for what, text := range map[string]io.Reader{
				"whole":          strings.NewReader(tt.text),
				"byte for byte":  iotest.OneByteReader(strings.NewReader(tt.text)),
				"data with EOF":  iotest.DataErrReader(strings.NewReader(tt.text)),
				"halves of text": iotest.HalfReader(strings.NewReader(tt.text)),
			} {
				for _, head := range []int{0, 5, len(tt.text)} {
					got, err := io.ReadAll(Lines([]byte(tt.text[:min(head, len(tt.text))]), text))
					if err != nil {
						t.Error(err)
					}
					if diff := cmp.Diff(tt.want, split(got)); diff != "" {
						t.Errorf("%s, head of %d (-want +got):\n%s", what, head, diff)
					}
					if seeker, ok := text.(io.Seeker); !ok {
						break
					} else if _, err := seeker.Seek(0, io.SeekStart); err != nil {
						t.Fatal(err)
					}
				}
			}
			if diff := cmp.Diff(tt.want, split(Head([]byte(tt.text)))); diff != "" {
				t.Errorf("Head (-want +got):\n%s", diff)
			}
		})
	}
}

// split returns the lines of text without their ends.
func split(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func TestLinesCostsNothingWhereThereIsNothingToDo(t *testing.T) {
	text := strings.NewReader("{\"a\":1}\n{\"b\":2}\n")
	if got := Lines([]byte("{\"a\":1}\n{\"b"), text); got != io.Reader(text) {
		t.Errorf("got %T, want the text itself", got)
	}
}

func TestLinesLooksBehindALongFirstLine(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", 10_000) + `"}`
	veryLong := `{"a":"` + strings.Repeat("x", 3*peekBytes) + `"}`
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"a long document first", long + "\n" + `{"b":2}` + "\n", []string{long, `{"b":2}`}},
		{"two long documents in a line", long + long, []string{long, long}},
		{"a long damaged line first", long[:9000] + "\n" + `{"b":2}` + "\n", []string{long[:9000], `{"b":2}`}},
		{"a document that is longer than what is looked at", veryLong + "\n" + `{"b":2}` + "\n", []string{veryLong, `{"b":2}`}},
		{"an answer whose documents begin late", `{"_scroll_id":"` + strings.Repeat("x", 3*peekBytes) + `",` + fmt.Sprintf(answer, `{"a":1}`)[1:], []string{`{"a":1}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := io.ReadAll(Lines([]byte(tt.text[:4096]), strings.NewReader(tt.text)))
			if err != nil {
				t.Error(err)
			}
			if !slices.Equal(split(got), tt.want) {
				t.Errorf("got %d lines and %d bytes, want %d lines", len(split(got)), len(got), len(tt.want))
			}
		})
	}
}

func TestLinesErrors(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name, text string
		err, want  error
		lines      []string
	}{
		{"a list that is cut between documents", `[{"a":1},`, io.EOF, ErrCut, []string{`{"a":1}`}},
		{"a list that is cut within a document", `[{"a":1},{"b`, io.EOF, ErrCut, []string{`{"a":1}`, `{"b`}},
		{"an answer that is cut", `{"hits":{"hits":[{"a":1}`, io.EOF, ErrCut, []string{`{"a":1}`}},
		{"an answer that is cut behind its documents", `{"hits":{"hits":[{"a":1}],`, io.EOF, nil, []string{`{"a":1}`}},
		{"a document that is cut", "{\n  \"a\":1", io.EOF, nil, []string{`{ "a":1`}},
		{"a list that cannot be read to its end", `[{"a":1},`, broken, broken, []string{`{"a":1}`}},
		{"lines that cannot be read to their end", "{\"a\":1}\n{", broken, broken, []string{`{"a":1}`, "{"}},
		{"a first line that cannot be read to its end", `{"a":1`, broken, broken, []string{`{"a":1`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := io.MultiReader(strings.NewReader(tt.text), iotest.ErrReader(tt.err))
			got, err := io.ReadAll(Lines(nil, text))
			if !errors.Is(err, tt.want) {
				t.Errorf("got the error %v, want %v", err, tt.want)
			}
			if diff := cmp.Diff(tt.lines, split(got)); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMemoryIsBounded(t *testing.T) {
	const size = 8 << 20
	for _, tt := range []struct{ name, start, more string }{
		{"a document without end", "[{\"a\":\"", "x"},
		{"an answer whose documents never come", `{"took":1,"x":[`, "0,"},
		{"nesting without end", "", "["},
		{"answers within answers", "", `{"hits":{"hits":[`},
		{"closing brackets", "[", "}"},
		{"a blank document", "{\n", "\n "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newReshaper(io.MultiReader(strings.NewReader(tt.start), io.LimitReader(&repeater{text: tt.more}, size)))
			n, err := io.Copy(io.Discard, r)
			if err != nil && err != ErrCut {
				t.Error(err)
			}
			if most := holdBytes + 8*chunkBytes; cap(r.out) > most || cap(r.open) > maxLists {
				t.Errorf("got a buffer of %d bytes behind %d, want at most %d", cap(r.out), n, most)
			}
		})
	}
}

// A repeater repeats a text for ever.
type repeater struct {
	text string
	at   int
}

func (r *repeater) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.text[r.at]
		r.at = (r.at + 1) % len(r.text)
	}
	return len(p), nil
}

// reference returns the documents of text, compact, by encoding/json; ok is false when text
// is not well-formed.
func reference(text []byte) (documents []string, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		var v json.RawMessage
		if err := d.Decode(&v); err == io.EOF {
			return documents, true
		} else if err != nil {
			return nil, false
		}
		if v[0] != '{' && v[0] != '[' { // encoding/json takes 00 for two numbers
			return nil, false
		}
		documents = expand(documents, v, 0)
	}
}

func expand(documents []string, v json.RawMessage, lists int) []string {
	elements, ok := arrayOf(v)
	if !ok && lists < maxLists {
		if elements, ok = answerOf(v, false); ok {
			lists++
		}
	}
	if !ok {
		var b bytes.Buffer
		if json.Compact(&b, v) != nil {
			panic("what was decoded is not well-formed")
		}
		return append(documents, b.String())
	}
	for _, e := range elements {
		documents = expand(documents, e, lists)
	}
	return documents
}

func arrayOf(v json.RawMessage) (elements []json.RawMessage, ok bool) {
	return elements, v[0] == '[' && json.Unmarshal(v, &elements) == nil
}

// answerOf returns the first list of documents in an object, as far as the reshaper looks.
func answerOf(v json.RawMessage, hits bool) ([]json.RawMessage, bool) {
	if v[0] != '{' {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(v))
	_, _ = d.Token()
	for d.More() {
		key, _ := d.Token()
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, false
		}
		var elements []json.RawMessage
		var ok bool
		switch {
		case hits && key == "hits", !hits && key == "responses":
			elements, ok = arrayOf(value)
		case key == "hits":
			elements, ok = answerOf(value, true)
		case !hits && (key == "response" || key == "rawResponse"):
			elements, ok = answerOf(value, false)
		}
		if ok {
			return elements, true
		}
	}
	return nil, false
}

func FuzzLinesAgainstEncodingJSON(f *testing.F) {
	f.Add([]byte("{\n  \"a\": [\n    1,\n {\"b\":\"\\\\\\\"}\"} ]\n}\n{\"c\":[]}3 \"x\" null[[],{}]"))
	f.Add([]byte(fmt.Sprintf(answer, fmt.Sprintf(answer, `{"a":1},[2,{"b":[3]}]`))))
	f.Add([]byte(`{"took":1,"response":{"x":1},"rawResponse":{"hits":{"hits":{},"hits":[{"a":1}]}}}` + "\n" + `{"responses":[{"hits":{"x":[],"hits":[1]}}]}`))
	f.Add([]byte("[\n{\"a\":{\"b\":1,\n{\"c\":\"\n}}]\ufeff\x1e{"))
	f.Add([]byte("{\"\":[\n{}]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := io.ReadAll(newReshaper(bytes.NewReader(text)))
		if err != nil && err != ErrCut {
			t.Fatal(err)
		}
		again, errAgain := io.ReadAll(newReshaper(iotest.OneByteReader(bytes.NewReader(text))))
		if !bytes.Equal(got, again) || err != errAgain {
			t.Fatalf("got %q and %v byte for byte, want %q and %v", again, errAgain, got, err)
		}
		if _, err := io.ReadAll(Lines(text[:len(text)/2], bytes.NewReader(text))); err != nil && err != ErrCut {
			t.Fatal(err)
		}
		Head(text)
		want, ok := reference(text)
		if !ok || bytes.Contains(text, []byte(`\u`)) { // a key is compared as it is written
			return
		}
		if err != nil {
			t.Fatalf("got the error %v, want none", err)
		}
		var lines []string
		for _, line := range split(got) {
			var b bytes.Buffer
			if err := json.Compact(&b, []byte(line)); err != nil {
				t.Fatalf("got the line %q, want a document: %v", line, err)
			}
			lines = append(lines, b.String())
		}
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Fatalf("documents (-want +got):\n%s", diff)
		}
	})
}

func BenchmarkReshape(b *testing.B) {
	document := `{"@timestamp":"2026-01-01T00:00:00.000Z","process":{"name":"a.exe","pid":4711,"executable":"C:\\Program Files\\a.exe","code_signature":{"exists":true,"trusted":true}},"host":{"name":"h","ip":["10.0.0.1","::1"]}}`
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(document), "", "  "); err != nil {
		b.Fatal(err)
	}
	for _, bb := range []struct{ name, text string }{
		{"array", "[" + strings.Repeat(document+",", 5000) + document + "]"},
		{"pretty", strings.Repeat(pretty.String()+"\n", 5000)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(int64(len(bb.text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := io.Copy(io.Discard, struct{ io.Reader }{Lines(nil, strings.NewReader(bb.text))}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
