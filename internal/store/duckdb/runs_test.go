//go:build cgo

package duckdb

import (
	"fmt"
	"testing"
)

func TestRunsAreDecodedOnce(t *testing.T) {
	var d decodedRuns
	for i := range 3 * mostDecoded {
		n := i * 7 % (mostDecoded + 100)
		r, err := d.of(fmt.Appendf(nil, `{"end":%d,"findings":3}`, n))
		if err != nil || r.End != int64(n) || r.Findings != 3 {
			t.Fatalf("got %+v and error %v, want the run that ends at %d", r, err, n)
		}
		if len(d.byDoc) > mostDecoded {
			t.Fatalf("got %d runs, want at most %d", len(d.byDoc), mostDecoded)
		}
	}
	if _, err := d.of([]byte(`{"end":`)); err == nil {
		t.Error("got no error, want one of half a document")
	}
}
