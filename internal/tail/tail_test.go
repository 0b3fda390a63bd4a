package tail

import (
	"fmt"
	"os"
	"testing"

	"fresnel/internal/source"
)

// scenarios are what happens to logs. Each step of a world is a look at the files.
var scenarios = []struct {
	name string
	run  func(w *world)
}{
	{"a file grows", func(w *world) {
		for range 5 {
			w.write("conn.log", 3)
			w.step()
		}
	}},
	{"a file is there before", func(w *world) {
		w.write("conn.log", 150)
		w.step()
		w.write("conn.log", 1)
	}},
	{"lines come in pieces", func(w *world) {
		w.write("conn.log", 2)
		text := w.next(3, false)
		for len(text) > 0 {
			n := min(len(text), 37)
			w.add("conn.log", text[:n])
			text = text[n:]
			w.step()
		}
	}},
	{"a header comes in pieces", func(w *world) {
		text := w.next(3, true)
		for len(text) > 0 {
			n := min(len(text), 11)
			w.add("conn.log", text[:n])
			text = text[n:]
			w.step()
		}
		w.write("conn.log", 3)
	}},
	{"files are renamed in turn", func(w *world) {
		for i := range 5 {
			w.write("conn.log", 3)
			w.step()
			w.write("conn.log", 2) // not seen before it is renamed
			for k := i; k > 0; k-- {
				w.rename(fmt.Sprint("conn.log.", k), fmt.Sprint("conn.log.", k+1))
			}
			w.rename("conn.log", "conn.log.1")
			if i%2 == 0 {
				w.step()
			}
			w.write("conn.log", 4)
			w.write("conn.log.1", 1) // by a writer that has not noticed
			w.step()
		}
	}},
	{"the new file is longer than the old one when it is seen", func(w *world) {
		w.write("conn.log", 3)
		w.step()
		w.rename("conn.log", "conn.log.1")
		w.write("conn.log", 40)
		w.step()
	}},
	{"a file is copied and truncated", func(w *world) {
		for i := range 4 {
			w.write("conn.log", 60)
			w.step()
			w.write("conn.log", 10)
			w.copy("conn.log", fmt.Sprint("old-conn.log.", i))
			w.truncate("conn.log")
			if i%2 == 0 {
				w.step()
			}
			w.write("conn.log", 90*(i%2)+5) // longer than before, too
			w.step()
		}
	}},
	{"a copy is seen before the file is truncated", func(w *world) {
		w.write("conn.log", 200)
		w.step()
		w.copy("conn.log", "conn.log.1")
		w.step()
		w.truncate("conn.log")
		w.step()
		w.write("conn.log", 5)
		w.step()
	}},
	{"a copy is seen while it is made", func(w *world) {
		w.write("conn.log", 240)
		w.step()
		text, err := os.ReadFile(w.path("conn.log"))
		w.check(err)
		w.add("conn.log.1", string(text[:len(text)/2]))
		w.step()
		w.add("conn.log.1", string(text[len(text)/2:]))
		w.step()
		w.truncate("conn.log")
		w.write("conn.log", 5)
		w.step()
	}},
	{"old files are compressed", func(w *world) {
		for i := range 4 {
			old := fmt.Sprintf("conn.2026-11-24-0%d-00-00.log", i)
			w.write("conn.log", 3+100*(i%2))
			w.step()
			w.write("conn.log", 2)
			w.rename("conn.log", old)
			if i > 1 {
				w.step()
			}
			w.write("conn.log", 2)
			w.compress(old, old+".gz")
			if i > 2 {
				w.step()
			}
			w.remove(old)
			w.step()
		}
		w.wait()
	}},
	{"old files are compressed into another folder, half written when they are seen", func(w *world) {
		w.write("current/conn.log", 100)
		w.step()
		w.write("current/conn.log", 50)
		text, err := os.ReadFile(w.path("current/conn.log"))
		w.check(err)
		z := string(compressed(w, "x.gz", string(text)))
		w.remove("current/conn.log")
		w.add("2026-11-24/conn.log.gz", z[:len(z)/2])
		w.write("current/conn.log", 3)
		w.step()
		w.step()
		w.add("2026-11-24/conn.log.gz", z[len(z)/2:])
		w.step()
		w.wait()
	}},
	{"an archive is seen half written for long", func(w *world) {
		z := string(compressed(w, "x.gz", w.next(500, true)))
		w.add("conn.log.gz", z[:len(z)/2])
		w.wait()
		w.add("conn.log.gz", z[len(z)/2:])
		w.wait()
	}},
	{"a file and its archive are there before", func(w *world) {
		w.write("conn.log", 300)
		w.compress("conn.log", "conn.log.gz")
		w.compress("conn.log", "copy/conn.log.zst")
		w.wait()
		w.remove("conn.log")
		w.wait()
	}},
	{"archives", func(w *world) {
		for i := range 5 {
			w.archive(fmt.Sprintf("2026/%d/conn.log.gz", i), w.next(30, true))
			w.archive(fmt.Sprintf("2026/%d/conn.log.zst", i), w.next(1, true))
		}
		w.wait()
		w.rename("2026/1", "2026/11")
		w.wait()
		for i := 2; i < 5; i++ {
			w.rename(fmt.Sprintf("2026/%d/conn.log.gz", i), fmt.Sprintf("2026/%d/conn.log.gz", i-1))
		}
		w.wait()
	}},
	{"an archive without a line end, to which another is added", func(w *world) {
		text := w.next(100, true)
		w.archive("conn.log.gz", text[:len(text)-1])
		w.wait()
		w.add("conn.log.gz", string(compressed(w, "x.gz", "\n"+w.next(7, false))))
		w.wait()
	}},
	{"files with a date each", func(w *world) {
		for i := range 5 {
			name := fmt.Sprintf("a/b/conn-2026-11-%02d.log", i)
			w.write(name, 4)
			w.step()
			w.write(name, 5)
		}
		w.step()
	}},
	{"a file is deleted and made anew", func(w *world) {
		for range 4 {
			w.write("conn.log", 5)
			w.step()
			w.remove("conn.log")
			w.step()
			w.write("conn.log", 5)
			w.step()
			w.remove("conn.log")
		}
	}},
	{"a file is replaced by a longer copy of itself", func(w *world) {
		w.write("conn.log", 50)
		for range 4 {
			w.step()
			w.copy("conn.log", ".conn.log.tmp")
			w.add(".conn.log.tmp", w.next(10, false))
			w.rename(".conn.log.tmp", "conn.log")
		}
		w.step()
	}},
	{"a file of which nothing was whole is replaced by a longer copy of itself", func(w *world) {
		text := w.next(1, true)
		w.add("conn.log", text[:len(text)-10])
		w.step()
		w.add("conn.log", text[len(text)-10:])
		w.copy("conn.log", ".conn.log.tmp")
		w.add(".conn.log.tmp", w.next(10, false))
		w.rename(".conn.log.tmp", "conn.log")
		w.step()
	}},
	{"a file is overwritten by a longer copy of itself", func(w *world) {
		w.write("conn.log", 240)
		w.step()
		text, err := os.ReadFile(w.path("conn.log"))
		w.check(err)
		w.truncate("conn.log")
		w.step()
		w.add("conn.log", string(text[:len(text)/2]))
		w.step()
		w.add("conn.log", string(text[len(text)/2:]))
		w.step()
		w.write("conn.log", 5)
		w.step()
	}},
	{"files with the same header", func(w *world) {
		for i := range 4 {
			w.write(fmt.Sprint(i, "/conn.log"), 0)
			w.step()
		}
		for i := range 4 {
			w.write(fmt.Sprint(i, "/conn.log"), 5)
			if i%2 == 0 {
				w.step()
			}
		}
		w.step()
		for i := range 4 {
			w.write(fmt.Sprint(i, "/conn.log"), 100)
		}
		w.step()
	}},
	{"a link to a folder that is a loop, and a link that moves on", func(w *world) {
		w.write("1/conn.log", 3)
		w.check(os.Symlink(w.dir, w.path("1/loop")))
		w.check(os.Symlink(w.path("1"), w.path("current")))
		w.step()
		w.write("1/conn.log", 2)
		w.write("2/conn.log", 3)
		w.remove("current")
		w.check(os.Symlink(w.path("2"), w.path("current")))
		w.step()
		w.write("2/conn.log", 3)
		w.step()
	}},
	{"a hard link", func(w *world) {
		w.write("conn.log", 3)
		w.check(os.Link(w.path("conn.log"), w.path("again.log")))
		w.step()
		w.write("conn.log", 3)
		w.step()
		w.remove("conn.log")
		w.write("again.log", 2)
		w.step()
	}},
	{"an unfinished line is finished later", func(w *world) {
		w.write("conn.log", 3)
		text := w.next(1, false)
		w.add("conn.log", text[:20])
		w.wait()
		w.add("conn.log", text[20:])
		w.step()
		w.write("conn.log", 3)
		w.step()
	}},
	{"the last line has no end, and gets one", func(w *world) {
		text := w.next(3, true)
		w.add("conn.log", text[:len(text)-1])
		w.wait()
		w.add("conn.log", "\n"+w.next(2, false))
		w.step()
	}},
	{"a byte order mark", func(w *world) {
		w.add("conn.log", "\xef\xbb\xbf"+w.next(200, true))
		w.step()
		w.write("conn.log", 3)
		w.step()
		w.write("conn.log", 3)
		w.compress("conn.log", "conn.log.gz")
		w.remove("conn.log")
		w.wait()
	}},
	{"the last line of a renamed file has no end", func(w *world) {
		text := w.next(3, true)
		w.add("conn.log", text[:len(text)-1])
		w.step()
		w.rename("conn.log", "conn.log.1")
		w.write("conn.log", 2)
		w.wait()
	}},
}

var kinds = map[string]kind{"documents": documents, "connections": connections, "table": table}

// scenarioWorld is a world in which little is read at a time.
func scenarioWorld(t testing.TB, name string) *world {
	w := newWorld(t, kinds[name])
	if name == "table" {
		w.options.Format = "delimited:table"
		w.options.Source.Delimited = map[string]source.ColumnMap{"table": tableFormat}
	}
	w.bounds = func(b *bounds) { b.block, b.batch, b.most, b.file, b.round, b.open = 700, 7, 20, 4000, 6000, 2 }
	return w
}

func TestEachLineIsReadOnce(t *testing.T) {
	for kind := range kinds {
		for _, s := range scenarios {
			t.Run(kind+"/"+s.name, func(t *testing.T) {
				t.Run("at a time", func(t *testing.T) {
					w := scenarioWorld(t, kind)
					s.run(w)
					w.wait()
					w.complete()
				})
				t.Run("with a new start after each look", func(t *testing.T) {
					w := scenarioWorld(t, kind)
					w.stepped = w.restart
					s.run(w)
					w.wait()
					w.complete()
				})
				if kind == "table" {
					return
				}
				t.Run("with crashes", func(t *testing.T) {
					for _, before := range []bool{true, false} { // it is stored
						for every, last := 2, false; !last; every *= 2 {
							w := scenarioWorld(t, kind)
							w.shelf.fail = func(n int) (bool, error) {
								if n%every == every/2 {
									return before, errCrash
								}
								return false, nil
							}
							s.run(w)
							w.wait()
							w.complete()
							last = every > w.shelf.appends
						}
					}
				})
			})
		}
	}
}
