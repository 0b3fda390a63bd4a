//go:build cgo

package duckdb

import (
	"runtime"
	"unsafe"

	lib "github.com/duckdb/duckdb-go-bindings"
)

// chunkRows is how many rows DuckDB hands out and takes in at a time.
const chunkRows = 2048

// A chunk is some rows of a result, in DuckDB's memory, valid until whoever handed it out goes on.
type chunk struct {
	ptr lib.DataChunk
	n   int
}

// column returns the values of a column. T is what the column is made of.
func column[T any](c *chunk, i int) []T {
	return unsafe.Slice((*T)(lib.VectorGetData(lib.DataChunkGetVector(c.ptr, lib.IdxT(i)))), c.n)
}

// A validity tells which values of a column are NULL.
type validity []uint64

func (c *chunk) validity(i int) validity {
	p := lib.VectorGetValidity(lib.DataChunkGetVector(c.ptr, lib.IdxT(i)))
	if p == nil {
		return nil
	}
	return unsafe.Slice((*uint64)(p), (c.n+63)/64)
}

func (v validity) null(row int) bool { return v != nil && v[row/64]>>(row%64)&1 == 0 }

// A text is a VARCHAR or BLOB as DuckDB keeps it: up to 12 bytes stand in it, of a longer one
// the first 4 and, behind them, its address.
type text struct {
	length uint32
	bytes  [12]byte
}

const textInline = 12

// view returns the bytes, which are DuckDB's.
func (t *text) view() []byte {
	if t.length <= textInline {
		return t.bytes[:t.length]
	}
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&t.bytes[4])), t.length)
}

// A table takes rows for one table, in the transaction of its connection.
type table struct {
	app     lib.Appender
	chunk   lib.DataChunk
	vectors []lib.Vector
	data    []unsafe.Pointer
	valid   []unsafe.Pointer // masks of columns that have a NULL in this chunk
	n       int              // rows in the chunk

	// Long texts of the chunk wait here, pinned, for DuckDB to copy them.
	heap   []byte
	pinner runtime.Pinner
}

// table prepares to append to a table of an attached file.
func (c *conn) table(file, name string) (*table, error) {
	t := &table{}
	if lib.AppenderCreateExt(c.c, file, "main", name, &t.app) == lib.StateError {
		err := t.error()
		t.close()
		return nil, err
	}
	types := make([]lib.LogicalType, lib.AppenderColumnCount(t.app))
	for i := range types {
		types[i] = lib.AppenderColumnType(t.app, lib.IdxT(i))
		defer lib.DestroyLogicalType(&types[i])
	}
	t.chunk = lib.CreateDataChunk(types)
	t.vectors = make([]lib.Vector, len(types))
	t.data = make([]unsafe.Pointer, len(types))
	t.valid = make([]unsafe.Pointer, len(types))
	t.look()
	return t, nil
}

// look finds the memory of the empty chunk.
func (t *table) look() {
	t.n = 0
	for i := range t.vectors {
		t.vectors[i] = lib.DataChunkGetVector(t.chunk, lib.IdxT(i))
		t.data[i] = lib.VectorGetData(t.vectors[i])
		t.valid[i] = nil
	}
}

func (t *table) error() error {
	data := lib.AppenderErrorData(t.app)
	defer lib.DestroyErrorData(&data)
	return &engineError{lib.ErrorDataErrorType(data), lib.ErrorDataMessage(data)}
}

// close drops what has not been flushed.
func (t *table) close() {
	if t.app.Ptr != nil {
		lib.AppenderClear(t.app) // else it would be flushed
		lib.AppenderDestroy(&t.app)
	}
	lib.DestroyDataChunk(&t.chunk)
	t.pinner.Unpin()
}

// cells returns the memory of a column of the chunk.
func cells[T any](t *table, col int) *[chunkRows]T { return (*[chunkRows]T)(t.data[col]) }

// put sets a value of the row.
func put[T any](t *table, col int, v T) { cells[T](t, col)[t.n] = v }

// null sets a value of the row to NULL.
func (t *table) null(col int) {
	if t.valid[col] == nil {
		lib.VectorEnsureValidityWritable(t.vectors[col])
		t.valid[col] = lib.VectorGetValidity(t.vectors[col])
	}
	mask := (*[chunkRows / 64]uint64)(t.valid[col])
	mask[t.n/64] &^= 1 << (t.n % 64)
}

// text sets a VARCHAR, which must be valid UTF-8, or a BLOB of the row.
func (t *table) text(col int, s string) {
	c := &cells[text](t, col)[t.n]
	*c = text{length: uint32(len(s))}
	copy(c.bytes[:], s)
	if len(s) <= textInline {
		return
	}
	if len(t.heap)+len(s) > cap(t.heap) {
		t.heap = make([]byte, 0, max(1<<16, len(s)))
		t.pinner.Pin(unsafe.SliceData(t.heap))
	}
	at := len(t.heap)
	t.heap = append(t.heap, s...)
	// The memory is pinned and outlives its use, which ends with the chunk; so DuckDB may know its address.
	*(*uintptr)(unsafe.Pointer(&c.bytes[4])) = uintptr(unsafe.Pointer(&t.heap[at]))
}

// next ends the row.
func (t *table) next() error {
	if t.n++; t.n < chunkRows {
		return nil
	}
	return t.hand()
}

// hand gives the chunk to DuckDB.
func (t *table) hand() error {
	if t.n == 0 {
		return nil
	}
	lib.DataChunkSetSize(t.chunk, lib.IdxT(t.n))
	state := lib.AppendDataChunk(t.app, t.chunk)
	t.pinner.Unpin()
	t.heap = nil
	lib.DataChunkReset(t.chunk)
	t.look()
	if state == lib.StateError {
		return t.error()
	}
	return nil
}

// flush makes all rows part of the transaction.
func (t *table) flush() error {
	if err := t.hand(); err != nil {
		return err
	}
	if lib.AppenderFlush(t.app) == lib.StateError {
		return t.error()
	}
	return nil
}
