package httpapi

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/maphash"
	"maps"
	"math"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"fresnel/internal/jsonlines"
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

// finding returns what is read of a finding, whose group has a hash.
func (r *reader) finding(f *store.Finding, group uint64) (read, error) {
	id, err := idOf(f)
	if err != nil {
		return read{}, err
	}
	facts, err := r.read(f)
	return read{id, group, f.Score, facts}, err
}

func badDocument(f *store.Finding, err error) error {
	return fmt.Errorf("finding %s of the run at %s: %w", f.ID, rfc3339(f.RunEnd), err)
}

// A findingID is the id of a document.
type findingID [32]byte

func (id findingID) String() string { return hex.EncodeToString(id[:]) }

// head returns the first bytes as a number.
func (id findingID) head() uint64 { return binary.BigEndian.Uint64(id[:]) }

func idOf(f *store.Finding) (id findingID, err error) {
	if n, err := hex.Decode(id[:], []byte(f.ID[:min(len(f.ID), 2*len(id))])); err != nil || n != len(id) || len(f.ID) > 2*len(id) {
		return id, badDocument(f, fmt.Errorf("id: got %s, want 64 hexadecimal digits", quote(f.ID)))
	}
	return id, nil
}

// An entry is the facts of a finding in little memory. Texts are numbers of a book; a number that
// is missing is -1, also the score.
type entry struct {
	group  uint32 // number of the group and destination
	caseID uint32
	parties
	score, period, jitter  float64
	id                     findingID // what all are gone over for stands before it, in one line of the processor's cache
	timestamp, first, last int64
	callbacks, nonEmpty    int32
	tests                  int8
}

// Parties are who called, and what.
type parties struct {
	hostName, source, process, domain, address, target uint32
}

// host is the name of a host or, where it has none, its address.
func (p *parties) host() uint32 { return cmp.Or(p.hostName, p.source) }

// hostField is the field of documents that holds the host.
func (p *parties) hostField() string {
	if p.hostName == 0 {
		return "source.ip"
	}
	return "host.name"
}

// destination is a name or, where there is none, an address.
func (p *parties) destination() uint32 { return cmp.Or(p.domain, p.address, p.target) }

// A book gives numbers to texts and to groups with their destinations, which of both begin with 0: that
// of the empty text. What has a number keeps it.
type book struct {
	numbers map[string]uint32
	texts   []string // by number; those that are there do not change
	groups  map[uint64]uint32
}

func newBook() *book {
	return &book{numbers: map[string]uint32{"": 0}, texts: []string{""}, groups: map[uint64]uint32{}}
}

// number returns the number of a text.
func (b *book) number(text string) uint32 {
	if n, ok := b.numbers[text]; ok {
		return n
	}
	n := uint32(len(b.texts))
	b.numbers[text] = n
	b.texts = append(b.texts, text)
	return n
}

// group returns the number of a group and destination by its hash.
func (b *book) group(hash uint64) uint32 {
	n, ok := b.groups[hash]
	if !ok {
		n = uint32(len(b.groups))
		b.groups[hash] = n
	}
	return n
}

// entry sets e to what was read.
func (b *book) entry(e *entry, one *read) {
	f := &one.facts
	*e = entry{
		id: one.id, group: b.group(one.group), score: one.score, period: f.period.orNone(), jitter: f.jitter.orNone(),
		timestamp: f.timestamp, first: f.first, last: f.last, callbacks: int32(f.callbacks.orNone()), tests: int8(f.tests.orNone()), nonEmpty: int32(f.nonEmpty.orNone()),
		caseID: b.number(f.caseID),
		parties: parties{
			hostName: b.number(f.hostName), source: b.number(f.source), process: b.number(f.process),
			domain: b.number(f.domain), address: b.number(f.address), target: b.number(f.target),
		},
	}
}

// entries are the entries of a run, in the order in which its findings were saved, and in columns of
// their own what a few are looked for by among all of them: entries are thirty times as much to read.
type entries struct {
	all    []entry
	groups []uint32 // numbers of groups with their destinations
	heads  []uint64 // of the ids
}

func (b *book) entries(all []read) entries {
	out := entries{make([]entry, len(all)), make([]uint32, len(all)), make([]uint64, len(all))}
	for i := range all {
		e := &out.all[i]
		b.entry(e, &all[i])
		out.groups[i], out.heads[i] = e.group, e.id.head()
	}
	return out
}

// find returns the place of an id; -1 where it is not there.
func (e *entries) find(id findingID) int {
	head := id.head()
	for i, h := range e.heads {
		if h == head && e.all[i].id == id {
			return i
		}
	}
	return -1
}

// A runIndex is what is kept of the findings of one run.
type runIndex struct {
	version [3]int64 // of the run: another one may replace it
	entries
	docs *pack // the documents of the entries; nil where there was no room for them
	used int64 // when, by the counter of the index
}

func versionOf(r *store.Run) [3]int64 {
	return [3]int64{r.StartedAt.UnixNano(), r.FinishedAt.UnixNano(), r.Findings}
}

// An index keeps the facts of findings, run by run, so that documents need not be read for
// what lists are ordered, grouped and mostly filtered by: a run does not change. What is not
// there is read when it is first asked for; of too much, the runs that were not asked for
// longest are forgotten. The documents of the newest runs are kept as well, packed. It is safe for
// concurrent use.
type index struct {
	runs       store.Runs
	seed       maphash.Seed
	most       int // entries
	mostPacked int // bytes of packed documents

	loading chan struct{} // held while runs are read, so that each is read once
	readers []*reader     // used by who holds loading; runs are read side by side

	mu     sync.Mutex // guards what follows, and what is in the book
	byEnd  map[int64]*runIndex
	size   int // entries
	packed int // bytes of packed documents
	uses   int64
	book   *book // of the entries

	shelf shelf // has a lock of its own
}

func newIndex(runs store.Runs, most int) *index {
	x := &index{runs: runs, seed: maphash.MakeSeed(), most: most, mostPacked: packedBytes, loading: make(chan struct{}, 1)}
	for range runtime.GOMAXPROCS(0) {
		x.readers = append(x.readers, newReader())
	}
	x.forget()
	return x
}

// forget empties x. mu is held, or x is new.
func (x *index) forget() {
	x.byEnd, x.size, x.packed, x.book = map[int64]*runIndex{}, 0, 0, newBook()
}

// begin returns the book of a look, whose entries are all of it.
func (x *index) begin() *book {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.book.texts) > 2*x.most || len(x.book.groups) > 2*x.most { // of runs that are no longer there
		x.forget()
	}
	return x.book
}

func (x *index) groupOf(group string) uint64 { return maphash.String(x.seed, group) }

// groupNumber returns the number in a book of a group with its destination, by their hash; ok is false where no
// entry has it.
func (x *index) groupNumber(b *book, hash uint64) (n uint32, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n, ok = b.groups[hash]
	return n, ok
}

// loadTogether is how many findings of runs that follow each other are read at once: asking for
// the findings of a run costs the store more than reading some hundreds of them.
const loadTogether = 20_000

// of returns the entries of the first of some runs, the newest first, and the texts that their
// numbers in a book stand for. The others are all runs between the first and the last of them: they
// may be read as well, as they are asked for next.
func (x *index) of(ctx context.Context, b *book, runs []store.Run) (entries, []string, error) {
	if all, texts, ok := x.have(b, &runs[0]); ok {
		return all, texts, nil
	}
	select {
	case x.loading <- struct{}{}:
		defer func() { <-x.loading }()
	case <-ctx.Done():
		return entries{}, nil, ctx.Err()
	}
	if all, texts, ok := x.have(b, &runs[0]); ok {
		return all, texts, nil
	}
	runs = x.missing(b, runs)
	read, err := x.read(ctx, runs)
	if err != nil {
		return entries{}, nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if b != x.book { // which was begun anew since
		return b.entries(read[runs[0].End].findings), b.texts, nil
	}
	for i := range slices.Backward(runs) { // the first is used last, and forgotten last
		if all, ok := read[runs[i].End]; ok {
			x.keep(&runs[i], all)
		}
	}
	return x.byEnd[runs[0].End].entries, b.texts, nil
}

// missing returns the first runs that are not there, as many as are read at once.
func (x *index) missing(b *book, runs []store.Run) []store.Run {
	size := runs[0].Findings
	n := 1
	for ; n < len(runs) && size+runs[n].Findings <= min(loadTogether, int64(x.most)); n++ {
		if _, _, ok := x.have(b, &runs[n]); ok {
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

// A runRead is what is read of one run.
type runRead struct {
	findings []read
	packer
}

// read returns what there is of runs that follow each other, the newest first, by their ends. Many
// are read side by side.
func (x *index) read(ctx context.Context, runs []store.Run) (map[int64]*runRead, error) {
	parts := partsOf(runs, len(x.readers))
	all := make([]map[int64]*runRead, len(parts))
	g, ctx := errgroup.WithContext(ctx)
	for i, part := range parts {
		g.Go(func() (err error) {
			all[i], err = x.readPart(ctx, x.readers[i], part, i == 0)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, part := range all[1:] {
		maps.Copy(all[0], part)
	}
	return all[0], nil
}

// leastApart is how many findings are worth being read apart from others.
const leastApart = 2000

// partsOf splits runs into at most so many parts with about as many findings each.
func partsOf(runs []store.Run, most int) [][]store.Run {
	size := int64(0)
	for i := range runs {
		size += runs[i].Findings
	}
	n := min(int64(most), size/leastApart)
	var parts [][]store.Run
	for part, sum, i := int64(1), int64(0), 0; i < len(runs) && part < n; i++ {
		if sum += runs[i].Findings; sum*n >= size*part && i+1 < len(runs) {
			parts = append(parts, runs[:i+1])
			runs, i = runs[i+1:], -1
			part++
		}
	}
	return append(parts, runs)
}

// readPart is read with one reader. Of more findings than the index may have, whole runs are left
// out, and findings of the first, which whoever asks for it wants.
func (x *index) readPart(ctx context.Context, reader *reader, runs []store.Run, wanted bool) (map[int64]*runRead, error) {
	byEnd := map[int64]*runRead{}
	for i := range runs {
		byEnd[runs[i].End] = &runRead{}
	}
	var failed error
	n := 0
	newest, oldest := runs[0].End, runs[len(runs)-1].End
	err := x.runs.FindingsIn(ctx, oldest, newest, func(f *store.Finding) bool {
		if n++; n > x.most+1 {
			for end := range byEnd {
				if end <= f.RunEnd && (end != newest || !wanted) {
					delete(byEnd, end)
				}
			}
			return false
		}
		one, err := reader.finding(f, x.groupOf(f.Group))
		failed = err
		run := byEnd[f.RunEnd]
		if run == nil { // it has come since
			run = &runRead{}
			byEnd[f.RunEnd] = run
		}
		run.findings = append(run.findings, one)
		run.add(f)
		return failed == nil
	})
	return byEnd, cmp.Or(failed, err)
}

// keep makes entries of what was read of a run. mu is held.
func (x *index) keep(r *store.Run, all *runRead) {
	x.drop(r.End)
	x.makeRoom(len(all.findings))
	run := &runIndex{version: versionOf(r), entries: x.book.entries(all.findings), docs: all.pack()}
	x.uses++
	run.used = x.uses
	x.byEnd[r.End] = run
	x.size += len(run.all)
	x.packed += run.docs.bytes
	for x.packed > x.mostPacked {
		x.unpack()
	}
}

// unpack gives up the documents of the oldest run that has some: the newest are asked for most. mu
// is held.
func (x *index) unpack() {
	var oldest *runIndex
	first := int64(math.MaxInt64)
	for end, run := range x.byEnd {
		if run.docs != nil && end < first {
			oldest, first = run, end
		}
	}
	x.packed -= oldest.docs.bytes
	oldest.docs = nil
}

// finding returns the finding at a place of a run as the store has it; nil when it is not there.
func (x *index) finding(end int64, place int, id findingID) (*store.Finding, error) {
	x.mu.Lock()
	run := x.byEnd[end]
	x.mu.Unlock()
	if run == nil || place >= len(run.all) || run.all[place].id != id {
		return nil, nil
	}
	return x.unpacked(end, run, place)
}

// unpacked returns the finding at a place of a run; nil when its document had no room.
func (x *index) unpacked(end int64, run *runIndex, place int) (*store.Finding, error) {
	x.mu.Lock()
	docs := run.docs
	x.mu.Unlock()
	if docs == nil {
		return nil, nil
	}
	doc, group, err := docs.at(place)
	if err != nil {
		return nil, err
	}
	e := &run.all[place]
	return &store.Finding{ID: e.id.String(), RunEnd: end, Group: group, Score: e.score, Doc: doc}, nil
}

// newest returns what the latest run that has an id says of it, as the store would; nil when it is in
// none of the latest runs that are here, of which none is missing: then the store knows.
func (x *index) newest(ctx context.Context, id string) (*store.Finding, error) {
	wanted, err := idOf(&store.Finding{ID: id})
	if err != nil {
		return nil, nil //nolint:nilerr // it is the id of none, which is for the store to say
	}
	x.mu.Lock()
	most := len(x.byEnd)
	x.mu.Unlock()
	runs, err := x.runs.RunsIn(ctx, firstSecond, lastSecond, most)
	if err != nil {
		return nil, err
	}
	for i := range runs {
		x.mu.Lock()
		run := x.byEnd[runs[i].End]
		x.mu.Unlock()
		if run == nil || run.version != versionOf(&runs[i]) {
			return nil, nil
		}
		if place := run.find(wanted); place >= 0 {
			return x.unpacked(runs[i].End, run, place)
		}
	}
	return nil, nil
}

func (n number) orNone() float64 {
	if !n.ok {
		return -1
	}
	return n.value
}

// have returns the entries of a run, and the texts of a book, if they are there.
func (x *index) have(b *book, r *store.Run) (entries, []string, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	run := x.byEnd[r.End]
	if run == nil || run.version != versionOf(r) || b != x.book {
		return entries{}, nil, false
	}
	x.uses++
	run.used = x.uses
	return run.entries, b.texts, true
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
		x.size -= len(run.all)
		if run.docs != nil {
			x.packed -= run.docs.bytes
		}
		delete(x.byEnd, end)
	}
}

// makeRoom makes room for so many entries.
func (x *index) makeRoom(n int) {
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

// numberOf returns the number of an entry, none of which is below 0; -1 is one that is missing.
func numberOf(f float64) number {
	if f < 0 {
		return number{}
	}
	return number{f, true}
}
