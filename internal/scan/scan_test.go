package scan

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"fresnel/internal/beacon"
	"fresnel/internal/detect"
	"fresnel/internal/event"
	"fresnel/internal/files"
	"fresnel/internal/filter"
	"fresnel/internal/finding"
	"fresnel/internal/source"
	"fresnel/internal/source/all"
)

// compiled returns the default filter, or one that looks at every event.
func compiled(t testing.TB, enabled bool) *filter.Filter {
	t.Helper()
	c := filter.Default()
	c.Enabled = enabled
	f, err := filter.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// every returns the options of a scan of paths that looks at every event, with the default
// settings otherwise and the results of all groups.
func every(t testing.TB, paths ...string) Options {
	t.Helper()
	found, problems := files.Expand(paths)
	return Options{
		Files: found, Problems: problems, Formats: all.Formats,
		Options: detect.Options{
			Filter: compiled(t, false), Params: beacon.DefaultParams(),
			Runs: detect.Runs{Mode: detect.Schedule, Every: 3600}, All: true,
		},
		BadShown: 5,
	}
}

// scanned runs a scan that must not end in an error and returns its results.
func scanned(t testing.TB, o Options) ([]*finding.Result, *Summary) {
	t.Helper()
	var results []*finding.Result
	s, err := Run(t.Context(), o, func(r *finding.Result) error {
		results = append(results, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return results, s
}

// documents returns what a scan writes, a document a line.
func documents(t testing.TB, o Options) (string, *Summary) {
	t.Helper()
	results, s := scanned(t, o)
	return encoded(results), s
}

func encoded(results []*finding.Result) string {
	var b []byte
	for _, r := range results {
		b = append(finding.AppendJSON(b, r), '\n')
	}
	return string(b)
}

// same fails the test unless two lists of documents are the same, byte for byte.
func same(t testing.TB, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.SplitAfter(got, "\n"), strings.SplitAfter(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("document %d: got\n%swant\n%s", i, g[i], w[i])
		}
	}
	t.Fatalf("got %d documents, want %d", len(g)-1, len(w)-1)
}

// write writes a file of a test and returns its path. A name that ends in .gz or .zst is
// compressed so.
func write(t testing.TB, path, text string) string {
	t.Helper()
	var b bytes.Buffer
	switch filepath.Ext(path) {
	case ".gz":
		z := gzip.NewWriter(&b)
		if _, err := io.WriteString(z, text); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	case ".zst":
		z, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(z, text); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	default:
		b.WriteString(text)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// day is the first second of the times in these tests.
var day = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

// ecs returns one event as a line of ECS.
func ecs(second int64, host, process, destination string, bytes int) string {
	return fmt.Sprintf(`{"@timestamp":%q,"event":{"category":"network"},"host":{"name":%q},"process":{"name":%q},"source":{"ip":"10.0.0.9","bytes":%d},"destination":{"ip":%q,"bytes":%d}}`+"\n",
		time.Unix(second, 0).UTC().Format(time.RFC3339), host, process, bytes, destination, 2*bytes)
}

// calls returns n events of one process, one every period seconds from first on.
func calls(first, period int64, n int, process string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(ecs(first+int64(i)*period, "ws1", process, "203.0.113.9", 500))
	}
	return b.String()
}

// mixture returns events of many groups over three days with a day of silence in it, as
// lines: beacons, random calls, many destinations, details and times of arrival.
func mixture(seed uint64) []string {
	r := rand.New(rand.NewPCG(seed, 0))
	var lines []string
	for g := range 60 {
		start, span := r.Int64N(86400), 3600+r.Int64N(86400)
		period := 5 + r.Int64N(900)
		destinations := 1 + r.IntN(15) // fewer than a summary holds: its counts are exact
		exact := g%3 == 0
		for at := start; at < start+span; {
			second := day + at
			if at > 86400 {
				second += 86400
			}
			lines = append(lines, fmt.Sprintf(
				`{"@timestamp":"%s.%03dZ","event":{"ingested":"%s"},"host":{"name":"h%d"},"process":{"name":"p%d","executable":"/opt/%d/p","hash":{"sha256":"%064x"}},"source":{"bytes":%d},"destination":{"ip":"198.51.100.%d","bytes":%d}}`+"\n",
				time.Unix(second, 0).UTC().Format("2006-01-02T15:04:05"), len(lines)%1000, time.Unix(second+r.Int64N(60), 0).UTC().Format(time.RFC3339),
				g%7, g, at/7200, at/7200, 400+r.IntN(1+g), r.IntN(destinations), r.IntN(5000)))
			if exact {
				at += period
			} else {
				at += 1 + r.Int64N(2*period)
			}
		}
	}
	return lines
}

func TestResultsDoNotDependOnHowEventsLie(t *testing.T) {
	lines := mixture(1)
	text := strings.Join(lines, "")
	dir := t.TempDir()
	plain := every(t, write(t, filepath.Join(dir, "plain.ndjson"), text))
	plain.Workers = 1
	want, s := documents(t, plain)
	if s.Events != int64(len(lines)) || s.Bad != 0 || s.Findings == 0 || s.Runs < 40 {
		t.Fatalf("got %d events, %d bad, %d findings in %d runs, want %d events, none bad, some findings in more than 40 runs", s.Events, s.Bad, s.Findings, s.Runs, len(lines))
	}

	shuffled := slices.Clone(lines)
	rand.New(rand.NewPCG(2, 0)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	mixed := strings.Join(shuffled, "")
	third := len(lines) / 3
	split := filepath.Join(dir, "split")
	write(t, filepath.Join(split, "a", "events.ndjson"), strings.Join(shuffled[:third], ""))
	write(t, filepath.Join(split, "b", "events.ndjson.gz"), strings.Join(shuffled[third:2*third], ""))
	write(t, filepath.Join(split, "events.ndjson.zst"), strings.Join(shuffled[2*third:], ""))

	for _, tt := range []struct {
		name  string
		paths []string
	}{
		{"one plain file", []string{plain.Files[0].Path}},
		{"one gzip file", []string{write(t, filepath.Join(dir, "one.gz"), text)}},
		{"one zstd file", []string{write(t, filepath.Join(dir, "one.zst"), text)}},
		{"in any order", []string{write(t, filepath.Join(dir, "shuffled"), mixed)}},
		{"a folder of files of three kinds", []string{split}},
		{"several paths", []string{filepath.Join(split, "b"), filepath.Join(split, "a", "*"), filepath.Join(split, "events.ndjson.zst")}},
	} {
		for _, workers := range []int{1, 2, 5} {
			t.Run(fmt.Sprintf("%s, %d workers", tt.name, workers), func(t *testing.T) {
				o := every(t, tt.paths...)
				o.Workers = workers
				got, gotSummary := documents(t, o)
				same(t, got, want)
				gotSummary.Files, gotSummary.Formats = s.Files, s.Formats
				if diff := gocmp.Diff(s, gotSummary); diff != "" {
					t.Errorf("summaries differ (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestSeveralInputsInOneRun(t *testing.T) {
	// The same connections by four inputs, with other hosts: the groups do not mix.
	var zeek, suricata, sysmon strings.Builder
	zeek.WriteString("#separator \\x09\n#path\tconn\n#fields\tts\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\torig_bytes\tresp_bytes\n")
	for i := range 80 {
		at := day + int64(i)*300
		fmt.Fprintf(&zeek, "%d.000000\t10.0.0.1\t40000\t203.0.113.1\t443\ttcp\t500\t900\n", at)
		stamp := time.Unix(at, 0).UTC()
		fmt.Fprintf(&suricata, `{"timestamp":%[1]q,"flow_id":%[2]d,"event_type":"flow","src_ip":"10.0.0.2","src_port":1,"dest_ip":"203.0.113.2","dest_port":443,"proto":"TCP","flow":{"start":%[1]q,"end":%[1]q,"bytes_toserver":500,"bytes_toclient":900}}`+"\n",
			stamp.Format("2006-01-02T15:04:05.000000-0700"), i+1)
		fmt.Fprintf(&sysmon, `{"EventID":3,"SourceName":"Microsoft-Windows-Sysmon","Hostname":"ws3","@timestamp":%q,"UtcTime":%q,"Image":"C:\\x\\agent.exe","Protocol":"tcp","Initiated":"true","SourceIp":"10.0.0.3","SourcePort":"1","DestinationIp":"203.0.113.3","DestinationPort":"443"}`+"\n",
			stamp.Format(time.RFC3339), stamp.Format("2006-01-02 15:04:05.000"))
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "zeek", "conn.log"), zeek.String())
	write(t, filepath.Join(dir, "suricata", "eve.json.gz"), suricata.String())
	write(t, filepath.Join(dir, "sysmon.ndjson"), sysmon.String())
	write(t, filepath.Join(dir, "ecs.zst"), calls(day, 300, 80, "agent"))

	results, s := scanned(t, every(t, dir))
	if diff := gocmp.Diff(map[string]int{"zeek": 1, "suricata": 1, "sysmon": 1, "ecs": 1}, s.Formats); diff != "" {
		t.Errorf("formats (-want +got):\n%s", diff)
	}
	got := map[string]int{}
	for _, r := range results {
		if r.Stats.Periodic && r.Stats.MaxAutocovariancePeriod == 5 {
			got[strings.Join(r.Group.Values, " ")]++
		}
	}
	want := []string{"10.0.0.1 203.0.113.1", "10.0.0.2 203.0.113.2", "ws1 agent", "ws3 agent.exe"}
	if diff := gocmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("periodic groups (-want +got):\n%s", diff)
	}
	if s.Events != 320 || s.Groups != 4 || s.Bad != 0 {
		t.Errorf("got %d events, %d groups, %d bad records, want 320, 4, 0", s.Events, s.Groups, s.Bad)
	}
}

func TestScheduleIsASeriesOfSingleRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("numbers more than goroutines: left to the tests without the race detector")
	}
	path := write(t, filepath.Join(t.TempDir(), "events.ndjson"), strings.Join(mixture(3), ""))
	for _, tt := range []struct {
		name    string
		buckets int
		length  int
		every   int64
	}{
		{"hourly over six hours", 360, 60, 3600},
		{"hourly over a day", 1440, 60, 3600},
		{"windows that do not overlap", 60, 60, 3600},
		{"windows with gaps between them", 30, 60, 3600},
		{"runs closer than a bucket", 48, 900, 700},
		{"lengths that share no factor", 500, 37, 5000},
		{"daily over two hours", 120, 60, 86400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := every(t, path)
			o.Params.NumberBucketsInRange, o.Params.TimeBucketLength = tt.buckets, tt.length
			o.Runs = detect.Runs{Mode: detect.Schedule, Every: tt.every}
			results, s := scanned(t, o)
			byRun := map[int64][]*finding.Result{}
			events := map[int64]int64{}
			last := int64(0)
			for _, r := range results {
				if r.RunEnd < last {
					t.Fatalf("run %d comes after run %d", r.RunEnd, last)
				}
				last = r.RunEnd
				byRun[r.RunEnd] = append(byRun[r.RunEnd], r)
				events[r.RunEnd] += r.Events
			}
			if len(byRun) < 2 || s.Runs < len(byRun) {
				t.Fatalf("got results of %d runs out of %d, want those of several", len(byRun), s.Runs)
			}
			// Every multiple between the first event and the last, also those with no results.
			// Many of them are alike: a prime step visits all kinds.
			step := int64(1)
			if n := (s.Last - s.First) / 1e9 / tt.every; n > 20 {
				step = n/20 | 1
			}
			first := s.First / 1e9 / tt.every * tt.every
			for end := first; end <= s.Last/1e9+int64(tt.buckets*tt.length)+tt.every; end += step * tt.every {
				single := o
				single.Runs = detect.Runs{Mode: detect.At, End: end}
				want, _ := documents(t, single)
				if end > slices.Max(slices.Collect(maps.Keys(byRun))) {
					if len(byRun[end]) != 0 {
						t.Errorf("run %d: got results after the last event's run", end)
					}
					continue
				}
				if got := encoded(byRun[end]); len(byRun[end]) > 0 || end >= slices.Min(slices.Collect(maps.Keys(byRun))) {
					same(t, got, want)
				}
			}
			if tt.buckets*tt.length < int(tt.every) {
				return
			}
			// Windows as long as the step or longer: every event is in one at least.
			seen := int64(0)
			for _, n := range events {
				seen += n
			}
			if seen < s.Events {
				t.Errorf("got %d events in all runs, want %d or more", seen, s.Events)
			}
		})
	}
}

func TestScheduleOfOneCapture(t *testing.T) {
	for _, tt := range []struct {
		name        string
		first, last int64 // seconds into the day
		every       int64 // seconds between more events; 0 for none
		want        []int64
	}{
		{"less than a window is one run, at the next full hour", 3600 + 5, 2*3600 + 7, 0, []int64{3}},
		{"its last event on the hour is in the run of that hour", 5, 3 * 3600, 0, []int64{3}},
		{"one second later is in the next", 5, 3*3600 + 1, 0, []int64{4}},
		{"a full window and more", 0, 8*3600 + 1, 1800, []int64{5, 6, 7, 8, 9}},
		{"the first run is the last that sees the first event", 1, 8 * 3600, 1800, []int64{6, 7, 8}},
		{"runs that see nothing are left out", 3600, 40 * 3600, 0, []int64{6, 40}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := ecs(day+tt.first, "h", "p", "203.0.113.9", 1) + ecs(day+tt.last, "h", "p", "203.0.113.9", 1)
			if tt.every > 0 {
				text += calls(day+tt.first, tt.every, int((tt.last-tt.first)/tt.every), "more")
			}
			results, s := scanned(t, every(t, write(t, filepath.Join(t.TempDir(), "events"), text)))
			var got []int64
			for _, r := range results {
				if hour := (r.RunEnd - day) / 3600; !slices.Contains(got, hour) {
					got = append(got, hour)
				}
			}
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Errorf("hours of the runs with results (-want +got):\n%s", diff)
			}
			if s.Runs < len(tt.want) {
				t.Errorf("got %d runs, want at least %d", s.Runs, len(tt.want))
			}
		})
	}
}

func TestLatestIsTheRunAtTheEndOfTheNewestBucket(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "events.ndjson"), strings.Join(mixture(4), ""))
	for _, length := range []int{60, 7, 3600} {
		o := every(t, path)
		o.Params.TimeBucketLength = length
		o.Runs = detect.Runs{Mode: detect.Latest}
		results, s := scanned(t, o)
		newest := s.Last / 1e9
		end := (newest + int64(length) - 1) / int64(length) * int64(length)
		for _, r := range results {
			if r.RunEnd != end {
				t.Fatalf("buckets of %d s: got a run at %d, want %d", length, r.RunEnd, end)
			}
		}
		o.Runs = detect.Runs{Mode: detect.At, End: end}
		want, _ := documents(t, o)
		if want == "" {
			t.Fatal("got no results, want some")
		}
		same(t, encoded(results), want)
	}
}

func TestWindowEdges(t *testing.T) {
	const buckets, length = 20, 60
	for _, end := range []int64{day, day + 1, day + 59, day + 60, day + 3607} {
		for _, tt := range []struct {
			name   string
			at     string // seconds after end, with a fraction
			bucket int    // -1 where the event is in no bucket
		}{
			{"at the end", "0.0", 0},
			{"within the second of the end", "0.999", 0},
			{"one second after the end", "1.0", -1},
			{"a bucket before the end", "-60.0", 1},
			{"less than a bucket before the end", "-59.0", 0},
			{"the last second of the window", "-1199.0", buckets - 1},
			{"a fraction of the second before the window", "-1199.001", -1},
			{"a window before the end", "-1200.0", -1},
		} {
			t.Run(fmt.Sprintf("%s, end %d", tt.name, end-day), func(t *testing.T) {
				var offset float64
				if _, err := fmt.Sscan(tt.at, &offset); err != nil {
					t.Fatal(err)
				}
				stamp := time.UnixMilli(end*1000 + int64(offset*1000)).UTC().Format("2006-01-02T15:04:05.000Z07:00")
				line := fmt.Sprintf(`{"@timestamp":%q,"host":{"name":"h"},"process":{"name":"p"}}`+"\n", stamp)
				o := every(t, write(t, filepath.Join(t.TempDir(), "events"), line))
				o.Params.NumberBucketsInRange, o.Params.TimeBucketLength = buckets, length
				o.Runs = detect.Runs{Mode: detect.At, End: end}
				o.Pictures = detect.Counts
				results, s := scanned(t, o)
				got := -1
				if len(results) > 0 {
					got = slices.Index(results[0].Trace.Counts, 1)
				}
				if got != tt.bucket {
					t.Errorf("got bucket %d, want %d", got, tt.bucket)
				}
				if (s.OutsideRuns == 1) != (tt.bucket < 0) {
					t.Errorf("got %d events outside of the run, bucket %d", s.OutsideRuns, got)
				}
			})
		}
	}
}

func TestGroupBy(t *testing.T) {
	line := func(i int, host, process, source, destination, user string) string {
		return fmt.Sprintf(`{"@timestamp":%q%s%s%s%s%s,"network":{"transport":"tcp"}}`+"\n", time.Unix(day+int64(i), 0).UTC().Format(time.RFC3339), host, process, source, destination, user)
	}
	host, process := `,"host":{"name":"h"}`, `,"process":{"name":"p"}`
	src, dst := `,"source":{"ip":"10.0.0.1","port":4}`, `,"destination":{"ip":"::ffff:203.0.113.1","port":443,"domain":"c2.example"}`
	text := line(0, host, process, src, dst, `,"user":{"name":"kim"}`) +
		line(1, host, "", src, dst, "") +
		line(2, "", process, src, dst, "") +
		line(3, host, process, "", "", "") +
		line(4, host, "", "", "", "") +
		line(5, host, process, src, strings.Replace(dst, "c2.example", "other.example", 1), "")
	path := write(t, filepath.Join(t.TempDir(), "events"), text)
	for _, tt := range []struct {
		name    string
		by      []event.Field
		want    map[string]int64 // groups and their events
		noGroup map[string]int64
	}{
		{"process where there is one, else addresses", nil,
			map[string]int64{"host.name=h process.name=p": 3, "source.ip=10.0.0.1 destination.ip=203.0.113.1": 2}, map[string]int64{"source.ip": 1}},
		{"one field", []event.Field{event.HostName}, map[string]int64{"host.name=h": 5}, map[string]int64{"host.name": 1}},
		{"a domain too", []event.Field{event.HostName, event.ProcessName, event.DestinationDomain},
			map[string]int64{"host.name=h process.name=p destination.domain=c2.example": 1, "host.name=h process.name=p destination.domain=other.example": 1},
			map[string]int64{"process.name": 2, "host.name": 1, "destination.domain": 1}},
		{"a port", []event.Field{event.SourceIP, event.DestinationPort}, map[string]int64{"source.ip=10.0.0.1 destination.port=443": 4}, map[string]int64{"source.ip": 2}},
		{"a field that few have", []event.Field{event.UserName}, map[string]int64{"user.name=kim": 1}, map[string]int64{"user.name": 5}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := every(t, path)
			o.GroupBy = tt.by
			o.Runs = detect.Runs{Mode: detect.Latest}
			results, s := scanned(t, o)
			got := map[string]int64{}
			for _, r := range results {
				var parts []string
				for i, f := range r.Group.Fields {
					parts = append(parts, f.String()+"="+r.Group.Values[i])
				}
				got[strings.Join(parts, " ")] += r.Events
			}
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Errorf("groups (-want +got):\n%s", diff)
			}
			if diff := gocmp.Diff(tt.noGroup, s.NoGroup); diff != "" {
				t.Errorf("events without a group (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyLooksAtOneGroup(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "events"), calls(day, 300, 70, "a")+calls(day, 300, 70, "b"))
	o := every(t, path)
	o.Only = &finding.Group{Fields: []event.Field{event.HostName, event.ProcessName}, Values: []string{"ws1", "b"}}
	o.Pictures = detect.Callbacks
	results, s := scanned(t, o)
	if len(results) == 0 || s.Groups != 1 {
		t.Fatalf("got %d results of %d groups, want those of one", len(results), s.Groups)
	}
	for _, r := range results {
		if r.Group.Values[1] != "b" {
			t.Errorf("got a result of %v", r.Group.Values)
		}
		if int64(len(r.Trace.TimesNanos)) != r.Events || !slices.IsSorted(r.Trace.TimesNanos) {
			t.Errorf("got %d callback times, want %d, sorted", len(r.Trace.TimesNanos), r.Events)
		}
	}
}

func TestTimesThatNoWindowCanHoldAreCounted(t *testing.T) {
	text := `{"@timestamp":"1969-12-31T23:59:59Z","host":{"name":"h"},"process":{"name":"p"}}` + "\n" +
		`{"@timestamp":"1970-01-01T00:00:00Z","host":{"name":"h"},"process":{"name":"p"}}` + "\n" +
		`{"@timestamp":"2106-02-07T06:28:15Z","host":{"name":"h"},"process":{"name":"p"}}` + "\n" +
		`{"@timestamp":"2106-02-07T06:28:16Z","host":{"name":"h"},"process":{"name":"p"}}` + "\n" +
		`{"@timestamp":"2200-01-01T00:00:00Z","host":{"name":"h"},"process":{"name":"p"}}` + "\n"
	path := write(t, filepath.Join(t.TempDir(), "events"), text)
	for _, runs := range []detect.Runs{{Mode: detect.Schedule, Every: 3600}, {Mode: detect.Latest}, {Mode: detect.At, End: 4294967295}, {Mode: detect.At, End: 0}, {Mode: detect.At, End: 1 << 40}} {
		o := every(t, path)
		o.Runs = runs
		_, s := scanned(t, o)
		if s.OutOfRange != 3 || s.Events != 5 || s.Bad != 0 {
			t.Errorf("%+v: got %d of %d events out of range and %d bad records, want 3 of 5 and none", runs, s.OutOfRange, s.Events, s.Bad)
		}
	}
}

func TestEventsThatNeedMoreMemoryThanAllowedAreDroppedAndCounted(t *testing.T) {
	var b strings.Builder
	const n = 40_000
	for i := range n {
		b.WriteString(ecs(day+int64(i%3600), "h", fmt.Sprintf("process-with-quite-a-long-name-%05d", i), "203.0.113.9", 1))
	}
	path := write(t, filepath.Join(t.TempDir(), "events"), b.String())
	o := every(t, path)
	o.MaxBytes = 4 << 20
	results, s := scanned(t, o)
	if s.Dropped == 0 || s.Dropped == n {
		t.Errorf("got %d of %d events dropped, want some", s.Dropped, n)
	}
	var kept int64
	for _, r := range results {
		kept += r.Events
	}
	if kept+s.Dropped != n || s.Events != n || s.Groups != len(results) {
		t.Errorf("got %d events in %d results and %d dropped of %d read, %d groups; want all %d in one or the other", kept, len(results), s.Dropped, s.Events, s.Groups, n)
	}
	o.MaxBytes = 0
	if _, s := scanned(t, o); s.Dropped != 0 || s.Groups != n {
		t.Errorf("without a bound: got %d dropped and %d groups, want none and %d", s.Dropped, s.Groups, n)
	}
}

func TestStrictEndsAtTheFirstBadRecord(t *testing.T) {
	lines := slices.Repeat([]string{ecs(day, "h", "p", "203.0.113.9", 1)}, 30_000)
	lines[20_000] = `{"@timestamp":"yesterday","host":{"name":"h"}}` + "\n"
	lines[20_001] = `{"@timestamp":` + "\n"
	path := write(t, filepath.Join(t.TempDir(), "events"), strings.Join(lines, ""))
	for _, workers := range []int{1, 4} {
		o := every(t, path)
		o.Strict, o.Workers = true, workers
		s, err := Run(t.Context(), o, func(*finding.Result) error {
			t.Error("got a result")
			return nil
		})
		if want := path + ": line 20001: @timestamp: "; !errors.Is(err, ErrStrict) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
		if s == nil || s.Bad == 0 {
			t.Errorf("got summary %+v, want one with the bad record", s)
		}
	}
	o := every(t, path)
	o.BadShown = 1
	_, s := scanned(t, o)
	if s.Bad != 2 || s.Events != 29_998 || len(s.BadShown) != 1 || !strings.Contains(s.BadShown[0], ": line 20001: @timestamp: ") {
		t.Errorf("got %d bad of %d events, shown %q; want 2, 29998, the first of them", s.Bad, s.Events, s.BadShown)
	}
}

func TestStrictEndsAmongManyFiles(t *testing.T) {
	dir := t.TempDir()
	for i := range 40 {
		text := ecs(day, "h", "p", "203.0.113.9", 1)
		if i%3 == 1 {
			text += "garbage\n"
		}
		write(t, filepath.Join(dir, fmt.Sprintf("%02d.ndjson", i)), text)
	}
	for i := range 60 {
		o := every(t, dir)
		o.Strict, o.Workers = true, 1+i%4
		ended := make(chan error, 1)
		go func() {
			_, err := Run(t.Context(), o, func(*finding.Result) error { return nil })
			ended <- err
		}()
		select {
		case err := <-ended:
			if want := "01.ndjson: line 2: "; !errors.Is(err, ErrStrict) || !strings.Contains(err.Error(), want) {
				t.Fatalf("got error %v, want one with %q", err, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("run %d with %d workers does not end: its goroutines wait for one another", i, o.Workers)
		}
	}
}

func TestLinesOfAnyLength(t *testing.T) {
	if testing.Short() {
		t.Skip("numbers more than goroutines: left to the tests without the race detector")
	}
	good := ecs(day, "h", "p", "203.0.113.9", 1)
	const size = 20 << 20
	monster := `{"@timestamp":"2026-01-01T00:00:00Z","host":{"name":"` + strings.Repeat("x", size) + `"},"process":{"name":"p"}}`
	long := `{"@timestamp":"2026-01-01T00:00:00Z","message":"` + strings.Repeat("x", 5<<20) + `","host":{"name":"h"},"process":{"name":"long"}}` + "\n"
	for _, tt := range []struct {
		name        string
		text        string
		events, bad int64
		line        string // of the first bad record
	}{
		{name: "a line of 20 MB is one bad record", text: good + good + monster + "\n" + good + "no json\n", events: 3, bad: 2, line: "line 3: "},
		{name: "two of them", text: monster + "\n" + good + monster + "\n" + good, events: 2, bad: 2, line: "line 1: "},
		{name: "two of them side by side", text: good + monster + "\n" + monster + "\n" + good, events: 2, bad: 2, line: "line 2: "},
		{name: "the last line, without an end", text: good + monster, events: 1, bad: 1, line: "line 2: "},
		{name: "the whole file", text: good[:20] + strings.Repeat("y", size), events: 0, bad: 1, line: "line 1: "},
		{name: "a line of 5 MB is read", text: good + long + good, events: 3},
	} {
		for _, file := range []string{"plain", "packed.gz"} {
			if file == "packed.gz" && tt.bad == 1 {
				continue // nothing is left to see, and packing takes longest
			}
			t.Run(tt.name+", "+file, func(t *testing.T) {
				o := every(t, write(t, filepath.Join(t.TempDir(), file), tt.text))
				_, s := scanned(t, o)
				if s.Events != tt.events || s.Bad != tt.bad {
					t.Errorf("got %d events and %d bad records, want %d and %d: %q", s.Events, s.Bad, tt.events, tt.bad, s.BadShown)
				}
				if tt.bad > 0 && (len(s.BadShown) == 0 || !strings.Contains(s.BadShown[0], tt.line)) {
					t.Errorf("got %q, want the first bad record at %s", s.BadShown, tt.line)
				}
				if tt.bad == 2 && strings.HasSuffix(tt.text, "no json\n") && !strings.Contains(s.BadShown[1], "line 5: ") {
					t.Errorf("got %q, want the second bad record at line 5", s.BadShown)
				}
			})
		}
	}
}

// The bound of a line is exact wherever the line lies in what is read at a time, and others are
// read whatever is beside them.
func TestLinesAboutAsLongAsTheyMayBe(t *testing.T) {
	if testing.Short() {
		t.Skip("numbers more than goroutines: left to the tests without the race detector")
	}
	good := ecs(day, "h", "p", "203.0.113.9", 1)
	line := func(size int) string {
		const start, end = `{"@timestamp":"2026-01-01T00:00:00Z","host":{"name":"h"},"process":{"name":"p"},"message":"`, `"}`
		return start + strings.Repeat("x", size-len(start)-len(end)) + end + "\n"
	}
	const most = source.MaxLineBytes
	for _, tt := range []struct {
		name  string
		lines []string
		bad   []int // numbers of lines
	}{
		{"as long as may be", []string{good, line(most), line(most)}, nil},
		{"a byte too long", []string{good, line(most + 1), good, line(most), line(most + 1), line(most + 1)}, []int{2, 5, 6}},
		{"9 and 12 MiB", []string{line(9 << 20), good, good, line(12 << 20), line(9 << 20), good}, []int{1, 4, 5}},
	} {
		text := strings.Join(tt.lines, "")
		for _, file := range []string{"plain", "packed.zst", "without an end", "-"} {
			t.Run(tt.name+", "+file, func(t *testing.T) {
				var o Options
				switch file {
				case "-":
					o = every(t, files.Stdin)
					o.Stdin = pipe(t, text)
				case "without an end":
					o = every(t, write(t, filepath.Join(t.TempDir(), file), strings.TrimSuffix(text, "\n")))
				default:
					o = every(t, write(t, filepath.Join(t.TempDir(), file), text))
				}
				_, s := scanned(t, o)
				if want := int64(len(tt.lines) - len(tt.bad)); s.Events != want || s.Bad != int64(len(tt.bad)) {
					t.Errorf("got %d events and %d bad records, want %d and %d: %q", s.Events, s.Bad, want, len(tt.bad), s.BadShown)
				}
				for i, bad := range s.BadShown {
					if i < len(tt.bad) && !strings.HasSuffix(bad, fmt.Sprintf("line %d: got a line of more than 8 MiB, want a shorter one", tt.bad[i])) {
						t.Errorf("got %q, want line %d", bad, tt.bad[i])
					}
				}
			})
		}
	}
}

// A hooked format calls back while its files are read.
func hooked(plan func(), open func(path string)) []source.Format {
	f := ecsFormat()
	inner := f.New
	f.New = func(o source.Options) (source.Source, error) {
		s, err := inner(o)
		return hookedSource{s, plan, open}, err
	}
	return []source.Format{f}
}

func ecsFormat() source.Format {
	return all.Formats[slices.IndexFunc(all.Formats, func(f source.Format) bool { return f.Name == "ecs" })]
}

type hookedSource struct {
	source.Source
	plan func()
	open func(path string)
}

func (h hookedSource) Plan(f []source.File) []int {
	h.plan()
	return h.Source.Plan(f)
}

func (h hookedSource) Open(f source.File) (source.Input, error) {
	h.open(f.Path)
	return h.Source.Open(f)
}

func TestFilesThatChangeWhileTheyAreRead(t *testing.T) {
	text := strings.Repeat(ecs(day, "h", "p", "203.0.113.9", 1), 20_000) // some blocks
	nothing := func() {}
	must := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	var path string
	for _, tt := range []struct {
		name       string
		plan, open func()
		want       string // in the problem
		failed     int
		all        bool // every event of the file is read
	}{
		{"it grows", nothing, func() {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			must(err)
			_, err = f.WriteString(ecs(day, "h", "p", "203.0.113.9", 1))
			must(err)
			must(f.Close())
		}, "changed while it was read", 0, true},
		{"it shrinks", nothing, func() { must(os.Truncate(path, int64(len(text)/2))) }, "changed while it was read", 0, false},
		{"it vanishes while it is read", nothing, func() { must(os.Remove(path)) }, "it is gone", 0, true},
		{"it vanishes before it is read", func() { must(os.Remove(path)) }, nothing, "no such file", 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path = write(t, filepath.Join(dir, "changing"), text)
			o := every(t, path, write(t, filepath.Join(dir, "steady"), ecs(day, "h", "steady", "203.0.113.9", 1)))
			o.Formats = hooked(tt.plan, func(opened string) {
				if opened == path {
					tt.open()
				}
			})
			results, s := scanned(t, o)
			if len(s.Problems) != 1 || s.Problems[0].Path != path || !strings.Contains(strings.ToLower(s.Problems[0].Error()), tt.want) {
				t.Errorf("got problems %v, want one of %s with %q", s.Problems, path, tt.want)
			}
			if s.Failed != tt.failed {
				t.Errorf("got %d named files that could not be read at all, want %d", s.Failed, tt.failed)
			}
			if tt.all && s.Events < 20_001 {
				t.Errorf("got %d events, want all 20001", s.Events)
			}
			if !slices.ContainsFunc(results, func(r *finding.Result) bool { return r.Group.Values[1] == "steady" }) {
				t.Error("got no result of the other file")
			}
		})
	}
}

func TestPathsThatAreNoInput(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "folder", "README.md"), "# nothing to see\n")
	write(t, filepath.Join(dir, "folder", "picture.bin"), "\x00\x01\x02\x03")
	write(t, filepath.Join(dir, "folder", "empty.ndjson"), "")
	good := write(t, filepath.Join(dir, "folder", "events.ndjson"), calls(day, 300, 70, "p"))
	named := write(t, filepath.Join(dir, "notes.txt"), "hello\n")
	cut := write(t, filepath.Join(dir, "cut.gz"), calls(day, 300, 2000, "cut"))
	whole, err := os.ReadFile(cut)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut, whole[:len(whole)*2/3], 0o644); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing.log")

	o := every(t, filepath.Join(dir, "folder"), named, cut, missing)
	_, s := scanned(t, o)
	unknown := slices.Sorted(slices.Values(s.Unknown))
	want := []string{filepath.Join(dir, "folder", "README.md"), filepath.Join(dir, "folder", "empty.ndjson"), filepath.Join(dir, "folder", "picture.bin")}
	if diff := gocmp.Diff(want, unknown); diff != "" {
		t.Errorf("unknown files (-want +got):\n%s", diff)
	}
	problems := map[string]string{}
	for _, p := range s.Problems {
		problems[p.Path] = p.Error()
	}
	for path, part := range map[string]string{named: "no input knows", cut: "cut off", missing: "no such file"} {
		if !strings.Contains(problems[path], part) {
			t.Errorf("got problem %q of %s, want one with %q", problems[path], path, part)
		}
	}
	if len(problems) != 3 || s.Failed != 2 || s.Files != 2 {
		t.Errorf("got %d problems, %d failed, %d read, want 3, 2 (not the cut one) and 2", len(problems), s.Failed, s.Files)
	}
	if s.Events <= 70 || s.Events >= 2070 {
		t.Errorf("got %d events, want those of %s and some of the cut file", s.Events, good)
	}
}

func TestProgressAndSummary(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.ndjson"), strings.ReplaceAll(calls(day, 300, 100, "beacon"), "203.0.113.9", "93.184.216.34")+"garbage\n"+ecs(day+1, "ws1", "svchost.exe", "10.1.1.1", 5))
	write(t, filepath.Join(dir, "b.ndjson.gz"), ecs(day+40_000, "ws2", "rare", "93.184.216.35", 5)+`{"@timestamp":"2026-01-01T00:00:00Z","event":{"category":"file"}}`+"\n"+
		`{"@timestamp":"2026-01-01T00:00:00Z","event":{"category":"network"},"source":{"ip":"10.0.0.1"},"process":{"name":"x"},"destination":{"ip":"93.184.216.36"}}`+"\n")
	o := every(t, dir)
	o.Filter = compiled(t, true)
	o.Progress = new(Progress)
	o.All = false
	results, s := scanned(t, o)

	var size int64
	for _, f := range o.Files {
		size += f.Size
	}
	p := o.Progress
	if p.Total.Load() != size || p.Bytes.Load() != size || p.Events.Load() != s.Events || p.Runs.Load() != int64(s.Runs) {
		t.Errorf("got %d of %d bytes, %d events, %d runs; want %d of %[5]d, %d, %d", p.Bytes.Load(), p.Total.Load(), p.Events.Load(), p.Runs.Load(), size, s.Events, s.Runs)
	}
	if s.Files != 2 || s.Formats["ecs"] != 2 || s.Events != 104 || s.Bad != 1 || s.Groups != 3 {
		t.Errorf("got %+v, want 2 files, 104 events, 1 bad record, 3 groups", s)
	}
	var outcomes int64
	byName := map[string]int64{}
	for i, outcome := range o.Filter.Outcomes() {
		outcomes += s.Filter[i]
		byName[outcome.Name] += s.Filter[i]
	}
	if outcomes != s.Events-s.OutOfRange {
		t.Errorf("got %d outcomes of the filter, want %d", outcomes, s.Events)
	}
	if byName["private-source"] != 102 || byName["not-network"] != 1 {
		t.Errorf("got outcomes %v, want 102 let in by private-source and 1 thrown out by not-network", byName)
	}
	if s.First != day*1e9 || s.Last != (day+40_000)*1e9 {
		t.Errorf("got events from %d to %d, want %d to %d", s.First, s.Last, day*1e9, (day+40_000)*1e9)
	}
	if s.Results != len(results) || s.Findings != len(results) || len(results) == 0 {
		t.Errorf("got %d results and %d findings, %d handed out; want the same number, and some", s.Results, s.Findings, len(results))
	}
	for _, r := range results {
		if !r.Stats.IsBeaconing {
			t.Errorf("got the result of %v, which is not beaconing", r.Group.Values)
		}
	}
	if !strings.Contains(fmt.Sprint(s.BadShown), "a.ndjson: line 101: ") {
		t.Errorf("got bad records %q, want line 101 of a.ndjson", s.BadShown)
	}
}

func TestResultsOfARunStandByScoreThenGroup(t *testing.T) {
	results, _ := scanned(t, every(t, write(t, filepath.Join(t.TempDir(), "events"), strings.Join(mixture(5), ""))))
	if !slices.IsSortedFunc(results, func(a, b *finding.Result) int {
		return cmp.Or(cmp.Compare(a.RunEnd, b.RunEnd), finding.Compare(a, b))
	}) {
		t.Error("got results out of order")
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "events"), calls(day, 300, 70, "p"))
	o := every(t, path)
	o.Runs.Every = 0
	if _, err := Run(t.Context(), o, func(*finding.Result) error { return nil }); err == nil || !strings.Contains(err.Error(), "every") {
		t.Errorf("got error %v, want one about every", err)
	}
	o = every(t, path)
	o.Params.MaxJitter = -1
	if _, err := Run(t.Context(), o, func(*finding.Result) error { return nil }); err == nil || !strings.Contains(err.Error(), "max_jitter") {
		t.Errorf("got error %v, want one about max_jitter", err)
	}
}

func TestErrorOfTheReceiverEndsTheScan(t *testing.T) {
	o := every(t, write(t, filepath.Join(t.TempDir(), "events"), strings.Join(mixture(6), "")))
	full := errors.New("disk full")
	n := 0
	_, err := Run(t.Context(), o, func(*finding.Result) error {
		n++
		return full
	})
	if !errors.Is(err, full) || n != 1 {
		t.Errorf("got error %v after %d results, want %v after one", err, n, full)
	}
}

// settled fails the test unless the number of goroutines falls back to before.
func settled(t *testing.T, before int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		n := runtime.NumGoroutine()
		if n <= before {
			return
		}
		if time.Now().After(deadline) {
			var b [1 << 16]byte
			t.Fatalf("got %d goroutines, %d before:\n%s", n, before, b[:runtime.Stack(b[:], true)])
		}
	}
}

func TestCancelledScanEndsAndLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	text := strings.Join(mixture(7), "")
	for i := range 6 {
		write(t, filepath.Join(dir, fmt.Sprintf("%d.ndjson", i)), text)
	}
	for _, workers := range []int{1, 2, 5} {
		for _, tt := range []struct {
			name string
			run  func(o *Options, cancel func()) (emit func(*finding.Result) error)
		}{
			{"before it begins", func(_ *Options, cancel func()) func(*finding.Result) error {
				cancel()
				return func(*finding.Result) error { return errors.New("got a result") }
			}},
			{"when the first file is opened", func(o *Options, cancel func()) func(*finding.Result) error {
				o.Formats = hooked(func() {}, func(string) { cancel() })
				return func(*finding.Result) error { return errors.New("got a result") }
			}},
			{"in the middle of a file", func(o *Options, cancel func()) func(*finding.Result) error {
				o.Formats = []source.Format{counting(ecsFormat(), 3, cancel)}
				return func(*finding.Result) error { return errors.New("got a result") }
			}},
			{"at the first result", func(_ *Options, cancel func()) func(*finding.Result) error {
				return func(*finding.Result) error {
					cancel()
					return nil
				}
			}},
		} {
			t.Run(fmt.Sprintf("%s, %d workers", tt.name, workers), func(t *testing.T) {
				before := runtime.NumGoroutine()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				o := every(t, dir)
				o.Workers = workers
				emit := tt.run(&o, cancel)
				type outcome struct {
					s   *Summary
					err error
				}
				ended := make(chan outcome, 1)
				go func() {
					s, err := Run(ctx, o, emit)
					ended <- outcome{s, err}
				}()
				var s *Summary
				select {
				case got := <-ended:
					s = got.s
					if !errors.Is(got.err, context.Canceled) {
						t.Errorf("got error %v, want %v", got.err, context.Canceled)
					}
				case <-time.After(5 * time.Second):
					t.Fatal("it does not end: its goroutines wait for one another")
				}
				if s == nil {
					t.Error("got no summary")
				}
				settled(t, before)
			})
		}
	}
}

// counting calls hook when block number n, counted over all files, is cut.
func counting(f source.Format, n int, hook func()) source.Format {
	inner := f.New
	f.New = func(o source.Options) (source.Source, error) {
		s, err := inner(o)
		c := &countingSource{Source: s, hook: hook}
		c.left.Store(int64(n))
		return c, err
	}
	return f
}

type countingSource struct {
	source.Source
	left atomic.Int64
	hook func()
}

func (c *countingSource) Open(f source.File) (source.Input, error) {
	in, err := c.Source.Open(f)
	return countingInput{in, c}, err
}

type countingInput struct {
	source.Input
	c *countingSource
}

func (i countingInput) Split(text []byte) (int, any) {
	if i.c.left.Add(-1) == 0 {
		i.c.hook()
	}
	return i.Input.Split(text)
}
