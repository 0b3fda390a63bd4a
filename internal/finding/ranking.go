package finding

import (
	"cmp"
	"slices"
	"strings"

	"fresnel/internal/event"
	"fresnel/internal/human"
)

// rankedColumns is how many columns of counts a Ranking keeps of each group, for a sparkline.
const rankedColumns = 60

// A Summary is what a scan says of itself.
type Summary struct {
	EventsRead int64 // events that the inputs held
	EventsKept int64 // events that the filter let through
	BadRecords int64 // records that could not be read
	Groups     int64 // groups that the runs saw, each counted once
	Runs       int   // windows looked at
	Findings   int64 // results that were found, over all runs

	// Of the timing model and the rank; 0 without them.
	Rows   int64 // groups and their destinations
	Timed  int64 // of these, the ones with enough callbacks to be timed, in all looks
	Hidden int64 // findings of the timing model below the least risk score

	WindowSeconds int64 // length of a window
	FirstNanos    int64 // oldest event that was kept; 0 when there is none
	LastNanos     int64 // newest event that was kept; 0 when there is none
}

// A Ranking gathers the results of several runs into one entry a group, and one more for each
// further destination that the timing model found: the best run. Its memory is bounded by the
// number of groups and found destinations. The zero value keeps no traces.
type Ranking struct {
	// Traces is how many entries at most keep their Trace, those that Fold ranks first.
	Traces int

	groups map[string]*Ranked
	traced int // groups that hold a trace
	key    []byte
}

// A Ranked is one group of a Ranking.
type Ranked struct {
	Result *Result   // of the best run: the highest risk, then one that found it, then the highest score, then the most non-empty buckets, then the latest
	Runs   int       // runs that found it
	Counts []float32 // of the best run, events per bucket in at most 60 columns, oldest first; nil without a trace
	Case   []*Ranked // what Fold put behind it
}

// Add adds what a run says of a group. It keeps nothing of r but copies.
func (k *Ranking) Add(r *Result) {
	for _, one := range Apart(r) {
		k.add(one)
	}
}

// Apart returns r and, where it has other rows, a result for each of these by itself, as
// runs make them that show no more than what they found.
func Apart(r *Result) []*Result {
	if len(r.Others) == 0 {
		return []*Result{r}
	}
	first := *r
	first.Others = nil
	all := []*Result{&first}
	for _, w := range r.Others {
		other := first
		other.Row = w.clone()
		other.Row.More = true
		all = append(all, &other)
	}
	return all
}

func (k *Ranking) add(r *Result) {
	k.key = appendIdentity(k.key[:0], &r.Group)
	if w := r.Row; w != nil && w.More {
		k.key = append(append(append(k.key, w.Domain...), 0), w.Address.AsSlice()...)
	}
	g := k.groups[string(k.key)]
	if g == nil {
		if k.groups == nil {
			k.groups = map[string]*Ranked{}
		}
		g = &Ranked{}
		k.groups[string(k.key)] = g
	}
	if r.Found() {
		g.Runs++
	}
	if g.Result != nil && !better(r, g.Result) {
		return
	}
	if g.Result != nil && g.Result.Trace != nil {
		k.traced--
	}
	c := *r
	c.Group.Fields = slices.Clone(r.Group.Fields)
	c.Group.Values = slices.Clone(r.Group.Values)
	c.Destinations = slices.Clone(r.Destinations)
	if r.Row != nil {
		c.Row = r.Row.clone()
	}
	c.Trace, g.Counts = nil, nil
	if t := r.Trace; t != nil {
		g.Counts = human.Columns(t.Counts, rankedColumns)
		if k.Traces > 0 {
			c.Trace = t.clone()
			k.traced++
		}
	}
	g.Result = &c
	// A group falls in rank but never rises without a new result, so that a trace that is
	// dropped here is never missed. Twice the number, so that sorting pays.
	if k.Traces > 0 && k.traced >= 2*k.Traces {
		k.traced = 0
		kept := map[*Result]bool{}
		for _, g := range first(Fold(k.Ranked()), k.Traces) {
			kept[g.Result] = true
		}
		for _, g := range k.groups {
			switch {
			case g.Result.Trace == nil:
			case kept[g.Result]:
				k.traced++
			default:
				g.Result.Trace = nil
			}
		}
	}
}

// better tells whether a stands for its group rather than b.
func better(a, b *Result) bool {
	if c := cmp.Compare(a.Risk(), b.Risk()); c != 0 {
		return c > 0
	}
	if a.Found() != b.Found() { // a timer is told of by the run that ends with the look
		return a.Found()
	}
	if c := cmp.Compare(a.Stats.BeaconingScore, b.Stats.BeaconingScore); c != 0 {
		return c > 0
	}
	if a.Stats.Enough != b.Stats.Enough {
		return a.Stats.Enough
	}
	// The fullest window, for a run after a beacon has ended still sees the tail of it.
	if c := cmp.Compare(a.Stats.NonEmptyBuckets, b.Stats.NonEmptyBuckets); c != 0 {
		return c > 0
	}
	return a.RunEnd >= b.RunEnd
}

// Ranked returns the groups, sorted by Compare.
func (k *Ranking) Ranked() []*Ranked {
	all := make([]*Ranked, 0, len(k.groups))
	for _, g := range k.groups {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *Ranked) int { return Compare(a.Result, b.Result) })
	return all
}

// Fold returns ranked entries, best first, with the further rows of each case behind its first
// one instead of among all. Entries that change are copies.
func Fold(ranked []*Ranked) []*Ranked {
	folded := make([]*Ranked, 0, len(ranked))
	leads := map[string]int{}
	for _, g := range ranked {
		w := g.Result.Row
		if w == nil || w.Case == "" {
			folded = append(folded, g)
			continue
		}
		i, ok := leads[w.Case]
		if !ok {
			leads[w.Case] = len(folded)
			folded = append(folded, g)
			continue
		}
		if folded[i].Case == nil {
			lead := *folded[i]
			folded[i] = &lead
		}
		folded[i].Case = append(folded[i].Case, g)
	}
	return folded
}

// Members names the further rows of g's case, each once: by the first value of their group
// that is another than g's, and by their destination where they are of g's group. The texts
// are safe.
func (g *Ranked) Members() []string {
	var names []string
	for _, m := range g.Case {
		name := m.Result.Row.Place()
		if i, differ := firstDifference(m.Result.Group, g.Result.Group); differ {
			name = human.Safe(m.Result.Group.Values[i])
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// firstDifference returns the place of the first value of a that is another in b, 0 when they
// are grouped by different fields, and whether there is one.
func firstDifference(a, b Group) (place int, ok bool) {
	if len(a.Values) == 0 {
		return 0, false
	}
	if !slices.Equal(a.Fields, b.Fields) || len(a.Values) != len(b.Values) {
		return 0, true
	}
	for i, v := range a.Values {
		if v != b.Values[i] {
			return i, true
		}
	}
	return 0, false
}

func first[T any](s []T, n int) []T { return s[:min(n, len(s))] }

// GroupLabels returns a label for each place in the values of the groups. Groups by different
// fields, as inputs with processes and inputs without make them, share places: host/source.
func GroupLabels(ranked []*Ranked) (labels []string) {
	for i := 0; ; i++ {
		var fields event.FieldSet
		for _, g := range ranked {
			if by := g.Result.Group.Fields; i < len(by) {
				fields = fields.With(by[i])
			}
		}
		if fields == 0 {
			return labels
		}
		var names []string
		for _, f := range order { // not that of the ranks
			if fields.Has(f) {
				names = append(names, Label(f))
			}
		}
		labels = append(labels, strings.Join(names, "/"))
	}
}

func (t *Trace) clone() *Trace {
	c := *t
	c.Counts = slices.Clone(t.Counts)
	c.SourceBytes = slices.Clone(t.SourceBytes)
	c.DestinationBytes = slices.Clone(t.DestinationBytes)
	c.Autocovariance = slices.Clone(t.Autocovariance)
	c.TimesNanos = slices.Clone(t.TimesNanos)
	return &c
}
