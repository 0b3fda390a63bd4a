//go:build integration

package integration

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// soakTime is how long the service is kept at full load; FRESNEL_SOAK=1h makes it longer.
const soakTime = 5 * time.Minute

// A soaker sends as fast as it is answered.
type soaker struct {
	name   string
	gzip   bool
	events int // of a request

	taken, busy atomic.Int64 // events acknowledged; requests that were to come again
	err         error
}

// bodyEvery is after how many requests the times of the events are those of the moment again.
const bodyEvery = 25

func (s *soaker) run(ctx context.Context, url string) {
	client := &http.Client{Timeout: time.Minute}
	defer client.CloseIdleConnections()
	var body []byte
	for n := 0; ctx.Err() == nil && s.err == nil; n++ {
		if n%bodyEvery == 0 {
			body = s.body()
		}
		req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, url+"/_bulk?filter_path=errors", bytes.NewReader(body))
		if err != nil {
			s.err = err
			return
		}
		req.Header.Set("Content-Type", "application/x-ndjson")
		if s.gzip {
			req.Header.Set("Content-Encoding", "gzip")
		}
		resp, err := client.Do(req)
		if err != nil {
			s.err = err
			return
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		switch {
		case err != nil:
			s.err = err
		case resp.StatusCode == http.StatusTooManyRequests:
			s.busy.Add(1)
			pause(ctx, 100*time.Millisecond)
		case resp.StatusCode != http.StatusOK || string(text) != `{"errors":false}`:
			s.err = fmt.Errorf("got %s %.300s, want all events taken", resp.Status, text)
		default:
			s.taken.Add(int64(s.events))
		}
	}
}

// body returns a request whose events come from 400 processes on 100 hosts.
func (s *soaker) body() []byte {
	var b []byte
	at := time.Now()
	for i := range s.events {
		b = append(b, "{\"create\":{\"_index\":\"soak\"}}\n"...)
		b = appendEvent(b, fmt.Sprintf("%s-%d", s.name, i*7%50), fmt.Sprintf("process-%d.exe", i/3%4), at.Add(time.Duration(i)*time.Microsecond), int64(500+i%1000), i*31)
	}
	if !s.gzip {
		return b
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(b) // into memory
	_ = z.Close()
	return packed.Bytes()
}

// TestRobustSoak keeps the service at full load, plain and compressed, while it makes runs:
// memory stays where it is, nothing fails, and all that was acknowledged is stored.
func TestRobustSoak(t *testing.T) {
	length := soakTime
	if text := os.Getenv("FRESNEL_SOAK"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil || length < 15*time.Second {
			t.Fatalf("FRESNEL_SOAK: got %q, want a time of 15s or more, such as 5m", text)
		}
	}
	// A short window, so that runs look at about as many events in the end as at the beginning.
	args := []string{"--set", "beacon.time_bucket_length=1", "--set", "beacon.number_buckets_in_range=15", "--set", "timing.lookback=1m"}
	if length < 3*time.Minute { // the timing model would look back at more and more of them to the end
		args = append(args, "--set", "detector=reference")
	}
	// So little memory that the database's cache is full long before the last third.
	s := serve(t, filepath.Join(t.TempDir(), "data"), append(args, "--set", "store.memory_mb=128", "--set", "schedule.every=5s", "--set", "schedule.delay=0s")...)
	c := s.login(t)
	all := []*soaker{
		{name: "plain-a", events: 4000}, {name: "plain-b", events: 4000},
		{name: "gzip-a", events: 4000, gzip: true}, {name: "gzip-b", events: 4000, gzip: true},
	}
	ctx, halt := context.WithTimeout(t.Context(), length)
	defer halt()
	var soaking sync.WaitGroup
	for _, one := range all {
		soaking.Go(func() { one.run(ctx, s.bulk) })
	}
	var sums, counts, highest, soFar [3]int64 // MiB, samples, MiB, and events acknowledged in the end, by thirds of the time
	var list struct{ Total int64 }
	begun := time.Now()
	cpu := s.cpu(t)
	for n := 0; ctx.Err() == nil; n++ {
		pause(ctx, 250*time.Millisecond)
		now, _ := s.memory(t)
		third := min(2, int(3*time.Since(begun)/length))
		sums[third] += now
		counts[third]++
		highest[third] = max(highest[third], now)
		soFar[third] = 0
		for _, one := range all {
			soFar[third] += one.taken.Load()
		}
		if n%20 == 0 {
			c.call(t, http.MethodGet, "/findings?limit=10&view=all", nil, &list)
		}
	}
	took := time.Since(begun)
	cpu = s.cpu(t) - cpu
	soaking.Wait()
	var taken, busy int64
	for _, one := range all {
		if one.err != nil {
			t.Errorf("%s: %v", one.name, one.err)
		}
		t.Logf("%s: %d events acknowledged, %d times busy", one.name, one.taken.Load(), one.busy.Load())
		taken += one.taken.Load()
		busy += one.busy.Load()
	}
	var mean [3]int64
	for i := range mean {
		mean[i] = sums[i] / max(1, counts[i])
	}
	t.Logf("%v: %d events, %.0f a second, %.0f a second of its processor time; by thirds: %d events, memory in MiB %d in the mean, %d at most; runs: %.0f stored, %.0f failed, %.1f s each, %d findings in all",
		took.Round(time.Second), taken, float64(taken)/took.Seconds(), float64(taken)/cpu.Seconds(), [3]int64{soFar[0], soFar[1] - soFar[0], soFar[2] - soFar[1]}, mean, highest,
		s.metric(t, `fresnel_runs_total{outcome="stored"}`), s.metric(t, `fresnel_runs_total{outcome="failed"}`),
		s.metric(t, "fresnel_run_seconds_sum")/max(1, s.metric(t, "fresnel_run_seconds_count")), list.Total)
	// Some growth is meant: lists keep 0.4 KB of each finding in memory, up to a bound that is an hour away here, and the database
	// a tenth of a byte of each event of its file, up to 8 GiB of it: some 15 MiB between two thirds. What a flood takes rises and
	// falls with its speed, by 60 MiB from 150,000 events a second to three times as many: events by thirds tell of that.
	if mean[2] > mean[1]+mean[1]/10 {
		t.Errorf("got %d MiB of memory in the last third, want about the %d of the one before", mean[2], mean[1])
	}
	if n := s.metric(t, `fresnel_runs_total{outcome="stored"}`); n < 1 {
		t.Error("got no run, want some")
	}
	if got := s.events(t); got != taken {
		t.Errorf("got %d events stored, want the %d that were acknowledged", got, taken)
	}
	s.stop(t)
	for text, n := range problems(s.stderr.String()) {
		t.Errorf("%d times in the log: %s", n, text)
	}
	again := serve(t, s.data)
	if got := again.events(t); got != taken {
		t.Errorf("after a restart: got %d events stored, want the %d that were acknowledged", got, taken)
	}
	again.stop(t)
}

// cpu returns the processor time that the service has used.
func (s *service) cpu(t testing.TB) time.Duration {
	return time.Duration(s.metric(t, "process_cpu_seconds_total") * float64(time.Second))
}
