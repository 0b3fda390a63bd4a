// Package files finds the files that a user means and reads their text: plain, gzip or
// zstd. It knows nothing of what the text says.
package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Stdin is the argument that stands for standard input.
const Stdin = "-"

// A File is one file to read.
type File struct {
	Path  string // as shown; Stdin for standard input
	Size  int64  // bytes on disk; -1 when it is not known
	Named bool   // the user named it, rather than a folder or a pattern above it
}

// Dir returns the folder that f lies in; "" for standard input.
func (f File) Dir() string {
	if f.Path == Stdin {
		return ""
	}
	return filepath.Dir(f.Path)
}

// A Problem is a file or folder that could not be read, or not to its end.
type Problem struct {
	Path  string
	Named bool // the user named it, rather than a folder or a pattern above it
	Err   error
}

// Error names the file and what is the matter.
func (p Problem) Error() string {
	var path *fs.PathError
	if errors.As(p.Err, &path) && path.Path == p.Path {
		return fmt.Sprintf("%s: %v", p.Path, path.Err) // the path would stand there twice
	}
	return fmt.Sprintf("%s: %v", p.Path, p.Err)
}

// Unwrap returns what is the matter.
func (p Problem) Unwrap() error { return p.Err }

// ErrEmpty is the problem of a folder that was named and has no files: no error where files
// may still come.
var ErrEmpty = errors.New("no files in this folder")

var (
	errNoMatch    = errors.New("no file matches the pattern")
	errNotRegular = errors.New("neither a file nor a folder")
	errLoop       = errors.New("a link to a folder that is read already")
)

// Expand returns the files that args name: files, folders with all that is below them,
// patterns as of filepath.Match, and Stdin. Links are followed; a file that is reached
// twice, by a link or by overlapping arguments, comes once, so that loops end; a link to a
// folder that came already is a Problem. Hidden files
// and folders below a folder are left out. Files come in the order of the arguments, those
// of a folder by name. Whatever could not be looked into is a Problem.
func Expand(args []string) ([]File, []Problem) {
	x := expansion{seen: map[string]bool{}}
	for _, arg := range args {
		if arg == Stdin {
			if !x.seen[Stdin] {
				x.seen[Stdin] = true
				x.files = append(x.files, File{Path: Stdin, Size: -1, Named: true})
			}
			continue
		}
		if _, err := os.Lstat(arg); err != nil && strings.ContainsAny(arg, "*?[") {
			matches, err := filepath.Glob(arg)
			if err == nil && len(matches) == 0 {
				err = errNoMatch
			}
			if err != nil {
				x.problem(arg, true, err)
			}
			for _, m := range matches {
				x.add(m, false)
			}
			continue
		}
		before := len(x.files) + len(x.problems)
		x.add(arg, true)
		if before == len(x.files)+len(x.problems) && !x.again {
			x.problem(arg, true, ErrEmpty)
		}
	}
	return x.files, x.problems
}

type expansion struct {
	files    []File
	problems []Problem
	seen     map[string]bool // real paths
	again    bool            // the last path had been seen before
}

func (x *expansion) problem(path string, named bool, err error) {
	x.problems = append(x.problems, Problem{path, named, err})
}

func (x *expansion) add(path string, named bool) {
	x.again = false
	info, err := os.Stat(path)
	if err != nil {
		x.problem(path, named, err)
		return
	}
	pipe := info.Mode()&(fs.ModeNamedPipe|fs.ModeCharDevice) != 0
	if pipe && named { // such as <(zcat x.gz); it has no real path
		x.files = append(x.files, File{Path: path, Size: -1, Named: true})
		return
	}
	place, err := filepath.EvalSymlinks(path)
	if err == nil {
		place, err = filepath.Abs(place)
	}
	if err != nil {
		x.problem(path, named, err)
		return
	}
	if x.seen[place] {
		x.again = true
		if link, err := os.Lstat(path); err == nil && info.IsDir() && link.Mode()&fs.ModeSymlink != 0 {
			x.problem(path, false, errLoop)
		}
		return
	}
	x.seen[place] = true
	switch {
	case info.IsDir():
		x.folder(path, named)
	case info.Mode().IsRegular():
		x.files = append(x.files, File{Path: path, Size: info.Size(), Named: named})
	default:
		x.problem(path, named, errNotRegular)
	}
}

func (x *expansion) folder(path string, named bool) {
	entries, err := os.ReadDir(path)
	if err != nil {
		x.problem(path, named, err) // what was read of it still counts
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			x.add(filepath.Join(path, e.Name()), false)
		}
	}
	x.again = false
}
