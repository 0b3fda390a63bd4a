package evaluate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// list reads a list in notation: scores with the implants of the row behind them, "-" for a
// benign row. "9a 8- 7a+b" is a row of implant a, a benign one, and one of a and b.
func list(notation string) (rows []Row) {
	for i, word := range strings.Fields(notation) {
		row := Row{Name: fmt.Sprintf("row %d", i)}
		for k, c := range word {
			switch {
			case c >= '0' && c <= '9':
				row.Score = row.Score*10 + float64(c-'0')
			case c >= 'a' && c <= 'z':
				row.Implants = append(row.Implants, word[k:k+1])
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// implants returns implants with names of one letter.
func implants(names string) (all []Implant) {
	for _, c := range names {
		all = append(all, Implant{Name: string(c)})
	}
	return all
}

func near(t *testing.T, what string, got Value, want float64) {
	t.Helper()
	if math.IsNaN(want) && !got.Defined() {
		return
	}
	if !(math.Abs(float64(got)-want) <= 1e-12) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestRows(t *testing.T) {
	undefined := math.NaN()
	for _, tt := range []struct {
		name               string
		list, implants     string
		found, wrong       int
		average            float64
		curve              string // recall/precision/false positives
		budget             float64
		falsePer1000       float64
		missed, firstWrong string
	}{
		// Budgets are of 400 groups less the implants: 5 per 1,000 are 1.
		{"all implants first", "9a 8b 7- 6-", "ab", 2, 2, 1, "0.5/1/0 1/1/0 1/0.5/2", 1, 2 / 0.398, "", "row 2"},
		{"one of three is in no list", "9a 8b 7-", "abc", 2, 1, 2. / 3, "0.333/1/0 0.667/1/0 0.667/0.667/1", 2. / 3, 1 / 0.397, "c", "row 2"},
		{"a benign row first", "9- 8a", "a", 1, 1, 0.5, "1/0.5/1", 1, 1 / 0.399, "", "row 0"},
		{"the budget is one", "9- 8a 7- 6b", "ab", 2, 2, 0.5, "0.5/0.5/1 1/0.5/2", 0.5, 2 / 0.398, "", "row 0"},
		{"more rows of an implant count as nothing", "9a 8a 7a 6- 5b", "ab", 2, 1, (1 + 2./3) / 2, "0.5/1/0 1/0.667/1", 1, 1 / 0.398, "", "row 3"},
		{"a row of two implants", "9- 8a+b", "ab", 2, 1, 2. / 3, "1/0.667/1", 1, 1 / 0.398, "", "row 0"},
		{"a tie is one point", "9a 9- 9- 9b", "ab", 2, 2, 0.5, "1/0.5/2", 2. / 3, 2 / 0.398, "", "row 1"},
		{"no implants", "9- 8-", "", 0, 2, undefined, "", undefined, 2 / 0.4, "", "row 0"},
		{"no rows", "", "a", 0, 0, 0, "", 0, 0, "a", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Rows(list(tt.list), Truth{Implants: implants(tt.implants), Groups: 400, Hosts: 50, Days: 2})
			if err != nil {
				t.Fatal(err)
			}
			if r.Found != tt.found || r.FalsePositives != tt.wrong || r.Implants != len(tt.implants) || r.Rows != len(list(tt.list)) {
				t.Errorf("got %d of %d implants, %d of %d rows false, want %d, %d", r.Found, r.Implants, r.FalsePositives, r.Rows, tt.found, tt.wrong)
			}
			near(t, "recall", r.Recall, float64(tt.found)/float64(len(tt.implants)))
			near(t, "average precision", r.AveragePrecision, tt.average)
			near(t, "recall at the budget", r.RecallAtBudget, tt.budget)
			near(t, "false positives per 1,000 groups", r.FalsePer1000Groups, tt.falsePer1000)
			near(t, "false positives per 1,000 hosts a day", r.FalsePer1000HostDays, float64(tt.wrong)*10)
			var curve []string
			for _, p := range r.Curve {
				if p.Recall.Defined() {
					curve = append(curve, fmt.Sprintf("%.3g/%.3g/%d", float64(p.Recall), float64(p.Precision), p.FalsePositives))
				}
			}
			if got := strings.Join(curve, " "); got != tt.curve {
				t.Errorf("curve: got %s, want %s", got, tt.curve)
			}
			missed := ""
			for _, m := range r.Missed {
				missed += m.Name
			}
			if missed != tt.missed {
				t.Errorf("missed: got %q, want %q", missed, tt.missed)
			}
			if tt.firstWrong != "" && (len(r.TopFalse) == 0 || r.TopFalse[0].Name != tt.firstWrong) {
				t.Errorf("first false positive: got %v, want %q", r.TopFalse, tt.firstWrong)
			}
		})
	}
}

func TestTopRows(t *testing.T) {
	// Implants at rows 1, 10, 11, 25 and 101; one is missing.
	var words []string
	for i := range 110 {
		word := "-"
		if k := slices.Index([]int{1, 10, 11, 25, 101}, i+1); k >= 0 {
			word = string(rune('a' + k))
		}
		words = append(words, fmt.Sprint(1000-i)+word)
	}
	r, err := Rows(list(strings.Join(words, " ")), Truth{Implants: implants("abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{2. / 6, 3. / 6, 4. / 6, 4. / 6}
	for i, top := range r.Top {
		near(t, fmt.Sprint("recall in the first ", top.Rows), top.Recall, want[i])
	}
	if got := []int{r.Top[0].Rows, r.Top[1].Rows, r.Top[2].Rows, r.Top[3].Rows}; !slices.Equal(got, []int{10, 20, 50, 100}) {
		t.Errorf("got the first %v rows", got)
	}
	for what, v := range map[string]Value{"the budget": r.RecallAtBudget, "groups": r.FalsePer1000Groups, "host days": r.FalsePer1000HostDays} {
		if v.Defined() {
			t.Errorf("%s: got %v, want none: nothing is known of the telemetry", what, v)
		}
	}
}

// permutations calls visit with every order of n things.
func permutations(n int, visit func([]int)) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var swap func(k int)
	swap = func(k int) {
		if k == n {
			visit(order)
			return
		}
		for i := k; i < n; i++ {
			order[k], order[i] = order[i], order[k]
			swap(k + 1)
			order[k], order[i] = order[i], order[k]
		}
	}
	swap(0)
}

// TestTiesAreMeansOverAllOrders compares what is computed for rows of equal scores with the
// mean over every order in which they can stand.
func TestTiesAreMeansOverAllOrders(t *testing.T) {
	defer func(old []int) { topRows = old }(topRows)
	topRows = []int{1, 2, 3, 5}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		rows := list("9- 9-")[:0]
		n := 1 + random.IntN(6)
		for i := range n {
			row := Row{Name: fmt.Sprint(i), Score: float64(random.IntN(3))}
			for _, name := range []string{"a", "b", "c"} {
				if random.IntN(4) == 0 {
					row.Implants = append(row.Implants, name)
				}
			}
			rows = append(rows, row)
		}
		truth := Truth{Implants: implants("abc"), Groups: 3 + 200*random.IntN(4)}
		budget := (truth.Groups - 3) * 5 / 1000
		top, orders := make([]float64, len(topRows)), 0.0
		atBudget := 0.0
		permutations(n, func(order []int) {
			for i := 1; i < n; i++ {
				if rows[order[i-1]].Score < rows[order[i]].Score {
					return // in no list
				}
			}
			orders++
			seen := map[string]bool{}
			inBudget, wrong := 0, 0
			for place, i := range order {
				if len(rows[i].Implants) == 0 {
					wrong++
				}
				for _, name := range rows[i].Implants {
					if seen[name] {
						continue
					}
					seen[name] = true
					if wrong <= budget {
						inBudget++
					}
					for k, first := range topRows {
						if place < first {
							top[k]++
						}
					}
				}
			}
			atBudget += float64(inBudget)
		})
		r, err := Rows(rows, truth)
		if err != nil {
			t.Fatal(err)
		}
		for k := range topRows {
			if want := top[k] / orders / 3; math.Abs(float64(r.Top[k].Recall)-want) > 1e-9 {
				t.Fatalf("%+v: first %d rows: got %v, want %v", rows, topRows[k], r.Top[k].Recall, want)
			}
		}
		if truth.Groups > 3 {
			if want := atBudget / orders / 3; math.Abs(float64(r.RecallAtBudget)-want) > 1e-9 {
				t.Fatalf("%+v: budget %d: got %v, want %v", rows, budget, r.RecallAtBudget, want)
			}
		}
		slices.Reverse(rows)
		again, err := Rows(rows, truth)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, again, cmp.AllowUnexported(Calibration{}), cmp.Comparer(func(a, b Value) bool {
			return a == b || !a.Defined() && !b.Defined()
		})); diff != "" {
			t.Fatalf("the order of the rows given changes the result:\n%s", diff)
		}
	}
}

func TestFirstDetection(t *testing.T) {
	rows := list("9a 8a 7b 6c 5d")
	rows[0].First, rows[1].First = 9000, 4000 // the worse row was there earlier
	rows[2].First, rows[3].First = 1600, 2000
	truth := Truth{Implants: []Implant{{Name: "a", First: 400}, {Name: "b", First: 1000}, {Name: "c", First: 1990}, {Name: "d", First: 3}, {Name: "e", First: 5}}}
	r, err := Rows(rows, truth)
	if err != nil {
		t.Fatal(err)
	}
	if r.FirstDetection.Implants != 3 { // of d it is not known when, e was not found
		t.Errorf("got %d implants, want 3", r.FirstDetection.Implants)
	}
	near(t, "median", r.FirstDetection.Median, 600)
	near(t, "90 %", r.FirstDetection.P90, 3600)
}

func TestQuantile(t *testing.T) {
	ten := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for _, tt := range []struct {
		sorted  []float64
		q, want float64
	}{{nil, 0.5, math.NaN()}, {ten[:1], 0.9, 1}, {ten, 0.5, 5}, {ten, 0.9, 9}, {ten[:3], 0.5, 2}, {ten[:2], 0.9, 2}} {
		near(t, fmt.Sprint(tt.sorted, tt.q), quantile(tt.sorted, tt.q), tt.want)
	}
}

func TestCalibration(t *testing.T) {
	rows := list("9- 8- 7a 6-")
	rows[0].PValues = []float64{0.001, 0.5, 0.02}
	rows[1].PValues, rows[1].Unlisted = []float64{0.0031, 1, 1, 1, 1, 1, 1}, true
	rows[2].PValues = []float64{0, 0, 0}                         // a beacon
	rows[3].PValues, rows[3].Periodic = []float64{0, 0, 0}, true // a benign timer
	r, err := Rows(rows, Truth{Implants: implants("a")})
	if err != nil {
		t.Fatal(err)
	}
	want := []Share{{0.001, 1, 0.1}, {0.003, 1, 0.1}, {0.01, 2, 0.2}, {0.03, 3, 0.3}, {0.1, 3, 0.3}}
	if diff := cmp.Diff(want, r.Calibration.Shares); diff != "" || r.Calibration.PValues != 10 {
		t.Errorf("got %d p-values; -want +got:\n%s", r.Calibration.PValues, diff)
	}
	if r.Rows != 3 || r.FalsePositives != 2 {
		t.Errorf("got %d rows and %d false positives, want 3 and 2: one is in no list", r.Rows, r.FalsePositives)
	}
}

func TestCells(t *testing.T) {
	truth := Truth{Implants: []Implant{
		{Name: "a", Framework: "sliver", Period: 60, Jitter: 0.1},
		{Name: "b", Framework: "sliver", Period: 61, Jitter: 0.11},
		{Name: "c", Framework: "sliver", Period: 60, Jitter: 0.05},
		{Name: "d", Period: 0, Jitter: 0},
		{Name: "e", Framework: "merlin", Period: 30_000, Jitter: 3},
	}}
	r, err := Rows(list("9a 8e"), truth)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		got  []Cell
		want []Cell
	}{
		{"framework", r.ByFramework, []Cell{{"merlin", "", "", 1, 1}, {"sliver", "", "", 3, 1}, {"unknown", "", "", 1, 0}}},
		{"jitter", r.ByJitter, []Cell{{"", "0%", "", 1, 0}, {"", "to 10%", "", 2, 1}, {"", "to 30%", "", 1, 0}, {"", "above 50%", "", 1, 1}}},
		{"period", r.ByPeriod, []Cell{{"", "", "unknown", 1, 0}, {"", "", "to 1m", 2, 1}, {"", "", "to 10m", 1, 0}, {"", "", "above 6h", 1, 1}}},
		{"all", r.Cells, []Cell{{"merlin", "above 50%", "above 6h", 1, 1}, {"sliver", "to 10%", "to 1m", 2, 1}, {"sliver", "to 30%", "to 10m", 1, 0}, {"unknown", "0%", "unknown", 1, 0}}},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("by %s: -want +got:\n%s", tt.name, diff)
		}
	}
}

func TestRowsSaysWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rows  []Row
		truth Truth
		want  string
	}{
		{"an implant that nobody knows", list("9z"), Truth{Implants: implants("a")}, `row "row 0": implant "z" is not among the implants`},
		{"two of one name", nil, Truth{Implants: implants("aa")}, `implant "a": got two of this name, want one`},
		{"no number", []Row{{Name: "x", Score: math.NaN()}}, Truth{}, `row "x": got no number for its score`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Rows(tt.rows, tt.truth); err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func BenchmarkRows(b *testing.B) {
	random := rand.New(rand.NewPCG(3, 4))
	rows := make([]Row, 100_000)
	for i := range rows {
		rows[i] = Row{Name: fmt.Sprint(i), Score: float64(random.IntN(1000)), PValues: []float64{random.Float64()}}
	}
	for i := range 26 {
		rows[i].Implants = []string{string(rune('a' + i))}
	}
	truth := Truth{Implants: implants("abcdefghijklmnopqrstuvwxyz"), Groups: 1_000_000, Hosts: 800, Days: 3}
	for b.Loop() {
		if _, err := Rows(rows, truth); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(rows))/b.Elapsed().Seconds(), "rows/s")
}
