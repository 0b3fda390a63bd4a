package config_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fresnel/internal/config"
	"fresnel/internal/event"
	"fresnel/internal/filter"
	"fresnel/internal/source"
	"fresnel/internal/testkit"
)

func load(t testing.TB, s config.Sources) *config.Loaded {
	t.Helper()
	l, err := config.Load(s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// messages returns the messages of joined errors, a line each.
func messages(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

// A bad file begins with comments "# want: MESSAGE", one for each error, in their order.
// A good one loads.
func TestFiles(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.yml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("got %d files (%v), want some", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, line := range strings.Split(string(text), "\n") {
				if message, ok := strings.CutPrefix(line, "# want: "); ok {
					want = append(want, message)
				}
			}
			if bad := strings.HasSuffix(path, ".bad.yml"); bad != (len(want) > 0) {
				t.Fatalf("got %d wanted messages, want some in a bad file alone", len(want))
			}
			l, err := config.Load(config.Sources{File: filepath.Base(path), FileData: text})
			if diff := cmp.Diff(want, messages(err)); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
			for _, err := range joined(err) {
				var one *config.Error
				if !errors.As(err, &one) {
					t.Errorf("got %T, want a *config.Error", err)
				}
			}
			if err == nil {
				showsItself(t, l)
			}
		})
	}
}

func joined(err error) []error {
	if e, ok := err.(interface{ Unwrap() []error }); ok {
		return e.Unwrap()
	}
	return nil
}

// showsItself fails the test unless what l shows loads as l.
func showsItself(t *testing.T, l *config.Loaded) {
	t.Helper()
	var shown bytes.Buffer
	if err := l.Show(&shown); err != nil {
		t.Fatal(err)
	}
	again := load(t, config.Sources{File: "shown.yaml", FileData: shown.Bytes()})
	if diff := cmp.Diff(l.Config, again.Config, emptyIsNil); diff != "" {
		t.Errorf("what is shown loads as something else (-want +got):\n%s\n%s", diff, shown.Bytes())
	}
}

// emptyIsNil makes empty lists and maps equal to missing ones, but for filter.Set.Replace,
// where they mean different things.
var emptyIsNil = cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() != ".Replace" }, cmpopts.EquateEmpty())

func TestDefaultFileLoadsAsTheDefaults(t *testing.T) {
	var text bytes.Buffer
	if err := config.WriteDefault(&text); err != nil {
		t.Fatal(err)
	}
	testkit.Golden(t, "testdata/default.yaml", text.Bytes())
	l := load(t, config.Sources{File: "default.yaml", FileData: text.Bytes()})
	if diff := cmp.Diff(config.Default(), l.Config, emptyIsNil); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	for _, k := range config.Keys() {
		if !strings.Contains(k.Name, "NAME") && !strings.Contains(text.String(), "\n"+strings.Repeat("  ", strings.Count(k.Name, "."))+k.Name[strings.LastIndexByte(k.Name, '.')+1:]+":") {
			t.Errorf("%s is not in the default file", k.Name)
		}
	}
}

func TestNothingSetIsTheDefaults(t *testing.T) {
	for _, s := range []config.Sources{
		{},
		{File: "empty.yaml", FileData: []byte{}},
		{File: "comment.yaml", FileData: []byte("# nothing\n")},
		{File: "sections.yaml", FileData: []byte("beacon:\nfilter:\n  sets:\n  include:\ninputs:\n  delimited:\n")},
		{Env: []string{"HOME=/root", "FRESNEL_SHARED=/x", "FRESNELX=1"}},
	} {
		l := load(t, s)
		if diff := cmp.Diff(config.Default(), l.Config, emptyIsNil); diff != "" {
			t.Errorf("%v (-want +got):\n%s", s, diff)
		}
		if err := l.Config.Validate(); err != nil {
			t.Errorf("the defaults: %v", err)
		}
	}
}

func TestLaterSourcesWin(t *testing.T) {
	file := []byte(`beacon:
  max_jitter: 0.1
  min_not_empty: 0.4
  min_number_periods: 4
filter:
  sets:
    common_processes: {add: [file.exe], remove: [chrome.exe]}
  exclude:
    - name: mine
      where: {destination.domain: {wildcard: "*.file"}}
    - {name: not-network, remove: true}
`)
	l := load(t, config.Sources{
		File: "my.yaml", FileData: file,
		Env: []string{
			"FRESNEL_BEACON_MAX_JITTER=0.2", "FRESNEL_BEACON_MIN_NOT_EMPTY=0.3", "FRESNEL_CONFIG=other.yaml",
			"FRESNEL_FILTER_SETS_COMMON_PROCESSES_ADD=[env.exe]",
			"FRESNEL_FILTER_EXCLUDE=[{name: theirs, where: {user.name: env}}]",
			"FRESNEL_GROUP_BY=[host.name, process.name]",
			"FRESNEL_INPUTS_DELIMITED_MY_MAP_COLUMNS={a.b: source.ip}",
		},
		Set: []string{
			"beacon.max_jitter=0.3", "beacon.truncate_at=[0.2, 0.9]", "schedule.every=90s", "inputs.strict=true",
			"filter.exclude=[{name: mine, where: {user.name: set}}]",
			"filter.sets.new.replace=[]",
			"inputs.delimited.my_map.columns.c.d=destination.ip",
			"inputs.delimited.my_map.separator='|'",
		},
	})
	want := config.Default()
	want.Beacon.MaxJitter = 0.3
	want.Beacon.MinNotEmpty = 0.3
	want.Beacon.MinNumberPeriods = 4
	want.Beacon.TruncateAt = [2]float64{0.2, 0.9}
	want.GroupBy = []string{"host.name", "process.name"}
	want.Schedule.Every = 90 * time.Second
	want.Inputs.Strict = true
	want.Inputs.Delimited = map[string]source.ColumnMap{"my_map": {
		Separator: "|", Columns: map[string]string{"a.b": "source.ip", "c.d": "destination.ip"},
	}}
	want.Filter.Sets = map[string]filter.Set{
		"common_processes": {Add: []string{"env.exe"}, Remove: []string{"chrome.exe"}},
		"new":              {Replace: []string{}},
	}
	clause := func(name, user string) filter.Clause {
		return filter.Clause{Name: name, Where: filter.Conditions{{Field: event.UserName, Op: filter.In, Values: []string{user}}}}
	}
	want.Filter.Exclude = append(want.Filter.Exclude[1:], clause("mine", "set"), clause("theirs", "env"))
	if diff := cmp.Diff(want, l.Config, emptyIsNil); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	for key, origin := range map[string]string{
		"beacon.max_jitter":                   "--set",
		"beacon.min_not_empty":                "FRESNEL_BEACON_MIN_NOT_EMPTY",
		"beacon.min_number_periods":           "my.yaml:4",
		"beacon.time_bucket_length":           config.FromDefault,
		"filter.sets.common_processes.add":    "FRESNEL_FILTER_SETS_COMMON_PROCESSES_ADD",
		"filter.sets.common_processes.remove": "my.yaml:7",
		"filter.exclude.mine":                 "--set",
		"filter.exclude.theirs":               "FRESNEL_FILTER_EXCLUDE",
		"filter.exclude.not-network":          "my.yaml:11",
		"filter.exclude.no-destination":       config.FromDefault,
		"inputs.delimited.my_map.columns.a.b": "FRESNEL_INPUTS_DELIMITED_MY_MAP_COLUMNS",
	} {
		if got := l.Origin(key); got != origin {
			t.Errorf("origin of %s: got %q, want %q", key, got, origin)
		}
	}
	var shown bytes.Buffer
	if err := l.Show(&shown); err != nil {
		t.Fatal(err)
	}
	testkit.Golden(t, "testdata/shown.yaml", shown.Bytes())
	showsItself(t, l)
}

func TestVariablesAndFlagsNameAllThatIsWrong(t *testing.T) {
	_, err := config.Load(config.Sources{
		Env: []string{
			"FRESNEL_BEACON_MAX_JITER=0.2",
			"FRESNEL_NO_SUCH=1",
			"FRESNEL_BEACON_MIN_NOT_EMPTY=",
			"FRESNEL_BEACON_TRUNCATE_AT=[0.1",
			"FRESNEL_BEACON_MIN_NUMBER_PERIODS=0",
			"FRESNEL_BEACONMAX_JITTER=1",
			"FRESNEL_FILTER_SETS_PRIVATE_SOURCES_ADD=[ours]",
		},
		Set: []string{
			"beacon.max_jitter", "=1", "max_jitter=1", "beacon.max_jiter=1", "beacn.max_jitter=1",
			"beacon.max_jitter.x=1", "beacon.max_jitter=1.5", "inputs.strict=maybe", "group_by=host.name",
			"group_by=[host.nam, user.name, user.name]", "schedule.every=60", "filter.exclude.mine=[]", "beacon=7",
			"beacon.max_jitter=&a 1", "limits.max_errors_shown=-1", "filter.enabled=\x00",
		},
	})
	testkit.Golden(t, "testdata/variables.txt", []byte(strings.Join(messages(err), "\n")+"\n"))
}

func TestFileIsFoundByItsVariable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.yaml")
	if err := os.WriteFile(path, []byte("beacon: {max_jitter: 0.25}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := load(t, config.Sources{Env: []string{"FRESNEL_CONFIG=" + path}})
	if l.Config.Beacon.MaxJitter != 0.25 || l.File != path || l.Origin("beacon.max_jitter") != path+":1" {
		t.Errorf("got max_jitter %v of %q, want 0.25 of %q", l.Config.Beacon.MaxJitter, l.Origin("beacon.max_jitter"), path)
	}
	if _, err := config.Load(config.Sources{File: path + ".missing"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: got %v, want an error that says so", err)
	}
	big := bytes.Repeat([]byte("# x\n"), config.MaxFileBytes/4+1)
	if _, err := config.Load(config.Sources{File: "big.yaml", FileData: big}); err == nil {
		t.Error("a file over the bound: got no error")
	}
}

func TestEverySettingIsDescribed(t *testing.T) {
	variables := make(map[string]string)
	for _, k := range config.Keys() {
		if k.Doc == "" || k.Type == "" || k.Default == "" && !strings.Contains(k.Name, "NAME") {
			t.Errorf("got %+v, want a doc, a type and a default", k)
		}
		if other, ok := variables[k.Env()]; ok {
			t.Errorf("%s and %s have the same variable", k.Name, other)
		}
		variables[k.Env()] = k.Name
	}
}

func TestEverySettingCanBeSetEachWay(t *testing.T) {
	for _, k := range config.Keys() {
		if strings.Contains(k.Name, "NAME") || strings.HasPrefix(k.Name, "filter.") && k.Type == "list of clauses" {
			continue // tested above
		}
		for _, s := range []config.Sources{
			{Env: []string{k.Env() + "=" + k.Default}},
			{Set: []string{k.Name + "=" + k.Default}},
		} {
			l := load(t, s)
			if diff := cmp.Diff(config.Default(), l.Config, emptyIsNil); diff != "" {
				t.Errorf("%s (-want +got):\n%s", k.Name, diff)
			}
			if strings.Contains(k.Default, "{}") {
				continue // nothing was set
			}
			if l.Origin(k.Name) == config.FromDefault {
				t.Errorf("%s: got the origin %q of a value that was set", k.Name, l.Origin(k.Name))
			}
		}
	}
}

func TestGroupFields(t *testing.T) {
	c := config.Default()
	if got := c.GroupFields(); got != nil {
		t.Errorf("got %v, want none", got)
	}
	c.GroupBy = []string{"user.name", "destination.domain"}
	if got := c.GroupFields(); !reflect.DeepEqual(got, []event.Field{event.UserName, event.DestinationDomain}) {
		t.Errorf("got %v, want user.name and destination.domain", got)
	}
}

// The reference page is made from the settings: go test ./internal/config -update.
func TestReferencePage(t *testing.T) {
	var page, text bytes.Buffer
	page.WriteString(`# Settings

Made from the settings by ` + "`go test ./internal/config -update`" + `; change the doc tags, not this page.

Each setting can be given in three ways. Later ones win (what an admin saved [in the service](api.md#settings) comes between 1 and 2):

1. a YAML file: the one that ` + "`FRESNEL_CONFIG`" + ` or a flag names. ` + "`fresnel config init`" + ` writes one with every default. Unknown keys are errors;
2. an environment variable: section and key in upper case, joined by ` + "`_`" + `. The value is YAML: ` + "`FRESNEL_BEACON_TRUNCATE_AT='[0.1, 0.9]'`" + `. Unknown variables that begin with ` + "`FRESNEL_`" + ` are errors;
3. ` + "`--set KEY=VALUE`" + `, the value in YAML as well: ` + "`--set beacon.max_jitter=0.2 --set 'filter.sets.common_processes.add=[updater.exe]'`" + `.

A value takes the place of the earlier one, also if it is a list. Mappings and lists of clauses are
changed entry by entry: see [filter.md](filter.md). In a variable a name of one's own (NAME) is written in
upper case and taken in lower case. YAML anchors and aliases are refused, and so is a file over 1 MiB.

` + "`fresnel config show`" + ` prints all settings in force and where each came from, with ` + "`--data FOLDER`" + ` also what was saved in the service; ` + "`fresnel config check`" + ` names all errors at once.

| key | variable | type | default | meaning |
|---|---|---|---|---|
`)
	for _, k := range config.Keys() {
		value := ""
		if k.Default != "" {
			value = "`" + k.Default + "`"
		}
		fmt.Fprintf(&page, "| `%s` | `%s` | %s | %s | %s |\n", k.Name, k.Env(), k.Type, value, strings.ReplaceAll(k.Doc, "|", `\|`))
	}
	if err := config.WriteDefault(&text); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&page, "\n## The default file\n\n```yaml\n%s```\n", text.Bytes())
	testkit.Golden(t, filepath.Join(testkit.Root(t), "docs", "configuration.md"), page.Bytes())
}

// Every example of the docs on the filter loads.
func TestExamplesOfTheDocsLoad(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs", "filter.md"))
	if err != nil {
		t.Fatal(err)
	}
	examples := strings.Split(string(text), "```yaml\n")[1:]
	if len(examples) == 0 {
		t.Fatal("got no examples")
	}
	for _, example := range examples {
		example, _, _ = strings.Cut(example, "```")
		l, err := config.Load(config.Sources{File: "filter.md", FileData: []byte(example)})
		if err != nil {
			t.Errorf("%v in:\n%s", err, example)
			continue
		}
		if _, err := filter.Compile(l.Config.Filter); err != nil {
			t.Error(err)
		}
	}
}

// FuzzLoad: no text panics, what loads is sound, and a variable or flag with the same text
// does not panic either.
func FuzzLoad(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.y*ml")
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("beacon.max_jitter=[[[{a: *b}]]]"))
	f.Add([]byte("filter.exclude=[{name: [a], where: 3}, 4]"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := config.Load(config.Sources{File: "f.yaml", FileData: text})
		if err == nil {
			if err := l.Config.Validate(); err != nil {
				t.Error(err)
			}
			var shown bytes.Buffer
			if err := l.Show(&shown); err != nil {
				t.Error(err)
			}
			if _, err := config.Load(config.Sources{File: "shown.yaml", FileData: shown.Bytes()}); err != nil {
				t.Errorf("%v in:\n%s", err, shown.Bytes())
			}
		}
		_, _ = config.Load(config.Sources{Set: []string{string(text)}, Env: []string{"FRESNEL_" + string(text)}})
	})
}
