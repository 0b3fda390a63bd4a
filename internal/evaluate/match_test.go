package evaluate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/labels"
)

func read(t *testing.T, text string) *labels.File {
	t.Helper()
	f, err := labels.Read(strings.NewReader(`{"labels": [` + text + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestMatch(t *testing.T) {
	m := NewMatcher(read(t, `
		{"host": "WS-1", "process": "a.exe", "dst": "192.0.2.1", "domain": "c2.example.com", "dst_port": 443, "beacon": true, "implant": "one"},
		{"host": "ws-1", "process": "a.exe", "dst": "192.0.2.3", "beacon": true, "implant": "two"},
		{"host": "ws-1", "process": "a.exe", "domain": "cdn.example.net", "beacon": false, "periodic": true},
		{"host": "ws-2", "beacon": true, "implant": "all of it"},
		{"host": "ws-2", "process": "clock.exe", "dst": "time.example.org", "beacon": false, "periodic": true},
		{"host": "ws-2", "process": "odd.exe", "dst": "192.0.2.8", "beacon": null},
		{"src": "10.0.0.5", "dst": "www.evil.co.uk", "beacon": true, "implant": "named"},
		{"src": "10.0.0.5", "dst": "0:0:0:0:0:0:0:1", "beacon": true, "implant": "six"},
		{"src": "10.0.0.6", "dst": "192.0.2.9", "beacon": null},
		{"src": "10.0.0.6", "dst": "192.0.2.10", "dst_port": 53, "beacon": false},
		{"host": "ws-3", "src": "10.0.0.7", "process": "b.exe", "dst": "192.0.2.20", "beacon": true, "implant": "both"},
		{"process": "known.exe", "dst": "front.cloudfront.net", "beacon": false},
		{"host": "ws-4", "process": "a.exe", "dst": "192.0.2.30", "beacon": true, "implant": "three"},
		{"host": "ws-4", "process": "a.exe", "dst": "192.0.2.31", "beacon": true, "implant": "four"},
		{"host": "ws-4", "process": "a.exe", "dst": "192.0.2.32", "beacon": null}`))
	none := Verdict{}
	implant := func(names ...string) Verdict { return Verdict{Implants: names, Labelled: true} }
	for _, tt := range []struct {
		name string
		s    Subject
		want Verdict
	}{
		{"the address and the domain", Subject{Host: "ws-1", Process: "A.EXE", IP: "192.0.2.1", Domain: "C2.Example.com", Port: 443}, implant("one")},
		{"the address alone", Subject{Host: "ws-1", Process: "a.exe", IP: "192.0.2.1"}, implant("one")},
		{"the domain alone", Subject{Host: "ws-1", Process: "a.exe", Domain: "c2.example.com."}, implant("one")},
		{"another address of the domain", Subject{Host: "ws-1", Process: "a.exe", IP: "192.0.2.99", Domain: "c2.example.com"}, implant("one")},
		{"another name of the registrable domain", Subject{Host: "ws-1", Process: "a.exe", Domain: "b.example.com"}, implant("one")},
		{"another domain at the address", Subject{Host: "ws-1", Process: "a.exe", IP: "192.0.2.1", Domain: "cdn.test"}, none},
		{"another port", Subject{Host: "ws-1", Process: "a.exe", IP: "192.0.2.1", Port: 80}, none},
		{"another process", Subject{Host: "ws-1", Process: "b.exe", IP: "192.0.2.1"}, none},
		{"another host", Subject{Host: "ws-9", Process: "a.exe", IP: "192.0.2.1"}, none},
		{"a domain where only the address is labelled", Subject{Host: "ws-1", Process: "a.exe", IP: "192.0.2.3", Domain: "x.test"}, implant("two")},
		{"benign and periodic", Subject{Host: "ws-1", Process: "a.exe", Domain: "cdn.example.net"}, Verdict{Labelled: true, Periodic: true}},
		{"a whole host", Subject{Host: "ws-2", Process: "x.exe", IP: "192.0.2.50"}, implant("all of it")},
		{"a destination silences the whole host", Subject{Host: "ws-2", Process: "clock.exe", Domain: "time.example.org"}, Verdict{Labelled: true, Periodic: true}},
		{"so does its registrable domain", Subject{Host: "ws-2", Process: "clock.exe", Domain: "time2.example.org"}, Verdict{Labelled: true, Periodic: true}},
		{"and one not to be scored", Subject{Host: "ws-2", Process: "odd.exe", IP: "192.0.2.8"}, Verdict{Labelled: true, Undecided: true}},
		{"a domain as the destination", Subject{Source: "10.0.0.5", Domain: "api.evil.co.uk"}, implant("named")},
		{"a public suffix is no registrable domain", Subject{Source: "10.0.0.5", Domain: "other.co.uk"}, none},
		{"a rented name is registrable", Subject{Host: "ws-7", Process: "known.exe", Domain: "other.cloudfront.net"}, none},
		{"a process anywhere", Subject{Host: "ws-7", Process: "known.exe", Domain: "front.cloudfront.net"}, Verdict{Labelled: true}},
		{"an address in another spelling", Subject{Source: "::ffff:10.0.0.5", IP: "::1"}, implant("six")},
		{"not to be scored", Subject{Source: "10.0.0.6", IP: "192.0.2.9"}, Verdict{Labelled: true, Undecided: true}},
		{"by host, of a label with a source too", Subject{Host: "ws-3", Process: "b.exe", IP: "192.0.2.20"}, implant("both")},
		{"by source, of a label with a host too", Subject{Source: "10.0.0.7", IP: "192.0.2.20"}, implant("both")},
		{"a host that agrees, a source that does not", Subject{Host: "ws-3", Source: "10.0.0.8", Process: "b.exe", IP: "192.0.2.20"}, none},
		{"a source that nobody named", Subject{Source: "10.0.0.99", IP: "192.0.2.9"}, none},
		{"a whole group with contacts", Subject{Host: "ws-4", Process: "a.exe", Contacts: []string{"192.0.2.31", "192.0.2.77", "192.0.2.30", "192.0.2.32"}}, implant("three", "four")},
		{"a whole group without the contact", Subject{Host: "ws-4", Process: "a.exe", Contacts: []string{"192.0.2.77"}}, none},
		{"a whole group with one not to be scored", Subject{Host: "ws-4", Process: "a.exe", Contacts: []string{"192.0.2.32"}}, Verdict{Labelled: true, Undecided: true}},
		{"nothing known", Subject{}, none},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, m.Match(tt.s)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestTruth gathers the labels of an implant, and gives one without a name its own.
func TestTruth(t *testing.T) {
	f := read(t, `
		{"host": "ws-1", "process": "a.exe", "dst": "192.0.2.1", "beacon": true, "implant": "one", "first_s": 300},
		{"host": "ws-1", "process": "a.exe", "dst": "192.0.2.2", "beacon": true, "implant": "one", "framework": "sliver", "period_s": 90, "jitter": 0.3, "first_s": 200},
		{"src": "10.0.0.5", "dst": "192.0.2.3", "beacon": true, "period_s": 5},
		{"src": "10.0.0.5", "dst": "192.0.2.3", "beacon": true, "period_s": 5},
		{"src": "10.0.0.5", "dst": "192.0.2.4", "beacon": false, "implant": "no"},
		{"src": "10.0.0.5", "dst": "192.0.2.5", "beacon": null, "implant": "who knows"}`)
	f.Groups, f.Hosts, f.Days = 7, 8, 9
	m := NewMatcher(f)
	want := Truth{Groups: 7, Hosts: 8, Days: 9, Implants: []Implant{
		{Name: "one", Framework: "sliver", Period: 90, Jitter: 0.3, First: 200},
		{Name: "label 3: 10.0.0.5 -> 192.0.2.3", Period: 5},
		{Name: "label 4: 10.0.0.5 -> 192.0.2.3", Period: 5},
	}}
	if diff := cmp.Diff(want, m.Truth()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	got := m.Match(Subject{Source: "10.0.0.5", IP: "192.0.2.3"})
	if diff := cmp.Diff([]string{want.Implants[1].Name, want.Implants[2].Name}, got.Implants); diff != "" {
		t.Errorf("labels that say the same: -want +got:\n%s", diff)
	}
}
