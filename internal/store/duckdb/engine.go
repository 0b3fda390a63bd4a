//go:build cgo

package duckdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	lib "github.com/duckdb/duckdb-go-bindings"

	"fresnel/internal/store"
)

// An engine is one instance of DuckDB in memory, to which files are attached, with its idle
// connections.
type engine struct {
	db   lib.Database
	mu   sync.Mutex
	idle []*conn
}

// startEngine starts an instance. It reaches for nothing but the files that it is told of.
func startEngine(memoryMB, threads int, tempDir string) (*engine, error) {
	var config lib.Config
	if lib.CreateConfig(&config) == lib.StateError {
		return nil, errors.New("duckdb: no configuration")
	}
	defer lib.DestroyConfig(&config)
	for _, s := range [][2]string{
		{"memory_limit", fmt.Sprintf("%dMB", memoryMB)},
		{"threads", fmt.Sprint(threads)},
		{"temp_directory", tempDir},
		{"checkpoint_threshold", checkpointThreshold},
		{"autoinstall_known_extensions", "false"},
		{"autoload_known_extensions", "false"},
		{"allow_community_extensions", "false"},
	} {
		if lib.SetConfig(config, s[0], s[1]) == lib.StateError {
			return nil, fmt.Errorf("duckdb: setting %s: got %q, want what DuckDB %s takes", s[0], s[1], lib.LibraryVersion())
		}
	}
	e := &engine{}
	var text string
	if lib.OpenExt(":memory:", &e.db, config, &text) == lib.StateError {
		lib.Close(&e.db)
		return nil, &engineError{text: text}
	}
	return e, nil
}

// close ends the instance; no connection may be in use.
func (e *engine) close() {
	for _, c := range e.idle {
		c.close()
	}
	e.idle = nil
	lib.Close(&e.db)
}

// get returns a connection of the caller's own until it is put back.
func (e *engine) get() (*conn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := len(e.idle); n > 0 {
		c := e.idle[n-1]
		e.idle = e.idle[:n-1]
		return c, nil
	}
	c := &conn{}
	if lib.Connect(e.db, &c.c) == lib.StateError {
		return nil, &engineError{text: "no connection"}
	}
	return c, nil
}

// put takes back a connection without an open transaction.
func (e *engine) put(c *conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.idle) < maxIdle {
		e.idle = append(e.idle, c)
		return
	}
	c.close()
}

const maxIdle = 8 // connections; more are made when needed, and closed afterwards

// do runs f with a connection.
func (e *engine) do(f func(c *conn) error) error {
	c, err := e.get()
	if err != nil {
		return err
	}
	defer e.put(c)
	return f(c)
}

// A conn is a connection. It is used by one goroutine at a time.
type conn struct {
	c lib.Connection
}

func (c *conn) close() { lib.Disconnect(&c.c) }

// exec runs a statement for its effect.
func (c *conn) exec(ctx context.Context, sql string, args ...any) error {
	return c.query(ctx, func(*chunk) error { return nil }, sql, args...)
}

// query runs a statement and hands its result out chunk by chunk. The arguments are integers,
// float64, string (VARCHAR) and []byte (BLOB).
//
// A statement with arguments is planned in one transaction and run in another, when c is in
// none. Then conditions on numbers that rise must be arguments, not part of the statement:
// DuckDB leaves out one that holds for all that is there when it plans.
func (c *conn) query(ctx context.Context, f func(*chunk) error, sql string, args ...any) error {
	return c.run(ctx, f, func(r *lib.Result) error {
		if len(args) == 0 {
			if lib.Query(c.c, sql, r) == lib.StateError {
				return newError(ctx, lib.ResultErrorType(r), lib.ResultError(r))
			}
			return nil
		}
		return c.execute(ctx, r, lib.ExecutePrepared, sql, args)
	})
}

// stream is query for a result that may be larger than memory: it is made while it is handed
// out. It is a transaction of its own.
func (c *conn) stream(ctx context.Context, f func(*chunk) error, sql string) error {
	err := c.transaction(ctx, func() error {
		return c.run(ctx, f, func(r *lib.Result) error {
			return c.execute(ctx, r, lib.ExecutePreparedStreaming, sql, nil)
		})
	})
	// The engine stops what reads a stream when a thread that fills it fails, and may tell of that in
	// the place of the error. Asked for all at once it tells the error.
	var e *engineError
	if errors.As(err, &e) && interrupted(e.kind, e.text) {
		err = cmp.Or(c.exec(ctx, sql), err)
	}
	return err
}

func (c *conn) execute(ctx context.Context, r *lib.Result, execute func(lib.PreparedStatement, *lib.Result) lib.State, sql string, args []any) error {
	var stmt lib.PreparedStatement
	defer lib.DestroyPrepare(&stmt)
	if lib.Prepare(c.c, sql, &stmt) == lib.StateError {
		// The type of the error is not to be had here; the text begins with it.
		return newError(ctx, lib.ErrorTypeInvalid, lib.PrepareError(stmt))
	}
	for i, a := range args {
		if bind(stmt, lib.IdxT(i+1), a) == lib.StateError {
			return newError(ctx, lib.ErrorTypeInvalid, fmt.Sprintf("argument %d: %s", i+1, lib.PrepareError(stmt)))
		}
	}
	if execute(stmt, r) == lib.StateError {
		return newError(ctx, lib.ResultErrorType(r), lib.ResultError(r))
	}
	return nil
}

// patient is exec for a statement that takes its time, without arguments. The engine's threads may take
// the work, and exec would ask for its end again and again until it is there: that takes as much of the
// processor as the work does, and more when the work waits for the disk.
func (c *conn) patient(ctx context.Context, sql string) error {
	return c.run(ctx, func(*chunk) error { return nil }, func(r *lib.Result) error {
		var stmt lib.PreparedStatement
		defer lib.DestroyPrepare(&stmt)
		if lib.Prepare(c.c, sql, &stmt) == lib.StateError {
			return newError(ctx, lib.ErrorTypeInvalid, lib.PrepareError(stmt)) // see execute
		}
		var work lib.PendingResult
		defer lib.DestroyPending(&work)
		state := lib.PendingStateResultNotReady
		if lib.PendingPrepared(stmt, &work) == lib.StateError {
			state = lib.PendingStateError
		}
		for pause := shortestPause; !lib.PendingExecutionIsFinished(state); {
			if state == lib.PendingStateNoTasksAvailable {
				<-time.NewTimer(pause).C
				pause = min(2*pause, longestPause)
			}
			state = lib.PendingExecuteTask(work)
		}
		if state == lib.PendingStateError {
			return newError(ctx, lib.ErrorTypeInvalid, lib.PendingError(work)) // as above
		}
		if lib.ExecutePending(work, r) == lib.StateError {
			return newError(ctx, lib.ResultErrorType(r), lib.ResultError(r))
		}
		return nil
	})
}

// Between two looks at work that a thread of the engine has taken.
const (
	shortestPause = 100 * time.Microsecond
	longestPause  = 2 * time.Millisecond
)

// run hands out the result that execute makes.
func (c *conn) run(ctx context.Context, f func(*chunk) error, execute func(*lib.Result) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer c.interruptible(ctx)()
	var result lib.Result
	defer lib.DestroyResult(&result)
	if err := execute(&result); err != nil {
		return err
	}
	for {
		ch := lib.FetchChunk(result)
		if ch.Ptr == nil {
			break
		}
		err := f(&chunk{ptr: ch, n: int(lib.DataChunkGetSize(ch))})
		lib.DestroyDataChunk(&ch)
		if err != nil {
			return err
		}
	}
	// A stream may break off on its way.
	if text := lib.ResultError(&result); text != "" {
		return newError(ctx, lib.ResultErrorType(&result), text)
	}
	return nil
}

// interruptible breaks off what c does when ctx ends; the function that it returns must be
// called afterwards.
func (c *conn) interruptible(ctx context.Context) (done func()) {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		lib.Interrupt(c.c)
	})
	return func() {
		if !stop() {
			<-ended // so that the next statement is not the one that is broken off
		}
	}
}

func bind(stmt lib.PreparedStatement, i lib.IdxT, a any) lib.State {
	switch a := a.(type) {
	case int:
		return lib.BindInt64(stmt, i, int64(a))
	case int64:
		return lib.BindInt64(stmt, i, a)
	case uint64:
		return lib.BindUInt64(stmt, i, a)
	case uint32:
		return lib.BindUInt32(stmt, i, a)
	case float64:
		return lib.BindDouble(stmt, i, a)
	case string:
		return lib.BindVarchar(stmt, i, a)
	case []byte:
		return lib.BindBlob(stmt, i, a)
	}
	panic(fmt.Sprintf("argument of type %T", a))
}

// transaction runs f between BEGIN and COMMIT; when f or the commit fails, nothing is done.
func (c *conn) transaction(ctx context.Context, f func() error) error {
	if err := c.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		// A commit is not broken off halfway: nobody could say what became of it.
		err = c.patient(context.WithoutCancel(ctx), "COMMIT")
	}
	if err != nil {
		// There is none to roll back after a failed commit, and after a fatal error.
		_ = c.exec(context.WithoutCancel(ctx), "ROLLBACK")
	}
	return err
}

// An engineError is what DuckDB refuses with.
type engineError struct {
	kind lib.ErrorType
	text string
}

func newError(ctx context.Context, kind lib.ErrorType, text string) error {
	if err := ctx.Err(); err != nil && interrupted(kind, text) {
		return err
	}
	return &engineError{kind, text}
}

func interrupted(kind lib.ErrorType, text string) bool {
	return kind == lib.ErrorTypeInterrupt || strings.HasPrefix(text, "INTERRUPT")
}

func (e *engineError) Error() string {
	first, _, _ := strings.Cut(e.text, "\n") // what follows are hints for whoever types SQL
	return "duckdb: " + first
}

// Is makes a full disk a store.ErrFull. DuckDB tells it in words alone.
func (e *engineError) Is(target error) bool {
	return target == store.ErrFull && (strings.Contains(e.text, "No space left on device") || strings.Contains(e.text, "Disk quota exceeded"))
}

// fatal reports whether the instance can do nothing more.
func (e *engineError) fatal() bool {
	return e.kind == lib.ErrorTypeFatal || e.kind == lib.ErrorTypeInternal ||
		strings.HasPrefix(e.text, "FATAL") || strings.HasPrefix(e.text, "INTERNAL") || strings.Contains(e.text, "has been invalidated")
}
