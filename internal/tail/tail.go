// Package tail follows files as they grow: logs that are rotated, folders in which archives
// come to lie. Each line becomes an event once, over restarts and crashes too, because how
// far a file was read is stored together with its events.
//
// A text is known by its beginning, not by its name: a file that begins with the bytes that
// were read of another is that other, renamed, copied or compressed, and reading goes on
// where it ended.
//
// Lines are missed where they are nowhere to be found: when a file is copied and truncated,
// those written between the two; when it is deleted, or renamed to what is not among the paths
// and then compressed, those written since the last look, unless it was kept open; when it has
// lost its end in a power failure, those written before it is seen to. They come twice where a
// log is copied while it has less than 4 KiB and grows before the copy is seen.
//
// The names that some logs of Zeek give the connections of another are best effort. Those are
// read first, and connections a round later than they could be; names that are older than the
// beginning of a log, or stand long before its end at a restart, are not known.
package tail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"fresnel/internal/files"
	"fresnel/internal/source"
	"fresnel/internal/store"
)

// DefaultPollEvery is how often files are looked at when nothing else is said.
const DefaultPollEvery = time.Second

// Options say what is followed and where its events go.
type Options struct {
	Name      string          // of the input, in messages and in the names of its marks
	Paths     []string        // files, folders with all below them, and patterns; none need be there yet
	Format    string          // the word for the input, such as "zeek" or "delimited:NAME"; "" to tell by each file
	Formats   []source.Format // all inputs in the order of detection
	Source    source.Options
	Label     string // of the events, see store.Batch.Add
	Appender  Appender
	Marks     []store.Mark // all that the store has; those of others are passed over
	PollEvery time.Duration
	Log       *slog.Logger // nil for none
	Observe   Observer     // nil for none
	Now       func() time.Time
}

// An Appender makes events and marks durable, as store.Events does.
type Appender interface {
	Append(ctx context.Context, b *store.Batch, marks []store.Mark) error
}

// An Observer is told how it goes, from one goroutine at a time.
type Observer interface {
	// Stored tells what became durable. The Counts are valid until it returns.
	Stored(c *Counts)
	// Round tells how the input stands at the end of each look at its files.
	Round(s State)
}

// Counts are what came of some text.
type Counts struct {
	Bytes   int64 // of text, decompressed
	Lines   int64
	Events  int64
	Bad     int64            // records that are not what they should be
	Skipped map[string]int64 // records that are no network events, by input and reason
}

// A State is how an input stands.
type State struct {
	Files     int       // followed
	Open      int       // kept open
	Unknown   int       // files that no input knows
	Problems  int       // files and folders that cannot be read
	Behind    int64     // bytes on disk that are still to be read
	CaughtUp  time.Time // when all that had been there was read last; zero before the first time
	Stalled   bool      // the store does not take what was read
	LastError error     // of the store, while it is stalled
}

// bounds are sizes that tests make small.
type bounds struct {
	block  int   // bytes of text that are read at a time: little enough to stay in a processor's cache
	batch  int   // events after which a batch is stored
	most   int   // events of a batch that waits for the one before it to be stored
	flush  int64 // bytes of text after which a batch is stored whatever is in it
	file   int64 // bytes that are read of one growing file before the next has its turn
	round  int64 // bytes that are read of old files before the growing ones are looked at again
	replay int64 // bytes that are read again for the names in them
	open   int   // files that are kept open
	inputs int   // files whose decoders are kept
	lost   int   // texts that are remembered though their files are gone
}

func defaultBounds() bounds {
	return bounds{
		block: 512 << 10, batch: 20_000, most: 100_000, flush: 64 << 20, file: 64 << 20, round: 256 << 20,
		replay: 64 << 20, open: 256, inputs: 512, lost: 4096,
	}
}

// Times, by the clock of Options.Now.
const (
	linger      = time.Minute      // a file that is gone is read until it has not grown for so long; so long an unfinished line waits
	settleTime  = 5 * time.Second  // a file that is read as a whole must lie untouched for so long
	settled     = time.Minute      // or have been written so long ago
	quiet       = 10 * time.Minute // without growth, after which a file's decoder is forgotten
	retryAfter  = 30 * time.Second // a file that cannot be read is tried again
	forgetAfter = time.Hour        // a text that is lost is remembered for so long at least
)

// A Tail follows the files of one input.
type Tail struct {
	o       Options
	bounds  bounds
	log     *slog.Logger
	formats map[string]*opened

	// anonymous is true where files have no identity beside their text, and cannot be renamed
	// while they are open.
	anonymous bool

	now        time.Time // of the round
	rounds     int64
	left       int64 // bytes of old files that may still be read in the round
	unfinished bool  // more can be read at once
	listAgain  time.Time
	listed     int64           // round in which folders were listed last
	unlisted   map[string]bool // paths that could not be looked into then
	spots      map[string]*spot
	order      []*spot // in the order of Options.Paths
	texts      []*text
	kept       []*text // that are open or whose decoders are kept, those used last at the end
	slots      int     // used so far
	free       []int
	freed      map[int]bool // of these, those whose marks are to be emptied
	plans      map[companions]plan
	told       map[string]string // problems by path
	lines      lines
	unknown    int
	caughtUp   time.Time

	changed  []*text // since the last marks
	filling  *flight
	sent     *flight
	spare    *flight
	landed   chan error
	flying   bool    // sent is on its way
	refused  error   // of sent, which is to be sent again
	bad      []*text // with bad records in the round
	decoding decoding
}

// New checks o and reads its marks. It opens no file.
func New(o Options) (*Tail, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("input %q: %w", o.Name, err)
	}
	o.Source.Growing = true
	t := &Tail{
		o: o, bounds: defaultBounds(), anonymous: anonymous, log: o.Log, formats: map[string]*opened{}, spots: map[string]*spot{}, freed: map[int]bool{},
		plans: map[companions]plan{}, told: map[string]string{}, landed: make(chan error, 1),
		filling: newFlight(), spare: newFlight(),
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	t.log = t.log.With("input", o.Name)
	t.decoding = decoding{t: t, skipped: map[string]int64{}}
	if err := t.openFormats(); err != nil {
		return nil, fmt.Errorf("input %q: %w", o.Name, err)
	}
	used := map[int]bool{}
	for _, m := range o.Marks {
		p, slot, err := placeOf(o.Name, m)
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", o.Name, err)
		}
		t.slots = max(t.slots, slot+1)
		if p.Path != "" {
			used[slot] = true
			t.texts = append(t.texts, &text{place: p, slot: slot, caught: !p.Whole})
		}
	}
	for slot := range t.slots {
		if !used[slot] {
			t.free = append(t.free, slot)
		}
	}
	return t, nil
}

func (o *Options) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.Name == "" || strings.Contains(o.Name, "/") {
		bad("name: got %q, want one without /", o.Name)
	}
	if len(o.Paths) == 0 {
		bad("paths: got none, want files, folders or patterns")
	}
	if slices.Contains(o.Paths, files.Stdin) || slices.Contains(o.Paths, "") {
		bad("paths: got %q, want files, folders or patterns", o.Paths)
	}
	if o.PollEvery <= 0 {
		bad("poll_every: got %v, want more than 0s", o.PollEvery)
	}
	if o.Appender == nil || o.Now == nil {
		bad("got no store or no clock, want both")
	}
	return errors.Join(errs...)
}

// Run follows the files until ctx ends, or until the store is closed, whose error it then
// returns. All that it began has ended when it returns. It is called once.
func (t *Tail) Run(ctx context.Context) error {
	defer t.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		more, err := t.round(ctx, t.o.Now())
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("input %q: %w", t.o.Name, err)
		case more:
			timer.Reset(0)
		default:
			timer.Reset(t.o.PollEvery)
		}
	}
}

// round looks at all files once and reads what is new in them, up to a bound; more tells that
// there is more. Its only errors are that of ctx and that of a store that is closed.
func (t *Tail) round(ctx context.Context, now time.Time) (more bool, err error) {
	if now.Before(t.now) {
		t.rewind(now)
	}
	t.now, t.left, t.unfinished = now, t.bounds.round, false
	t.rounds++
	t.lines.block = t.bounds.block
	err = t.resend(ctx)
	if err == nil {
		err = t.look(ctx)
	}
	if err == nil {
		err = t.flush(ctx)
	}
	if landed := t.land(); err == nil {
		err = landed
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil && !errors.Is(err, errRefused) {
		return false, err
	}
	t.observe()
	return t.unfinished && t.refused == nil, nil
}

// rewind is called when the clock was set back: nothing waits for a time that was set by it
// before.
func (t *Tail) rewind(now time.Time) {
	t.listAgain = time.Time{}
	for _, x := range t.texts {
		x.retry = time.Time{}
		if x.grew.After(now) {
			x.grew = now
		}
	}
	for _, sp := range t.spots {
		sp.retry = time.Time{}
		if sp.since.After(now) {
			sp.since = now
		}
		if sp.short.After(now) {
			sp.short = now
		}
	}
}

// look finds out what lies where and reads it.
func (t *Tail) look(ctx context.Context) error {
	t.list()
	t.visit()
	t.search()
	t.identify(ctx, false)
	t.remember()
	if err := t.read(ctx, t.work(true)); err != nil {
		return err
	}
	t.identify(ctx, true) // copies: what they are copies of has now been read
	if err := t.read(ctx, t.work(false)); err != nil {
		return err
	}
	t.tidy()
	return ctx.Err()
}

// observe tells how the input stands.
func (t *Tail) observe() {
	s := State{Unknown: t.unknown, Problems: len(t.told), Stalled: t.refused != nil, LastError: t.refused}
	for _, x := range t.texts {
		if x.raw != nil || x.stream != nil {
			s.Open++
		}
		if x.spot != nil {
			s.Files++
			s.Behind += x.behind()
		}
	}
	if !t.unfinished && !s.Stalled {
		t.caughtUp = t.now
	}
	s.CaughtUp = t.caughtUp
	if t.o.Observe != nil {
		t.o.Observe.Round(s)
	}
}

// report logs what is the matter with a path, once until it changes.
func (t *Tail) report(path string, err error) {
	problem := files.Problem{Path: path, Err: err}
	if text := problem.Error(); t.told[path] != text {
		t.told[path] = text
		t.log.Warn("cannot be read, tried again later", "error", text)
	}
}

// clear forgets what was the matter with a path.
func (t *Tail) clear(path string) {
	if _, ok := t.told[path]; ok {
		delete(t.told, path)
		t.log.Info("can be read again", "file", path)
	}
}

// close closes all files.
func (t *Tail) close() {
	for _, x := range t.texts {
		x.close()
	}
}

// regular reports whether a path is a file, and its stamp.
func (t *Tail) regular(path string) (s stamp, ok bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, false, err
	}
	return t.stampOf(info), info.Mode().IsRegular(), nil
}
