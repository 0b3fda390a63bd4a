package output

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode"

	"fresnel/internal/event"
	"fresnel/internal/finding"
	"fresnel/internal/finding/findingtest"
	"fresnel/internal/human"
	"fresnel/internal/rank"
	"fresnel/internal/testkit"
)

var (
	hostProcess = []event.Field{event.HostName, event.ProcessName}
	addresses   = []event.Field{event.SourceIP, event.DestinationIP}
	oneRun      = finding.Summary{EventsRead: 1234567, EventsKept: 45678, Groups: 1204, Runs: 1, Findings: 3, BadRecords: 2, WindowSeconds: 21600, FirstNanos: 1767225600e9, LastNanos: 1767247200e9}
)

func write(t testing.TB, name string, o Options, s finding.Summary, rs ...*finding.Result) string {
	t.Helper()
	f, err := ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	o.BucketSeconds = 60
	var b bytes.Buffer
	w := f.New(&b, o)
	for _, r := range rs {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTableGolden(t *testing.T) {
	mixed := []*finding.Result{findingtest.Quarter(), findingtest.FiveMinute(), findingtest.Hostile()}
	all := append([]*finding.Result{findingtest.Browser(), findingtest.Few()}, mixed...)
	var runs []*finding.Result
	for run := range 19 {
		for _, r := range []*finding.Result{findingtest.FiveMinute(), findingtest.Quarter()} {
			r.RunEnd += int64(run) * 3600
			r.LastNanos += int64(run) * 3600e9
			if r.Stats.BeaconingScore == 3 || run < 4 {
				runs = append(runs, r)
			}
		}
	}
	many := oneRun
	many.Runs, many.Findings = 19, 23
	wide := findingtest.FiveMinute()
	wide.Group.Values = []string{"ノートパソコン", "日本語の長い名前のプログラム.exe"}
	untraced := findingtest.FiveMinute()
	untraced.Trace = nil

	ranked := append(findingtest.Case(), findingtest.Several(), findingtest.Unseen(), findingtest.HostileRow(), findingtest.Untimed())
	flagged := findingtest.FiveMinute() // by the tests alone
	flagged.Group.Values = []string{"ws-0500", "flagged.exe"}
	ranked = append(ranked, flagged)
	sameAddress := findingtest.Fast()
	sameAddress.Row = findingtest.Ranked().Row
	sameAddress.Row.Domain, sameAddress.Row.Address = "", sameAddress.Destinations[0].IP
	rowsOne, rowsMany := oneRun, many
	rowsOne.Rows, rowsOne.Timed, rowsOne.Hidden = 1712, 803, 4
	rowsMany.Rows, rowsMany.Timed = 1712, 803

	for _, c := range []struct {
		name string
		o    Options
		s    finding.Summary
		rs   []*finding.Result
	}{
		{"ranked, 60 columns", Options{Fields: hostProcess, Width: 60, Top: 50}, rowsOne, ranked},
		{"ranked, 80 columns", Options{Fields: hostProcess, Width: 80, Top: 50}, rowsOne, ranked},
		{"ranked, 120 columns", Options{Fields: hostProcess, Width: 120, Top: 50}, rowsMany, ranked},
		{"ranked, 200 columns", Options{Fields: hostProcess, Width: 200, Top: 50}, rowsMany, ranked},
		{"ranked, piped", Options{Fields: hostProcess, Top: 50}, rowsOne, ranked},
		{"ranked, top 2", Options{Fields: hostProcess, Width: 120, Top: 2}, rowsOne, ranked},
		{"ranked, all", Options{Fields: hostProcess, Width: 120}, rowsOne, ranked},
		{"ranked, 80 columns of ASCII", Options{Fields: hostProcess, Width: 80, Top: 50, ASCII: true}, rowsOne, ranked},
		{"ranked, colours", Options{Fields: hostProcess, Width: 100, Top: 50, Color: true}, rowsOne, ranked},
		{"ranked addresses, 80 columns", Options{Fields: addresses, Width: 80, Top: 50}, rowsOne, []*finding.Result{sameAddress}},
		{"60 columns", Options{Fields: hostProcess, Width: 60}, oneRun, mixed},
		{"80 columns", Options{Fields: hostProcess, Width: 80}, oneRun, mixed},
		{"120 columns", Options{Fields: hostProcess, Width: 120}, oneRun, mixed},
		{"200 columns", Options{Fields: hostProcess, Width: 200}, oneRun, mixed},
		{"piped", Options{Fields: hostProcess}, oneRun, mixed},
		{"80 columns of ASCII", Options{Fields: hostProcess, Width: 80, ASCII: true}, oneRun, mixed},
		{"colours", Options{Fields: hostProcess, Width: 100, Color: true}, oneRun, mixed},
		{"all groups", Options{Fields: hostProcess, Width: 120}, oneRun, all},
		{"several runs, 80 columns", Options{Fields: hostProcess, Width: 80}, many, runs},
		{"several runs, 160 columns", Options{Fields: hostProcess, Width: 160}, many, runs},
		{"addresses, 80 columns", Options{Fields: addresses, Width: 80}, oneRun, []*finding.Result{findingtest.Fast()}},
		{"addresses of ASCII, piped", Options{Fields: addresses, ASCII: true}, oneRun, []*finding.Result{findingtest.Fast()}},
		{"groups by processes and by addresses", Options{Fields: slices.Concat(hostProcess, addresses), Width: 130}, oneRun, []*finding.Result{findingtest.FiveMinute(), findingtest.Fast()}},
		{"wide runes", Options{Fields: hostProcess, Width: 80}, oneRun, []*finding.Result{wide, findingtest.FiveMinute()}},
		{"without traces", Options{Fields: hostProcess, Width: 80}, oneRun, []*finding.Result{untraced}},
	} {
		got := write(t, "table", c.o, c.s, c.rs...)
		testkit.Golden(t, "testdata/table/"+strings.NewReplacer(" ", "-", ",", "").Replace(c.name)+".txt", []byte(got))
		for line := range strings.SplitSeq(got, "\n") {
			if w := human.Width(line); c.o.Width > 0 && !c.o.Color && w > c.o.Width {
				t.Errorf("%s: got a line of %d columns: %q", c.name, w, line)
			}
			if strings.ContainsAny(line, "\u202e\r") || !c.o.Color && strings.Contains(line, "\x1b") {
				t.Errorf("%s: got a control character in %q", c.name, line)
			}
		}
		if c.o.ASCII && strings.Trim(got, "\n ~!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}") != "" {
			t.Errorf("%s: got more than ASCII:\n%s", c.name, got)
		}
	}
}

func TestTableFitsEveryWidth(t *testing.T) {
	many := oneRun
	many.Runs = 19
	for width := 40; width < 260; width++ {
		got := write(t, "table", Options{Fields: hostProcess, Width: width}, many, findingtest.Quarter(), findingtest.Hostile())
		for line := range strings.SplitSeq(got, "\n") {
			if w := human.Width(line); w > width {
				t.Fatalf("%d columns: got a line of %d: %q", width, w, line)
			}
		}
	}
}

func TestRankedTableFitsEveryWidth(t *testing.T) {
	many := oneRun
	many.Runs, many.Rows = 19, 4000
	hostile := findingtest.HostileRow()
	hostile.Row.Assessment.Score = 92
	rs := append(findingtest.Case(), hostile, findingtest.Several())
	for width := 40; width < 260; width++ {
		for _, top := range []int{1, 50} {
			got := write(t, "table", Options{Fields: hostProcess, Width: width, Top: top}, many, rs...)
			for line := range strings.SplitSeq(got, "\n") {
				if w := human.Width(line); w > width {
					t.Fatalf("%d columns: got a line of %d: %q", width, w, line)
				}
			}
			for _, want := range []string{"RISK", "93", "(+2 in this case: ", " -7.3 "} {
				if !strings.Contains(got, want) {
					t.Errorf("%d columns: got no %q in\n%s", width, want, got)
				}
			}
		}
	}
}

func TestReasonsOfATable(t *testing.T) {
	w := func(reasons ...rank.Reason) *finding.Row {
		return &finding.Row{Assessment: rank.Assessment{Reasons: reasons}}
	}
	timer := rank.Reason{Code: "timing", Text: "called 285 times", Points: 20}
	folder := rank.Reason{Code: "folder", Text: "runs from a temp folder", Points: 12}
	signer := rank.Reason{Code: "signer", Text: "signed by nobody", Points: 9}
	known := rank.Reason{Code: "known", Text: "known software: Microsoft Teams", Points: -8}
	old := rank.Reason{Code: "new_row", Text: "there since the beginning", Points: -2}
	for _, c := range []struct {
		name  string
		row   *finding.Row
		width int
		want  string
	}{
		{"all of them, for and then against", w(timer, folder, signer, known, old), 0, "+20 called 285 times · +12 runs from a temp folder · +9 signed by nobody · -8 known software: Microsoft Teams · -2 there since the beginning"},
		{"what stands in the columns goes first", w(timer, folder, signer, known, old), 90, "+12 runs from a temp folder · +9 signed by nobody · -8 known software: Microsoft Teams"},
		{"one against is shortened for one more in favour", w(timer, folder, signer, known, old), 72, "+12 runs from a temp folder · +9 signed by nobody · -8 known software: …"},
		{"one of each side", w(timer, folder, signer, known, old), 56, "+12 runs from a temp folder · -8 known software: Micros…"},
		{"nothing else in favour", w(timer, known), 46, "+20 called 285 times · -8 known software: Mic…"},
		{"nothing in favour", w(known, old), 40, "-8 known software: Microsoft Teams"},
		{"nothing against", w(folder, signer), 40, "+12 runs from a temp folder"},
		{"nothing at all", w(), 40, ""},
		{"a line of one word", w(folder, known), 10, "+12 … · -…"},
	} {
		tb := &table{o: Options{Width: c.width}}
		if got := tb.reasons(c.row, c.width); got != c.want {
			t.Errorf("%s:\ngot  %q\nwant %q", c.name, got, c.want)
		}
	}
}

func TestMembersOfACase(t *testing.T) {
	names := []string{"ws-0001", "ws-0002", "ws-0003"}
	for _, c := range []struct {
		width int
		want  string
	}{
		{0, "(+3 in this case: ws-0001, ws-0002, ws-0003)"},
		{44, "(+3 in this case: ws-0001, ws-0002, ws-0003)"},
		{43, "(+3 in this case: ws-0001, ws-0002, …)"},
		{30, "(+3 in this case: ws-0001, …)"},
		{24, "(+3 in this case: ws-0…)"},
		{12, "(+3 in thi…)"},
	} {
		tb := &table{}
		if got := tb.members(3, names, c.width); got != c.want {
			t.Errorf("%d columns: got %q, want %q", c.width, got, c.want)
		}
	}
}

func TestDomainsAreShortenedAtTheirBeginning(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{
		{"cdn.example.net", 15, "cdn.example.net"},
		{"cdn.example.net", 12, "…example.net"},
		{"日本語.jp", 6, "…語.jp"},
		{"日本語.jp", 5, "….jp"},
		{"abc", 1, "c"},
		{"", 3, ""},
	} {
		if got := shortenLeft(c.in, c.width, "…"); got != c.want {
			t.Errorf("%q in %d: got %q, want %q", c.in, c.width, got, c.want)
		}
	}
}

func TestTableSaysWhyNothingWasFound(t *testing.T) {
	for _, c := range []struct {
		name string
		s    finding.Summary
		want string
	}{
		{"nothing was read", finding.Summary{}, "No event was read."},
		{"all records are bad", finding.Summary{BadRecords: 5}, "No event could be read."},
		{"the filter threw all out", finding.Summary{EventsRead: 5}, "--no-filter"},
		{"no event with the fields of a group", finding.Summary{EventsRead: 5, EventsKept: 5, WindowSeconds: 21600}, "--group-by"},
		{"no event in a window", finding.Summary{EventsRead: 5, EventsKept: 5, Runs: 1}, "--end"},
		{"no beacon", oneRun, "beacon.max_jitter"},
		{"no timer", finding.Summary{EventsRead: 5, Rows: 1, Runs: 1}, "the timing model or the four tests"},
		{"no risk that is high enough", finding.Summary{EventsRead: 5, Rows: 1, Hidden: 1, Runs: 1}, "rank.min_score=0"},
	} {
		got := strings.Join(strings.Fields(write(t, "table", Options{Fields: hostProcess, Width: 60}, c.s)), " ")
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q in it", c.name, got, c.want)
		}
	}
}

func TestPeriodOfTheTable(t *testing.T) {
	constant := findingtest.Fast()
	constant.Stats.Periodic, constant.Stats.MaxAutocovariancePeriod, constant.Stats.Autocovariance = true, 2, 1
	bytesOnly := findingtest.FiveMinute()
	bytesOnly.Stats.Periodic = false
	for _, c := range []struct {
		name string
		r    *finding.Result
		want string
	}{
		{"the periodic test gives it", findingtest.FiveMinute(), "5m"},
		{"the count test bounds it", findingtest.Fast(), "≤ 1m"},
		{"a constant count has none of two buckets", constant, "≤ 1m"},
		{"the bytes tests say nothing of it", bytesOnly, "-"},
	} {
		tb := &table{o: Options{BucketSeconds: 60}}
		if got := tb.period(&finding.Ranked{Result: c.r}); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestCSV(t *testing.T) {
	got := write(t, "csv", Options{Fields: hostProcess}, oneRun, findingtest.FiveMinute(), findingtest.Hostile(), findingtest.Few())
	testkit.Golden(t, "testdata/findings.csv", []byte(got))
	rows, err := csv.NewReader(strings.NewReader(got)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 4 || len(rows[0]) != len(finding.Columns(hostProcess)) {
		t.Fatalf("got %d rows of %d cells", len(rows), len(rows[0]))
	}
	if strings.Count(got, "\r\n") != 4 || strings.Count(got, "\n") != 4 {
		t.Errorf("lines do not end with CRLF: %q", got)
	}
}

func TestTerminalsGetNoControlCharacters(t *testing.T) {
	const hostile = "a\x1b[31m\u009b2J\u202eb\x7f\U000e0041é\r\nc"
	r := findingtest.FiveMinute()
	r.Group.Values = []string{hostile, "x.exe"}
	for _, form := range []string{"ndjson", "json", "csv", "table"} {
		got := write(t, form, Options{Fields: hostProcess, Terminal: true}, oneRun, r)
		for _, c := range strings.ReplaceAll(got, "\r\n", "\n") {
			if c != '\n' && c != '…' && !unicode.IsPrint(c) {
				t.Errorf("%s: got %q", form, c)
			}
		}
		if !strings.Contains(got, "é") {
			t.Errorf("%s: %s lost a letter", form, got)
		}
		if form == "ndjson" {
			var doc struct{ Host struct{ Name string } }
			if err := json.Unmarshal([]byte(got), &doc); err != nil || doc.Host.Name != hostile {
				t.Errorf("got %q and error %v, want the same value", doc.Host.Name, err)
			}
		}
	}
}

func TestCSVOfRows(t *testing.T) {
	got := write(t, "csv", Options{Fields: hostProcess, Ranked: true}, oneRun,
		findingtest.Several(), findingtest.Unseen(), findingtest.Untimed(), findingtest.HostileRow(), findingtest.FiveMinute())
	testkit.Golden(t, "testdata/ranked.csv", []byte(got))
	rows, err := csv.NewReader(strings.NewReader(got)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 7 || len(rows[0]) != len(finding.Columns(hostProcess))+len(finding.RankedColumns()) {
		t.Fatalf("got %d rows of %d cells", len(rows), len(rows[0]))
	}
	for _, row := range rows[1:] {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+@\t\r", rune(cell[0])) {
				t.Errorf("got a formula %q", cell)
			}
		}
	}
	for name, want := range map[string][]string{
		"event.risk_score":           {"93.40109905087813", "31.5", "55.5", "0.0", "93.40109905087813", ""},
		"fresnel.destination.ip":     {"203.0.113.9", "2001:db8::5", "203.0.113.9", "", "203.0.113.9", ""},
		"fresnel.destination.scope":  {"destination", "rare destinations", "destination", "destination", "destination", ""},
		"fresnel.timing.kind":        {"sleep", "growing", "sleep", "", "sleep", ""},
		"fresnel.timing.callbacks":   {"285", "25", "285", "3", "285", ""},
		"fresnel.destination.domain": {"cdn-sync.example.net", "", "cdn-sync.example.net", "", "'" + findingtest.HostileRow().Row.Domain, ""},
	} {
		i := slices.Index(rows[0], name)
		var cells []string
		for _, row := range rows[1:] {
			cells = append(cells, row[i])
		}
		for j := range want {
			want[j] = strings.ReplaceAll(want[j], "\r\n", "\n") // as a reader of CSV does
		}
		if !slices.Equal(cells, want) {
			t.Errorf("%s: got %q, want %q", name, cells, want)
		}
	}
}

func TestCSVCellsAreNoFormulas(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{"=1+1", "'=1+1"},
		{"+1", "'+1"},
		{"-1", "'-1"},
		{"@SUM(A1)", "'@SUM(A1)"},
		{"\t=1", "'\t=1"},
		{"\r=1", "\"'\r=1\""},
		{"=HYPERLINK(\"x\",\"y\")", `"'=HYPERLINK(""x"",""y"")"`},
		{"＝1", "'＝1"},
		{"plain", "plain"},
		{"", ""},
		{"a,b", `"a,b"`},
		{" a", `" a"`},
	} {
		r := findingtest.Few()
		r.Group.Values = []string{c.value, "p"}
		got := strings.Split(write(t, "csv", Options{Fields: hostProcess}, oneRun, r), "\r\n")[1]
		if want := "2026-01-01T06:00:00Z,2026-01-01T04:00:17.000Z," + c.want + ",p,false,"; !strings.HasPrefix(got, want) {
			t.Errorf("%q: got %s, want %s...", c.value, got, want)
		}
	}
	r := findingtest.FiveMinute()
	r.Stats.Autocovariance = -0.25
	if got := write(t, "csv", Options{Fields: hostProcess}, oneRun, r); !strings.Contains(got, ",-0.25,") {
		t.Errorf("a negative number does not stay one: %s", got)
	}
}

func TestJSONAndNDJSON(t *testing.T) {
	rs := []*finding.Result{findingtest.FiveMinute(), findingtest.Hostile(), findingtest.Few(), findingtest.Several(), findingtest.HostileRow()}
	for n := range len(rs) + 1 {
		lines := write(t, "ndjson", Options{}, oneRun, rs[:n]...)
		want := ""
		for _, r := range rs[:n] {
			want += string(finding.AppendJSON(nil, r)) + "\n"
		}
		if lines != want {
			t.Errorf("ndjson of %d: got %q, want %q", n, lines, want)
		}
		var docs []map[string]any
		array := write(t, "json", Options{}, oneRun, rs[:n]...)
		if err := json.Unmarshal([]byte(array), &docs); err != nil || len(docs) != n {
			t.Errorf("json of %d: got %d documents, %v: %s", n, len(docs), err, array)
		}
	}
}

type full struct{}

var errFull = errors.New("disk full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWritersReportThatNothingCanBeWritten(t *testing.T) {
	for _, f := range Formats {
		w := f.New(full{}, Options{Fields: hostProcess, BucketSeconds: 60})
		err := w.Write(findingtest.FiveMinute())
		if closeErr := w.Close(oneRun); err == nil {
			err = closeErr
		}
		if !errors.Is(err, errFull) {
			t.Errorf("%s: got %v, want %v", f.Name, err, errFull)
		}
	}
}

func TestByName(t *testing.T) {
	if _, err := ByName("xml"); err == nil || err.Error() != `got "xml", want table, ndjson, csv, json` {
		t.Errorf("got %v", err)
	}
}

func BenchmarkWrite(b *testing.B) {
	r := findingtest.FiveMinute()
	for _, f := range Formats {
		if f.Name == "table" {
			continue // it only gathers
		}
		b.Run(f.Name, func(b *testing.B) {
			w := f.New(io.Discard, Options{Fields: hostProcess})
			b.ReportAllocs()
			for b.Loop() {
				if err := w.Write(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkTableGroup shows what a group costs the table; of what it allocates, about a kilobyte stays.
func BenchmarkTableGroup(b *testing.B) {
	t := newTable(io.Discard, Options{Fields: hostProcess, BucketSeconds: 60})
	r := findingtest.FiveMinute()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		r.Group.Values = []string{fmt.Sprint("host", i%math.MaxInt32), "p"}
		i++
		if err := t.Write(r); err != nil {
			b.Fatal(err)
		}
	}
}
