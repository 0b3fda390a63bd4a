// Command fit finds the points of the rank: it makes simulated worlds, surveys them as a scan
// does, joins the rows with the labels, fits internal/rank's model and writes it. With -report
// it says what each piece of evidence is worth on worlds that the fit has not seen.
//
// Run it from the root of the repository: go run ./bench/fit
package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fresnel/bench/worlds"
	"fresnel/internal/beacon"
	"fresnel/internal/detect"
	"fresnel/internal/evaluate"
	"fresnel/internal/event"
	"fresnel/internal/files"
	"fresnel/internal/filter"
	"fresnel/internal/finding"
	"fresnel/internal/fit"
	"fresnel/internal/labels"
	"fresnel/internal/rank"
	"fresnel/internal/scan"
	"fresnel/internal/simulate"
	sources "fresnel/internal/source/all"
	"fresnel/internal/survey"
)

var verbose bool

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "fit:", err)
		os.Exit(1)
	}
}

func run() error {
	train := flag.String("train", "", "worlds to fit: scenario:first-last, with commas between them")
	captures := flag.String("captures", "", "captures to fit, too: `folder:name,name`")
	held := flag.String("held", "", "worlds to judge by")
	cache := flag.String("cache", "build/fit", "`folder` for the rows of worlds")
	out := flag.String("out", "", "write the model to this `file`")
	report := flag.String("report", "", "write to this `file` what each piece is worth when it is left out")
	prior := flag.String("prior", "bench/fit/prior.yaml", "`file` of the points where the worlds are silent")
	l2 := flag.Float64("l2", 0.1, "weight of the squares of the points")
	maxStep := flag.Float64("max-step", 8, "bound of the step from a level to the next")
	loss := flag.String("loss", "top", "top or logistic")
	flag.BoolVar(&verbose, "v", false, "name what is missed")
	flag.Parse()
	if folder, names, ok := strings.Cut(*captures, ":"); ok {
		for name := range strings.SplitSeq(names, ",") {
			*train += ",capture:" + filepath.Join(folder, name)
		}
	}
	trained, err := load(*train, *cache)
	if err != nil {
		return err
	}
	judged, err := load(*held, *cache)
	if err != nil {
		return err
	}
	pieces := rank.Pieces()
	hand, err := readPrior(*prior)
	if err != nil {
		return err
	}
	opts := fit.Options{L2: *l2, MaxStep: *maxStep, Prior: hand}
	for _, p := range pieces {
		opts.Doubt = append(opts.Doubt, cmp.Or(doubts[p.Name], 1))
	}
	if *loss == "logistic" {
		opts.Loss = fit.Logistic
	}
	data, test := dataOf(trained), dataOf(judged)
	start := time.Now()
	w, err := fit.Fit(pieces, data, opts)
	if err != nil {
		return err
	}
	fmt.Printf("fitted %d rows of %d worlds in %s, %d rounds, loss %.4g\n", len(data.Positive), len(trained), time.Since(start).Round(time.Millisecond), w.Rounds, w.Loss)
	const (
		perLogit = 4  // points of a factor of e in the odds
		scale    = 12 // of the score: a third as steep as the odds, so that it spreads

		// An implant is one row of thousands in the worlds, and hardly any row would be likelier
		// one than not: the score is that of an analyst who has a hundred times as much reason to look.
		reason = 4.6
	)
	for i, p := range pieces {
		for j, l := range p.Levels {
			switch {
			case p.Name == "timing" && l.Side == rank.Against: // rows without a timer are not among those that are fitted
				w.Points[i][j] = hand[i][j]
			case p.Name == "known_software" || p.Name == "maker":
				// The worlds put a third of the implants into common processes and teach that names tell
				// nothing, and have few makers of real names. An analyst wants them to tell a little.
				w.Points[i][j] = min(w.Points[i][j], hand[i][j])
			}
		}
	}
	points := make([][]float64, len(w.Points))
	for i, p := range w.Points {
		for _, x := range p {
			points[i] = append(points[i], round(x*perLogit))
		}
	}
	m, err := rank.NewModel(round((w.Bias+reason)*perLogit), scale, points)
	if err != nil {
		return err
	}
	fmt.Println("shipped model:")
	judge(rank.Default(), trained)
	judge(rank.Default(), judged)
	fmt.Println("fitted model:")
	judge(m, trained)
	judge(m, judged)
	if *report != "" {
		if err := writeReport(*report, opts, pieces, data, test, m, judged, *train, *held); err != nil {
			return err
		}
	}
	if *out == "" {
		return nil
	}
	var b bytes.Buffer
	header := "Fitted by make fit; docs/ranking-fit.md says on what. Do not edit: set rank.weights instead."
	if err := m.WriteYAML(&b, header); err != nil {
		return err
	}
	return os.WriteFile(*out, b.Bytes(), 0o644)
}

// writeReport writes what a fit is worth, and what each piece of evidence is.
func writeReport(path string, opts fit.Options, pieces []rank.Piece, data, test fit.Data, m *rank.Model, judged []*world, train, held string) error {
	lines, err := fit.LeaveOut(pieces, data, test, opts)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	list := func(spec string) string { return "`" + strings.ReplaceAll(spec, ",", "`, `") + "`" }
	fmt.Fprintf(&b, "# What the rank's evidence is worth\n\nGenerated by `make fit`; do not edit. [ranking](ranking.md) describes the pieces.\n\n")
	fmt.Fprintf(&b, "Fitted on %d rows: %s.\n\nJudged on worlds that the fit has not seen: %s. `@pairs` is what a sensor on the network sees of a world, `@vary` a world whose make is drawn anew; numbers are seeds.\n\n", len(data.Positive), list(train), list(held))
	fmt.Fprintf(&b, "| worlds | how many | average precision | of the implants in the first 20 rows | 50 | 100 | found |\n|---|---|---|---|---|---|---|\n")
	for _, s := range judge(m, judged) {
		n := float64(s.n)
		fmt.Fprintf(&b, "| %s | %d | %.3f | %.0f %% | %.0f %% | %.0f %% | %d of %d |\n", s.kind, s.n, s.ap/n, 100*s.top20/n, 100*s.top50/n, 100*s.top100/n, s.found, s.implants)
	}
	fmt.Fprintf(&b, "\n## Left out\n\nMean average precision over these worlds when the fit does without one piece, %.4f with all. What two pieces both tell is not missed when one is left out; small differences are chance.\n\n| piece | without it | difference |\n|---|---|---|\n", lines[0].AveragePrecision)
	for _, l := range lines[1:] {
		fmt.Fprintf(&b, "| `%s` | %.4f | %+.4f |\n", l.Piece, l.AveragePrecision, l.AveragePrecision-lines[0].AveragePrecision)
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

// doubts say how much less than other pieces the simulated worlds can teach about some: what
// periods, jitters and sizes implants have is the operator's choice, and what a simulator draws is
// its author's.
var doubts = map[string]float64{
	"jitter": 100, "period": 200, "regimes": 20, "failed": 500, "balance": 500, "missed": 20, "siblings": 10, "payload": 20,
	"kind": 20, "hours": 10, "sent_spread": 10, "received_spread": 10, "span": 10, "callbacks": 10, "lasting": 10, "port": 10,
	"parent": 5, "script_host": 5, "maker": 2000,
}

// readPrior returns the points of a model in logits.
func readPrior(path string) ([][]float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := rank.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	by := m.ByLevel()
	for _, levels := range by {
		for i := range levels {
			levels[i] /= m.Scale()
		}
	}
	return by, nil
}

// round rounds points to a tenth.
func round(x float64) float64 {
	r, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'f', 1, 64), 64)
	return r
}

// A world is the rows that a survey of one world found.
type world struct {
	Name   string
	Facts  []rank.Facts
	Shows  [][]string // implants that a row shows
	Skip   []bool     // not to be scored
	Truth  evaluate.Truth
	Tested int
	Names  []string
}

func load(spec, cache string) ([]*world, error) {
	var jobs []func() (*world, error)
	for part := range strings.SplitSeq(spec, ",") {
		if part == "" {
			continue
		}
		if path, ok := strings.CutPrefix(part, "capture:"); ok {
			jobs = append(jobs, func() (*world, error) { return capture(path) })
			continue
		}
		path, seeds, ok := strings.Cut(part, ":")
		if !ok {
			return nil, fmt.Errorf("%q: want scenario:first-last", part)
		}
		numbers, err := worlds.Seeds(seeds)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, seed := range numbers {
			file, view, _ := strings.Cut(path, "@")
			jobs = append(jobs, func() (*world, error) { return cached(file, view, seed, cache) })
		}
	}
	all := make([]*world, len(jobs))
	errs := make([]error, len(jobs))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(jobs); i = int(next.Add(1)) - 1 {
				all[i], errs[i] = jobs[i]()
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// cached returns the rows of a world, from the cache when the scenario and the program are
// the same as when it was written.
func cached(path, view string, seed uint64, cache string) (*world, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	program, err := thisProgram()
	if err != nil {
		return nil, err
	}
	h := fnv.New64a()
	h.Write(text)
	h.Write(program)
	file := filepath.Join(cache, fmt.Sprintf("%s-%s-%d-%x.gob", strings.TrimSuffix(filepath.Base(path), ".yaml"), view, seed, h.Sum64()))
	if f, err := os.Open(file); err == nil {
		defer f.Close()
		w := new(world)
		if err := gob.NewDecoder(f).Decode(w); err == nil {
			return w, nil
		}
	}
	sc, err := simulate.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	w, err := surveyOf(sc, view, seed)
	if err != nil {
		return nil, err
	}
	w.Name = fmt.Sprintf("%s@%s:%d", path, view, seed)
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return w, gob.NewEncoder(f).Encode(w)
}

// thisProgram returns a hash of the running program: other code, other rows.
var thisProgram = sync.OnceValues(func() ([]byte, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
})

// vary draws the make of a world, so that a fit does not learn the habits of a few scenarios.
func vary(sc *simulate.Scenario, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0x5eed))
	between := func(a, b float64) float64 { return a + (b-a)*rng.Float64() }
	factor := func(x float64) float64 { return x * math.Exp(between(-1.2, 1.2)) }
	sc.Name = fmt.Sprintf("%s-%d", sc.Name, seed)
	sc.Hosts = int(math.Exp(between(math.Log(15), math.Log(250))))
	sc.Length = time.Duration(between(0.4, 3)*24) * time.Hour
	sc.Activity *= between(0.3, 1)
	sc.Sensor.Identity = rng.IntN(2) == 0
	sc.Sensor.Unsigned = between(0, 0.3)
	sc.Sensor.Names = []float64{0, 0.5, 1, 1}[rng.IntN(4)]
	sc.Sensor.TLS = rng.IntN(3) == 0
	for _, m := range []map[string]float64{sc.Fleet, sc.Tools, sc.PerHost} {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			m[k] = factor(m[k])
		}
	}
	sc.PerHost["rare-poller"] = between(0, 0.5)
	sc.Rare = simulate.Rare{Signed: between(0.5, 0.95), Program: between(0.4, 0.95), Old: between(0.6, 1)}
	in := &sc.Implants
	in.Injected, in.New, in.Signed, in.Program = between(0, 0.5), between(0.2, 1), between(0, 0.4), between(0.05, 0.5)
	in.Fronted, in.Raw, in.Failover, in.Campaign, in.Troubled = between(0, 0.3), between(0, 0.6), between(0, 0.3), between(0, 0.3), between(0, 0.3)
	in.Rows = nil
	kinds := slices.Sorted(maps.Keys(in.Frameworks))
	for _, k := range kinds {
		in.Frameworks[k] = 0
	}
	for range max(6, sc.Hosts/8) {
		in.Frameworks[kinds[rng.IntN(len(kinds))]]++
	}
}

// capture scans a folder of a real capture with its labels.json. What has no label there is
// benign.
func capture(path string) (*world, error) {
	truth, err := worlds.Labels(path)
	if err != nil {
		return nil, err
	}
	all, err := filter.Compile(filter.Config{})
	if err != nil {
		return nil, err
	}
	m := evaluate.NewMatcher(truth)
	w := &world{Name: path, Truth: m.Truth()}
	list, problems := files.Expand([]string{path})
	_, err = scan.Run(context.Background(), scan.Options{
		Files: list, Problems: problems, Formats: sources.Formats,
		Options: detect.Options{
			Filter: all, Params: beacon.DefaultParams(), Runs: detect.Runs{Mode: detect.Schedule, Every: 86400},
			Rank: &detect.Rank{Filter: all, Lookback: 7 * 86400, MaxFalse: 0.05, Model: rank.Default()},
		},
	}, func(r *finding.Result) error {
		if r.Row == nil || !r.Row.Found {
			return nil
		}
		s := worlds.SubjectOf(r.Group.Fields, r.Group.Values)
		s.Domain, s.IP, s.Port = r.Row.Domain, r.Row.Address.String(), int(r.Row.Port)
		v := m.Match(s)
		w.Facts = append(w.Facts, *r.Row.Facts)
		w.Shows = append(w.Shows, v.Implants)
		w.Skip = append(w.Skip, v.Undecided)
		w.Names = append(w.Names, fmt.Sprintf("%s %s -> %s", strings.Join(r.Group.Values, ", "), s.Domain, s.IP))
		return nil
	})
	return w, err
}

// surveyOf makes a world and surveys it. In the view "pairs" it is seen by a sensor on the
// network: addresses, neither processes nor names. In the view "vary" much of it is drawn anew.
func surveyOf(sc *simulate.Scenario, view string, seed uint64) (*world, error) {
	switch view {
	case "vary":
		vary(sc, seed)
	case "pairs":
		worlds.SeeFromNetwork(sc)
	}
	start := time.Now()
	calls, err := worlds.NewCalls()
	if err != nil {
		return nil, err
	}
	var last int64 // of the calls that are ranked
	events := 0
	truth, err := sc.Run(seed, func(e *event.Event) error {
		events++
		if _, ok := calls.Add(e); ok {
			last = max(last, e.TimeNanos)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	made := time.Since(start)
	start = time.Now()
	s, err := calls.Survey(survey.Config{
		EndNanos: last, LookbackNanos: 7 * 86400 * 1e9, MaxFalse: 0.05, Model: rank.Default(),
	})
	if err != nil {
		return nil, err
	}
	w := worldOf(s, truth)
	fmt.Fprintf(os.Stderr, "seed %d: %d events in %s; %d rows timed in %s, %d found\n", seed, events, made.Round(time.Millisecond), s.Tested, time.Since(start).Round(time.Millisecond), len(s.Found))
	return w, nil
}

func worldOf(s *survey.Survey, truth *labels.File) *world {
	if strings.HasPrefix(truth.Dataset, "bot-") { // each of its servers is to be found
		for i := range truth.Labels {
			truth.Labels[i].Implant = ""
		}
	}
	m := evaluate.NewMatcher(truth)
	w := &world{Truth: m.Truth(), Tested: s.Tested}
	for i := range s.Found {
		g := &s.Found[i]
		subject := worlds.SubjectOfSighting(g)
		v := m.Match(subject)
		w.Facts = append(w.Facts, g.Facts)
		w.Shows = append(w.Shows, v.Implants)
		w.Skip = append(w.Skip, v.Undecided)
		w.Names = append(w.Names, fmt.Sprintf("%s, %s -> %s", g.Facts.HostName, g.Facts.ProcessName, subject.Domain+" "+subject.IP))
	}
	return w
}

func dataOf(worlds []*world) fit.Data {
	var d fit.Data
	for n, w := range worlds {
		rows := map[string]float64{}
		for i := range w.Facts {
			for _, name := range w.Shows[i] {
				rows[name]++
			}
		}
		for i := range w.Facts {
			if w.Skip[i] {
				continue
			}
			weight := 1.0
			if shows := w.Shows[i]; len(shows) > 0 {
				weight = 1 / rows[shows[0]]
			}
			d.Levels = rank.Levels(&w.Facts[i], d.Levels)
			d.Positive = append(d.Positive, len(w.Shows[i]) > 0)
			d.Weight = append(d.Weight, weight)
			d.World = append(d.World, n)
		}
	}
	return d
}

// A sum adds up how well a model ranks the rows of worlds of one kind.
type sum struct {
	kind                     string
	n                        int
	ap, top20, top50, top100 float64
	found, implants, rows    int
}

// judge says how well a model ranks the rows of worlds that have implants.
func judge(m *rank.Model, worlds []*world) []*sum {
	sums := map[string]*sum{}
	for _, w := range worlds {
		var rows []evaluate.Row
		for i := range w.Facts {
			if !w.Skip[i] {
				rows = append(rows, evaluate.Row{Name: w.Names[i], Score: m.Score(m.Points(&w.Facts[i])), Implants: w.Shows[i]})
			}
		}
		if len(w.Truth.Implants) == 0 {
			continue
		}
		r, err := evaluate.Rows(rows, w.Truth)
		if err != nil {
			fmt.Println(err)
			continue
		}
		if verbose {
			for _, i := range r.Missed {
				fmt.Printf("    missed %s: %s %s, period %.0f s, jitter %.2f\n", w.Name, i.Name, i.Framework, i.Period, i.Jitter)
			}
			for _, f := range r.TopFalse {
				fmt.Printf("    false %s: %.1f %s\n", w.Name, f.Score, f.Name)
			}
		}
		kind, _, _ := strings.Cut(filepath.Base(w.Name), ":")
		s := sums[kind]
		if s == nil {
			s = &sum{kind: strings.TrimSuffix(kind, "@")}
			sums[kind] = s
		}
		s.n++
		s.ap += float64(r.AveragePrecision)
		s.found += r.Found
		s.implants += len(w.Truth.Implants)
		s.rows += len(rows)
		for _, t := range r.Top {
			switch t.Rows {
			case 20:
				s.top20 += float64(t.Recall)
			case 50:
				s.top50 += float64(t.Recall)
			case 100:
				s.top100 += float64(t.Recall)
			}
		}
	}
	var all []*sum
	for _, k := range slices.Sorted(maps.Keys(sums)) {
		s := sums[k]
		all = append(all, s)
		n := float64(s.n)
		fmt.Printf("  %-24s %d worlds: average precision %.4f, top 20 %.3f, top 50 %.3f, top 100 %.3f; found %d of %d in %d rows\n",
			s.kind, s.n, s.ap/n, s.top20/n, s.top50/n, s.top100/n, s.found, s.implants, s.rows)
	}
	return all
}
