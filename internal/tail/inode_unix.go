//go:build unix

package tail

import (
	"io/fs"
	"syscall"
)

// anonymous is the default of Tail.anonymous.
const anonymous = false

func inodeOf(info fs.FileInfo) inode {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return inode{}
	}
	return inode{Device: uint64(s.Dev), Number: uint64(s.Ino)} //nolint:unconvert // their types differ from system to system
}
