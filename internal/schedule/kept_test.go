package schedule

import (
	"context"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"fresnel/internal/detect"
	"fresnel/internal/event"
	"fresnel/internal/filter"
	"fresnel/internal/store"
	"fresnel/internal/store/memory"
)

// A counting store counts how often the events of a span of time are read.
type counting struct {
	store.Store
	in int
}

func (c *counting) In(ctx context.Context, afterNanos, toNanos int64, through store.Position) (store.Scan, error) {
	c.in++
	return c.Store.In(ctx, afterNanos, toNanos, through)
}

// changed returns the default settings with a change, which may change what o.Rank points to.
func changed(t testing.TB, change func(o *detect.Options)) detect.Options {
	o := settings(t)
	change(&o)
	return o
}

// TestTryReadsNothingTwice tries settings one after the other. What is said of each is what a
// schedule says that has tried nothing before.
func TestTryReadsNothingTwice(t *testing.T) {
	w := simulated(t, 7*time.Hour)
	reads := &counting{Store: memory.New(time.Now)}
	f, s, last := w.ran(t, 6, reads, nil)
	end := last.Unix()
	address := func() string {
		for _, e := range w.events {
			if e.DestinationIP.IsGlobalUnicast() && !e.DestinationIP.IsPrivate() {
				return e.DestinationIP.String()
			}
		}
		return ""
	}()
	without := func(o *detect.Options) {
		c := filter.Default()
		c.Exclude = append(c.Exclude, filter.Clause{Name: "known", Where: filter.Conditions{{Field: event.DestinationIP, Op: filter.In, Values: []string{address}}}})
		var err error
		if o.Filter, err = filter.Compile(c); err != nil {
			t.Fatal(err)
		}
		if o.Rank.Filter, err = filter.Compile(c.Remote()); err != nil {
			t.Fatal(err)
		}
	}
	late := func(nanos int64) func() {
		return func() {
			e := w.events[0]
			e.TimeNanos = nanos
			var b store.Batch
			b.Add(&e, "test", 0)
			f.append(t, &b)
		}
	}
	none := func() {}
	for _, tt := range []struct {
		name   string
		before func()
		o      detect.Options
		end    int64
		anew   bool
		reads  bool
	}{
		{"the first reads", none, settings(t), end, false, true},
		{"the same again does not", none, settings(t), end, false, false},
		{"nor does another jitter", none, changed(t, func(o *detect.Options) { o.Params.MaxJitter = 0.3 }), end, false, false},
		{"nor do other bounds of the statistics", none, changed(t, func(o *detect.Options) { o.Params.MinNotEmpty, o.Params.MaxBeaconingBytesCov = 0.2, 0.5 }), end, false, false},
		{"nor does another least score", none, changed(t, func(o *detect.Options) { o.Rank.MinScore = 60 }), end, false, false},
		{"nor another rate of false discoveries", none, changed(t, func(o *detect.Options) { o.Rank.MaxFalse = 0.0001 }), end, false, false},
		{"nor a shorter look back", none, changed(t, func(o *detect.Options) { o.Rank.Lookback = 7200 }), end, false, false},
		{"nor what comes behind the window", late((end + 2) * 1e9), settings(t), end, false, false},
		{"what comes late into it does", late((end - 3000) * 1e9), settings(t), end, false, true},
		{"a shorter window does", none, changed(t, func(o *detect.Options) { o.Params.NumberBucketsInRange = 300 }), end, false, true},
		{"longer buckets do", none, changed(t, func(o *detect.Options) { o.Params.TimeBucketLength = 120 }), end, false, true},
		{"more addresses do", none, changed(t, func(o *detect.Options) { o.Params.NumberDestinationIPs = 3 }), end, false, true},
		{"another window does", none, settings(t), end - 3600, false, true},
		{"another filter does", none, changed(t, without), end, true, true},
		{"and with it another jitter does not", none, changed(t, func(o *detect.Options) { without(o); o.Params.MaxJitter = 0.3 }), end, true, false},
		{"other groups do", none, changed(t, func(o *detect.Options) { o.GroupBy = []event.Field{event.HostName, event.UserName} }), end, false, true},
		{"and again do not", none, changed(t, func(o *detect.Options) {
			o.GroupBy, o.Params.MaxJitter = []event.Field{event.HostName, event.UserName}, 0.2
		}), end, false, false},
		{"no rank does", none, changed(t, func(o *detect.Options) { o.Rank = nil }), end, false, true},
		{"the settings of the run do", none, settings(t), end, false, true},
		{"a run does", func() {
			f.until(t, last.Add(time.Hour+2*time.Minute))
			due(t, s)
		}, settings(t), end, false, true},
	} {
		tt.before()
		before := reads.in
		got, err := s.Try(t.Context(), tt.o, tt.end, tt.anew)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if (reads.in > before) != tt.reads {
			t.Errorf("%s: got %d looks at events", tt.name, reads.in-before)
		}
		want, err := f.schedule(t, nil).Try(t.Context(), tt.o, tt.end, tt.anew)
		if err != nil {
			t.Fatal(err)
		}
		if d := gocmp.Diff(documents(want), documents(got)); d != "" || len(got.Findings) == 0 && got.Run.Rows > 0 && tt.o.Rank.MinScore < 60 {
			t.Errorf("%s: got %d findings: by a schedule without a past (-) and this (+):\n%s", tt.name, len(got.Findings), d)
		}
		if d := gocmp.Diff(want.Run, got.Run); d != "" || !slices.Equal(got.Filter, want.Filter) || got.Anew != want.Anew {
			t.Errorf("%s: got %v, want %v:\n%s", tt.name, got.Filter, want.Filter, d)
		}
	}
}

func TestWhatIsKeptOfTrialsGoes(t *testing.T) {
	reads := &counting{Store: memory.New(time.Now)}
	f, s, last := simulated(t, 2*time.Hour).ran(t, 2, reads, nil)
	end := last.Unix()
	try := func() int {
		before := reads.in
		if _, err := s.Try(t.Context(), settings(t), end, false); err != nil {
			t.Fatal(err)
		}
		return reads.in - before
	}
	for _, after := range []time.Duration{0, keptTime, keptTime + time.Second} {
		try()
		f.now = f.now.Add(after)
		due(t, s)
		if got := try(); (got > 0) != (after > keptTime) {
			t.Errorf("after %v: got %d looks at events", after, got)
		}
	}
	if size := s.kept.one.g.Bytes(); size < 100_000 || size > keptBytes {
		t.Errorf("got %d bytes of what is kept", size)
	}
	if _, err := s.RunAt(t.Context(), end); err != nil || s.kept.one != nil {
		t.Errorf("after a run: got %v and %v, want nothing kept", s.kept.one, err)
	}
}

// TestATrialThatIsGivenUp leaves what it gathered to the one that comes in its place.
func TestATrialThatIsGivenUp(t *testing.T) {
	_, s, last := simulated(t, 2*time.Hour).ran(t, 2, memory.New(time.Now), nil)
	end := last.Unix()
	if _, err := s.Try(t.Context(), settings(t), end, false); err != nil {
		t.Fatal(err)
	}
	kept := s.kept.one
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := settings(t)
	o.Rank.MaxFalse = 0.01
	if _, err := s.Try(ctx, o, end, false); err == nil {
		t.Error("got no error of a trial that was given up")
	}
	if s.kept.one != kept {
		t.Errorf("got %p kept, want %p", s.kept.one, kept)
	}
}
