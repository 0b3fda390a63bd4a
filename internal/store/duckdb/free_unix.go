//go:build cgo && (linux || darwin)

package duckdb

import "syscall"

// freeBytes returns how many bytes can be written to the file system of a folder, and whether that is known.
func freeBytes(dir string) (int64, bool) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, false
	}
	return int64(fs.Bavail) * int64(fs.Bsize), true //nolint:unconvert // the types differ between systems
}
