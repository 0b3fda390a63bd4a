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
	"encoding/gob"
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fresnel/internal/beacon"
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
	"fresnel/internal/timeline"
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
	held := flag.String("held", "", "worlds to judge by")
	cache := flag.String("cache", "build/fit", "`folder` for the rows of worlds")
	out := flag.String("out", "", "write the model to this `file`")
	report := flag.Bool("report", false, "what each piece is worth when it is left out")
	prior := flag.String("prior", "bench/fit/prior.yaml", "`file` of the points where the worlds are silent")
	l2 := flag.Float64("l2", 1, "weight of the squares of the points")
	maxStep := flag.Float64("max-step", 0, "bound of the step from a level to the next")
	loss := flag.String("loss", "top", "top or logistic")
	flag.BoolVar(&verbose, "v", false, "name what is missed")
	flag.Parse()
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
		perLogit = 4 // points of a factor of e in the odds
		scale    = 12 // of the score: a third as steep as the odds, so that it spreads

		// An implant is one row of thousands in the worlds, and hardly any row would be likelier
		// one than not: the score is that of an analyst who has a hundred times as much reason to look.
		reason = 4.6
	)
	for i, p := range pieces {
		if p.Name == "timing" { // rows without a timer are not among those that are fitted
			for j, l := range p.Levels {
				if l.Side == rank.Against {
					w.Points[i][j] = hand[i][j]
				}
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
	if *report {
		lines, err := fit.LeaveOut(pieces, data, test, opts)
		if err != nil {
			return err
		}
		for _, l := range lines {
			fmt.Printf("%-22s %.4f  %+.4f\n", l.Piece, l.AveragePrecision, l.AveragePrecision-lines[0].AveragePrecision)
		}
	}
	if *out == "" {
		return nil
	}
	var b bytes.Buffer
	header := fmt.Sprintf("Fitted by: go run ./bench/fit -train %s -l2 %g -max-step %g -loss %s\nDo not edit: set rank.weights instead.", *train, *l2, *maxStep, *loss)
	if err := m.WriteYAML(&b, header); err != nil {
		return err
	}
	return os.WriteFile(*out, b.Bytes(), 0o644)
}

// doubts say how much less than other pieces the simulated worlds can teach about some: what
// periods, jitters and sizes implants have is the operator's choice, and what a simulator draws is
// its author's.
var doubts = map[string]float64{
	"jitter": 30, "period": 60, "regimes": 100, "failed": 100, "balance": 100, "missed": 30, "siblings": 30, "payload": 10,
	"kind": 10, "hours": 5, "sent_spread": 5, "received_spread": 5, "span": 5, "callbacks": 3, "lasting": 3, "port": 3,
	"parent": 5, "script_host": 5,
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
		a, b, _ := strings.Cut(seeds, "-")
		first, err := strconv.Atoi(a)
		if err != nil {
			return nil, err
		}
		last := first
		if b != "" {
			if last, err = strconv.Atoi(b); err != nil {
				return nil, err
			}
		}
		for seed := first; seed <= last; seed++ {
			file, view, _ := strings.Cut(path, "@")
			jobs = append(jobs, func() (*world, error) { return cached(file, view, uint64(seed), cache) })
		}
	}
	worlds := make([]*world, len(jobs))
	errs := make([]error, len(jobs))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(jobs); i = int(next.Add(1)) - 1 {
				worlds[i], errs[i] = jobs[i]()
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return worlds, nil
}

// cached returns the rows of a world, from the cache when the scenario and the program are
// the same as when it was written.
func cached(path, view string, seed uint64, cache string) (*world, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	h := fnv.New64a()
	h.Write(text)
	if exe, err := os.ReadFile(os.Getenv("FIT_KEY")); err == nil {
		h.Write(exe)
	}
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
	f, err := os.Open(filepath.Join(path, "labels.json"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	truth, err := labels.Read(f)
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
		Files: list, Problems: problems, Formats: sources.Formats, Filter: all, Params: beacon.DefaultParams(),
		Runs: scan.Runs{Mode: scan.Schedule, Every: 86400},
		Rank: &scan.Rank{Filter: all, Lookback: 7 * 86400, MaxFalse: 0.05, Model: rank.Default()},
	}, func(r *finding.Result) error {
		if r.Row == nil || !r.Row.Found {
			return nil
		}
		s := evaluate.Subject{Domain: r.Row.Domain, IP: r.Row.Address.String(), Port: int(r.Row.Port)}
		for i, f := range r.Group.Fields {
			switch f {
			case event.HostName:
				s.Host = r.Group.Values[i]
			case event.ProcessName:
				s.Process = r.Group.Values[i]
			case event.SourceIP:
				s.Source = r.Group.Values[i]
			}
		}
		v := m.Match(s)
		w.Facts = append(w.Facts, *r.Row.Facts)
		w.Shows = append(w.Shows, v.Implants)
		w.Skip = append(w.Skip, v.Undecided)
		w.Names = append(w.Names, fmt.Sprintf("%s %s -> %s", strings.Join(r.Group.Values, ", "), s.Domain, s.IP))
		return nil
	})
	return w, err
}

// groupKeys groups as a scan does by default.
type groupKeys struct{}

func (groupKeys) fields(e *event.Event) []event.Field {
	if e.ProcessName != "" {
		return []event.Field{event.HostName, event.ProcessName}
	}
	return []event.Field{event.SourceIP, event.DestinationIP}
}

func (k groupKeys) AppendKey(dst []byte, e *event.Event) []byte {
	for _, f := range k.fields(e) {
		dst = e.AppendKey(dst, f)
	}
	return dst
}

// surveyOf makes a world and surveys it. In the view "pairs" it is seen by a sensor on the
// network: addresses, neither processes nor names. In the view "vary" much of it is drawn anew.
func surveyOf(sc *simulate.Scenario, view string, seed uint64) (*world, error) {
	switch view {
	case "vary":
		vary(sc, seed)
	case "pairs":
		sc.Sensor.View, sc.Sensor.Identity, sc.Sensor.Names = simulate.ViewNetwork, false, 0
	}
	start := time.Now()
	keep, err := filter.Compile(filter.Default().Remote())
	if err != nil {
		return nil, err
	}
	var (
		collector survey.Collector
		batch     timeline.Batch
		keys      groupKeys
		last      int64
		events    int
		table     = timeline.NewTable(0)
	)
	truth, err := sc.Run(seed, func(e *event.Event) error {
		events++
		if !keep.Keeps(e) {
			return nil
		}
		last = max(last, e.TimeNanos)
		var hash uint64
		for _, f := range keys.fields(e) {
			hash, _ = e.Hash(hash, f)
		}
		collector.Add(&batch, e, hash, keys)
		if batch.Len() >= 4096 {
			table.Apply(&batch)
			batch.Reset()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	table.Apply(&batch)
	made := time.Since(start)
	start = time.Now()
	s, err := survey.Run(context.Background(), []*timeline.Table{table}, survey.Config{
		EndNanos: last, LookbackNanos: 7 * 86400 * 1e9, MaxFalse: 0.05, Model: rank.Default(), Workers: 1,
		Parallel: func(n int, f func(worker, i int)) {
			for i := range n {
				f(0, i)
			}
		},
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
		subject := evaluate.Subject{Host: g.Facts.HostName, Process: g.Facts.ProcessName, Domain: g.Domain, Port: int(g.Port)}
		if g.Address != (netip.Addr{}) {
			subject.IP = g.Address.String()
		}
		if g.Facts.ProcessName == "" {
			subject.Host, subject.Source = "", g.Source.String()
		}
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

// judge says how well a model ranks the rows of worlds.
func judge(m *rank.Model, worlds []*world) {
	type sum struct {
		n                           int
		ap, top20, top50, top100    float64
		found, implants, rows, bads int
	}
	sums := map[string]*sum{}
	for _, w := range worlds {
		var rows []evaluate.Row
		for i := range w.Facts {
			if !w.Skip[i] {
				rows = append(rows, evaluate.Row{Name: w.Names[i], Score: m.Score(m.Points(&w.Facts[i])), Implants: w.Shows[i]})
			}
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
			s = &sum{}
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
	var kinds []string
	for k := range sums {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	for _, k := range kinds {
		s := sums[k]
		n := float64(s.n)
		fmt.Printf("  %-24s %d worlds: average precision %.4f, top 20 %.3f, top 50 %.3f, top 100 %.3f; found %d of %d in %d rows\n",
			k, s.n, s.ap/n, s.top20/n, s.top50/n, s.top100/n, s.found, s.implants, s.rows)
	}
}
