//go:build cgo && unix

package duckdb

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"fresnel/internal/store"
)

// A folderLock keeps a folder for one store. DuckDB's own locks do not tell two stores of one
// process apart.
type folderLock struct {
	f *os.File
}

// lockFolder locks a folder, or returns store.ErrLocked. The lock ends with the process.
func lockFolder(dir string) (*folderLock, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if err != syscall.EWOULDBLOCK {
			return nil, fmt.Errorf("lock: %w", err)
		}
		if pid, err := io.ReadAll(io.LimitReader(f, 32)); err == nil && len(pid) > 0 {
			return nil, fmt.Errorf("%w, number %s", store.ErrLocked, strings.TrimSpace(string(pid)))
		}
		return nil, store.ErrLocked
	}
	// For people; a full disk must not keep a store from being opened.
	if f.Truncate(0) == nil {
		fmt.Fprintln(f, os.Getpid())
	}
	return &folderLock{f}, nil
}

func (l *folderLock) release() { l.f.Close() }
