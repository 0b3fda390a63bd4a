package main

import (
	"fmt"
	"io"
	"time"

	"fresnel/internal/human"
	"fresnel/internal/scan"
)

// showProgress writes a line about p to the terminal w, again and again, until stop is
// called, which removes it.
func showProgress(w io.Writer, p *scan.Progress, now func() time.Time) (stop func()) {
	start := now()
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(w, "\r\x1b[K%s", progressLine(p, now().Sub(start)))
			case <-done:
				fmt.Fprint(w, "\r\x1b[K")
				return
			}
		}
	}()
	return func() {
		close(done)
		<-gone
	}
}

// progressLine says how far a scan has come after some time.
func progressLine(p *scan.Progress, since time.Duration) string {
	read, total, events := p.Bytes.Load(), p.Total.Load(), p.Events.Load()
	if runs := p.Runs.Load(); runs > 0 {
		return fmt.Sprintf("%s events, %s looked at", human.Count(events), human.Plural(runs, "run"))
	}
	rate := human.Count(int64(float64(events)/max(since.Seconds(), 1e-3))) + " events/s"
	if total == 0 || read > total {
		return fmt.Sprintf("%s read, %s", human.Bytes(float64(read)), rate)
	}
	line := fmt.Sprintf("%s of %s (%d %%), %s", human.Bytes(float64(read)), human.Bytes(float64(total)), read*100/total, rate)
	if read > 0 && since > 2*time.Second {
		left := time.Duration(float64(since) * float64(total-read) / float64(read))
		line += fmt.Sprintf(", %s left", human.Duration(left.Round(time.Second)))
	}
	return line
}
