package scan

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/detect"
	"fresnel/internal/event"
	"fresnel/internal/testkit"
)

// eventsByGroup scans once, in a window that holds everything, and returns the events of
// each group.
func eventsByGroup(t *testing.T, o Options) (map[string]int64, *Summary) {
	t.Helper()
	o.Params.NumberBucketsInRange = 3000
	o.Runs = detect.Runs{Mode: detect.Latest}
	results, s := scanned(t, o)
	groups := map[string]int64{}
	for _, r := range results {
		groups[strings.Join(r.Group.Values, " ")] += r.Events
	}
	return groups, s
}

// TestLogsBesideConnectionsNameThem groups by names that stand in other logs than the
// connections: of TLS and HTTP by uid, of DNS by answer, each with its own beacon.
func TestLogsBesideConnectionsNameThem(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "zeek")
	header := func(path string, fields ...string) string {
		return "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t" + path + "\n#fields\t" + strings.Join(fields, "\t") + "\n"
	}
	var conn, ssl, http, dns strings.Builder
	conn.WriteString(header("conn", "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service", "orig_bytes", "resp_bytes"))
	ssl.WriteString(header("ssl", "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "server_name"))
	http.WriteString(header("http", "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "host", "user_agent"))
	dns.WriteString(header("dns", "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "query", "answers"))
	fmt.Fprintf(&dns, "%d.0\tCd\t10.0.0.1\t5\t10.0.0.53\t53\tdns.example\t203.0.113.30\n", day)
	for i := range 100 {
		at := day + int64(i)*240
		// All go through one proxy but the last.
		fmt.Fprintf(&conn, "%d.0\tCs%d\t10.0.0.1\t4\t10.0.0.8\t3128\ttcp\tssl\t500\t900\n", at, i)
		fmt.Fprintf(&ssl, "%d.1\tCs%d\t10.0.0.1\t4\t10.0.0.8\t3128\ttls.example\n", at, i)
		fmt.Fprintf(&conn, "%d.0\tCh%d\t10.0.0.1\t4\t10.0.0.8\t3128\ttcp\thttp\t500\t900\n", at+7, i)
		fmt.Fprintf(&http, "%d.1\tCh%d\t10.0.0.1\t4\t10.0.0.8\t3128\thttp.example\tagent/1\n", at+7, i)
		fmt.Fprintf(&conn, "%d.0\tCn%d\t10.0.0.1\t4\t203.0.113.30\t443\ttcp\t-\t500\t900\n", at+11, i)
		fmt.Fprintf(&conn, "%d.0\tCx%d\t10.0.0.1\t4\t203.0.113.40\t443\ttcp\t-\t500\t900\n", at+13, i)
	}
	// The names come later in the order of the folder than the connections, and compressed.
	write(t, filepath.Join(dir, "conn.log"), conn.String())
	write(t, filepath.Join(dir, "ssl.log.gz"), ssl.String())
	write(t, filepath.Join(dir, "http.log.zst"), http.String())
	write(t, filepath.Join(dir, "dns.log"), dns.String())

	for _, workers := range []int{1, 4} {
		o := every(t, dir)
		o.Workers = workers
		o.GroupBy = []event.Field{event.SourceIP, event.DestinationDomain}
		got, s := eventsByGroup(t, o)
		want := map[string]int64{"10.0.0.1 tls.example": 100, "10.0.0.1 http.example": 100, "10.0.0.1 dns.example": 100}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d workers: events by name (-want +got):\n%s", workers, diff)
		}
		if s.NoGroup["destination.domain"] != 100 || s.Events != 400 || s.Files != 4 || s.Bad != 0 {
			t.Errorf("%d workers: got %d without a name of %d events in %d files, %d bad; want 100 of 400 in 4, none", workers, s.NoGroup["destination.domain"], s.Events, s.Files, s.Bad)
		}
		o.Runs = detect.Runs{Mode: detect.Schedule, Every: 3600}
		results, _ := scanned(t, o)
		found := map[string]bool{}
		for _, r := range results {
			if r.Stats.Periodic && r.Stats.MaxAutocovariancePeriod == 4 && r.Stats.BeaconingScore == 3 {
				found[r.Group.Values[1]] = true
			}
		}
		if diff := cmp.Diff(map[string]bool{"tls.example": true, "http.example": true, "dns.example": true}, found); diff != "" {
			t.Errorf("%d workers: beacons of 240 s (-want +got):\n%s", workers, diff)
		}

		// Nobody asks for names: the logs beside are not read.
		o = every(t, dir)
		o.Workers = workers
		got, s = eventsByGroup(t, o)
		if diff := cmp.Diff(map[string]int64{"10.0.0.1 10.0.0.8": 200, "10.0.0.1 203.0.113.30": 100, "10.0.0.1 203.0.113.40": 100}, got); diff != "" {
			t.Errorf("%d workers: events by address (-want +got):\n%s", workers, diff)
		}
		if s.Files != 1 || s.Unneeded["zeek"] != 3 {
			t.Errorf("%d workers: got %d files read, %d not needed; want 1 and 3", workers, s.Files, s.Unneeded["zeek"])
		}
	}
}

func TestDomainsBehindAProxy(t *testing.T) {
	dir := testkit.Shared(t, "data/rita-http-proxy-beacon")
	for _, by := range [][]event.Field{
		{event.SourceIP, event.DestinationDomain},
		{event.SourceIP, event.DestinationIP, event.DestinationDomain},
	} {
		o := every(t, dir)
		o.GroupBy = by
		got, s := eventsByGroup(t, o)
		proxy := ""
		if len(by) == 3 {
			proxy = "10.136.0.16 "
		}
		want := map[string]int64{"10.136.0.18 " + proxy + "www.honestimnotevil.com": 397, "10.136.0.18 " + proxy + "www.google.com": 10}
		for name, n := range want {
			if got[name] != n {
				t.Errorf("%v: got %d events of %q, want %d", by, got[name], name, n)
			}
		}
		if s.Files != 4 || s.Events != 463 || s.Bad != 0 {
			t.Errorf("%v: got %d events in %d files, %d bad; want 463 in 4, none", by, s.Events, s.Files, s.Bad)
		}
	}
}

// TestSharedFoldersAreReadAsTheyLie hands whole folders to a scan, with all that lies in
// them, and counts what comes out of each input.
func TestSharedFoldersAreReadAsTheyLie(t *testing.T) {
	dir := testkit.Shared(t, "data")
	for _, tt := range []struct {
		folder, input string
		files         int
		events        int64
		unknown       int // README.md, labels.json, captures of packets, ...
	}{
		{"apt29-zeek-json", "zeek", 5, 1637, 2},
		{"bab0-apt-http", "zeek", 1, 323, 2},
		{"ctu-normal-days", "zeek", 2, 14711, 2},
		{"emotet-icedid", "zeek", 1, 205, 3},
		{"iot23-hakai-torii", "zeek", 2, 13612, 2},
		{"m57-office-day", "zeek", 1, 8462, 2},
		{"njrat-reconnect", "zeek", 1, 992, 2},
		{"otrf-endpoint-empire", "sysmon", 8, 3160, 2},
		{"proxifier-desktop-oct", "delimited", 1, 4901, 3},
		{"rat-short-pcaps", "zeek", 3, 284, 5},
		{"reference-vectors", "ecs", 1, 51492, 2},
		{"rita-http-24h", "zeek", 1, 27204, 2},
		{"rita-http-proxy-beacon", "zeek", 1, 463, 2},
		{"suricata-iot-day", "suricata", 1, 3512, 2},
		{"c2-framework-timing", "", 0, 0, 10},
	} {
		t.Run(tt.folder, func(t *testing.T) {
			_, s := scanned(t, every(t, filepath.Join(dir, tt.folder)))
			want := map[string]int{}
			if tt.input != "" {
				want[tt.input] = tt.files
			}
			if diff := cmp.Diff(want, s.Formats); diff != "" {
				t.Errorf("inputs (-want +got):\n%s", diff)
			}
			if s.Events != tt.events || s.Bad != 0 || len(s.Unknown) != tt.unknown || len(s.Problems) != 0 {
				t.Errorf("got %d events, %d bad %q, %d unknown files, problems %v; want %d, none, %d, none", s.Events, s.Bad, s.BadShown, len(s.Unknown), s.Problems, tt.events, tt.unknown)
			}
		})
	}
	t.Run("all of them in one run", func(t *testing.T) {
		_, s := scanned(t, every(t, dir))
		if want := map[string]int{"zeek": 18, "sysmon": 8, "delimited": 1, "ecs": 1, "suricata": 1}; !cmp.Equal(want, s.Formats) {
			t.Errorf("got inputs %v, want %v", s.Formats, want)
		}
		if s.Events != 130_958 || s.Bad != 0 {
			t.Errorf("got %d events and %d bad records, want 130958 and none", s.Events, s.Bad)
		}
	})
}
