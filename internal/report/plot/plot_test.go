package plot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"fresnel/internal/human"
	"fresnel/internal/testkit"
)

// An hour in buckets of a minute that ends at 2026-01-01 06:00:00.
var hour = Window{EndNanos: 1767247200e9, BucketSeconds: 60, Buckets: 60}

func every(n, step int, v float64) []float64 {
	out := make([]float64, n)
	for i := 0; i < n; i += step {
		out[i] = v
	}
	return out
}

func counts(values []float64) []int64 {
	out := make([]int64, len(values))
	for i, v := range values {
		out[i] = int64(v)
	}
	return out
}

func caption(id string) Caption {
	return Caption{ID: id, Heading: "Heading of <" + id + ">", Note: "note & numbers", Alt: "what is \"seen\""}
}

func TestGolden(t *testing.T) {
	var times []int64
	for at := hour.start() + 7e9; at < hour.EndNanos; at += 300e9 {
		times = append(times, at)
	}
	uneven := every(60, 5, 400)
	uneven[10], uneven[15] = 9000, 390
	label := func(i int) string { return human.Duration(4*time.Minute + time.Duration(i)*30*time.Second) }
	waves := make([]float64, 31)
	for i := range waves {
		waves[i] = math.Cos(float64(i) * 2 * math.Pi / 5)
	}
	for name, svg := range map[string][]byte{
		"timeline":                Timeline(caption("timeline"), times, nil, hour),
		"timeline-of-counts":      Timeline(caption("timeline"), nil, counts(every(60, 5, 3)), hour),
		"histogram":               Histogram(caption("histogram"), Bins{Counts: []int64{1, 5, 30, 2}, Start: 4 * time.Minute, Width: 30 * time.Second, Label: label, Above: 3}, 5*time.Minute, "period 5m"),
		"histogram-of-nothing":    Histogram(caption("histogram"), Bins{}, 0, ""),
		"bytes-tested":            Bytes(caption("bytes"), uneven, hour, true, [2]float64{390, 400}, 399),
		"bytes-not-tested":        Bytes(caption("bytes"), every(60, 30, 512), hour, false, [2]float64{}, 0),
		"bytes-of-nothing":        Bytes(caption("bytes"), make([]float64, 60), hour, false, [2]float64{}, 0),
		"counts":                  Counts(caption("counts"), counts(every(60, 1, 4)), hour, true, [2]float64{4, 4}),
		"autocovariance":          Autocovariance(caption("period"), waves, 60, 0.7, 5, true),
		"autocovariance-low":      Autocovariance(caption("period"), every(31, 7, 0.2), 60, 0.7, 7, false),
		"autocovariance-of-a-few": Autocovariance(caption("period"), nil, 60, 0.7, 0, false),
		"spark":                   Spark([]float32{0, 1, 2, 4}),
	} {
		testkit.Golden(t, "testdata/"+name+".svg", append(svg, '\n'))
	}
}

func TestAxesUseRoundNumbers(t *testing.T) {
	for _, c := range []struct {
		span float64
		n    int
		want float64
	}{{1, 4, 0.5}, {4, 4, 1}, {7, 4, 2}, {1380, 4, 500}, {0.004, 4, 0.001}} {
		if got := niceStep(c.span, c.n); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("niceStep(%v, %d): got %v, want %v", c.span, c.n, got, c.want)
		}
	}
	for _, c := range []struct {
		span time.Duration
		most int
		want time.Duration
	}{{6 * time.Hour, 7, time.Hour}, {time.Hour, 6, 10 * time.Minute}, {30 * 24 * time.Hour, 7, 7 * 24 * time.Hour}, {time.Minute, 7, 10 * time.Second}, {10000 * 24 * time.Hour, 5, 2000 * 24 * time.Hour}} {
		if got := timeStep(c.span, c.most); got != c.want {
			t.Errorf("timeStep(%v, %d): got %v, want %v", c.span, c.most, got, c.want)
		}
	}
}

func TestLabelsOfLongWindowsNameTheDay(t *testing.T) {
	day := Window{EndNanos: 1767247200e9, BucketSeconds: 3600, Buckets: 24 * 10}
	svg := string(Timeline(caption("x"), nil, make([]int64, 240), day))
	if !strings.Contains(svg, ">Dec 22<") {
		t.Errorf("rows of days: got %s", svg)
	}
	two := Window{EndNanos: 1767247200e9, BucketSeconds: 3600, Buckets: 48}
	svg = string(Timeline(caption("x"), nil, make([]int64, 48), two))
	if !strings.Contains(svg, ">30 06:00<") {
		t.Errorf("rows of hours over days: got %s", svg)
	}
	if svg = string(Counts(caption("x"), make([]int64, 48), two, false, [2]float64{})); !strings.Contains(svg, ">Jan 1<") {
		t.Errorf("midnight of a window over days: got %s", svg)
	}
}

func TestAFewLargeBytesDoNotPressTheOthersFlat(t *testing.T) {
	values := every(100, 1, 400)
	values[50] = 1e6
	if limit, above := limitOf(values); limit != 500 || above != 1 {
		t.Errorf("got limit %v with %d above, want 500 with 1", limit, above)
	}
	if limit, above := limitOf([]float64{1, 2, 0, 5}); limit != 5 || above != 0 {
		t.Errorf("got limit %v with %d above, want 5 with none", limit, above)
	}
}

func FuzzPictures(f *testing.F) {
	f.Add([]byte{1, 200, 0, 5}, "a\"<&", int64(1767247200e9), int64(60), 0.7, 2)
	f.Fuzz(func(t *testing.T, data []byte, text string, end, bucket int64, number float64, period int) {
		end, bucket = end%4e18, 1+int64(uint64(bucket)%86400)
		if !(math.Abs(number) < 1e300) || len(data) > 4000 {
			t.Skip("no number that a result holds")
		}
		w := Window{EndNanos: end, BucketSeconds: bucket, Buckets: len(data)}
		n := make([]int64, len(data))
		v := make([]float64, len(data))
		times := make([]int64, len(data))
		for i, b := range data {
			n[i], v[i], times[i] = int64(b), float64(b)*math.Abs(number), end-int64(b)*1e9
		}
		c := Caption{ID: "x", Heading: human.Safe(text), Note: human.Safe(text), Alt: human.Safe(text)}
		for i, svg := range [][]byte{
			Timeline(c, times, n, w), Timeline(c, nil, n, w),
			Histogram(c, Bins{Counts: n, Start: 0, Width: time.Second, Label: func(int) string { return c.Note }, Above: 1}, time.Duration(bucket), c.Note),
			Bytes(c, v, w, true, [2]float64{0, number}, number),
			Counts(c, n, w, true, [2]float64{1, 2}),
			Autocovariance(c, v, bucket, 0.7, period, true),
		} {
			d := xml.NewDecoder(bytes.NewReader(svg))
			for {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("picture %d: %v\n%s", i, err, svg)
				}
			}
			if bytes.Contains(svg, []byte("NaN")) && !strings.Contains(text, "NaN") {
				t.Errorf("picture %d: got NaN in %s", i, svg)
			}
		}
	})
}
