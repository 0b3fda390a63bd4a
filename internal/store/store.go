// Package store is the contract of what keeps events, findings, and the few other things that
// a running service must not forget. The stores are the folders below it; storetest holds
// what each of them must do.
//
// It speaks of spans of time, of blocks of events in the order in which they came, of slices,
// runs and findings: what a run needs, not how it is kept.
package store

import (
	"context"
	"errors"
	"math"
	"time"

	"fresnel/internal/event"
)

// What a store answers beside the errors of its medium.
var (
	ErrNotFound = errors.New("not found")
	ErrFull     = errors.New("no room left") // the medium is full; what was asked is not done, and may be asked again
	ErrLocked   = errors.New("in use by another process")
	ErrClosed   = errors.New("closed")
)

// A Store keeps everything. It is safe for concurrent use.
type Store interface {
	Events
	Runs
	Records

	// Size tells what the store takes.
	Size(ctx context.Context) (Size, error)
	// Retain forgets the oldest events: those of a time before the given one, and so many that
	// those that stay take no more than maxBytes, whatever else the store keeps; zero values
	// are no bound. It forgets in large pieces, so that a little more than asked may stay. It
	// returns how many events went.
	Retain(ctx context.Context, before time.Time, maxBytes int64) (int64, error)
	Close() error
}

// A Size is what a store takes.
type Size struct {
	Bytes       int64
	EventBytes  int64 // of these, what events take
	Events      int64
	OldestNanos int64 // time of the oldest event, nanoseconds since 1970 UTC; 0 without events
	NewestNanos int64
}

// A Position is a place in the order in which events were appended; 0 is before all of them.
type Position uint64

// Newest is behind all events.
const Newest Position = math.MaxInt64

// Forever is after all times that events can have, in nanoseconds.
const Forever int64 = math.MaxInt64

// Events keeps events.
type Events interface {
	// Append makes the events of b and the marks durable, all of them or none, and returns
	// when they are. Marks of the same source replace each other.
	Append(ctx context.Context, b *Batch, marks []Mark) error
	// Marks returns all marks by source.
	Marks(ctx context.Context) ([]Mark, error)
	// HasIDs sets known[i] where an event with the id ids[i] (see Batch.Add) is stored. A store
	// may have forgotten ids that are older than a day, or came before millions of others.
	HasIDs(ctx context.Context, ids []uint64, known []bool) error

	// Position returns the place of the last event that is durable.
	Position(ctx context.Context) (Position, error)
	// In returns the events whose time is after one and up to another, nanoseconds since 1970
	// UTC, and that were appended up to a position, as they stand at the moment of the call.
	In(ctx context.Context, afterNanos, toNanos int64, through Position) (Scan, error)
	// Since returns the events appended after a position and up to another whose time is not
	// after one.
	Since(ctx context.Context, after, through Position, toNanos int64) (Scan, error)
}

// A Mark says how far a source of events, such as a growing file, has been stored.
type Mark struct {
	Source string
	Place  string // in the words of whoever reads the source
}

// A Scan yields events, block by block, in the order in which they were appended.
type Scan interface {
	// Next returns the next block, or io.EOF. It is called from one goroutine at a time.
	Next(ctx context.Context) (Block, error)
	Close() error
}

// A Block is some events in their order.
type Block interface {
	// Each hands them out. Blocks of one scan may be worked on side by side. The event, which f
	// does not change, is valid, as are its strings, until f returns.
	Each(f func(e *event.Event))
	Len() int
}

// A Columnar is a Block that keeps its events by column. What several blocks of a scan share is
// mostly the same.
type Columnar interface {
	Block
	Columns() *event.Columns
}

// Runs keeps what runs found, and the slices that they look back with.
type Runs interface {
	// SaveRun stores a run with its findings and the change of slices, all of it or nothing. A
	// run of the same end replaces the one before, with its findings.
	SaveRun(ctx context.Context, r *Run, findings []Finding, change SliceChange) error
	// LastRun returns the run with the latest end; ErrNotFound when there was none.
	LastRun(ctx context.Context) (*Run, error)
	// RunsIn returns the runs whose end, in seconds, is in a range, both ends included, newest
	// first, at most limit.
	RunsIn(ctx context.Context, fromEnd, toEnd int64, limit int) ([]Run, error)
	// ForgetRuns forgets the runs whose end, in seconds, is before the given one, the oldest
	// first, with their findings; never the latest run, since the next one follows it. A run
	// goes with all its findings or not at all, but not all runs go at once: others get their
	// turn in between, and what has gone before an error stays so. It returns how many went,
	// also with an error. Slices stay: SaveRun removes them.
	ForgetRuns(ctx context.Context, beforeEnd int64) (int64, error)

	// FindingsIn hands out the findings of runs whose end is in a range, newest run first,
	// those of a run in the order in which they were saved, until f returns false. The
	// Finding belongs to f.
	FindingsIn(ctx context.Context, fromEnd, toEnd int64, f func(*Finding) bool) error
	// FindingsOf returns those that are there of some findings, in any order.
	FindingsOf(ctx context.Context, keys []FindingKey) ([]Finding, error)
	// Finding returns one by its id, that of the latest run when several runs have it.
	Finding(ctx context.Context, id string) (*Finding, error)

	// Slices returns the slices that are there, in the order of End, without their Parts.
	Slices(ctx context.Context) ([]Slice, error)
	// SliceData returns one part of the data of a slice.
	SliceData(ctx context.Context, id int64, part int) ([]byte, error)
}

// A Run is one look at a window.
type Run struct {
	End        int64     `json:"end"` // of the window, seconds since 1970 UTC
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
	Events     int64     `json:"events"`  // looked at
	Groups     int64     `json:"groups"`  // with events in the window
	Rows       int64     `json:"rows"`    // groups and their destinations
	Timed      int64     `json:"timed"`   // of these, with enough callbacks for the timing model
	Hidden     int64     `json:"hidden"`  // findings of the timing model below the least score or beyond the budget
	Late       int64     `json:"late"`    // events since the run before that were older than its window's end
	Dropped    int64     `json:"dropped"` // events and calls that found no room in memory
	Findings   int64     `json:"findings"`
	ByHand     bool      `json:"by_hand"`
	InPlace    bool      `json:"in_place,omitempty"` // by hand, in the place of a run of the schedule: it is one of these all the same
}

// OfSchedule reports whether r is a run of the schedule, or in the place of one.
func (r *Run) OfSchedule() bool { return !r.ByHand || r.InPlace }

// A Finding is a document as a run made it.
type Finding struct {
	ID     string // finding.ID
	RunEnd int64
	Group  string  // the values of the group, for "latest": of several findings of one group and destination the newest
	Score  float64 // event.risk_score; -1 without one
	Doc    []byte  // the document, one line of JSON without its end
}

// A FindingKey names a finding: several runs may have one of the same id.
type FindingKey struct {
	RunEnd int64
	ID     string
}

// A Slice is what detection must know of the events between two positions to look back: when
// each group called each destination. Its data is in parts, which are looked at apart.
type Slice struct {
	ID         int64 // given by the store, growing
	After      Position
	Through    Position
	End        int64 // of its run's window, seconds since 1970 UTC: it holds no later call
	Level      int   // of putting slices together, from 0 on
	FirstNanos int64 // time of the oldest call
	LastNanos  int64 // time of the newest call
	Count      int   // of parts
	Parts      [][]byte
}

// A SliceChange removes slices and adds others.
type SliceChange struct {
	Remove []int64
	Add    []Slice
}

// Records keeps small things that people change: users, keys, settings.
type Records interface {
	// Records returns all records of a kind, by id.
	Records(ctx context.Context, kind string) ([]Record, error)
	// Change puts records, removes others (whose Data is not looked at), and adds entries to
	// the trail, all of it or nothing.
	Change(ctx context.Context, put, remove []Record, trail ...Entry) error
	// Trail returns the entries of the trail, newest first, at most limit, of those before
	// the entry with the number before; 0 begins with the newest.
	Trail(ctx context.Context, before int64, limit int) ([]Entry, error)
}

// A Record is a small document with a name.
type Record struct {
	Kind, ID string
	Data     []byte
}

// An Entry of the trail says who changed what.
type Entry struct {
	Number  int64     `json:"number"` // given by the store, growing from 1
	At      time.Time `json:"at"`
	User    string    `json:"user"`
	From    string    `json:"from"`   // address of the client; "" for the program itself
	Action  string    `json:"action"` // such as "user.create"
	Subject string    `json:"subject"`
	Detail  string    `json:"detail,omitempty"` // JSON, without secrets
}
