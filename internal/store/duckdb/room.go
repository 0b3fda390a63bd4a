//go:build cgo

package duckdb

import (
	"context"
	"fmt"
	"path/filepath"

	"fresnel/internal/store"
)

// A disk is not filled to its end. DuckDB writes what stands in a log into the file before it gives
// up the log, and an instance that finds no room for that can do nothing more: its file keeps what it
// had grown by, and the next one may fail in the same way. So what is written must leave room for all logs
// once more, and for a row group that is written again. Others may fill the disk all the same, which is survived.
const (
	spareForEvents = 8 << 20
	spareForRuns   = 4 << 20 // what is found is wanted when no more events are taken
	spareForPeople = 1 << 20 // an administrator must be able to log in and make room

	rowBytes     = 96 // of an event in a log, but for its texts
	deletedBytes = 16 // of a row that is deleted

	longLog = 4 << 20 // bytes; a file takes in less than its log had
)

// room is that of the store for events. Where there is none, the log is written into its file first,
// which takes less there.
func (w *writer) room(ctx context.Context, e *engine, bytes int64) error {
	err := w.s.room(bytes, spareForEvents)
	w.s.mu.Lock()
	f := w.s.last()
	w.s.mu.Unlock()
	if err == nil || f == nil || sizeOf(f.path+".wal") < longLog {
		return err
	}
	if err := e.do(func(c *conn) error {
		return w.s.withFile(ctx, c, f, func() error { return c.patient(ctx, "CHECKPOINT "+f.name) })
	}); err != nil {
		return err
	}
	return w.s.room(bytes, spareForEvents)
}

// room returns a store.ErrFull unless so many bytes can be written, and the logs into their files, and
// so many bytes are left over then.
func (s *Store) room(bytes, spare int64) error {
	free, ok := s.free(s.o.Dir)
	if want := bytes + s.logBytes() + spare; ok && free < want {
		return fmt.Errorf("%w: got %d MB free for %s, want %d MB", store.ErrFull, free>>20, s.o.Dir, want>>20+1)
	}
	return nil
}

// logBytes returns the size of the logs: there are those of main.duckdb, of the last file, and of the one
// before it until it is finished.
func (s *Store) logBytes() int64 {
	s.mu.Lock()
	last := s.files[max(0, len(s.files)-2):]
	s.mu.Unlock()
	bytes := sizeOf(filepath.Join(s.o.Dir, mainFile+".wal"))
	for _, f := range last {
		bytes += sizeOf(f.path + ".wal")
	}
	return bytes
}

// bytesOf returns what requests take in a log, at most.
func bytesOf(requests []*request) int64 {
	var bytes int64
	for _, r := range requests {
		bytes += int64(r.batch.Len()) * rowBytes
		for _, texts := range [][]string{r.batch.Callers.Texts(), r.batch.Callees.Texts(), r.batch.Kinds.Texts()} {
			for _, t := range texts {
				bytes += int64(len(t))
			}
		}
		for _, m := range r.marks {
			bytes += int64(len(m.Source) + len(m.Place))
		}
	}
	return bytes
}
