package survey

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fresnel/internal/event"
	"fresnel/internal/timeline"
)

func TestText(t *testing.T) {
	full := event.Event{
		HostName: "ws-1", SourceIP: netip.MustParseAddr("10.0.0.1"), ProcessName: "a\x00b", DestinationDomain: "x.example.com", TLSServerName: "y",
		DestinationPort: 65535, NetworkTransport: "tcp", NetworkProtocol: "tls", TLSClientJA3: "j", UserAgent: "u",
		ProcessExecutable: `C:\x`, ProcessHashSHA256: "h", ProcessParentName: "p",
		SignatureExists: event.True, SignatureTrusted: event.False, SignatureStatus: "trusted", SignatureSubjectName: "s",
	}
	long := event.Event{UserAgent: string(make([]byte, 100_000)), SourceIP: netip.MustParseAddr("fe80::1")}
	for name, want := range map[string]event.Event{"no field": {}, "all fields": full, "a long text": long} {
		for _, key := range []string{"", "k", string(make([]byte, 300))} {
			text := AppendText([]byte("x"), []byte(key), &want)
			gotKey, got := readText(text[1:])
			if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" || string(gotKey) != key {
				t.Errorf("%s: got key of %d bytes, want %d; event (-want +got):\n%s", name, len(gotKey), len(key), diff)
			}
		}
	}
	for _, f := range event.Fields() {
		if full.Has(f) && !Fields.Has(f) {
			t.Errorf("%v is kept and not asked for", f)
		}
	}
}

func TestFailed(t *testing.T) {
	for _, c := range []struct {
		state        string
		source, dest int64
		want         bool
	}{
		{"", 0, 0, false}, // nothing is known
		{"", 100, 0, true},
		{"", 100, 1, false},
		{"S0", 0, 0, true},
		{"REJ", 0, 40, true},
		{"RSTRH", 0, 40, true},
		{"SF", 100, 0, false}, // the source says that it was answered
		{"new", 100, 0, true},
		{"new", 100, 5, false},
		{"established", 100, 0, false},
	} {
		if got := Failed(&event.Event{ConnectionState: c.state, SourceBytes: c.source, DestinationBytes: c.dest}); got != c.want {
			t.Errorf("state %q, %d bytes out, %d in: got %v, want %v", c.state, c.source, c.dest, got, c.want)
		}
	}
}

// TestAdd holds which calls share a row, and that a row has the text of one of them.
func TestAdd(t *testing.T) {
	ip, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for _, c := range []struct {
		name string
		a, b event.Event
		same bool
	}{
		{"an address", event.Event{DestinationIP: ip}, event.Event{DestinationIP: ip, DestinationPort: 8}, true},
		{"two addresses", event.Event{DestinationIP: ip}, event.Event{DestinationIP: other}, false},
		{"two names of one address", event.Event{DestinationIP: ip, TLSServerName: "a"}, event.Event{DestinationIP: ip, TLSServerName: "b"}, false},
		{"a name and none", event.Event{DestinationIP: ip, DestinationDomain: "a"}, event.Event{DestinationIP: ip}, false},
		{"the domain goes before the TLS name", event.Event{DestinationIP: ip, DestinationDomain: "a", TLSServerName: "x"}, event.Event{DestinationIP: ip, DestinationDomain: "a", TLSServerName: "y"}, true},
	} {
		table := timeline.NewTable(0)
		for range 2 {
			Add(table, &c.a, 5, hostProcess{})
			Add(table, &c.b, 5, hostProcess{})
		}
		if same := table.Rows() == 1; same != c.same {
			t.Errorf("%s: got %d rows, want one: %v", c.name, table.Rows(), c.same)
		}
		for _, r := range table.All() {
			if _, e := readText(r.Text); e.DestinationPort != c.a.DestinationPort && e.DestinationPort != c.b.DestinationPort {
				t.Errorf("%s: got port %d", c.name, e.DestinationPort)
			}
		}
	}
	a, b := event.Event{ProcessEntityID: "x", ProcessPID: 1}, event.Event{ProcessEntityID: "x", ProcessPID: 2}
	if Agent(&a) != Agent(&b) || Agent(&a) == 0 || Agent(&event.Event{}) != 0 || Agent(&event.Event{ProcessPID: 1}) == Agent(&event.Event{ProcessPID: 2}) {
		t.Error("agents are not told apart by entity id, then by pid")
	}
}
