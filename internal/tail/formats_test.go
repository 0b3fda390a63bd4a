package tail

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fresnel/internal/source"
)

// The logs of Zeek that give names, with their headers.
const (
	sslHeader  = "#separator \\x09\n#path\tssl\n#fields\tts\tuid\tid.orig_h\tid.resp_h\tserver_name\n"
	dnsHeader  = "#separator \\x09\n#path\tdns\n#fields\tts\tuid\tid.orig_h\tid.resp_h\tquery\tanswers\n"
	httpHeader = "#separator \\x09\n#path\thttp\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tmethod\thost\turi\tuser_agent\n"
)

func ssl(n int) string {
	return fmt.Sprintf("%d.0\tCuid%d\t10.0.0.1\t203.0.113.9\thost%d.example\n", epoch.Unix()+int64(n), n, n)
}

func http(n int) string {
	return fmt.Sprintf("%d.0\tCuid%d\t10.0.0.1\t1\t203.0.113.9\t80\tGET\thost%d.example\t/\tcurl\n", epoch.Unix()+int64(n), n, n)
}

// names returns the domains of the events, in the order of their lines.
func (w *world) names() (names []string) {
	events := slices.Clone(w.shelf.events)
	slices.SortFunc(events, func(a, b stored) int { return a.second - b.second })
	for _, e := range events {
		names = append(names, e.domain)
	}
	return names
}

func hosts(from, to int) (names []string) {
	for n := from; n < to; n++ {
		names = append(names, fmt.Sprintf("host%d.example", n))
	}
	return names
}

func (w *world) wantNames(want []string) {
	w.Helper()
	if diff := cmp.Diff(want, w.names()); diff != "" {
		w.Errorf("domains (-want +got):\n%s", diff)
	}
}

func TestZeekLogsThatGrowGiveNames(t *testing.T) {
	for _, tt := range []struct {
		name string
		run  func(w *world)
	}{
		{"names come with what they name", func(w *world) {
			w.write("conn.log", 1)
			w.add("ssl.log", sslHeader+ssl(0))
			w.step()
			w.write("conn.log", 1)
			w.add("ssl.log", ssl(1))
			w.step()
			w.step()
		}},
		{"names come a moment after what they name", func(w *world) {
			w.add("ssl.log", sslHeader+ssl(0))
			w.write("conn.log", 1)
			w.step()
			w.write("conn.log", 1)
			w.step()
			w.add("ssl.log", ssl(1))
			w.step()
		}},
		{"the log of names begins later", func(w *world) {
			w.write("dns.log", 0) // another log of connections by its text
			w.write("conn.log", 0)
			w.step()
			w.step()
			w.add("ssl.log", sslHeader)
			w.step()
			w.add("ssl.log", ssl(0)+ssl(1))
			w.step()
			w.write("conn.log", 2)
			w.step()
			w.step()
		}},
		{"the log of connections begins later", func(w *world) {
			w.add("ssl.log", sslHeader+ssl(0)+ssl(1))
			w.step()
			w.write("conn.log", 2)
			w.step()
			w.step()
		}},
		{"a new start between them", func(w *world) {
			w.write("conn.log", 0)
			w.add("ssl.log", sslHeader+ssl(0)+ssl(1))
			w.step()
			w.restart()
			w.write("conn.log", 2)
			w.step()
			w.step()
		}},
		{"a rotation between them", func(w *world) {
			w.write("conn.log", 0)
			w.add("ssl.log", sslHeader+ssl(0)+ssl(1))
			w.step()
			w.rename("ssl.log", "ssl.00.log")
			w.rename("conn.log", "conn.00.log")
			w.step()
			w.add("ssl.log", sslHeader)
			w.write("conn.log", 2)
			w.step()
			w.step()
		}},
		{"old logs are read in order, names first", func(w *world) {
			w.archive("conn.00.log.gz", w.next(1, true))
			w.archive("ssl.00.log.gz", sslHeader+ssl(0))
			w.archive("conn.01.log.gz", w.next(1, true))
			w.archive("ssl.01.log.gz", sslHeader+ssl(1))
			w.wait()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, connections)
			tt.run(w)
			w.complete()
			w.wantNames(hosts(0, 2))
		})
	}
}

// TestNamesThatBeginLaterAreForLinesBehind: the log of connections is long by then.
func TestNamesThatBeginLaterAreForLinesBehind(t *testing.T) {
	w := newWorld(t, connections)
	w.write("conn.log", 200)
	w.step()
	w.step()
	w.add("ssl.log", sslHeader)
	for n := range 220 {
		w.add("ssl.log", ssl(n))
	}
	w.step()
	w.write("conn.log", 20)
	w.step()
	w.step()
	w.complete()
	w.wantNames(append(make([]string, 200), hosts(200, 220)...))
}

// TestConnectionsWaitForNames that take several looks to read.
func TestConnectionsWaitForNames(t *testing.T) {
	w := newWorld(t, connections)
	w.bounds = func(b *bounds) { b.block, b.file = 500, 1000 }
	w.add("ssl.log", strings.TrimSuffix(sslHeader, "\n")+"\tmore\n")
	w.write("conn.log", 0)
	w.step()
	w.step()
	for n := range 500 {
		w.add("ssl.log", strings.TrimSuffix(ssl(n), "\n")+"\t"+strings.Repeat("x", 200)+"\n")
	}
	w.write("conn.log", 500)
	w.step()
	w.step()
	w.complete()
	w.wantNames(hosts(0, 500))
}

// TestWhatAFileIsTellsItsFirstWholeLine: half of it looks like another input.
func TestWhatAFileIsTellsItsFirstWholeLine(t *testing.T) {
	w := newWorld(t, kind{})
	line := `{"@timestamp":"2026-01-01T00:00:00Z","host":{"name":"ws5"},"winlog":{"event_id":5156,"provider_name":"Microsoft-Windows-Security-Auditing","event_data":{"Application":"a.exe","SourceAddress":"10.1.2.3","DestAddress":"203.0.113.5"}}}` + "\n"
	w.lines = 1
	w.add("a.log", line[:70])
	w.step()
	w.add("a.log", line[70:])
	w.step()
	w.complete()
	if got := w.tail.texts[0].Format; got != "sysmon" {
		t.Errorf("got the format %q, want sysmon", got)
	}
}

// TestArchivesThatHaveBeenReadAreNotOpened: rubbish in their place would be found.
func TestArchivesThatHaveBeenReadAreNotOpened(t *testing.T) {
	w := newWorld(t, documents)
	w.archive("a.gz", w.next(10, true))
	w.wait()
	text, err := os.ReadFile(w.path("a.gz"))
	w.check(err)
	info, err := os.Stat(w.path("a.gz"))
	w.check(err)
	clear(text[10:])
	w.check(os.WriteFile(w.path("a.gz"), text, 0o644))
	w.check(os.Chtimes(w.path("a.gz"), info.ModTime(), info.ModTime()))
	w.restart()
	w.wait()
	w.rename("a.gz", "b.gz")
	w.restart()
	w.wait()
	w.complete()
	w.logged(0, "cannot be read")
	w.restart()
	w.touch("b.gz")
	w.wait()
	w.logged(1, "cannot be read", "b.gz")
}

func TestNamesAreReadAgainUpToABound(t *testing.T) {
	w := newWorld(t, connections)
	w.bounds = func(b *bounds) { b.replay = 1000 }
	w.add("ssl.log", sslHeader)
	for n := range 200 {
		w.add("ssl.log", ssl(n))
	}
	w.write("conn.log", 0)
	w.step()
	w.restart()
	w.write("conn.log", 200)
	w.step()
	w.step()
	w.complete()
	names := w.names()
	if names[199] != "host199.example" || names[0] != "" {
		t.Errorf("got the names %q and %q for the oldest and the newest, want none and host199.example", names[0], names[199])
	}
}

// TestRequestsBesideConnectionsAreNoEvents has a log of requests appear in a folder whose log
// of connections was read before the restart.
func TestRequestsBesideConnectionsAreNoEvents(t *testing.T) {
	w := newWorld(t, connections)
	w.archive("conn.00.log.gz", w.next(3, true))
	w.wait()
	w.restart()
	w.archive("http.00.log.gz", httpHeader+http(100))
	w.wait()
	w.complete()
	w.archive("other/http.00.log.gz", httpHeader+http(w.lines))
	w.lines++
	w.wait()
	w.complete()
}

// eve returns a record that names a flow, and the flow.
func eve(n int) (name, flow string) {
	at := epoch.Add(time.Duration(n) * time.Second).Format("2006-01-02T15:04:05.000000-0700")
	return fmt.Sprintf(`{"timestamp":%q,"flow_id":%d,"event_type":"tls","src_ip":"10.0.0.1","dest_ip":"203.0.113.9","tls":{"sni":"host%d.example"}}`, at, n, n) + "\n",
		fmt.Sprintf(`{"timestamp":%q,"flow_id":%d,"event_type":"flow","src_ip":"10.0.0.1","dest_ip":"203.0.113.9","proto":"TCP","flow":{"start":%q}}`, at, n, at) + "\n"
}

func TestRecordsThatHangTogetherAreReadAgain(t *testing.T) {
	for _, tt := range []struct {
		name    string
		between func(w *world)
	}{
		{"at a time", func(*world) {}},
		{"over a restart", (*world).restart},
		{"after a long silence", func(w *world) {
			w.now = w.now.Add(2 * quiet)
			w.step()
			for _, x := range w.tail.texts {
				if x.decoder != nil || x.raw != nil {
					w.Errorf("%s: got it open, want its decoder forgotten", x.Path)
				}
			}
		}},
		{"with too many decoders", func(w *world) {
			w.tail.bounds.inputs = 1
			w.add("b/eve.json", strings.Repeat(`{"timestamp":"2026-01-01T00:00:00.000000+0000","event_type":"stats"}`+"\n", 3))
			w.step()
		}},
		{"over a rename", func(w *world) {
			w.rename("a/eve.json", "a/eve.json.1")
			w.step()
			w.restart()
			w.step()
			w.rename("a/eve.json.1", "a/eve.json")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, kind{})
			var flows string
			for n := range 50 {
				name, flow := eve(n)
				w.add("a/eve.json", name)
				flows += flow
				w.lines++
			}
			w.step()
			tt.between(w)
			w.add("a/eve.json", flows)
			w.step()
			w.complete()
			w.wantNames(hosts(0, 50))
			if got := w.shelf.counts.Skipped["suricata: event type tls"]; got != 50 {
				t.Errorf("got %d records of tls counted, want 50: those that are read again are not", got)
			}
		})
	}
}

// TestYearsAreCountedOverARestart: the year of a line follows from all lines before it.
func TestYearsAreCountedOverARestart(t *testing.T) {
	w := newWorld(t, table)
	w.options.Format = "delimited:table"
	w.options.Source.Delimited = map[string]source.ColumnMap{"table": tableFormat}
	const day = 86400
	w.add("a.log", table.header)
	var want []int
	for i := range 30 {
		n := i * 100 * day // more than eight years
		w.add("a.log", table.line(n))
		want = append(want, n)
		w.step()
		if i%2 == 0 {
			w.restart()
		}
	}
	var got []int
	for _, e := range w.shelf.events {
		got = append(got, e.second)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("seconds (-want +got):\n%s", diff)
	}
}

func TestHeadersWithinAFileCountOverARestart(t *testing.T) {
	for _, rows := range []int{10, 3000} { // before the second header, within 64 KiB and beyond
		w := newWorld(t, connections)
		w.write("conn.log", rows)
		w.add("conn.log", "#fields\tid.resp_h\tts\tproto\tconn_state\n#close\n")
		second := func() string {
			w.lines++
			return fmt.Sprintf("203.0.113.9\t%d.0\ttcp\tSF\n", epoch.Unix()+int64(w.lines-1))
		}
		w.add("conn.log", second())
		w.step()
		for range 5 {
			w.restart()
			w.add("conn.log", second())
			w.step()
		}
		w.complete()
		if w.shelf.counts.Bad > 0 {
			t.Errorf("%d rows: got %d bad records, want none", rows, w.shelf.counts.Bad)
		}
	}
}

func TestDocumentsThatAreNotOneALine(t *testing.T) {
	shapes := map[string]func(documents []string) string{
		"an array":    func(d []string) string { return "[" + strings.Join(d, ",") + "]\n" },
		"indented":    func(d []string) string { return strings.ReplaceAll(strings.Join(d, "\n"), ",", ",\n  ") + "\n" },
		"an answer":   func(d []string) string { return `{"took":1,"hits":{"hits":[` + strings.Join(d, ",") + "]}}" },
		"no line end": func(d []string) string { return strings.Join(d, "") },
	}
	for name, shape := range shapes {
		for _, suffix := range []string{"", ".gz"} {
			t.Run(name+suffix, func(t *testing.T) {
				w := newWorld(t, documents)
				w.bounds = func(b *bounds) { b.block, b.batch, b.round = 700, 7, 3000 }
				w.stepped = w.restart
				text := shape(strings.Fields(w.next(200, false)))
				if suffix != "" {
					w.archive("a.json"+suffix, text)
				} else {
					w.add("a.json", text[:len(text)/2])
					w.step() // it is not settled
					w.add("a.json", text[len(text)/2:])
				}
				w.step()
				if len(w.shelf.events) > 0 {
					t.Errorf("got %d events of a file that was written a second ago, want none yet", len(w.shelf.events))
				}
				w.wait()
				w.complete()
				w.rename("a.json"+suffix, "b.json"+suffix)
				w.wait()
				w.complete()
			})
		}
	}
}
