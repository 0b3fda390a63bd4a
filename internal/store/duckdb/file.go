//go:build cgo

package duckdb

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fresnel/internal/store"
)

// schemaVersion is that of all files of a folder. Whatever changes what stands in them raises it.
const schemaVersion = 1

const (
	// rowGroupRows is how many rows DuckDB compresses and skips together. A commit of that many
	// goes into the file at once, and not first into the log: at full load that halves what it costs.
	rowGroupRows = 30720
	// checkpointThreshold is how long the log of a file grows. A longer one costs less to take
	// into the file, and more time after a crash: of this length, less than a second.
	checkpointThreshold = "64MB"
)

// A file is one file of events.
type file struct {
	number int
	path   string
	name   string // in the engine

	// Guarded by Store.mu:
	content
	refs   int  // scans and exports that may still ask it
	doomed bool // to be deleted when refs is 0

	// Guarded by Store.attaching:
	writable bool // it is the last one
	attached bool
	pins     int   // statements under way
	closing  bool  // others have to wait
	used     int64 // greater means later
}

// A content is what is known of the events of a file.
type content struct {
	begun          time.Time
	first          uint64 // number of its first event, which need not be there
	last           uint64 // number of its last event, first-1 without one
	oldest, newest int64  // times of events; math.MaxInt64 and math.MinInt64 without one
	generations    []generation
	tuples         [numTuples]uint32 // how many there are of each
}

// events returns how many there are.
func (c *content) events() int64 { return int64(c.last - c.first + 1) }

// A generation begins with an event from which on only tuples of the given numbers or greater
// ones are referred to. So whoever reads events in order needs to know those of one generation
// at a time, and a generation is bounded.
type generation struct {
	event  uint64
	tuples [numTuples]uint32
}

func newFile(dir string, number int) *file {
	name := fmt.Sprintf("events-%06d", number)
	return &file{number: number, path: filepath.Join(dir, name+".duckdb"), name: fmt.Sprintf("events%d", number)}
}

// bytes returns what it takes, with its log.
func (f *file) bytes() int64 { return sizeOf(f.path) + sizeOf(f.path+".wal") }

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0 // the log comes and goes
	}
	return info.Size()
}

// attach opens a file under a name.
func (c *conn) attach(ctx context.Context, path, name string, readOnly bool) error {
	options := fmt.Sprintf("ROW_GROUP_SIZE %d", rowGroupRows)
	if readOnly {
		options = "READ_ONLY"
	}
	return c.exec(ctx, fmt.Sprintf("ATTACH %s AS %s (%s)", quote(path), name, options))
}

// quote writes a text as SQL does.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// createFile makes a file with what fill, in a transaction, writes into the attached file of a
// name, or makes none: what has the name of a file is complete.
func createFile(ctx context.Context, c *conn, path, name string, fill func() error) error {
	unfinished := path + ".new"
	remove(unfinished)
	err := c.attach(ctx, unfinished, name, false)
	if err == nil {
		err = c.transaction(ctx, fill)
		// This writes all into the file and removes its log.
		if detached := c.exec(context.WithoutCancel(ctx), "DETACH "+name); err == nil {
			err = detached
		}
	}
	if err == nil {
		err = os.Rename(unfinished, path)
	}
	if err != nil {
		remove(unfinished)
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// create makes a file with no events and all marks. The next event will have the number first.
func (f *file) create(ctx context.Context, c *conn, begun time.Time, first uint64, marks []store.Mark) error {
	if err := createFile(ctx, c, f.path, f.name, func() error {
		statements := []string{
			"CREATE TABLE " + f.name + ".meta (version INTEGER, begun BIGINT, first_event UBIGINT)",
			fmt.Sprintf("INSERT INTO %s.meta VALUES (%d, %d, %d)", f.name, schemaVersion, begun.UnixNano(), first),
			// Times and durations are nanoseconds, as everywhere in the program.
			"CREATE TABLE " + f.name + ".event (n UBIGINT NOT NULL, ts BIGINT NOT NULL, ingested BIGINT NOT NULL, duration BIGINT NOT NULL, sbytes BIGINT NOT NULL, dbytes BIGINT NOT NULL, " +
				"id UBIGINT NOT NULL, caller UINTEGER NOT NULL, callee UINTEGER NOT NULL, kind UINTEGER NOT NULL, sport USMALLINT NOT NULL)",
			"CREATE TABLE " + f.name + ".generation (event UBIGINT, caller UINTEGER, callee UINTEGER, kind UINTEGER)",
			// The last mark of a source counts: a table that only grows is the fastest.
			"CREATE TABLE " + f.name + ".mark (source BLOB, place BLOB)",
		}
		for i := range tupleTables {
			statements = append(statements, createTuples(f.name, i))
		}
		for _, sql := range statements {
			if err := c.exec(ctx, sql); err != nil {
				return err
			}
		}
		t, err := c.table(f.name, "mark")
		if err != nil {
			return err
		}
		defer t.close()
		return putMarks(t, marks)
	}); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(f.path), err)
	}
	f.content = content{begun: begun, first: first, last: first - 1, oldest: math.MaxInt64, newest: math.MinInt64}
	return nil
}

func putMarks(t *table, marks []store.Mark) error {
	for _, m := range marks {
		t.text(0, m.Source)
		t.text(1, m.Place)
		if err := t.next(); err != nil {
			return err
		}
	}
	return t.flush()
}

// look reads what is known of the events of an attached file.
func (c *conn) look(ctx context.Context, name string) (content, error) {
	var k content
	version, begun := int32(-1), int64(0)
	if err := c.query(ctx, func(ch *chunk) error {
		version, begun, k.first = column[int32](ch, 0)[0], column[int64](ch, 1)[0], column[uint64](ch, 2)[0]
		return nil
	}, "SELECT version, begun, first_event FROM "+name+".meta"); err != nil {
		return k, err
	}
	if err := checkVersion(version); err != nil {
		return k, err
	}
	k.begun = time.Unix(0, begun)
	k.last, k.oldest, k.newest = k.first-1, math.MaxInt64, math.MinInt64
	if err := c.query(ctx, func(ch *chunk) error {
		if !ch.validity(0).null(0) {
			k.last, k.oldest, k.newest = column[uint64](ch, 0)[0], column[int64](ch, 1)[0], column[int64](ch, 2)[0]
		}
		return nil
	}, "SELECT max(n), min(ts), max(ts) FROM "+name+".event"); err != nil {
		return k, err
	}
	if err := c.query(ctx, func(ch *chunk) error {
		for i := range ch.n {
			g := generation{event: column[uint64](ch, 0)[i]}
			for j := range g.tuples {
				g.tuples[j] = column[uint32](ch, 1+j)[i]
			}
			k.generations = append(k.generations, g)
		}
		return nil
	}, "SELECT event, caller, callee, kind FROM "+name+".generation ORDER BY event, caller, callee, kind"); err != nil {
		return k, err
	}
	for i := range tupleTables {
		if err := c.query(ctx, func(ch *chunk) error {
			k.tuples[i] = column[uint32](ch, 0)[0]
			return nil
		}, fmt.Sprintf("SELECT coalesce(max(id) + 1, 0)::UINTEGER FROM %s.%s", name, tupleTables[i].name)); err != nil {
			return k, err
		}
	}
	return k, nil
}

// checkVersion refuses a schema that the program does not know.
func checkVersion(got int32) error {
	if got != schemaVersion {
		return fmt.Errorf("got schema version %d, want %d: another version of the program wrote it", got, schemaVersion)
	}
	return nil
}

// marks reads the marks of an attached file.
func (c *conn) marks(ctx context.Context, name string) (map[string]string, error) {
	marks := map[string]string{}
	err := c.query(ctx, func(ch *chunk) error {
		sources, places := column[text](ch, 0), column[text](ch, 1)
		for i := range ch.n {
			marks[string(sources[i].view())] = string(places[i].view())
		}
		return nil
	}, "SELECT source, arg_max(place, rowid) FROM "+name+".mark GROUP BY source")
	return marks, err
}

// remove deletes a file of DuckDB and its log.
func remove(path string) {
	os.Remove(path + ".wal")
	os.Remove(path)
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
