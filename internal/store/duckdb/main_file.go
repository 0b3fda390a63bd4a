//go:build cgo

package duckdb

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"

	"fresnel/internal/store"
)

// numbers are the last ones given in main.duckdb.
type numbers struct {
	slice int64
	save  int64 // of SaveRun
	entry int64
}

// mainSchema is what stands in main.duckdb, "@". It has no indexes: its tables are small, or
// asked for by columns that rise. The data of each slice lies in a table of its own, because
// DuckDB takes back the room of a dropped table, and that of deleted rows only where a whole row
// group of them is gone, as it is of findings, which are forgotten in about the order in which they came.
var mainSchema = []string{
	// The number of the last slice is kept, for all slices may go.
	"CREATE TABLE @.meta (version INTEGER, last_slice BIGINT)",
	fmt.Sprintf("INSERT INTO @.meta VALUES (%d, 0)", schemaVersion),
	"CREATE TABLE @.run (run_end BIGINT, save BIGINT, doc VARCHAR)",
	"CREATE TABLE @.finding (save BIGINT, place INTEGER, id BLOB, run_end BIGINT, grp BLOB, score DOUBLE, doc BLOB)",
	"CREATE TABLE @.slice (id BIGINT, after_event UBIGINT, through_event UBIGINT, run_end BIGINT, level BIGINT, first BIGINT, last BIGINT, parts INTEGER)",
	"CREATE TABLE @.record (kind BLOB, id BLOB, data BLOB)",
	"CREATE TABLE @.trail (number BIGINT, doc VARCHAR)",
}

// openMain attaches main.duckdb, after making it when it is not there.
func (s *Store) openMain(ctx context.Context, c *conn) error {
	path := filepath.Join(s.o.Dir, mainFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := createFile(ctx, c, path, mainName, func() error {
			for _, sql := range mainSchema {
				if err := c.exec(ctx, strings.ReplaceAll(sql, "@", mainName)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if err := c.attach(ctx, path, mainName, false); err != nil {
		return err
	}
	version := int32(-1)
	if err := c.query(ctx, one(&version), "SELECT version FROM "+mainName+".meta"); err != nil {
		return err
	}
	if err := checkVersion(version); err != nil {
		return err
	}
	for _, q := range []struct {
		to  *int64
		sql string
	}{
		{&s.numbers.slice, "SELECT last_slice FROM " + mainName + ".meta"},
		// Not one that was given since the start: whoever reads the findings of a run that went asks for it.
		{&s.numbers.save, fmt.Sprintf("SELECT greatest(%d, coalesce(max(save), 0)) FROM %s.run", s.numbers.save, mainName)},
		{&s.numbers.entry, "SELECT coalesce(max(number), 0) FROM " + mainName + ".trail"},
	} {
		if err := c.query(ctx, one(q.to), q.sql); err != nil {
			return err
		}
	}
	return nil
}

// one takes the one value of a result.
func one[T any](to *T) func(*chunk) error {
	return func(ch *chunk) error {
		*to = column[T](ch, 0)[0]
		return nil
	}
}

// read runs queries on main.duckdb.
func (s *Store) read(f func(c *conn) error) error {
	return s.use(func(e *engine) error { return e.do(f) })
}

// change changes main.duckdb: all that f does, which takes about so many bytes and leaves some to
// spare, or nothing. It gives numbers from n, which count when all is done.
func (s *Store) change(ctx context.Context, bytes, spare int64, f func(c *conn, n *numbers) error) error {
	s.main.Lock()
	defer s.main.Unlock()
	if err := s.room(bytes, spare); err != nil {
		return err
	}
	defer s.known.forget() // also after an error: it may have come behind the commit
	return s.use(func(e *engine) error {
		n, log := s.numbers, filepath.Join(s.o.Dir, mainFile+".wal")
		fresh := sizeOf(log) == 0
		err := e.do(func(c *conn) error {
			return c.transaction(ctx, func() error { return f(c, &n) })
		})
		if err == nil {
			s.numbers = n
			s.logBegun(fresh)
		}
		return err
	})
}

// SaveRun stores a run.
func (s *Store) SaveRun(ctx context.Context, r *store.Run, findings []store.Finding, change store.SliceChange) error {
	doc, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	bytes := int64(len(doc))
	for i := range findings {
		bytes += int64(len(findings[i].ID) + len(findings[i].Group) + len(findings[i].Doc) + rowBytes)
	}
	for _, sl := range change.Add {
		for _, data := range sl.Parts {
			bytes += int64(len(data))
		}
	}
	return s.change(ctx, bytes, spareForRuns, func(c *conn, n *numbers) error {
		for _, name := range []string{"finding", "run"} {
			if err := c.exec(ctx, fmt.Sprintf("DELETE FROM %s.%s WHERE run_end = %d", mainName, name, r.End)); err != nil {
				return err
			}
		}
		n.save++
		if err := c.exec(ctx, fmt.Sprintf("INSERT INTO %s.run VALUES (?, ?, ?)", mainName), r.End, n.save, string(doc)); err != nil {
			return err
		}
		if err := putFindings(c, r.End, n.save, findings); err != nil {
			return err
		}
		return changeSlices(ctx, c, n, change)
	})
}

func putFindings(c *conn, end, save int64, findings []store.Finding) error {
	t, err := c.table(mainName, "finding")
	if err != nil {
		return err
	}
	defer t.close()
	for i := range findings {
		f := &findings[i]
		put(t, 0, save)
		put(t, 1, int32(i))
		t.text(2, f.ID)
		put(t, 3, end)
		t.text(4, f.Group)
		put(t, 5, f.Score)
		t.text(6, string(f.Doc))
		if err := t.next(); err != nil {
			return err
		}
	}
	return t.flush()
}

func changeSlices(ctx context.Context, c *conn, n *numbers, change store.SliceChange) error {
	for _, id := range change.Remove {
		if err := c.exec(ctx, fmt.Sprintf("DELETE FROM %s.slice WHERE id = %d", mainName, id)); err != nil {
			return err
		}
		if err := c.exec(ctx, "DROP TABLE IF EXISTS "+sliceTable(id)); err != nil {
			return err
		}
	}
	for i := range change.Add {
		sl := &change.Add[i]
		n.slice++
		if err := c.exec(ctx, fmt.Sprintf("INSERT INTO %s.slice VALUES (?, ?, ?, ?, ?, ?, ?, ?)", mainName),
			n.slice, uint64(sl.After), uint64(sl.Through), sl.End, sl.Level, sl.FirstNanos, sl.LastNanos, len(sl.Parts)); err != nil {
			return err
		}
		if err := c.exec(ctx, "CREATE TABLE "+sliceTable(n.slice)+" (part INTEGER, data BLOB)"); err != nil {
			return err
		}
		for part, data := range sl.Parts {
			if err := c.exec(ctx, "INSERT INTO "+sliceTable(n.slice)+" VALUES (?, ?)", part, data); err != nil {
				return err
			}
		}
	}
	if len(change.Add) > 0 {
		return c.exec(ctx, fmt.Sprintf("UPDATE %s.meta SET last_slice = %d", mainName, n.slice))
	}
	return nil
}

func sliceTable(id int64) string { return fmt.Sprintf("%s.slice_%d", mainName, id) }

// LastRun returns the run with the latest end.
func (s *Store) LastRun(ctx context.Context) (*store.Run, error) {
	runs, err := s.RunsIn(ctx, math.MinInt64, math.MaxInt64, 1)
	if err != nil {
		return nil, err
	}
	if len(runs) == 0 {
		return nil, store.ErrNotFound
	}
	return &runs[0], nil
}

// RunsIn returns runs, newest first.
func (s *Store) RunsIn(ctx context.Context, fromEnd, toEnd int64, limit int) ([]store.Run, error) {
	limit = max(0, limit)
	if err := cmp.Or(s.alive(), ctx.Err()); err != nil {
		return nil, err
	}
	known, state := s.known.get()
	if known == nil {
		runs, err := s.readRuns(ctx, "ORDER BY run_end DESC LIMIT ?", mostKnown)
		if err != nil {
			return nil, err
		}
		known = &newestRuns{runs, len(runs) < mostKnown}
		s.known.put(state, known)
	}
	if runs, ok := known.in(fromEnd, toEnd, limit); ok {
		return runs, nil
	}
	return s.readRuns(ctx, "WHERE run_end BETWEEN ? AND ? ORDER BY run_end DESC LIMIT ?", fromEnd, toEnd, limit)
}

func (s *Store) readRuns(ctx context.Context, which string, args ...any) ([]store.Run, error) {
	return documents[store.Run](ctx, s, "run", "SELECT doc FROM "+mainName+".run "+which, args...)
}

// documents returns what the documents in JSON say that a query has in its only column.
func documents[T any](ctx context.Context, s *Store, what, sql string, args ...any) (all []T, err error) {
	err = s.read(func(c *conn) error {
		all = nil
		return c.query(ctx, func(ch *chunk) error {
			for _, doc := range column[text](ch, 0) {
				var one T
				if err := json.Unmarshal(doc.view(), &one); err != nil {
					return fmt.Errorf("%s: %w", what, err)
				}
				all = append(all, one)
			}
			return nil
		}, sql, args...)
	})
	return all, err
}

// mostKnown bounds the runs that are kept in memory: three months of hours.
const mostKnown = 2048

// newestRuns are the newest runs there are, the newest first. They do not change.
type newestRuns struct {
	runs  []store.Run
	whole bool // there are no others
}

// in is RunsIn; ok is false where older runs may be among those that are asked for.
func (n *newestRuns) in(fromEnd, toEnd int64, limit int) (runs []store.Run, ok bool) {
	first := sort.Search(len(n.runs), func(i int) bool { return n.runs[i].End <= toEnd })
	end := max(first, sort.Search(len(n.runs), func(i int) bool { return n.runs[i].End < fromEnd }))
	if end == len(n.runs) && !n.whole && end-first < limit {
		return nil, false
	}
	return slices.Clone(n.runs[first:min(end, first+limit)]), true
}

// knownRuns keeps the newest runs: each list asks for all of two weeks, which takes the engine two
// milliseconds. The zero value is empty. It is safe for concurrent use.
type knownRuns struct {
	mu    sync.Mutex
	runs  *newestRuns
	state int64 // changes when a run may have come or gone
}

// get returns the runs, nil where they are not known, and the state in which they are to be put.
func (k *knownRuns) get() (*newestRuns, int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.runs, k.state
}

// put keeps runs that were read in a state, unless some have come or gone since.
func (k *knownRuns) put(state int64, runs *newestRuns) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state == state {
		k.runs = runs
	}
}

func (k *knownRuns) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.runs = nil
	k.state++
}

// FindingsIn hands out findings.
func (s *Store) FindingsIn(ctx context.Context, fromEnd, toEnd int64, f func(*store.Finding) bool) error {
	runs, err := s.savedRuns(ctx, "JOIN (SELECT save, count(*) AS n FROM "+mainName+".finding WHERE run_end BETWEEN ? AND ? GROUP BY save) f ON f.save = r.save ORDER BY r.run_end DESC", fromEnd, toEnd)
	if err != nil {
		return err
	}
	// Page by page, so that f may take its time and do what it wants. What another SaveRun
	// replaces meanwhile is not there any more. Several runs that fit are one page: a query costs
	// as much as some hundred findings.
	for len(runs) > 0 {
		first, size := firstPage(runs)
		runs = runs[len(first):]
		which, saves := ofRuns(first)
		for place := int64(0); place < size; place += findingsPage { // more than one page is of one run
			var page []placed
			if err := s.read(func(c *conn) (err error) {
				page, err = readFindings(ctx, c, which+" AND place >= ? AND place < ?", append(slices.Clone(saves), place, place+findingsPage)...)
				return err
			}); err != nil {
				return err
			}
			// The engine would carry documents to and fro.
			slices.SortFunc(page, func(a, b placed) int {
				return cmp.Or(cmp.Compare(b.RunEnd, a.RunEnd), cmp.Compare(a.place, b.place))
			})
			for i := range page {
				if !f(&page[i].Finding) {
					return nil
				}
			}
		}
	}
	return nil
}

// ForgetRuns forgets runs, as many at a time as have a page of findings: their rows are deleted, and
// blocks without any are used again once the log has been written into the file.
func (s *Store) ForgetRuns(ctx context.Context, beforeEnd int64) (int64, error) {
	runs, err := s.savedRuns(ctx, "LEFT JOIN (SELECT save, count(*) AS n FROM "+mainName+".finding WHERE run_end < ? GROUP BY save) f ON f.save = r.save "+
		"WHERE r.run_end < ? AND r.run_end < (SELECT max(run_end) FROM "+mainName+".run) ORDER BY r.run_end", beforeEnd, beforeEnd)
	gone := int64(0)
	for err == nil && len(runs) > 0 {
		first, size := firstPage(runs)
		runs = runs[len(first):]
		which, saves := ofRuns(first)
		if err = s.change(ctx, size*deletedBytes, spareForRuns, func(c *conn, _ *numbers) error {
			for _, name := range []string{"finding", "run"} {
				if err := c.exec(ctx, "DELETE FROM "+mainName+"."+name+" "+which, saves...); err != nil {
					return err
				}
			}
			return nil
		}); err == nil {
			gone += int64(len(first))
		}
	}
	return gone, err
}

// A saved run is known by the number of its SaveRun: another that replaces it has another one.
type saved struct{ save, findings int64 }

// savedRuns returns runs r that are joined with the numbers of their findings, f.n.
func (s *Store) savedRuns(ctx context.Context, joined string, args ...any) ([]saved, error) {
	var runs []saved
	err := s.read(func(c *conn) error {
		runs = nil
		return c.query(ctx, func(ch *chunk) error {
			for i, save := range column[int64](ch, 0) {
				runs = append(runs, saved{save, column[int64](ch, 1)[i]})
			}
			return nil
		}, "SELECT r.save, coalesce(f.n, 0) FROM "+mainName+".run r "+joined, args...)
	})
	return runs, err
}

// firstPage returns the first runs that have a page of findings or less, but one at least, and how
// many they have. One without any counts as well, so that there are not too many.
func firstPage(runs []saved) (first []saved, size int64) {
	n := 0
	for n < len(runs) && (n == 0 || size+max(1, runs[n].findings) <= findingsPage) {
		size += max(1, runs[n].findings)
		n++
	}
	return runs[:n], size
}

// ofRuns returns the condition that rows are of some runs, and its arguments. Bounds come first: by
// them DuckDB passes over most of what there is.
func ofRuns(runs []saved) (string, []any) {
	least, most := runs[0].save, runs[0].save
	args := make([]any, 2, 2+len(runs))
	for _, r := range runs {
		args = append(args, r.save)
		least, most = min(least, r.save), max(most, r.save)
	}
	args[0], args[1] = least, most
	return "WHERE save BETWEEN ? AND ? AND save IN (?" + strings.Repeat(", ?", len(runs)-1) + ")", args
}

// findingsPage is how many findings one query reads, some MB, or one transaction deletes.
const findingsPage = 4000

// A placed finding has its place among those of its run.
type placed struct {
	store.Finding
	place int32
}

func readFindings(ctx context.Context, c *conn, which string, args ...any) ([]placed, error) {
	var all []placed
	err := c.query(ctx, func(ch *chunk) error {
		ids, ends, groups, scores, docs, places := column[text](ch, 0), column[int64](ch, 1), column[text](ch, 2), column[float64](ch, 3), column[text](ch, 4), column[int32](ch, 5)
		for i := range ch.n {
			all = append(all, placed{store.Finding{ID: string(ids[i].view()), RunEnd: ends[i], Group: string(groups[i].view()), Score: scores[i], Doc: slices.Clone(docs[i].view())}, places[i]})
		}
		return nil
	}, "SELECT id, run_end, grp, score, doc, place FROM "+mainName+".finding "+which, args...)
	return all, err
}

// FindingsOf returns findings by their keys. Where they lie is looked up first, since documents are
// most of what there is to read.
func (s *Store) FindingsOf(ctx context.Context, keys []store.FindingKey) ([]store.Finding, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	args := make([]any, 0, 2*len(keys))
	for _, k := range keys {
		args = append(args, k.RunEnd, []byte(k.ID))
	}
	which := "WHERE rowid IN (SELECT f.rowid FROM " + mainName + ".finding f JOIN (VALUES (?, ?)" + strings.Repeat(", (?, ?)", len(keys)-1) + ") k(run_end, id) ON f.run_end = k.run_end AND f.id = k.id)"
	var found []store.Finding
	err := s.read(func(c *conn) error {
		all, err := readFindings(ctx, c, which, args...)
		found = make([]store.Finding, len(all))
		for i := range all {
			found[i] = all[i].Finding
		}
		return err
	})
	return found, err
}

// Finding returns a finding of the latest run that has it.
func (s *Store) Finding(ctx context.Context, id string) (*store.Finding, error) {
	var found []placed
	if err := s.read(func(c *conn) (err error) {
		found, err = readFindings(ctx, c, "WHERE id = ? ORDER BY run_end DESC, place LIMIT 1", []byte(id))
		return err
	}); err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, store.ErrNotFound
	}
	return &found[0].Finding, nil
}

// Slices returns the slices.
func (s *Store) Slices(ctx context.Context) ([]store.Slice, error) {
	var all []store.Slice
	err := s.read(func(c *conn) error {
		all = nil
		return c.query(ctx, func(ch *chunk) error {
			for i := range ch.n {
				all = append(all, store.Slice{
					ID: column[int64](ch, 0)[i], After: store.Position(column[uint64](ch, 1)[i]), Through: store.Position(column[uint64](ch, 2)[i]),
					End: column[int64](ch, 3)[i], Level: int(column[int64](ch, 4)[i]),
					FirstNanos: column[int64](ch, 5)[i], LastNanos: column[int64](ch, 6)[i], Count: int(column[int32](ch, 7)[i]),
				})
			}
			return nil
		}, "SELECT id, after_event, through_event, run_end, level, first, last, parts FROM "+mainName+".slice ORDER BY run_end, id")
	})
	return all, err
}

// SliceData returns a part of a slice.
func (s *Store) SliceData(ctx context.Context, id int64, part int) ([]byte, error) {
	var data []byte
	if err := s.read(func(c *conn) error {
		return c.transaction(ctx, func() error { // or a run could drop the table behind the first look
			parts := int32(-1)
			if err := c.query(ctx, one(&parts), fmt.Sprintf("SELECT parts FROM %s.slice WHERE id = %d", mainName, id)); err != nil {
				return err
			}
			if part < 0 || part >= int(parts) {
				return store.ErrNotFound
			}
			return c.query(ctx, func(ch *chunk) error {
				data = slices.Clone(column[text](ch, 0)[0].view())
				return nil
			}, fmt.Sprintf("SELECT data FROM %s WHERE part = %d", sliceTable(id), part))
		})
	}); err != nil {
		return nil, fmt.Errorf("slice %d, part %d: %w", id, part, err)
	}
	return data, nil
}

// Records returns records by id.
func (s *Store) Records(ctx context.Context, kind string) ([]store.Record, error) {
	var all []store.Record
	err := s.read(func(c *conn) error {
		all = nil
		return c.query(ctx, func(ch *chunk) error {
			ids, data := column[text](ch, 0), column[text](ch, 1)
			for i := range ch.n {
				all = append(all, store.Record{Kind: kind, ID: string(ids[i].view()), Data: slices.Clone(data[i].view())})
			}
			return nil
		}, "SELECT id, data FROM "+mainName+".record WHERE kind = ? ORDER BY id", []byte(kind))
	})
	return all, err
}

// Change changes records. Of several to put with one name the last counts.
func (s *Store) Change(ctx context.Context, put, remove []store.Record, trail ...store.Entry) error {
	var bytes int64
	for _, r := range put {
		bytes += int64(len(r.Data))
	}
	return s.change(ctx, bytes, spareForPeople, func(c *conn, n *numbers) error {
		deleteRecord := func(r store.Record) error {
			return c.exec(ctx, "DELETE FROM "+mainName+".record WHERE kind = ? AND id = ?", []byte(r.Kind), []byte(r.ID))
		}
		for _, r := range remove {
			if err := deleteRecord(r); err != nil {
				return err
			}
		}
		for _, r := range put {
			if err := deleteRecord(r); err != nil {
				return err
			}
			if err := c.exec(ctx, "INSERT INTO "+mainName+".record VALUES (?, ?, ?)", []byte(r.Kind), []byte(r.ID), r.Data); err != nil {
				return err
			}
		}
		for _, e := range trail {
			n.entry++
			e.Number = n.entry
			doc, err := json.Marshal(e)
			if err != nil {
				return fmt.Errorf("entry of the trail: %w", err)
			}
			if err := c.exec(ctx, "INSERT INTO "+mainName+".trail VALUES (?, ?)", e.Number, string(doc)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Trail returns entries, newest first.
func (s *Store) Trail(ctx context.Context, before int64, limit int) ([]store.Entry, error) {
	which := ""
	if before != 0 {
		which = fmt.Sprintf("WHERE number < %d ", before)
	}
	return documents[store.Entry](ctx, s, "entry of the trail", fmt.Sprintf("SELECT doc FROM %s.trail %sORDER BY number DESC LIMIT %d", mainName, which, max(0, limit)))
}
