package deploy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"fresnel/internal/bulk"
	"fresnel/internal/metrics"
	"fresnel/internal/store"
	"fresnel/internal/store/memory"
	"fresnel/internal/tail"
	"fresnel/internal/testkit"
)

// labels are the labels of a metric and the values that are known of them.
type labels map[string][]string

// served returns the metrics of a service to which everything has happened once.
func served(t *testing.T) map[string]labels {
	t.Helper()
	m := metrics.New(memory.New(time.Now), nil, time.Now)
	m.Add(metrics.Bulk, "bulk")
	m.Queues(func() int64 { return 1 }, func() int64 { return 1 })
	for _, status := range []int{200, 401, 403, 413, 429, 503} {
		m.Request(bulk.Tally{Route: "bulk", Status: status, Stored: 1, Known: 1, Passed: 1, Rejected: 1, Refused: 1})
	}
	followed := m.Tail("zeek")
	followed.Stored(&tail.Counts{Events: 1, Bad: 1, Bytes: 1})
	followed.Round(tail.State{})
	m.Run(&store.Run{}, nil)
	m.Run(nil, errors.New("it fails"))
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	all := map[string]labels{}
	for _, s := range selectors(w.Body.String()) {
		if all[s.name] == nil {
			all[s.name] = labels{}
		}
		for _, m := range s.matchers {
			all[s.name][m.label] = append(all[s.name][m.label], m.value)
		}
	}
	if len(all) < 20 {
		t.Fatalf("got the metrics %v, want those of the service, its process and Go", all)
	}
	return all
}

// A selector is a metric as it stands in a query, or in what is served.
type selector struct {
	name     string
	matchers []matcher
}

type matcher struct{ label, operator, value string }

var (
	metric  = regexp.MustCompile(`\b((?:fresnel|process|go)_[a-z_0-9]+)(\{[^}]*\})?`)
	matched = regexp.MustCompile(`([a-z_]+)(=~|!~|!=|=)"([^"]*)"`)
)

func selectors(text string) (list []selector) {
	for _, m := range metric.FindAllStringSubmatch(text, -1) {
		s := selector{name: m[1]}
		for _, l := range matched.FindAllStringSubmatch(m[2], -1) {
			s.matchers = append(s.matchers, matcher{l[1], l[2], l[3]})
		}
		list = append(list, s)
	}
	return list
}

// check returns what is wrong with a selector.
func (s selector) check(all map[string]labels) error {
	have, ok := all[s.name]
	if !ok {
		return fmt.Errorf("got the metric %s, want one that the program has", s.name)
	}
	for _, m := range s.matchers {
		switch m.label {
		case "job", "instance": // those of Prometheus
			continue
		case "input": // a name of the user's choice
			if len(have["input"]) == 0 {
				return fmt.Errorf("%s: got the label input, want one of its own", s.name)
			}
			continue
		}
		values := []string{m.value}
		if m.operator == "=~" || m.operator == "!~" {
			values = strings.Split(m.value, "|")
		}
		for _, v := range values {
			if !slices.Contains(have[m.label], v) {
				return fmt.Errorf("%s: got %s=%q, want one of %q", s.name, m.label, v, have[m.label])
			}
		}
	}
	return nil
}

// TestMetricNames holds whatever names a metric to those that the program serves, with the values
// of their labels.
func TestMetricNames(t *testing.T) {
	all := served(t)
	for _, name := range []string{"prometheus/rules.yml", "prometheus/rules_test.yml", "grafana/fresnel.json", "../docs/serve.md"} {
		text := read(t, name)
		if strings.HasSuffix(name, ".json") {
			text = strings.ReplaceAll(text, `\"`, `"`)
		}
		found := selectors(text)
		if len(found) < 5 {
			t.Errorf("%s: got %d metrics, want more", name, len(found))
		}
		for _, s := range found {
			if err := s.check(all); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for _, bad := range []string{`fresnel_no_such_total`, `fresnel_runs_total{outcome="no-such"}`, `fresnel_late_events_total{input="a"}`, `fresnel_runs_total{no_such="stored"}`} {
		if err := selectors(bad)[0].check(all); err == nil {
			t.Errorf("%s: got no error, want one", bad)
		}
	}
}

// TestEveryMetricIsShown finds each metric of the service itself on the dashboard.
func TestEveryMetricIsShown(t *testing.T) {
	shown := map[string]bool{}
	for _, s := range selectors(read(t, "grafana/fresnel.json")) {
		shown[s.name] = true
	}
	for name := range served(t) {
		base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
		if strings.HasPrefix(name, "fresnel_") && !shown[name] && !shown[base+"_bucket"] && !shown[base+"_sum"] {
			t.Errorf("%s: is on no panel of the dashboard", name)
		}
	}
}

// A ruleFile is what is looked at of rules.yml and of rules_test.yml.
type ruleFile struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
	Tests []struct {
		Alerts []struct {
			Name  string           `yaml:"alertname"`
			Fires []map[string]any `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	}
}

func ruleFiles(t *testing.T) (rules, tests ruleFile) {
	t.Helper()
	for name, into := range map[string]*ruleFile{"rules.yml": &rules, "rules_test.yml": &tests} {
		if err := yaml.Unmarshal([]byte(read(t, filepath.Join("prometheus", name))), into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return rules, tests
}

// TestEveryAlertIsTested finds each alert once where it fires and once where it does not, says how
// bad it is, and finds it in the docs.
func TestEveryAlertIsTested(t *testing.T) {
	rules, tests := ruleFiles(t)
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range tests.Tests {
		for _, a := range test.Alerts {
			if len(a.Fires) > 0 {
				fires[a.Name] = true
			} else {
				silent[a.Name] = true
			}
		}
	}
	docs := read(t, filepath.Join(testkit.Root(t), "docs", "serve.md"))
	n := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			n++
			if !fires[r.Alert] || !silent[r.Alert] {
				t.Errorf("%s: got fires %v and silent %v in rules_test.yml, want both", r.Alert, fires[r.Alert], silent[r.Alert])
			}
			if s := r.Labels["severity"]; s != "critical" && s != "warning" {
				t.Errorf("%s: severity: got %q, want critical or warning", r.Alert, s)
			}
			if r.Annotations["summary"] == "" {
				t.Errorf("%s: got no summary, want one", r.Alert)
			}
			if !strings.Contains(docs, "`"+r.Alert+"`") {
				t.Errorf("%s: is not in docs/serve.md, which says what to do", r.Alert)
			}
		}
	}
	if n < 10 {
		t.Errorf("got %d alerts, want those of all that can go wrong", n)
	}
}

// A dashboard is what is looked at of one.
type dashboard struct {
	Title, UID, Description string
	Panels                  []struct {
		ID          int
		Type, Title string
		Grid        struct{ X, Y, W, H int } `json:"gridPos"`
		Targets     []struct{ Expr string }
	}
}

func theDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, "grafana/fresnel.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDashboard(t *testing.T) {
	d := theDashboard(t)
	if !strings.Contains(d.Description, "Not loaded in a real Grafana") {
		t.Errorf("description: got %q, want it to say that no Grafana has loaded it", d.Description)
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("panel %q: got the id %d twice, want it once", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q: got no query, want one", p.Title)
		}
		for x := p.Grid.X; x < p.Grid.X+p.Grid.W; x++ {
			for y := p.Grid.Y; y < p.Grid.Y+p.Grid.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("panel %q: lies over %q, or beyond the edge", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			if !strings.Contains(target.Expr, `job="fresnel", instance=~"$instance"`) {
				t.Errorf("panel %q: got %s, want it to ask for the job and the chosen instances", p.Title, target.Expr)
			}
		}
	}
}
