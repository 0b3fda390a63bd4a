//go:build !unix

package tail

import "io/fs"

// anonymous is the default of Tail.anonymous.
const anonymous = true

func inodeOf(fs.FileInfo) inode { return inode{} }
