//go:build cgo

package duckdb

import (
	"slices"
	"testing"

	"fresnel/internal/store"
)

func TestNewestRuns(t *testing.T) {
	all := []store.Run{{End: 50}, {End: 40}, {End: 30}}
	for _, tt := range []struct {
		name     string
		whole    bool
		from, to int64
		limit    int
		want     []int64
		ok       bool
	}{
		{"all there are", true, 0, 99, 9, []int64{50, 40, 30}, true},
		{"both ends count", true, 40, 50, 9, []int64{50, 40}, true},
		{"no more than asked for", true, 0, 99, 2, []int64{50, 40}, true},
		{"none asked for", false, 0, 99, 0, nil, true},
		{"between two", true, 41, 49, 9, nil, true},
		{"newer than all", false, 51, 99, 9, nil, true},
		{"older than all, where there are no others", true, 0, 29, 9, nil, true},
		{"an end before the begin", true, 50, 40, 9, nil, true},
		{"some of which others may be", false, 30, 99, 9, nil, false},
		{"older ones, which others may be", false, 0, 29, 9, nil, false},
		{"some before which others may be", false, 31, 99, 9, []int64{50, 40}, true},
		{"as many as asked for", false, 0, 99, 3, []int64{50, 40, 30}, true},
	} {
		got, ok := (&newestRuns{all, tt.whole}).in(tt.from, tt.to, tt.limit)
		var ends []int64
		for _, r := range got {
			ends = append(ends, r.End)
		}
		if ok != tt.ok || !slices.Equal(ends, tt.want) {
			t.Errorf("%s: got %v, %t, want %v, %t", tt.name, ends, ok, tt.want, tt.ok)
		}
	}
}

// TestRunsOfBeforeAreNotKept puts runs that were read before another came.
func TestRunsOfBeforeAreNotKept(t *testing.T) {
	var k knownRuns
	_, before := k.get()
	k.forget()
	if k.put(before, &newestRuns{}); k.runs != nil {
		t.Error("got the runs of before a change, want none")
	}
	_, now := k.get()
	if k.put(now, &newestRuns{}); k.runs == nil {
		t.Error("got no runs, want those that were put")
	}
}
