//go:build integration && linux && amd64

package integration

import (
	"encoding/binary"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// A clock is the wall clock of a service, which a test sets.
type clock struct {
	library, name string
	ahead         time.Duration
}

func newClock(t *testing.T) *clock {
	t.Helper()
	dir := t.TempDir()
	c := &clock{library: filepath.Join(dir, "clock.so"), name: filepath.Join(dir, "ahead")}
	symbols := filepath.Join(dir, "symbols")
	if err := os.WriteFile(symbols, []byte("LINUX_2.6 { global: __vdso_clock_gettime; local: *; };\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "cc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-Wl,--version-script="+symbols, "-o", c.library, path(t, "test", "integration", "testdata", "robust_clock.c"))
	c.set(t, 0)
	return c
}

// set sets the clock so far ahead of the true time.
func (c *clock) set(t *testing.T, ahead time.Duration) {
	t.Helper()
	f, err := os.OpenFile(c.name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// In place: the service has it in its memory.
	if _, err := f.Write(binary.NativeEndian.AppendUint64(nil, uint64(ahead/time.Second))); err != nil {
		t.Fatal(err)
	}
	c.ahead = ahead
}

func (c *clock) now() time.Time { return time.Now().Add(c.ahead) }

func (c *clock) env() []string {
	return []string{"LD_PRELOAD=" + c.library, "ROBUST_CLOCK=" + c.name}
}

// TestRobustClock lets the clock of a service jump by two hours, on and back.
func TestRobustClock(t *testing.T) {
	t.Parallel()
	c := newClock(t)
	// Half past, so that no run comes by itself.
	c.set(t, time.Until(time.Now().Truncate(time.Hour).Add(30*time.Minute)).Truncate(time.Second))
	data := filepath.Join(t.TempDir(), "data")
	s := launch(t, data, c.env(), "--set", "schedule.delay=0s")
	if err := s.ready(); err != nil {
		t.Fatal(err)
	}
	api := s.login(t)
	var version struct{ Now time.Time }
	if api.call(t, http.MethodGet, "/version", nil, &version); version.Now.Sub(c.now()).Abs() > 2*time.Second {
		t.Fatalf("got the time %s of the service, want %s", version.Now, c.now())
	}

	l := send(t, &sender{name: "ids", ids: true, most: 300, rest: 10 * time.Millisecond}, &sender{name: "plain", most: 300, rest: 10 * time.Millisecond})
	for _, s := range l.senders {
		s.clock = c.now
	}
	sendBeacon(t, s)
	l.set(s.bulk)
	hour := func() time.Time { return c.now().UTC().Truncate(time.Hour) }
	late := int64(0) // events of the last run
	ends := func() (list []time.Time) {
		var runs struct {
			Runs []struct {
				End  time.Time
				Late int64
			}
		}
		api.call(t, http.MethodGet, "/runs?limit=500&to="+c.now().UTC().Add(24*time.Hour).Format("2006-01-02"), nil, &runs)
		for _, r := range slices.Backward(runs.Runs) {
			list, late = append(list, r.End), r.Late
		}
		return list
	}
	// made waits for the runs up to an hour.
	made := func(name string, want time.Time) {
		t.Helper()
		begun := time.Now()
		for deadline := begun.Add(25 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			got := ends()
			if len(got) > 0 && got[len(got)-1].Equal(want) {
				t.Logf("%s: %d runs up to %s after %v", name, len(got), want.Format("15:04"), time.Since(begun).Round(100*time.Millisecond))
				for i := 1; i < len(got); i++ {
					if !got[i].Equal(got[i-1].Add(time.Hour)) {
						t.Errorf("%s: got a run at %s after one at %s, want one an hour", name, got[i], got[i-1])
					}
				}
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: got runs at %s, want them up to %s", name, got, want)
			}
		}
	}
	// flowing checks that events are taken.
	flowing := func(name string) {
		t.Helper()
		before := l.acknowledged()
		for deadline := time.Now().Add(5 * time.Second); l.acknowledged() < before+5000; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: got %d events acknowledged in 5 s, want thousands", name, l.acknowledged()-before)
			}
		}
	}
	flowing("before")
	made("before", hour())

	c.set(t, c.ahead+2*time.Hour)
	flowing("two hours on")
	made("two hours on", hour())
	newest := hour()

	c.set(t, c.ahead-2*time.Hour)
	flowing("back again")
	time.Sleep(time.Second)
	if got := ends(); !got[len(got)-1].Equal(newest) {
		t.Errorf("back again: got the last run at %s, want it at %s still", got[len(got)-1], newest)
	}
	s.login(t)

	c.set(t, c.ahead-2*time.Hour)
	flowing("two hours back")
	s.login(t)
	c.set(t, c.ahead+2*time.Hour)
	flowing("at the true time")

	c.set(t, c.ahead+3*time.Hour)
	made("three hours on", newest.Add(time.Hour))
	if late == 0 {
		t.Error("three hours on: got no late events, want those that were sent when the clock was back")
	}

	// A clock that was put right while the service was down.
	s.stop(t)
	l.set("")
	c.set(t, c.ahead-3*time.Hour)
	s = launch(t, data, c.env(), "--set", "schedule.delay=0s")
	if err := s.ready(); err != nil {
		t.Fatal(err)
	}
	l.set(s.bulk)
	flowing("started in the past")
	l.halt()
	s.stop(t)
	for text, n := range problems(s.stderr.String()) {
		t.Errorf("%d times in the log: %s", n, text)
	}
	l.check(t, export(t, data))
}
