package filter_test

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"

	"fresnel/internal/event"
	"fresnel/internal/filter"
	"fresnel/internal/testkit"
)

// eventOf returns an event with the given fields.
func eventOf(t testing.TB, fields map[string]string) *event.Event {
	t.Helper()
	e := &event.Event{}
	for name, value := range fields {
		if err := setField(e, name, value); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return e
}

func setField(e *event.Event, name, value string) error {
	f, err := event.ParseField(name)
	if err != nil {
		return err
	}
	switch f.Kind() {
	case event.KindText:
		*e.Text(f) = value
	case event.KindIP:
		a, err := netip.ParseAddr(value)
		if err != nil {
			return err
		}
		*map[event.Field]*netip.Addr{event.SourceIP: &e.SourceIP, event.DestinationIP: &e.DestinationIP}[f] = a.Unmap()
	case event.KindBool:
		v := event.TristateOf(value == "true")
		*map[event.Field]*event.Tristate{
			event.SignatureExists: &e.SignatureExists, event.SignatureTrusted: &e.SignatureTrusted, event.SignatureValid: &e.SignatureValid,
		}[f] = v
	case event.KindTime:
		at, err := time.Parse(time.RFC3339Nano, value)
		if err != nil {
			return err
		}
		*map[event.Field]*int64{event.Timestamp: &e.TimeNanos, event.Ingested: &e.IngestedNanos}[f] = at.UnixNano()
	case event.KindCount:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return err
		}
		switch f {
		case event.SourcePort:
			e.SourcePort = uint16(n)
		case event.DestinationPort:
			e.DestinationPort = uint16(n)
		default:
			*map[event.Field]*int64{
				event.Duration: &e.DurationNanos, event.SourceBytes: &e.SourceBytes,
				event.DestinationBytes: &e.DestinationBytes, event.ProcessPID: &e.ProcessPID,
			}[f] = n
		}
	}
	return nil
}

type testCase struct {
	Name   string    `yaml:"name"`
	Filter yaml.Node `yaml:"filter"`
	Events []struct {
		Name    string            `yaml:"name"`
		Event   map[string]string `yaml:"event"`
		Outcome string            `yaml:"outcome"`
		Kept    bool              `yaml:"kept"`
	} `yaml:"events"`
}

func cases(t testing.TB) []testCase {
	t.Helper()
	text, err := os.ReadFile("testdata/cases.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []testCase
	dec := yaml.NewDecoder(strings.NewReader(string(text)))
	dec.KnownFields(true)
	if err := dec.Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

func (c testCase) config(t testing.TB) filter.Config {
	t.Helper()
	config := filter.Default()
	if !c.Filter.IsZero() {
		if err := c.Filter.Decode(&config); err != nil {
			t.Fatal(err)
		}
	}
	return config
}

func compile(t testing.TB, c filter.Config) *filter.Filter {
	t.Helper()
	f, err := filter.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestMatchAnswersTheCases(t *testing.T) {
	for _, c := range cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			config := c.config(t)
			f := compile(t, config)
			for _, row := range c.Events {
				e := eventOf(t, row.Event)
				i := f.Match(e)
				got := f.Outcomes()[i]
				name := got.Name
				if i == len(f.Outcomes())-1 {
					name = ""
				}
				if name != row.Outcome || got.Kept != row.Kept {
					t.Errorf("%s: got outcome %q, kept %t, want %q, %t", row.Name, name, got.Kept, row.Outcome, row.Kept)
				}
				if plain := evaluate(config, e); plain != i {
					t.Errorf("%s: the plain evaluator answers %d, Match %d", row.Name, plain, i)
				}
			}
		})
	}
}

func TestPartsDecideAsTheWholeEventDoes(t *testing.T) {
	for _, c := range cases(t) {
		f := compile(t, c.config(t))
		if !f.ByParts() {
			t.Errorf("%s: got a filter of too many conditions, want one that can be asked by parts", c.Name)
			continue
		}
		numbers := event.AllFields &^ event.SetOf(slices.Concat(event.CallerFields, event.CalleeFields, event.KindFields)...)
		for _, row := range c.Events {
			e := eventOf(t, row.Event)
			holding := f.Holding(e, numbers)
			for _, part := range [][]event.Field{event.CallerFields, event.CalleeFields, event.KindFields} {
				holding |= f.Holding(e, event.SetOf(part...))
			}
			if got, want := f.Outcome(holding), f.Match(e); got != want {
				t.Errorf("%s: %s: got outcome %d by parts, want %d", c.Name, row.Name, got, want)
			}
		}
	}
}

func TestFilterOfVeryManyConditionsIsAskedAsAWhole(t *testing.T) {
	c := filter.Config{Enabled: true}
	for i := range 65 {
		c.Exclude = append(c.Exclude, filter.Clause{Name: fmt.Sprint(i), Where: filter.Conditions{{Field: event.HostName, Op: filter.In, Values: []string{fmt.Sprint(i)}}}})
	}
	if compile(t, c).ByParts() {
		t.Error("got a filter of 65 conditions that can be asked by parts, want one that cannot")
	}
}

func TestOutcomesFollowTheClauses(t *testing.T) {
	want := []filter.Outcome{
		{"not-network", false, "event.category not_in network"},
		{"no-destination", false, "destination.ip is missing"},
		{"other-actions", false, "event.action exists and event.action not_in $finished_connection_actions"},
		{"common-processes", false, "process.name in $common_processes"},
		{"private-source", true, "source.ip network $private_sources and destination.ip not_network $local_destinations"},
		{"remote-only-processes", true, "process.name in $remote_only_processes and destination.ip not_network [$local_destinations, $microsoft_destinations]"},
		{"no include clause matched", false, ""},
	}
	f := compile(t, filter.Default())
	if diff := cmp.Diff(want, f.Outcomes()); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	fields := event.SetOf(event.SourceIP, event.DestinationIP, event.ProcessName, event.EventAction, event.EventCategory)
	if f.Fields() != fields {
		t.Errorf("got fields %b, want %b", f.Fields(), fields)
	}
	off := compile(t, filter.Config{})
	if diff := cmp.Diff([]filter.Outcome{{"no filter", true, ""}}, off.Outcomes()); diff != "" {
		t.Errorf("outcomes of no filter (-want +got):\n%s", diff)
	}
	if off.Fields() != 0 {
		t.Errorf("got fields %b of no filter, want none", off.Fields())
	}
}

func TestBuiltinSetsAreThoseOfTheReference(t *testing.T) {
	text, err := os.ReadFile(testkit.Shared(t, "spec/defaults.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][]string
	if err := yaml.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	delete(want, "rule_exceptions") // for the alert rules, not for the query
	got := make(map[string][]string)
	for _, name := range filter.BuiltinSets() {
		got[name], _ = filter.Default().Set(name)
	}
	delete(got, "finished_connection_actions") // the reference has one action and no set
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sets (-want +got):\n%s", diff)
	}
}

func TestValidateNamesAllThatIsWrong(t *testing.T) {
	where := func(f event.Field, op filter.Op, values ...string) filter.Conditions {
		return filter.Conditions{{Field: f, Op: op, Values: values}}
	}
	c := filter.Default()
	c.Sets = map[string]filter.Set{
		"common_processes": {Remove: []string{"nosuch.exe"}},
		"private_sources":  {Add: []string{"10.0.0.1/8"}},
		"Bad":              {Replace: []string{}},
		"new":              {Add: []string{"x"}},
	}
	c.Include = append(c.Include,
		filter.Clause{Name: "a", Where: where(event.SourcePort, filter.In, "0443", "x", "0", "-1", "443")},
		filter.Clause{Name: "b", Where: where(event.SourcePort, filter.Network, "10.0.0.0/8")},
		filter.Clause{Name: "c", Where: where(event.SourceIP, filter.Wildcard, "10.*")},
		filter.Clause{Name: "d", Where: where(event.SourceIP, filter.In, "10.0.0.0/8", "fe80::1%eth0", "$local_destinations")},
		filter.Clause{Name: "e", Where: where(event.Timestamp, filter.In, "2026")},
		filter.Clause{Name: "f", Where: where(event.SignatureExists, filter.In, "yes")},
	)
	c.Exclude = append(c.Exclude,
		filter.Clause{Name: "g", Where: where(event.ProcessName, filter.In, "", "$nosuch")},
		filter.Clause{Name: "g", Where: append(where(event.ProcessName, filter.Exists), where(event.ProcessName, filter.NotExists)...)},
		filter.Clause{Name: "No Name"},
		filter.Clause{Name: "h", Where: where(event.ProcessName, filter.Exists, "x")},
		filter.Clause{Name: "i", Where: where(event.Field(200), filter.In)},
		filter.Clause{Name: "j", Where: where(event.ProcessName, filter.Op(99))},
		filter.Clause{Name: "k", Where: where(event.ProcessName, filter.Wildcard, "a\xff")},
	)
	err := c.Validate()
	if err == nil {
		t.Fatal("got no error")
	}
	testkit.Golden(t, "testdata/validate.txt", []byte(err.Error()+"\n"))
	if _, compileErr := filter.Compile(c); compileErr == nil || compileErr.Error() != err.Error() {
		t.Errorf("Compile: got %v, want the errors of Validate", compileErr)
	}
}

func TestUnmarshalNamesAllThatIsWrong(t *testing.T) {
	text, err := os.ReadFile("testdata/syntax.bad.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		t.Fatal(err)
	}
	c := filter.Default().Exclude
	err = c.UnmarshalYAML(n.Content[0])
	if err == nil {
		t.Fatal("got no error")
	}
	testkit.Golden(t, "testdata/syntax.txt", []byte(err.Error()+"\n"))
	if !slices.ContainsFunc(c, func(c filter.Clause) bool { return c.Name == "sound" }) {
		t.Error("the one sound clause is missing")
	}
}

func TestClausesReadWhatTheyWrite(t *testing.T) {
	for _, c := range cases(t) {
		want := c.config(t)
		text, err := yaml.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got := filter.Config{}
		if err := yaml.Unmarshal(text, &got); err != nil {
			t.Fatalf("%v in:\n%s", err, text)
		}
		if diff := cmp.Diff(want.Include, got.Include, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: include (-want +got):\n%s", c.Name, diff)
		}
		if diff := cmp.Diff(want.Exclude, got.Exclude, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: exclude (-want +got):\n%s", c.Name, diff)
		}
	}
}

// events of the benchmarks.
var (
	zeekEvent     = map[string]string{"event.category": "network", "source.ip": "192.168.1.17", "destination.ip": "142.250.74.78"}
	endpointEvent = map[string]string{
		"event.category": "network", "event.action": "disconnect_received", "process.name": "powershell.exe",
		"source.ip": "10.20.30.40", "destination.ip": "142.250.74.78",
	}
	commonEvent = map[string]string{
		"event.category": "network", "event.action": "disconnect_received", "process.name": "svchost.exe",
		"source.ip": "10.20.30.40", "destination.ip": "142.250.74.78",
	}
	publicEvent = map[string]string{
		"event.category": "network", "event.action": "disconnect_received", "process.name": "lsass.exe",
		"source.ip": "8.8.4.4", "destination.ip": "52.255.255.255",
	}
)

func TestMatchAllocatesNothing(t *testing.T) {
	folding := filter.Default()
	folding.IgnoreCase = true
	for _, f := range []*filter.Filter{compile(t, filter.Default()), compile(t, folding)} {
		for _, fields := range []map[string]string{zeekEvent, endpointEvent, commonEvent, publicEvent} {
			e := eventOf(t, fields)
			if n := testing.AllocsPerRun(100, func() { f.Match(e) }); n != 0 {
				t.Errorf("got %v allocations for %v, want 0", n, fields)
			}
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	folding := filter.Default()
	folding.IgnoreCase = true
	for _, row := range []struct {
		name   string
		config filter.Config
		event  map[string]string
	}{
		{"zeek", filter.Default(), zeekEvent},
		{"endpoint", filter.Default(), endpointEvent},
		{"common process", filter.Default(), commonEvent},
		{"public source", filter.Default(), publicEvent},
		{"endpoint ignoring case", folding, endpointEvent},
	} {
		b.Run(row.name, func(b *testing.B) {
			f, e := compile(b, row.config), eventOf(b, row.event)
			b.ReportAllocs()
			for b.Loop() {
				f.Match(e)
			}
		})
	}
}
