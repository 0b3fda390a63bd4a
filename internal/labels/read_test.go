package labels

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/testkit"
)

func TestRead(t *testing.T) {
	got, err := Read(strings.NewReader(`{"dataset": "x", "time": "epoch", "groups": 900, "hosts": 60, "days": 1.5, "labels": [
		{"host": "ws-1", "process": "a.exe", "dst": "192.0.2.1", "domain": "c2.example", "dst_port": 443, "beacon": true, "period_s": 60, "jitter": 0.2,
		 "implant": "i1", "framework": "sliver", "callbacks": 12, "first_s": 100.5, "last_s": 900, "agents": [{"process_id": "4"}]},
		{"src": "10.0.0.5", "dst": "192.0.2.2", "beacon": null, "periodic": true, "period_s": null, "source": "Sysmon event 3"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	want := &File{Dataset: "x", Groups: 900, Hosts: 60, Days: 1.5, Labels: []Label{
		{Host: "ws-1", Process: "a.exe", Dest: "192.0.2.1", Domain: "c2.example", Port: 443, Beacon: &yes, Period: 60, Jitter: 0.2,
			Implant: "i1", Framework: "sliver", Callbacks: 12, First: 100.5, Last: 900},
		{Source: "10.0.0.5", Dest: "192.0.2.2", Periodic: &yes},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestReadSaysWhatIsWrong(t *testing.T) {
	for _, tt := range []struct{ name, label, want string }{
		{"no beacon", `{"src": "10.0.0.5"}`, `label 1: beacon: got none, want true, false or null`},
		{"a beacon in words", `{"src": "10.0.0.5", "beacon": "yes"}`, `label 1: beacon: got a string, want true, false or null`},
		{"a period in words", `{"src": "10.0.0.5", "beacon": true, "period_s": "5m"}`, `label 1: period_s: got a string, want a number`},
		{"a port with a fraction", `{"src": "10.0.0.5", "beacon": true, "dst_port": 1.5}`, `label 1: dst_port: got number 1.5, want a whole number`},
		{"a large port", `{"src": "10.0.0.5", "beacon": true, "dst_port": 70000}`, `label 1: dst_port: got 70000, want 0 to 65535`},
		{"a negative period", `{"src": "10.0.0.5", "beacon": true, "period_s": -1}`, `label 1: period_s: got -1, want 0 or more`},
		{"a negative jitter", `{"src": "10.0.0.5", "beacon": true, "jitter": -0.1}`, `label 1: jitter: got -0.1, want 0 or more`},
		{"negative callbacks", `{"src": "10.0.0.5", "beacon": true, "callbacks": -1}`, `label 1: callbacks: got -1, want 0 or more`},
		{"an end before the beginning", `{"src": "10.0.0.5", "beacon": true, "first_s": 10, "last_s": 9}`, `label 1: last_s: got 9, want no less than first_s, 10`},
		{"nothing to know it by", `{"beacon": true, "dst_port": 443}`, `label 1: got none of host, process, src, dst and domain, want one at least`},
		{"no object", `7`, `label 1: got a number, want an object`},
		{"all of them", "{}, 7", "label 1: beacon: got none, want true, false or null\nlabel 2: got a number, want an object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Read(strings.NewReader(`{"labels": [` + tt.label + `]}`))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", ``, `byte 0: unexpected end of JSON input`},
		{"more than one value", `{"labels": []} {}`, `byte 16: invalid character '{' after top-level value`},
		{"a list", `[]`, `got an array, want an object`},
		{"no labels", `{"dataset": "x"}`, `labels: got none, want a list, which may be empty`},
		{"one label", `{"labels": {}}`, `labels: got an object, want a list`},
		{"negative groups", `{"groups": -1, "labels": []}`, `groups: got -1, want 0 or more`},
		{"hosts in words", `{"hosts": "many", "labels": []}`, `hosts: got a string, want a whole number`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Read(strings.NewReader(tt.text))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestReadSharedCaptures reads the labels of every capture as they are.
func TestReadSharedCaptures(t *testing.T) {
	dir := testkit.Shared(t, "data")
	paths, err := filepath.Glob(filepath.Join(dir, "*", "labels.json"))
	if err != nil || len(paths) < 14 {
		t.Fatalf("got %d files of labels in %s and error %v, want 14 or more", len(paths), dir, err)
	}
	var all, beacons, benign, periods int
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Read(f)
		f.Close()
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if want := filepath.Base(filepath.Dir(path)); got.Dataset != want {
			t.Errorf("%s: got dataset %q, want %q", path, got.Dataset, want)
		}
		for _, l := range got.Labels {
			all++
			switch {
			case l.Beacon == nil:
			case *l.Beacon:
				beacons++
			default:
				benign++
			}
			if l.Period > 0 {
				periods++
			}
			if l.Dest == "" || l.Source == "" && (l.Host == "" || l.Process == "") {
				t.Errorf("%s: got %+v, want a destination, and a source or a host and a process", path, l)
			}
		}
	}
	// Counted in the files by other means; more captures may come.
	if all < 112 || beacons < 36 || benign < 70 || periods < 107 {
		t.Errorf("got %d labels, %d of beacons, %d benign, %d with a period; want no fewer than 112, 36, 70, 107", all, beacons, benign, periods)
	}
}

// FuzzRead holds that labels that were accepted are accepted again, the same.
func FuzzRead(f *testing.F) {
	f.Add(`{"dataset": "x", "groups": 9, "labels": [{"host": "ws-1", "process": "a.exe", "dst": "192.0.2.1", "dst_port": 443, "beacon": true, "period_s": 60.5}]}`)
	f.Add(`{"labels": [{"src": "10.0.0.5", "beacon": null, "period_s": null, "first_s": 1, "last_s": 2}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Read(strings.NewReader(text))
		if err != nil {
			return
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		same, err := Read(bytes.NewReader(again))
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if diff := cmp.Diff(got, same); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}
