//go:build cgo && !unix

package duckdb

// A folderLock is nothing here: DuckDB locks its files itself.
type folderLock struct{}

func lockFolder(string) (*folderLock, error) { return &folderLock{}, nil }

func (*folderLock) release() {}
