package httpapi

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"sync"
	"time"

	"fresnel/internal/jsonlines"
	"fresnel/internal/query"
	"fresnel/internal/store"
)

// facts are what lists are ordered, grouped and filtered by. Texts are empty, times are 0 and
// other numbers missing where the document has none.
type facts struct {
	hostName, source, process string
	domain, address           string // fresnel.destination
	target                    string // destination.ip
	caseID                    string
	timestamp, first, last    int64 // nanoseconds; the latter of the timing model
	period, jitter            number
	callbacks, tests          number
	nonEmpty                  number // buckets
}

// A number is a number that may be missing.
type number struct {
	value float64
	ok    bool
}

// host is the name of a host or, where it has none, its address.
func (f *facts) host() string { return cmp.Or(f.hostName, f.source) }

// hostField is the field of documents that holds the host.
func (f *facts) hostField() string {
	if f.hostName == "" {
		return "source.ip"
	}
	return "host.name"
}

// destination is a name or, where there is none, an address.
func (f *facts) destination() string { return cmp.Or(f.domain, f.address, f.target) }

// The paths that facts are read from.
const (
	slotHost = iota
	slotSource
	slotProcess
	slotDomain
	slotAddress
	slotTarget
	slotCase
	slotTimestamp
	slotFirst
	slotLast
	slotPeriod
	slotJitter
	slotCallbacks
	slotTests
	slotNonEmpty
)

var factsSchema = jsonlines.NewSchema(map[string]int{
	"host.name": slotHost, "source.ip": slotSource, "process.name": slotProcess,
	"fresnel.destination.domain": slotDomain, "fresnel.destination.ip": slotAddress, "destination.ip": slotTarget,
	"fresnel.case.id": slotCase, "@timestamp": slotTimestamp, "fresnel.timing.first": slotFirst, "fresnel.timing.last": slotLast,
	"fresnel.timing.period_s": slotPeriod, "fresnel.timing.jitter": slotJitter, "fresnel.timing.callbacks": slotCallbacks,
	"beacon_stats.beaconing_score": slotTests, "beacon_stats.non_empty_buckets": slotNonEmpty,
})

// A reader reads facts from documents, one at a time.
type reader struct {
	scanner *jsonlines.Scanner
	texts   map[string]string // so that a host of many findings is kept once
}

func newReader() *reader {
	return &reader{scanner: jsonlines.NewScanner(factsSchema), texts: map[string]string{}}
}

// maxTexts bounds the texts that are kept once.
const maxTexts = 1 << 16

func (r *reader) text(b []byte) string {
	if s, ok := r.texts[string(b)]; ok {
		return s
	}
	if len(r.texts) >= maxTexts {
		clear(r.texts)
	}
	s := string(b)
	r.texts[s] = s
	return s
}

// read returns the facts of a finding.
func (r *reader) read(f *store.Finding) (facts, error) {
	var out facts
	values, err := r.scanner.Scan(f.Doc)
	if err != nil {
		return out, badDocument(f, err)
	}
	texts := [...]*string{slotHost: &out.hostName, slotSource: &out.source, slotProcess: &out.process, slotDomain: &out.domain, slotAddress: &out.address, slotTarget: &out.target, slotCase: &out.caseID}
	times := [...]*int64{slotTimestamp: &out.timestamp, slotFirst: &out.first, slotLast: &out.last}
	numbers := [...]*number{slotPeriod: &out.period, slotJitter: &out.jitter, slotCallbacks: &out.callbacks, slotTests: &out.tests, slotNonEmpty: &out.nonEmpty}
	for _, v := range values {
		switch {
		case v.Slot < len(texts):
			*texts[v.Slot] = r.text(v.Text)
		case v.Slot < len(times):
			var t time.Time
			if t.UnmarshalText(v.Text) == nil {
				*times[v.Slot] = t.UnixNano()
			}
		default:
			n, err := strconv.ParseFloat(string(v.Text), 64)
			*numbers[v.Slot] = number{n, v.Kind == jsonlines.Number && err == nil}
		}
	}
	return out, nil
}

func badDocument(f *store.Finding, err error) error {
	return fmt.Errorf("finding %s of the run at %s: %w", f.ID, rfc3339(f.RunEnd), err)
}

// A findingID is the id of a document.
type findingID [32]byte

func (id findingID) String() string { return hex.EncodeToString(id[:]) }

func idOf(f *store.Finding) (id findingID, err error) {
	if n, err := hex.Decode(id[:], []byte(f.ID[:min(len(f.ID), 2*len(id))])); err != nil || n != len(id) || len(f.ID) > 2*len(id) {
		return id, badDocument(f, fmt.Errorf("id: got %s, want 64 hexadecimal digits", quote(f.ID)))
	}
	return id, nil
}

// An entry is the facts of a finding in little memory. Texts are numbers of an index; a number
// that is missing is -1.
type entry struct {
	id                                                         findingID
	group                                                      uint64 // hash of the group and destination
	score, period, jitter                                      float64
	timestamp, first, last                                     int64
	hostName, source, process, domain, address, target, caseID uint32
	callbacks, nonEmpty                                        int32
	tests                                                      int8
}

// A runIndex is the entries of the findings of one run, in the order in which they were saved.
type runIndex struct {
	version [3]int64 // of the run: another one may replace it
	entries []entry
	used    int64 // when, by the counter of the index
}

func versionOf(r *store.Run) [3]int64 {
	return [3]int64{r.StartedAt.UnixNano(), r.FinishedAt.UnixNano(), r.Findings}
}

// An index keeps the facts of findings, run by run, so that documents need not be read for
// what lists are ordered, grouped and mostly filtered by: a run does not change. What is not
// there is read when it is first asked for; of too much, the runs that were not asked for
// longest are forgotten. It is safe for concurrent use.
type index struct {
	runs store.Runs
	seed maphash.Seed
	most int // entries

	loading chan struct{} // held while runs are read, so that each is read once
	reader  *reader       // used by who holds loading

	mu      sync.Mutex // guards what follows
	byEnd   map[int64]*runIndex
	size    int // entries
	uses    int64
	numbers map[string]uint32
	texts   []string // by number; texts that are there do not change

	shelf shelf // has a lock of its own
}

func newIndex(runs store.Runs, most int) *index {
	x := &index{runs: runs, seed: maphash.MakeSeed(), most: most, loading: make(chan struct{}, 1), reader: newReader()}
	x.forget()
	return x
}

// forget empties x. mu is held, or x is new.
func (x *index) forget() {
	x.byEnd, x.size, x.numbers, x.texts = map[int64]*runIndex{}, 0, map[string]uint32{"": 0}, []string{""}
}

func (x *index) groupOf(group string) uint64 { return maphash.String(x.seed, group) }

// loadTogether is how many findings of runs that follow each other are read at once: asking for
// the findings of a run costs the store more than reading some hundreds of them.
const loadTogether = 20_000

// of returns the entries of the first of some runs, the newest first, and the texts that their
// numbers stand for. The others are all runs between the first and the last of them: they may
// be read as well, as they are asked for next.
func (x *index) of(ctx context.Context, runs []store.Run) ([]entry, []string, error) {
	if entries, texts, ok := x.have(&runs[0]); ok {
		return entries, texts, nil
	}
	select {
	case x.loading <- struct{}{}:
		defer func() { <-x.loading }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	if entries, texts, ok := x.have(&runs[0]); ok {
		return entries, texts, nil
	}
	runs = x.missing(runs)
	read, err := x.read(ctx, runs)
	if err != nil {
		return nil, nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range slices.Backward(runs) { // the first is used last, and forgotten last
		if all, ok := read[runs[i].End]; ok {
			x.keep(&runs[i], all)
		}
	}
	return x.byEnd[runs[0].End].entries, x.texts, nil
}

// missing returns the first runs that are not there, as many as are read at once.
func (x *index) missing(runs []store.Run) []store.Run {
	size := runs[0].Findings
	n := 1
	for ; n < len(runs) && size+runs[n].Findings <= min(loadTogether, int64(x.most)); n++ {
		if _, _, ok := x.have(&runs[n]); ok {
			break
		}
		size += runs[n].Findings
	}
	return runs[:n]
}

// A read is what is read of one finding.
type read struct {
	id    findingID
	group uint64
	score float64
	facts facts
}

// read returns what there is of runs that follow each other, the newest first, by their ends.
// Of more findings than the index may have, whole runs are left out, and findings of the first.
func (x *index) read(ctx context.Context, runs []store.Run) (map[int64][]read, error) {
	byEnd := map[int64][]read{}
	for i := range runs {
		byEnd[runs[i].End] = nil
	}
	var failed error
	n := 0
	newest, oldest := runs[0].End, runs[len(runs)-1].End
	err := x.runs.FindingsIn(ctx, oldest, newest, func(f *store.Finding) bool {
		if n++; n > x.most+1 {
			for end := range byEnd {
				if end <= f.RunEnd && end != newest {
					delete(byEnd, end)
				}
			}
			return false
		}
		one := read{group: x.groupOf(f.Group), score: f.Score}
		if one.id, failed = idOf(f); failed == nil {
			one.facts, failed = x.reader.read(f)
		}
		byEnd[f.RunEnd] = append(byEnd[f.RunEnd], one)
		return failed == nil
	})
	return byEnd, cmp.Or(failed, err)
}

// keep makes entries of what was read of a run. mu is held.
func (x *index) keep(r *store.Run, all []read) {
	x.drop(r.End)
	x.makeRoom(len(all))
	run := &runIndex{version: versionOf(r), entries: make([]entry, len(all))}
	for i := range all {
		one, f := &all[i], &all[i].facts
		run.entries[i] = entry{
			id: one.id, group: one.group, score: one.score, period: f.period.orNone(), jitter: f.jitter.orNone(),
			timestamp: f.timestamp, first: f.first, last: f.last, callbacks: int32(f.callbacks.orNone()), tests: int8(f.tests.orNone()), nonEmpty: int32(f.nonEmpty.orNone()),
			hostName: x.number(f.hostName), source: x.number(f.source), process: x.number(f.process), domain: x.number(f.domain),
			address: x.number(f.address), target: x.number(f.target), caseID: x.number(f.caseID),
		}
	}
	x.uses++
	run.used = x.uses
	x.byEnd[r.End] = run
	x.size += len(all)
}

func (n number) orNone() float64 {
	if !n.ok {
		return -1
	}
	return n.value
}

// have returns the entries of a run if they are there.
func (x *index) have(r *store.Run) ([]entry, []string, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	run := x.byEnd[r.End]
	if run == nil || run.version != versionOf(r) {
		return nil, nil, false
	}
	x.uses++
	run.used = x.uses
	return run.entries, x.texts, true
}

// forgetBefore forgets the runs whose end is before the given one.
func (x *index) forgetBefore(beforeEnd int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.shelf.dropBefore(beforeEnd)
	for end := range x.byEnd {
		if end < beforeEnd {
			x.drop(end)
		}
	}
}

func (x *index) drop(end int64) {
	x.shelf.drop(end)
	if run := x.byEnd[end]; run != nil {
		x.size -= len(run.entries)
		delete(x.byEnd, end)
	}
}

// makeRoom makes room for so many entries.
func (x *index) makeRoom(n int) {
	if len(x.texts) > 2*x.most { // of runs that are no longer there
		x.forget()
	}
	if x.size+n <= x.most {
		return
	}
	var ends []int64
	for end := range x.byEnd {
		ends = append(ends, end)
	}
	slices.SortFunc(ends, func(a, b int64) int { return cmp.Compare(x.byEnd[a].used, x.byEnd[b].used) })
	for _, end := range ends {
		if x.drop(end); x.size+n <= x.most*9/10 { // some more, so that this is rare
			break
		}
	}
}

// number returns the number of a text. mu is held.
func (x *index) number(text string) uint32 {
	if n, ok := x.numbers[text]; ok {
		return n
	}
	n := uint32(len(x.texts))
	x.numbers[text] = n
	x.texts = append(x.texts, text)
	return n
}

// facts sets f to what e stands for, in its place: lists look at very many.
func (e *entry) facts(f *facts, texts []string) {
	f.hostName, f.source, f.process = texts[e.hostName], texts[e.source], texts[e.process]
	f.domain, f.address, f.target, f.caseID = texts[e.domain], texts[e.address], texts[e.target], texts[e.caseID]
	f.timestamp, f.first, f.last = e.timestamp, e.first, e.last
	f.period, f.jitter = numberOf(e.period), numberOf(e.jitter)
	f.callbacks, f.tests, f.nonEmpty = numberOf(float64(e.callbacks)), numberOf(float64(e.tests)), numberOf(float64(e.nonEmpty))
}

// numberOf returns the number of an entry, none of which is below 0; -1 is one that is missing.
func numberOf(f float64) number {
	if f < 0 {
		return number{}
	}
	return number{f, true}
}

// indexedFields are the fields that facts answer for as documents do, and whether they are
// texts, of which a query may ask for a part.
var indexedFields = map[string]bool{
	"host.name": true, "process.name": true, "fresnel.destination.domain": true, "fresnel.case.id": true,
	"source.ip": true, "destination.ip": true, "fresnel.destination.ip": true,
	"event.risk_score": false, "fresnel.timing.period_s": false, "fresnel.timing.jitter": false, "fresnel.timing.callbacks": false,
	"beacon_stats.beaconing_score": false, "beacon_stats.non_empty_buckets": false, "@timestamp": false, "fresnel.timing.first": false, "fresnel.timing.last": false, "fresnel.run.end": false,
}

// factsFor returns the fields of facts that n asks for; ok is false when these do not tell if a
// document matches n.
func factsFor(n query.Node) (fields []string, ok bool) {
	field := func(p query.Pattern, value query.Pattern) bool {
		name, ok := p.Literal()
		isText, known := indexedFields[string(name)]
		if !slices.Contains(fields, string(name)) {
			fields = append(fields, string(name))
		}
		return ok && known && (isText || len(value) < 2)
	}
	var known func(n query.Node) bool
	all := func(nodes []query.Node) bool {
		return !slices.ContainsFunc(nodes, func(n query.Node) bool { return !known(n) })
	}
	known = func(n query.Node) bool {
		switch n := n.(type) {
		case query.All:
			return true
		case query.And:
			return all(n.Nodes)
		case query.Or:
			return all(n.Nodes)
		case query.Not:
			return known(n.Node)
		case query.Is:
			return field(n.Field, n.Value)
		case query.Range:
			return field(n.Field, nil)
		case query.Exists:
			return field(n.Field, nil)
		}
		return false
	}
	ok = known(n)
	return fields, ok
}

// appendDocument appends a document of some fields of these facts alone, for queries of them: to
// write all would take most of the time.
func (f *facts) appendDocument(dst []byte, fields []string, score float64, runEnd int64) []byte {
	dst = append(dst, '{')
	wanted := func(name string) bool { return slices.Contains(fields, name) }
	key := func(name string) {
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), name...), `":`...)
	}
	for _, one := range [...]struct{ name, value string }{
		{"host.name", f.hostName}, {"source.ip", f.source}, {"process.name", f.process}, {"fresnel.destination.domain", f.domain},
		{"fresnel.destination.ip", f.address}, {"destination.ip", f.target}, {"fresnel.case.id", f.caseID},
	} {
		if one.value != "" && wanted(one.name) {
			key(one.name)
			dst = appendText(dst, one.value)
		}
	}
	for _, one := range [...]struct {
		name  string
		value number
	}{
		{"event.risk_score", number{score, score >= 0}}, {"fresnel.timing.period_s", f.period}, {"fresnel.timing.jitter", f.jitter},
		{"fresnel.timing.callbacks", f.callbacks}, {"beacon_stats.beaconing_score", f.tests}, {"beacon_stats.non_empty_buckets", f.nonEmpty},
	} {
		if one.value.ok && wanted(one.name) {
			key(one.name)
			dst = strconv.AppendFloat(dst, one.value.value, 'f', -1, 64)
		}
	}
	for _, one := range [...]struct {
		name  string
		nanos int64
	}{{"@timestamp", f.timestamp}, {"fresnel.timing.first", f.first}, {"fresnel.timing.last", f.last}, {"fresnel.run.end", runEnd * 1e9}} {
		if one.nanos != 0 && wanted(one.name) {
			key(one.name)
			dst = append(time.Unix(0, one.nanos).UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
		}
	}
	return append(dst, '}')
}
