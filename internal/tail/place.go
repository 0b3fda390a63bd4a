package tail

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"fresnel/internal/store"
)

// printBytes is how much of the start of a text is its fingerprint. The header of a Zeek log
// alone can have a thousand bytes.
const printBytes = 4 << 10

// A place is how far a text has been read: what a mark says, as JSON.
//
// A text is known by its beginning, wherever it lies and whether it is compressed or not:
// Print is the hash of its first Head bytes, of which all had been read at some time.
type place struct {
	Path   string `json:"path"`             // where it lay
	Format string `json:"format"`           // the word for its input
	Offset int64  `json:"offset"`           // bytes of it that are stored, decompressed and without a byte order mark
	Line   int64  `json:"line"`             // lines up to there
	Header int64  `json:"header,omitempty"` // offset of the last line that changes the meaning of those behind it
	Cut    bool   `json:"cut,omitempty"`    // the last of these lines had no end
	Head   int    `json:"head"`
	Print  string `json:"print"`
	Moved  bool   `json:"moved,omitempty"`  // it has lain elsewhere before
	Whole  bool   `json:"whole,omitempty"`  // an archive, or documents that do not stand one on a line
	Shaped bool   `json:"shaped,omitempty"` // such documents: offsets and lines are those of their lines
	Ended  bool   `json:"ended,omitempty"`  // a whole one was read to its end as it is in Stamp
	Stamp  stamp  `json:"file"`             // the file in which it was read last
	At     int64  `json:"at"`               // when that was, seconds since 1970
}

// A stamp tells a file from others, and from itself after a change.
type stamp struct {
	Inode    inode `json:"inode"`
	Size     int64 `json:"size"`
	Modified int64 `json:"modified"` // nanoseconds since 1970
}

// An inode is the identity of a file in its system; the zero value where that has none to
// tell.
type inode struct {
	Device uint64 `json:"device"`
	Number uint64 `json:"number"`
}

func (t *Tail) stampOf(info fs.FileInfo) stamp {
	s := stamp{Size: info.Size(), Modified: info.ModTime().UnixNano()}
	if !t.anonymous {
		s.Inode = inodeOf(info)
	}
	return s
}

// sameAs reports whether s and o can be of the same file: where inodes are not known, the
// text must tell.
func (s stamp) sameAs(o stamp) bool {
	return s.Inode == (inode{}) || o.Inode == (inode{}) || s.Inode == o.Inode
}

// untouched reports whether s and o are alike but for the inode, which a renaming keeps and a
// copy that keeps times does not.
func (s stamp) untouched(o stamp) bool { return s.Size == o.Size && s.Modified == o.Modified }

// printOf returns the fingerprint of the start of a text.
func printOf(head []byte) string {
	sum := sha256.Sum256(head)
	return hex.EncodeToString(sum[:16])
}

// markOf returns the mark of a slot that holds a text, or of one that holds none. A slot is
// used for one text after the other, so that there are no more marks than texts to remember.
func markOf(name string, slot int, p *place) (store.Mark, error) {
	m := store.Mark{Source: "tail/" + name + "/" + strconv.Itoa(slot)}
	if p == nil {
		return m, nil
	}
	text, err := json.Marshal(p)
	m.Place = string(text)
	return m, err
}

// placeOf reads a mark. The slot is noSlot when the mark is of another input; the path is ""
// when the slot holds no text.
func placeOf(name string, m store.Mark) (p place, slot int, err error) {
	number, ok := strings.CutPrefix(m.Source, "tail/"+name+"/")
	if !ok {
		return p, noSlot, nil
	}
	slot, err = strconv.Atoi(number)
	if err != nil || slot < 0 || slot > maxSlot {
		return p, noSlot, fmt.Errorf("mark %q: want a number from 0 to %d at its end", m.Source, maxSlot)
	}
	if m.Place == "" {
		return p, slot, nil
	}
	d := json.NewDecoder(strings.NewReader(m.Place))
	d.DisallowUnknownFields() // of a newer version: what it means is not known
	if err := d.Decode(&p); err != nil {
		return p, noSlot, fmt.Errorf("mark %q: %w", m.Source, err)
	}
	if p.Offset < 0 || p.Line < 0 || p.Header < 0 || p.Head < 0 || p.Head > printBytes || p.Path == "" {
		return p, noSlot, fmt.Errorf("mark %q: got %s, want a path and counts from 0", m.Source, m.Place)
	}
	return p, slot, nil
}

// maxSlot is far above how many files anybody follows: a mark cannot exhaust memory.
const maxSlot = 10_000_000

// folderOf returns the folder of a path.
func folderOf(path string) string { return filepath.Dir(path) }

// companion returns what files have in common that were written side by side: the name
// behind its first dot, "00:00:00-01:00:00.log" of dns.00:00:00-01:00:00.log.gz.
func companion(path string) string {
	_, rest, _ := strings.Cut(textName(path), ".")
	return rest
}

// textName returns the base name of a path without the suffix of a compression.
func textName(path string) string {
	name := filepath.Base(path)
	for _, suffix := range []string{".gz", ".zst", ".zstd"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}
