//go:build cgo

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fresnel/internal/event"
	"fresnel/internal/store"
)

// Columns of an exported file beside those that are named after event fields.
const (
	labelColumn = "_index"        // what its sender called the place that an event goes to
	idColumn    = "event.id_hash" // hash of the sender's name for the event
)

// eventColumns are the columns of the table of events that hold fields.
var eventColumns = map[event.Field]string{
	event.Timestamp: "ts", event.Ingested: "ingested", event.Duration: "duration",
	event.SourceBytes: "sbytes", event.DestinationBytes: "dbytes", event.SourcePort: "sport",
}

// Export writes the events whose time is after one and up to another, nanoseconds since 1970
// UTC, into a folder: a Parquet file for each file of the store that has some, with a column
// for each field by its ECS name, in the order in which they were appended. Of a text that is no
// UTF-8 it writes what is. It returns how many events it wrote.
func (s *Store) Export(ctx context.Context, dir string, afterNanos, toNanos int64) (int64, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	scan, err := s.In(ctx, afterNanos, toNanos, store.Newest)
	if err != nil {
		return 0, err
	}
	sc := scan.(*scanner)
	defer sc.done()
	var total int64
	for i := range sc.parts {
		p := &sc.parts[i]
		n := int64(0)
		path := filepath.Join(dir, strings.TrimSuffix(filepath.Base(p.f.path), ".duckdb")+".parquet")
		if err := s.use(func(e *engine) error {
			return e.do(func(c *conn) error {
				return s.withFile(ctx, c, p.f, func() error {
					return c.query(ctx, one(&n), fmt.Sprintf("COPY (%s) TO %s (FORMAT parquet, COMPRESSION zstd)", exportQuery(p.f.name, sc.where(0, p.last)), quote(path)))
				})
			})
		}); err != nil {
			return total, fmt.Errorf("%s: %w", path, err)
		}
		total += n
	}
	return total, nil
}

// exportQuery returns the query for the events that where selects, with all their fields.
func exportQuery(file, where string) string {
	table := map[event.Field]string{}
	from := fmt.Sprintf("(SELECT * FROM %s.event WHERE %s) AS event", file, where)
	for _, t := range tupleTables {
		for _, f := range t.fields {
			table[f] = t.name
		}
		from += fmt.Sprintf(" JOIN %s.%s ON %[2]s.id = event.%[2]s", file, t.name)
	}
	var columns []string
	for _, f := range event.Fields() {
		var value string
		switch name, ok := eventColumns[f]; {
		case f == event.Timestamp:
			value = exportTime(name)
		case ok && f.Kind() == event.KindTime:
			value = fmt.Sprintf("CASE WHEN %s <> 0 THEN %s END", name, exportTime(name))
		case ok:
			value = fmt.Sprintf("nullif(%s, 0)", name)
		default:
			value = fmt.Sprintf("%s.%q", table[f], f.String())
		}
		columns = append(columns, fmt.Sprintf("%s AS %q", value, f.String()))
	}
	columns = append(columns, fmt.Sprintf("kind.label AS %q", labelColumn), fmt.Sprintf("nullif(event.id, 0) AS %q", idColumn))
	return fmt.Sprintf("SELECT %s FROM %s ORDER BY n", strings.Join(columns, ", "), from)
}

// exportTime returns the timestamp of some nanoseconds. The last numbers at both ends mean
// infinity, or nothing, to DuckDB: it shows them as those next to them.
func exportTime(nanos string) string {
	return fmt.Sprintf("make_timestamp_ns(greatest(%d, least(%d, %s)))", math.MinInt64+2, math.MaxInt64-1, nanos)
}

// Import appends the events of a Parquet file, or of all files *.parquet of a folder in the
// order of their names, as Export writes them. Columns are known by their names; all but
// @timestamp may be missing, and others are passed over. Events with an id that is stored are not
// stored again; those without one are. It returns how many events it read, also when it
// breaks off.
func (s *Store) Import(ctx context.Context, path string) (int64, error) {
	paths := []string{path}
	if info, err := os.Stat(path); err != nil {
		return 0, err
	} else if info.IsDir() {
		if paths, err = filepath.Glob(filepath.Join(path, "*.parquet")); err != nil {
			return 0, err
		}
		slices.Sort(paths)
		if len(paths) == 0 {
			return 0, fmt.Errorf("%s: got no files *.parquet, want at least one", path)
		}
	}
	// An engine of its own: it reads on while the store may have to open its own again.
	temp, err := os.MkdirTemp(s.o.TempDir, "import-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(temp) }() // else it goes with the folder that it is in
	e, err := startEngine(max(64, s.o.MemoryLimitMB/4), 1, temp)
	if err != nil {
		return 0, err
	}
	defer e.close()
	var total int64
	err = e.do(func(c *conn) error {
		for _, p := range paths {
			n, err := s.importFile(ctx, c, p)
			total += n
			if err != nil {
				return fmt.Errorf("%s: %w", p, err)
			}
		}
		return nil
	})
	return total, err
}

const importRows = 20_000 // that are appended together

func (s *Store) importFile(ctx context.Context, c *conn, path string) (int64, error) {
	columns, fields, err := importColumns(ctx, c, path)
	if err != nil {
		return 0, err
	}
	var n int64
	var texts pool
	b := &store.Batch{}
	flush := func() error {
		err := s.Append(ctx, b, nil)
		b.Reset()
		return err
	}
	err = c.stream(ctx, func(ch *chunk) error {
		read := make([]func(int, *event.Event) error, len(fields))
		for i, f := range fields {
			read[i] = reader(ch, i, f, &texts)
		}
		label, id := len(fields), len(fields)+1
		times, labels, labelValid, ids, idValid := ch.validity(0), column[text](ch, label), ch.validity(label), column[uint64](ch, id), ch.validity(id)
		for row := range ch.n {
			n++
			if times.null(row) {
				return fmt.Errorf("row %d: column %q: got NULL, want a time", n, event.Timestamp)
			}
			var e event.Event
			for _, read := range read {
				if err := read(row, &e); err != nil {
					return fmt.Errorf("row %d: %w", n, err)
				}
			}
			l, i := "", uint64(0)
			if !labelValid.null(row) {
				l = texts.text(labels[row].view())
			}
			if !idValid.null(row) {
				i = ids[row]
			}
			b.Add(&e, l, i)
		}
		if b.Len() >= importRows {
			return flush()
		}
		return nil
	}, fmt.Sprintf("SELECT %s FROM read_parquet(%s)", strings.Join(columns, ", "), quote(path)))
	if err == nil && b.Len() > 0 {
		err = flush()
	}
	return n, err
}

// importColumns returns what is to be selected from a file: the fields that it has, the time first,
// then label and id.
func importColumns(ctx context.Context, c *conn, path string) (columns []string, fields []event.Field, err error) {
	types := map[string]string{}
	if err := c.query(ctx, func(ch *chunk) error {
		names, kinds := column[text](ch, 0), column[text](ch, 1)
		for i := range ch.n {
			types[string(names[i].view())] = string(kinds[i].view())
		}
		return nil
	}, fmt.Sprintf("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet(%s))", quote(path))); err != nil {
		return nil, nil, err
	}
	if types[event.Timestamp.String()] == "" {
		return nil, nil, fmt.Errorf("got no column %q, want one", event.Timestamp)
	}
	var errs []error
	add := func(name, as, want string, of ...string) {
		switch got := types[name]; {
		case got == "":
			columns = append(columns, "CAST(NULL AS "+as+")")
		case !slices.Contains(of, got):
			errs = append(errs, fmt.Errorf("column %q: got the type %s, want %s", name, got, want))
		case want == timeType && got != "BIGINT":
			columns = append(columns, fmt.Sprintf("epoch_ns(%q)", name))
		default:
			columns = append(columns, fmt.Sprintf("CAST(%q AS %s)", name, as))
		}
	}
	for _, f := range event.Fields() {
		if types[f.String()] == "" {
			continue
		}
		fields = append(fields, f)
		switch f.Kind() {
		case event.KindTime:
			add(f.String(), "BIGINT", timeType, "TIMESTAMP_NS", "TIMESTAMP", "TIMESTAMP_MS", "TIMESTAMP_S", "TIMESTAMP WITH TIME ZONE", "BIGINT")
		case event.KindCount:
			add(f.String(), sqlType(f), "an integer", integerTypes...)
		case event.KindBool:
			add(f.String(), "BOOLEAN", "BOOLEAN", "BOOLEAN")
		default:
			add(f.String(), "VARCHAR", "VARCHAR", "VARCHAR")
		}
	}
	add(labelColumn, "VARCHAR", "VARCHAR", "VARCHAR")
	add(idColumn, "UBIGINT", "UBIGINT", "UBIGINT")
	return columns, fields, errors.Join(errs...)
}

const timeType = "a timestamp, or nanoseconds since 1970 as BIGINT"

var integerTypes = []string{"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
