package schedule

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fresnel/internal/store"
	"fresnel/internal/store/memory"
)

// TestRunsFollowTheClock sets the clock while a schedule waits for its next run, whose timer
// knows nothing of it.
func TestRunsFollowTheClock(t *testing.T) {
	w := simulated(t, 4*time.Hour)
	start := w.start()
	synctest.Test(t, func(t *testing.T) {
		f := &feed{world: w, store: memory.New(time.Now)}
		f.until(t, start.Add(4*time.Hour))
		var clock, last atomic.Int64
		s := f.schedule(t, func(o *Options) {
			o.Now = func() time.Time { return time.Unix(clock.Load(), 0) }
			o.Done = func(r *store.Run, err error) {
				if err != nil {
					t.Error(err)
					return
				}
				last.Store(r.End)
			}
		})
		ctx, end := context.WithCancel(t.Context())
		defer end()
		done := make(chan error)
		clock.Store(start.Add(70 * time.Minute).Unix())
		go func() { done <- s.Run(ctx) }()
		for _, tt := range []struct {
			name       string
			at, newest time.Duration
		}{
			{"at the start", 70 * time.Minute, time.Hour},
			{"two hours on", 190 * time.Minute, 3 * time.Hour},
			{"two hours back", 70 * time.Minute, 3 * time.Hour},
			{"two hours on again, where it has been", 190 * time.Minute, 3 * time.Hour},
			{"three hours on", 250 * time.Minute, 4 * time.Hour},
		} {
			clock.Store(start.Add(tt.at).Unix())
			time.Sleep(clockPause + time.Second)
			synctest.Wait()
			if got, want := time.Unix(last.Load(), 0).UTC(), start.Add(tt.newest); !got.Equal(want) {
				t.Errorf("%s: got the last run at %s, want it at %s", tt.name, got, want)
			}
		}
		end()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
