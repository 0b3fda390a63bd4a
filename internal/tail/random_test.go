package tail

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"fresnel/internal/store"
)

var worlds = flag.Int("worlds", 40, "worlds in which random things happen")

// A rotated is a log and what became of its older parts.
type rotated struct {
	name string
	old  []string // names of parts, all in place
	part string   // of a line that is still being written into name
}

// TestRandomWorlds lets random things happen in an order that keeps every line on disk until
// it has been read. Each line must become one event.
func TestRandomWorlds(t *testing.T) {
	for seed := range uint64(*worlds) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			names := []string{"documents", "connections", "table"}
			w := scenarioWorld(t, names[r.IntN(len(names))])
			r0 := &random{world: w, r: r}
			w.shelf.fail = r0.fail
			for i := range 1 + r.IntN(3) {
				r0.logs = append(r0.logs, &rotated{name: fmt.Sprintf("%d/conn.log", i)})
			}
			w.other = r.IntN(4) == 0
			if !w.other && r.IntN(4) == 0 { // what is renamed is not among the paths
				r0.alone = true
				w.options.Paths = []string{w.path("*/conn.log")}
			}
			for range 60 {
				r0.happen()
			}
			for _, l := range r0.logs {
				r0.finishLine(l)
			}
			r0.calm = true
			w.wait()
			w.complete()
		})
	}
}

type random struct {
	*world
	r     *rand.Rand
	logs  []*rotated
	alone bool // no path but those of the logs
	calm  bool // the store works
	full  int  // appends that are refused from now on
	n     int
}

func (w *random) fail(int) (before bool, err error) {
	switch {
	case w.calm:
		return false, nil
	case w.full > 0:
		w.full--
		return true, fmt.Errorf("no room: %w", store.ErrFull)
	}
	switch w.r.IntN(25) {
	case 0:
		return true, errCrash
	case 1:
		return false, errCrash
	case 2:
		w.full = w.r.IntN(4)
		return true, store.ErrFull
	}
	return false, nil
}

func (w *random) note(format string, args ...any) {
	fmt.Fprintf(&w.log, "--- line %d: "+format+"\n", append([]any{w.lines}, args...)...)
}

// look has the Tail read all that there is, whatever the store says on the way.
func (w *random) look() {
	w.note("look")
	calm := w.calm
	w.calm = true
	w.step()
	w.step()
	w.calm = calm
}

func (w *random) finishLine(l *rotated) {
	if l.part != "" {
		w.add(l.name, l.part)
		l.part = ""
	}
}

// happen lets one thing happen.
func (w *random) happen() {
	l := w.logs[w.r.IntN(len(w.logs))]
	switch w.r.IntN(16) {
	case 0, 1, 2, 3:
		n := w.r.IntN(12)
		if w.r.IntN(6) == 0 {
			n *= 20
		}
		w.note("%d lines into %s", n, l.name)
		w.finishLine(l)
		w.write(l.name, n)
	case 4:
		w.finishLine(l)
		w.write(l.name, 0)
		line := w.next(1, false)
		n := 1 + w.r.IntN(len(line)-1)
		w.note("%d bytes of a line into %s", n, l.name)
		w.add(l.name, line[:n])
		l.part = line[n:]
	case 5, 6, 7:
		w.note("step")
		w.step()
	case 8:
		w.note("restart")
		w.restart()
	case 9:
		d := time.Duration(w.r.IntN(3)) * 70 * time.Second
		w.note("%v go by", d)
		for _, l := range w.logs {
			w.finishLine(l) // who writes a line takes no minute for it
		}
		w.now = w.now.Add(d)
	case 10, 11:
		w.rotate(l)
	case 12:
		w.finishLine(l)
		w.write(l.name, 0)
		if w.alone {
			w.look() // in a copy nobody would find it
		}
		w.n++
		copied := fmt.Sprintf("%s.%d", l.name, w.n)
		w.note("%s is copied to %s and truncated", l.name, copied)
		w.copy(l.name, copied)
		if w.r.IntN(3) == 0 {
			w.note("step")
			w.step()
		}
		w.truncate(l.name)
		l.old = append(l.old, copied)
	case 13:
		w.compressOld(l)
	case 14:
		if len(l.old) > 0 && !w.alone {
			for _, l := range w.logs {
				w.finishLine(l)
			}
			w.look()
			w.now = w.now.Add(time.Minute)
			w.look()
			w.note("%s is deleted", l.old[0])
			w.remove(l.old[0])
			l.old = l.old[1:]
		}
	case 15:
		w.finishLine(l)
		w.write(l.name, 0)
		w.note("%s is replaced by a longer copy", l.name)
		if w.alone {
			w.look()
		}
		w.copy(l.name, ".copy")
		w.add(".copy", w.next(w.r.IntN(9), false))
		w.rename(".copy", l.name)
	}
}

func (w *random) rotate(l *rotated) {
	if w.alone || w.r.IntN(2) == 0 {
		w.finishLine(l)
	}
	w.write(l.name, 0)
	if w.alone {
		w.write(l.name, 1)
		w.look() // it must have been seen where it was
		w.write(l.name, w.r.IntN(3))
	}
	w.n++
	old := fmt.Sprintf("%s.%d", l.name, w.n)
	w.note("%s is renamed to %s", l.name, old)
	w.rename(l.name, old)
	if l.part != "" {
		w.add(old, l.part)
		l.part = ""
	}
	if w.r.IntN(2) == 0 {
		w.note("step")
		w.step()
	}
	if w.alone && w.r.IntN(2) == 0 {
		w.note("restart")
		w.restart()
	}
	l.old = append(l.old, old)
	w.write(l.name, w.r.IntN(4))
	if w.alone {
		w.look()
	}
}

func (w *random) compressOld(l *rotated) {
	if len(l.old) == 0 || w.alone {
		return
	}
	i := w.r.IntN(len(l.old))
	if strings.HasSuffix(l.old[i], ".gz") {
		return
	}
	z := l.old[i] + ".gz"
	w.note("%s is compressed", l.old[i])
	if w.r.IntN(2) == 0 {
		w.compress(l.old[i], z)
		w.note("step")
		w.step()
	} else {
		w.compress(l.old[i], z)
	}
	w.remove(l.old[i])
	if w.r.IntN(3) == 0 {
		w.n++
		moved := fmt.Sprintf("archive/%d.gz", w.n)
		w.note("%s is moved to %s", z, moved)
		w.rename(z, moved)
		z = moved
	}
	l.old[i] = z
}
