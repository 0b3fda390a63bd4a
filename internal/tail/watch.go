package tail

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fresnel/internal/files"
	"fresnel/internal/source"
)

// listShare bounds the time for listing folders: as long as it took, so many times as long is
// waited before the next time.
const (
	listShare = 30
	listEvery = time.Minute // but no longer than this
)

// list finds the paths to look at.
func (t *Tail) list() {
	if t.now.Before(t.listAgain) {
		return
	}
	began := t.o.Now()
	found, problems := files.Expand(t.o.Paths)
	t.listAgain = t.now.Add(min(listShare*t.o.Now().Sub(began), listEvery))
	t.listed = t.rounds

	unlisted := t.unlisted
	t.unlisted = map[string]bool{}
	for _, p := range problems {
		if againLinked(p) {
			continue
		}
		t.unlisted[p.Path] = true
		if !errors.Is(p.Err, files.ErrEmpty) { // files may come
			t.report(p.Path, p.Err)
		}
	}
	for path := range unlisted {
		if !t.unlisted[path] {
			t.clear(path)
		}
	}
	order := t.order
	t.order = nil
	for _, f := range found {
		if f.Size < 0 {
			t.report(f.Path, errPipe)
			continue
		}
		sp := t.spots[f.Path]
		if sp == nil {
			sp = &spot{path: f.Path}
			t.spots[f.Path] = sp
		}
		sp.listed = t.rounds
		t.order = append(t.order, sp)
	}
	for _, sp := range order {
		if sp.listed == t.rounds {
			sp.extra = false
			continue
		}
		if sp.extra || t.hidden(sp.path) { // what lies there is not known now: visit will tell
			t.order = append(t.order, sp)
		} else {
			t.vanish(sp)
		}
	}
}

var errPipe = errors.New("got a pipe, want a file or a folder")

// againLinked reports whether a problem is a link to a folder that is listed already.
func againLinked(p files.Problem) bool {
	var failed *fs.PathError
	if errors.As(p.Err, &failed) {
		return false
	}
	link, err := os.Lstat(p.Path)
	return err == nil && link.Mode()&fs.ModeSymlink != 0
}

// hidden reports whether a folder above path could not be listed.
func (t *Tail) hidden(path string) bool {
	for dir := folderOf(path); ; dir = filepath.Dir(dir) {
		if t.unlisted[dir] {
			return true
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}

// vanish forgets a path.
func (t *Tail) vanish(sp *spot) {
	if sp.text != nil {
		t.lose(sp.text, true)
	}
	delete(t.spots, sp.path)
	delete(t.told, sp.path)
}

// visit finds out what has changed at the paths.
func (t *Tail) visit() {
	order := t.order[:0]
	for _, sp := range t.order {
		if x := sp.text; x != nil && x.Whole && x.Ended && t.listed != t.rounds {
			order = append(order, sp) // it changes rarely: it is enough to see it when folders are listed
			continue
		}
		at, ok, err := t.regular(sp.path)
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && !ok:
			t.vanish(sp)
			continue
		case err != nil:
			if !t.hidden(sp.path) {
				t.report(sp.path, err)
			}
		default:
			t.compare(sp, at)
		}
		order = append(order, sp)
	}
	t.order = order
}

// compare compares what lies at sp with what lay there before.
func (t *Tail) compare(sp *spot, at stamp) {
	was := sp.at
	sp.at, sp.before = at, was.Size
	if at == was {
		return
	}
	sp.since = t.now
	if was == (stamp{}) || !at.sameAs(was) || at.Size < was.Size {
		sp.before = at.Size
	}
	switch x := sp.text; {
	case x == nil:
	case !at.sameAs(was):
		t.lose(x, true)
	case x.Whole:
		t.lose(x, false)
	case at.Size < x.end():
		t.lose(x, false) // truncated: what was behind is gone
	case x.Offset == 0 && x.headSize < files.HeadBytes:
		t.lose(x, false) // what it is, more of it tells better
	case x.headSize < keptHead:
		x.planned = false
	}
}

// lose notes that a text no longer lies where it did. What remains of it may be read from
// its open file.
func (t *Tail) lose(x *text, rest bool) {
	if sp := x.spot; sp != nil {
		sp.text, x.spot = nil, nil
		sp.wait = forNothing
	}
	t.log.Debug("gone or another", "file", x.Path, "read", x.Offset, "open", rest && x.raw != nil)
	x.grew = t.now // it gets some time from now on
	if !rest {
		x.searched = true
	}
	if !rest || x.phase < 0 {
		x.close()
	}
	if x.raw == nil {
		x.close()
		x.forget()
	}
}

// An index finds texts.
type index struct {
	inodes  map[inode]*text // where they lie, or lay
	paths   map[string]*text
	lengths []int // of fingerprints, longest first
	prints  map[int]map[string][]*text
	starts  map[string][]*text // that are not lost, by their first bytes
}

// startBytes is how much of its beginning a text is looked up by, before more is compared.
const startBytes = 32

func (t *Tail) index() *index {
	ix := &index{
		inodes: map[inode]*text{}, paths: map[string]*text{},
		prints: map[int]map[string][]*text{}, starts: map[string][]*text{},
	}
	for _, x := range t.texts {
		ix.add(x)
	}
	return ix
}

func (ix *index) add(x *text) {
	at := x.Stamp
	if x.spot != nil {
		at = x.spot.at
	}
	if old := ix.inodes[at.Inode]; at.Inode != (inode{}) && (old == nil || old.spot == nil) {
		ix.inodes[at.Inode] = x
	}
	if x.spot == nil {
		ix.paths[x.Path] = x
	} else if x.phase >= 0 && len(x.head) > 0 {
		start := string(x.head[:min(len(x.head), startBytes)])
		ix.starts[start] = append(ix.starts[start], x)
	}
	if x.Head == 0 {
		return
	}
	if ix.prints[x.Head] == nil {
		ix.prints[x.Head] = map[string][]*text{}
		i, _ := slices.BinarySearchFunc(ix.lengths, x.Head, func(a, b int) int { return b - a })
		ix.lengths = slices.Insert(ix.lengths, i, x.Head)
	}
	ix.prints[x.Head][x.Print] = append(ix.prints[x.Head][x.Print], x)
}

// like returns a text that a file with this head may be a copy of, while that has not been
// read to its end, and whether nothing in the file can be new.
func (ix *index) like(h *head) (x *text, nothing bool) {
	start := h.text[:min(len(h.text), keptHead)]
	if len(start) == 0 {
		return nil, false
	}
	look := func(texts []*text) bool {
		for _, x = range texts {
			switch {
			case x.spot == nil:
			case len(x.head) > x.Head && bytes.HasPrefix(start, x.head) && !x.complete():
				return true
			case len(start) < keptHead && bytes.HasPrefix(x.head, start) && (x.Offset >= int64(len(start)) || !x.complete()):
				nothing = x.Offset >= int64(len(start))
				return true
			}
		}
		return false
	}
	if len(start) >= startBytes {
		if look(ix.starts[string(start[:startBytes])]) {
			return x, nothing
		}
		for n := range startBytes { // those of which less is known
			if look(ix.starts[string(start[:n])]) {
				return x, nothing
			}
		}
		return nil, false
	}
	for _, texts := range ix.starts {
		if look(texts) {
			return x, nothing
		}
	}
	return nil, false
}

// find returns the text that begins as the file at sp does: one that is lost rather than one
// that lies elsewhere.
func (ix *index) find(head []byte, sp *spot) *text {
	for _, length := range ix.lengths {
		if length > len(head) {
			continue
		}
		found := ix.prints[length][printOf(head[:length])]
		if len(found) == 0 {
			continue
		}
		return slices.MaxFunc(found, func(a, b *text) int {
			return cmp.Or(
				truth(a.spot == nil)-truth(b.spot == nil),
				truth(a.Stamp.Inode == sp.at.Inode)-truth(b.Stamp.Inode == sp.at.Inode),
				truth(a.Path == sp.path)-truth(b.Path == sp.path),
				cmp.Compare(a.Offset, b.Offset),
			)
		})
	}
	return nil
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// untouched returns the lost text that must be the one at sp, whose file needs not be opened
// for that.
func (ix *index) untouched(sp *spot) *text {
	for _, x := range []*text{ix.paths[sp.path], ix.inodes[sp.at.Inode]} {
		if x == nil || x.spot != nil || !x.Stamp.untouched(sp.at) || x.Path != sp.path && x.Stamp.Inode != sp.at.Inode {
			continue
		}
		if x.Whole && x.Ended || !x.Whole && x.planned && folderOf(x.Path) == folderOf(sp.path) {
			return x
		}
	}
	return nil
}

// identify finds out what lies at the paths where that is not known.
func (t *Tail) identify(ctx context.Context, copies bool) {
	var ix *index
	for _, sp := range t.order {
		if !sp.ready(t.now, copies) {
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if ix == nil {
			ix = t.index()
		}
		if x := ix.untouched(sp); x != nil {
			t.adopt(x, sp)
			continue
		}
		if err := t.know(ctx, sp, ix, copies); err != nil {
			t.report(sp.path, err)
			sp.pause(forRetry)
			sp.retry = t.now.Add(retryAfter)
		} else if sp.text != nil || sp.unknown {
			t.clear(sp.path)
		}
	}
	t.plan(ctx)
}

// know finds out what lies at sp.
func (t *Tail) know(ctx context.Context, sp *spot, ix *index, copies bool) error {
	h, err := t.peek(ctx, sp)
	if err != nil || h == nil {
		return err
	}
	if x := ix.inodes[sp.at.Inode]; x != nil && x.spot != nil && x.spot != sp && sp.at.Inode != (inode{}) {
		sp.pause(forOther) // another name of it
		sp.of, sp.ofHead = x, x.Head
		return nil
	}
	if x, nothing := ix.like(h); x != nil && !sp.extra {
		if nothing {
			sp.pause(forChange)
		} else {
			sp.pause(forOther)
			sp.of, sp.ofHead = x, x.Head
		}
		return nil
	}
	x := ix.find(h.text, sp)
	if sp.extra && (x == nil || x.spot != nil) {
		sp.pause(forChange) // it is not what it was taken for
		return nil
	}
	if x == nil {
		t.supersede(h)
		x = &text{slot: noSlot}
		if !t.tell(x, sp, h) {
			return nil
		}
		t.texts = append(t.texts, x)
		t.adopt(x, sp)
		ix.add(x)
		return nil
	}
	if x.spot != nil {
		if !copies || !x.complete() {
			sp.pause(forOther)
			sp.of, sp.ofHead = x, x.Head
			return nil
		}
	}
	if size := sp.at.Size - h.bom; !h.archive && !x.Shaped && size < x.Offset && !t.cutShort(x, sp, size) {
		return nil
	}
	copied := x.spot != nil
	if copied {
		x = &text{place: x.place, slot: noSlot}
		x.Path, x.Ended = "", false
	}
	if !t.tell(x, sp, h) {
		return nil
	}
	if copied {
		t.texts = append(t.texts, x)
	}
	t.adopt(x, sp)
	ix.add(x)
	return nil
}

// cutShort is called for a file that is shorter than what was read of its text. It reports
// whether the file has lost its end, as in a power failure: x then goes on behind what is left.
// Otherwise it is being copied.
func (t *Tail) cutShort(x *text, sp *spot, size int64) bool {
	if x.spot != nil || x.Stamp.Inode == (inode{}) || x.Stamp.Inode != sp.at.Inode {
		sp.pause(forChange)
		return false
	}
	if sp.short.IsZero() {
		sp.short, sp.shortSize = t.now, size
	}
	if t.now.Sub(sp.short) < settleTime { // it may be copied to where it was
		sp.pause(forRetry)
		sp.retry = sp.short.Add(settleTime)
		return false
	}
	t.log.Warn("a file has lost its end, and is read on from there", "file", sp.path, "bytes_read", x.Offset, "bytes_left", sp.shortSize)
	x.Offset, x.Header, x.Cut = sp.shortSize, min(x.Header, sp.shortSize), false
	x.passed, x.partial = 0, false
	x.forget()
	return true
}

// supersede closes the lost texts of which nothing has been read and that the file with this
// head begins with: it is they, or copies of them.
func (t *Tail) supersede(h *head) {
	for _, x := range t.texts {
		if x.spot != nil || x.raw == nil || x.Offset > 0 {
			continue
		}
		if head, _, err := headOf(x.raw, printBytes); err == nil && bytes.HasPrefix(h.text, head) {
			x.close()
			x.forget()
		}
	}
}

// A head is the beginning of a file.
type head struct {
	text    []byte // decompressed, without byte order mark; up to files.HeadBytes
	bom     int64
	archive bool
}

// peek reads the head of what lies at sp; nil when it is not to be read yet.
func (t *Tail) peek(ctx context.Context, sp *spot) (*head, error) {
	raw, err := os.Open(sp.path)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	info, err := raw.Stat()
	if err != nil {
		return nil, err
	}
	if at := t.stampOf(info); !at.sameAs(sp.at) {
		return nil, nil // it was replaced a moment ago: the next round knows
	}
	text, bom, err := headOf(raw, files.HeadBytes)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(text, []byte{0x1f, 0x8b}) || bytes.HasPrefix(text, []byte{0x28, 0xb5, 0x2f, 0xfd}) {
		if !sp.settled(t.now) {
			sp.pause(forRest)
			return nil, nil
		}
		text, err = archiveHead(ctx, sp.path)
		return &head{text: text, archive: true}, err
	}
	return &head{text: text, bom: bom}, nil
}

// tell finds out how the text at sp is read; false when it is not, or not yet.
func (t *Tail) tell(x *text, sp *spot, h *head) bool {
	format := t.formats[x.Format]
	if x.Offset == 0 || format == nil || t.o.Format != "" {
		format = t.detect(source.Head{Name: textName(sp.path), Text: h.text})
	}
	sp.unknown = format == nil
	sp.full = sp.unknown && len(h.text) >= files.HeadBytes
	if format == nil {
		sp.pause(forChange)
		return false
	}
	if x.Offset == 0 {
		x.Shaped = format.shapes(source.File{Path: sp.path, Dir: folderOf(sp.path), Head: source.Head{Name: textName(sp.path), Text: h.text}})
		if x.Shaped {
			x.Head, x.Print = min(len(h.text), printBytes), printOf(h.text[:min(len(h.text), printBytes)])
		}
	}
	if x.Shaped && !sp.settled(t.now) {
		sp.pause(forRest)
		return false
	}
	whole := h.archive || x.Shaped
	if x.format != format || x.Whole != whole || x.Path == "" || folderOf(x.Path) != folderOf(sp.path) {
		x.planned = false
		x.close()
		x.forget()
	}
	x.format, x.Format, x.Whole, x.bom = format, format.name, whole, h.bom
	x.head, x.headSize = bytes.Clone(h.text[:min(len(h.text), keptHead)]), len(h.text)
	return true
}

// adopt notes that a text lies at sp.
func (t *Tail) adopt(x *text, sp *spot) {
	t.log.Debug("followed", "file", sp.path, "format", x.Format, "was", x.Path, "from", x.Offset)
	sp.text, x.spot = x, sp
	sp.wait, sp.of, sp.unknown, sp.full, sp.said, sp.short = forNothing, nil, false, false, false, time.Time{}
	if x.raw != nil {
		if info, err := x.raw.Stat(); err != nil || !t.stampOf(info).sameAs(sp.at) {
			x.close()
		}
	}
	x.Ended = x.Ended && x.Stamp.untouched(sp.at)
	x.looked, x.searched, x.retry = stamp{}, false, time.Time{}
	// Of a copy, nobody knows whether it is still written; nor whether a file is one, where it
	// has no identity and little of it is known.
	known := x.Stamp.Inode != (inode{}) && x.Stamp.Inode == sp.at.Inode || x.Stamp.sameAs(sp.at) && x.Head == printBytes
	x.Moved = x.Path != "" && known && (x.Moved || x.Path != sp.path)
	if x.Path != sp.path || x.Stamp != sp.at {
		x.Path, x.Stamp = sp.path, sp.at
		if x.Offset > 0 || x.Ended {
			t.touch(x)
		}
	}
}

// search looks for texts that were renamed to a name that is not among the paths while their
// files were not open: they lie in the same folder, as the same file. Such a path is looked at
// until its text has been read to the end.
func (t *Tail) search() {
	var seen map[inode]bool
	var folders map[string][]fs.FileInfo
	for _, x := range t.texts {
		if x.spot != nil || x.searched || x.raw != nil {
			continue
		}
		x.searched = true
		if x.Whole || x.Offset == 0 || x.Stamp.Inode == (inode{}) {
			continue
		}
		if seen == nil {
			seen, folders = map[inode]bool{}, map[string][]fs.FileInfo{}
			for _, sp := range t.order {
				seen[sp.at.Inode] = true
			}
		}
		dir := folderOf(x.Path)
		infos, ok := folders[dir]
		if !ok {
			infos = regularIn(dir)
			folders[dir] = infos
		}
		for _, info := range infos {
			at := t.stampOf(info)
			if at.Inode != x.Stamp.Inode || seen[at.Inode] || at.Size < x.Offset {
				continue
			}
			seen[at.Inode] = true
			sp := &spot{path: filepath.Join(dir, info.Name()), at: at, before: at.Size, since: t.now, extra: true}
			t.spots[sp.path] = sp
			t.order = append(t.order, sp)
		}
	}
}

// regularIn returns the files in a folder that are no links.
func regularIn(dir string) (infos []fs.FileInfo) {
	entries, _ := os.ReadDir(dir) // a folder that is gone has none
	for _, e := range entries {
		if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if info, err := e.Info(); err == nil {
			infos = append(infos, info)
		}
	}
	return infos
}

// tidy closes and forgets what is no longer needed, and logs what was found bad.
func (t *Tail) tidy() {
	for _, x := range t.kept {
		silent := t.now.Sub(x.grew)
		if x.spot != nil && silent >= quiet && x.atEnd ||
			x.spot == nil && silent >= linger && (x.atEnd || !x.planned || x.phase < 0) {
			x.close()
			x.forget()
		}
	}
	t.order = slices.DeleteFunc(t.order, func(sp *spot) bool {
		x := sp.text
		done := sp.extra && (x == nil || x.atEnd && t.now.Sub(x.grew) >= linger)
		if done {
			if x != nil {
				t.lose(x, false)
			}
			delete(t.spots, sp.path)
		}
		return done
	})
	t.sayUnknown()
	t.sayBad()
}

// remember forgets lost texts of which nothing was read, and those beyond the bound that have
// been lost for long, those first that were read longest ago. Their slots are free for others.
func (t *Tail) remember() {
	var lost []*text
	removed := 0
	for _, x := range t.texts {
		if x.spot != nil || x.raw != nil || x.changed {
			continue
		}
		if x.grew.IsZero() {
			x.grew = t.now // at the start all are lost: their folder may yet come
		}
		if x.removed = x.Offset == 0; x.removed {
			removed++
		} else {
			lost = append(lost, x)
		}
	}
	if more := len(lost) - t.bounds.lost; more > 0 {
		slices.SortStableFunc(lost, func(a, b *text) int { return cmp.Compare(a.At, b.At) })
		for _, x := range lost[:more] {
			if x.removed = t.now.Sub(x.grew) >= forgetAfter; x.removed {
				removed++
			}
		}
	}
	if removed == 0 {
		return
	}
	t.texts = slices.DeleteFunc(t.texts, func(x *text) bool {
		if x.removed && x.slot != noSlot {
			t.free = append(t.free, x.slot)
			t.freed[x.slot] = true
		}
		return x.removed
	})
}

// sayUnknown logs files that no input knows.
func (t *Tail) sayUnknown() {
	t.unknown = 0
	said, first := 0, ""
	for _, sp := range t.order {
		if !sp.unknown || sp.text != nil {
			continue
		}
		t.unknown++
		if !sp.said && (sp.full || sp.settled(t.now)) {
			if sp.said = true; said == 0 {
				first = sp.path
			}
			said++
		}
	}
	if said > 0 {
		t.log.Warn("files that no input knows are not read", "count", said, "first", first)
	}
}
