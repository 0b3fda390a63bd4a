package bulk

import (
	"fmt"
	"testing"
)

func (a action) String() string {
	return fmt.Sprintf("%s index %q %v id %q %v", kindNames[a.kind], a.index, a.index == nil, a.id, a.id == nil)
}

func TestFastActions(t *testing.T) {
	for _, tt := range []struct {
		line string
		fast bool
	}{
		{`{"index":{}}`, true},
		{`{"create":{}}`, true},
		{`{"index":{"_index":"x"}}`, true},
		{`{"create":{"_index":"x","_id":"y"}}`, true},
		{`{"create":{"_id":"y","_index":"x","_type":"_doc"}}` + "\r", true},
		{` { "index" : { "_index" : "x" , "_id" : "" } } `, true},
		{`{"delete":{"_id":"a","routing":"r","pipeline":"p"}}`, true},
		{`{"update":{"_id":"a","_id":"b"}}`, true},
		{`{"index":{"_id":"\u0041"}}`, false},
		{`{"index":{"_id":"é"}}`, false},
		{`{"index":{"_id":1}}`, false},
		{`{"index":{"_id":null,"require_alias":false}}`, false},
		{`{"\u0069ndex":{}}`, false},
	} {
		var fast, slow action
		if got := fast.fast([]byte(tt.line)); got != tt.fast {
			t.Errorf("%s: got fast %v, want %v", tt.line, got, tt.fast)
			continue
		}
		if err := slow.slow([]byte(tt.line)); err != nil {
			t.Errorf("%s: %v", tt.line, err)
		} else if tt.fast && fast.String() != slow.String() {
			t.Errorf("%s: got %v fast, %v slowly", tt.line, fast, slow)
		}
	}
}

// FuzzAction holds what is read fast to what is read slowly.
func FuzzAction(f *testing.F) {
	for _, line := range []string{
		`{"index":{}}`, `{"create":{"_index":"x","_id":"y"}}`, `{"delete":{"_id":"a",}}`, `{"index":{"_index":"x"}}}`, `{"index":{"_id":"a" "b"}}`,
		`{"update":{"_id":"a","routing":"b","dynamic_templates":{"a":[{}]}}} `, `{"index":{"_source":{"x":[}}}}`, `{"index":{"_id":1e5,"_id":true}}`, `{"index":{"a`, "{\"index\":{\"_id\":\"\x7f\xff\"}}",
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var fast, slow action
		err := slow.slow(line)
		if !fast.fast(line) {
			return
		}
		if err != nil || fast.String() != slow.String() {
			t.Fatalf("%q: got %v fast, %v %v slowly", line, fast, slow, err)
		}
	})
}
