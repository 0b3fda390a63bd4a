package config

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

func loaded(t *testing.T, text string) *Loaded {
	t.Helper()
	l, err := Load(Sources{File: "test.yaml", FileData: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestValues(t *testing.T) {
	l := loaded(t, "beacon:\n  max_jitter: 0.2\ninputs: {tail: {zeek: {paths: [/var/log/zeek]}}}\n")
	values := l.Values()
	got := map[string]Value{}
	for _, v := range values {
		got[v.Key] = v
	}
	for _, want := range []Value{
		{Key: "beacon.max_jitter", Value: "0.2", Default: "0", From: "test.yaml:2"},
		{Key: "schedule.every", Value: "1h", Default: "1h", From: FromDefault},
		{Key: "inputs.tail.zeek.paths", Value: "[/var/log/zeek]", From: "test.yaml:3"},
	} {
		v := got[want.Key]
		if v.Doc == "" {
			t.Errorf("%s has no description", want.Key)
		}
		v.Doc = ""
		if d := gocmp.Diff(want, v); d != "" {
			t.Errorf("%s (-want +got):\n%s", want.Key, d)
		}
	}
	seen := map[string]bool{}
	for _, v := range values {
		if v.Key == "" || seen[v.Key] {
			t.Errorf("got the key %q twice or empty", v.Key)
		}
		seen[v.Key] = true
	}
}

func TestDiff(t *testing.T) {
	a := loaded(t, "beacon: {max_jitter: 0.2}\nfilter: {sets: {ours: {replace: [a]}}}\ngroup_by: [host.name]\n")
	b := loaded(t, "beacon: {max_jitter: 0.3}\nschedule: {every: 30m}\ngroup_by: [host.name]\n")
	want := []Change{
		{"beacon.max_jitter", "0.2", "0.3"},
		{"filter.sets", "", "{}"},
		{"filter.sets.ours.replace", "[a]", ""},
		{"schedule.every", "1h", "30m"},
	}
	got := a.Diff(b)
	if d := gocmp.Diff(want, got); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	for i, detection := range []bool{true, true, true, false} {
		if got[i].Detection() != detection {
			t.Errorf("%s: got %v, want %v", got[i].Key, !detection, detection)
		}
	}
	if d := a.Diff(a); d != nil {
		t.Errorf("got %v, want no change", d)
	}
}
