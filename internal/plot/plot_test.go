package plot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
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
	return Caption{ID: id, Heading: "Heading of <" + id + ">", Of: "ws-0142, <b>", Note: "note & numbers", Alt: "what is \"seen\""}
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
	failed := make([]bool, len(times))
	failed[3], failed[4] = true, true
	week := []int64{}
	for at := hour.EndNanos - 6*int64(day); at < hour.EndNanos; at += 3 * 3600e9 {
		week = append(week, at)
	}
	peak := Peak{At: 5 * time.Minute, Spread: 0.1, Name: "model: 5m ±10 %"}
	for name, picture := range map[string]*Picture{
		"raster":                  Raster(caption("raster"), Calls{times, failed}, times[0], hour.EndNanos, nil, false),
		"raster-of-days":          Raster(caption("raster"), Calls{week, nil}, week[0], hour.EndNanos, time.FixedZone("", 5*3600+1800), true),
		"raster-of-counts":        RasterOfCounts(caption("raster"), counts(every(60, 5, 3)), hour, false),
		"raster-of-nothing":       Raster(caption("raster"), Calls{}, hour.start(), hour.EndNanos, nil, false),
		"histogram":               Histogram(caption("histogram"), Bins{Counts: []int64{1, 5, 30, 2}, Start: 4 * time.Minute, Width: 30 * time.Second, Label: label, Above: 3}, peak),
		"histogram-of-nothing":    Histogram(caption("histogram"), Bins{}, Peak{}),
		"bytes-tested":            Bytes(caption("bytes"), uneven, hour, &Tested{[2]float64{390, 400}, 399}),
		"bytes-not-tested":        Bytes(caption("bytes"), every(60, 30, 512), hour, nil),
		"bytes-of-nothing":        Bytes(caption("bytes"), make([]float64, 60), hour, nil),
		"counts":                  Counts(caption("counts"), counts(every(60, 1, 4)), hour, &Tested{Band: [2]float64{4, 4}}),
		"autocovariance":          Autocovariance(caption("period"), waves, 60, 0.7, 5, true),
		"autocovariance-low":      Autocovariance(caption("period"), every(31, 7, 0.2), 60, 0.7, 7, false),
		"autocovariance-of-a-few": Autocovariance(caption("period"), nil, 60, 0.7, 0, false),
	} {
		testkit.Golden(t, "testdata/"+name+".svg", append(picture.SVG(), '\n'))
		bare, marks := string(picture.Bare()), picture.marks
		if !strings.HasSuffix(bare, ">"+marks+"</svg>") || !strings.HasSuffix(string(picture.SVG()), marks+"</svg>") || strings.Contains(bare, "Heading of &lt;"+picture.ID+"&gt; · ws") {
			t.Errorf("%s: got %s, want the marks of the picture and no heading", name, bare)
		}
	}
	testkit.Golden(t, "testdata/spark.svg", append(Spark([]float32{0, 1, 2, 4}), '\n'))
	testkit.Golden(t, "testdata/bare.svg", append(Counts(caption("counts"), counts(every(60, 1, 4)), hour, nil).Bare(), '\n'))
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

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func nanos(t *testing.T, z *time.Location, text string) int64 {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04:05", text, z)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixNano()
}

func TestRows(t *testing.T) {
	berlin, kolkata := zone(t, "Europe/Berlin"), zone(t, "Asia/Kolkata")
	type spot struct {
		at   string
		row  int
		part float64
	}
	for _, c := range []struct {
		name     string
		zone     *time.Location
		from, to string
		length   time.Duration
		rows     []string
		spots    []spot
	}{
		{"six hours are rows of one, as the last second is no row", time.UTC, "2026-01-01 00:00:01", "2026-01-01 06:00:00", time.Hour,
			[]string{"00:00", "01:00", "02:00", "03:00", "04:00", "05:00"}, []spot{{"2026-01-01 00:30:00", 0, 0.5}, {"2026-01-01 06:00:00", 5, 1}}},
		{"rows begin at round times of the clock", kolkata, "2026-01-01 05:40:00", "2026-01-01 11:40:00", time.Hour,
			[]string{"05:00", "06:00", "07:00", "08:00", "09:00", "10:00", "11:00"}, []spot{{"2026-01-01 05:45:00", 0, 0.75}}},
		{"a day and a bit names the midnight", berlin, "2026-01-01 06:00:00", "2026-01-02 08:00:00", 3 * time.Hour,
			[]string{"06:00", "09:00", "12:00", "15:00", "18:00", "21:00", "2 Jan", "03:00", "06:00"}, nil},
		{"beyond a day and a half a row is a day", berlin, "2026-01-05 13:00:00", "2026-01-08 00:00:00", day,
			[]string{"5 Jan", "6 Jan", "7 Jan"}, []spot{{"2026-01-05 18:00:00", 0, 0.75}, {"2026-01-07 00:00:00", 2, 0}, {"2026-01-08 00:00:00", 2, 1}}},
		{"nine is nine when the clock is put forward", berlin, "2026-03-28 09:00:00", "2026-03-30 10:00:00", day,
			[]string{"28 Mar", "29 Mar", "30 Mar"}, []spot{{"2026-03-28 09:00:00", 0, 0.375}, {"2026-03-29 01:30:00", 1, 0.0625}, {"2026-03-29 09:00:00", 1, 0.375}, {"2026-03-30 09:00:00", 2, 0.375}}},
		{"and when it is put back", berlin, "2026-10-24 09:00:00", "2026-10-26 10:00:00", day,
			[]string{"24 Oct", "25 Oct", "26 Oct"}, []spot{{"2026-10-25 09:00:00", 1, 0.375}, {"2026-10-25 23:30:00", 1, 23.5 / 24}, {"2026-10-26 00:00:00", 2, 0}}},
		{"a day that has no midnight", zone(t, "Africa/Cairo"), "2026-04-23 12:00:00", "2026-04-25 12:00:00", day,
			[]string{"23 Apr", "24 Apr", "25 Apr"}, []spot{{"2026-04-24 01:00:00", 1, 1. / 24}, {"2026-04-24 12:00:00", 1, 0.5}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			from, to := nanos(t, c.zone, c.from), nanos(t, c.zone, c.to)
			r := rowsOf(from, to, c.zone)
			var names []string
			for i := range r.n {
				names = append(names, r.name(i, time.Duration(to-from)))
			}
			if r.length != c.length || !slices.Equal(names, c.rows) {
				t.Errorf("got rows %q of %v, want %q of %v", names, r.length, c.rows, c.length)
			}
			for _, s := range c.spots {
				if row, part := r.place(nanos(t, c.zone, s.at)); row != s.row || math.Abs(part-s.part) > 1e-9 {
					t.Errorf("%s: got row %d at %v, want %d at %v", s.at, row, part, s.row, s.part)
				}
			}
			if row, _ := r.place(from - 2*int64(day)); row != -1 {
				t.Errorf("before all rows: got row %d, want none", row)
			}
		})
	}
}

func TestTicksOfARasterAreThePlacesWithCalls(t *testing.T) {
	from := hour.EndNanos - 6*3600e9
	calls := Calls{TimesNanos: []int64{from, from + 1e9, from + 600e9, from + 601e9, from + 602e9, from + 7200e9}, Failed: []bool{false, false, true, false, true, false}}
	p := Raster(caption("x"), calls, from, hour.EndNanos, nil, false)
	want := []Tick{{from, 2, false}, {from + 600e9, 2, true}, {from + 601e9, 1, false}, {from + 7200e9, 1, false}}
	if !slices.Equal(p.Ticks, want) {
		t.Errorf("got ticks %v, want %v", p.Ticks, want)
	}
	for class, n := range map[string]int{"answered": 3, "unanswered": 1} {
		m := regexp.MustCompile(`class="` + class + `"[^>]* d="([^"]*)"`).FindStringSubmatch(p.marks)
		if m == nil || strings.Count(m[1], "M") != n {
			t.Errorf("got %q, want %d marks of what is %s", m, n, class)
		}
	}
}

// TestValuesLieWhereTheyAreDrawn holds that a reader finds the value of a place.
func TestValuesLieWhereTheyAreDrawn(t *testing.T) {
	at := func(p *Picture, i int, part float64) float64 { // in the middle of an element
		a, area := p.Across, p.Plot()
		v := a.First + (float64(i)+part)*a.Step
		return area.X + (v-a.Lo)/(a.Hi-a.Lo)*area.Width
	}
	one := make([]float64, 60)
	one[0], one[59] = 7, 3
	bars := Counts(caption("x"), counts(one), hour, nil)
	gaps := Histogram(caption("x"), Bins{Counts: []int64{4, 1}, Start: time.Minute, Width: time.Second, Label: strconv.Itoa}, Peak{})
	waves := Autocovariance(caption("x"), []float64{0, 0, 1, 0, 0}, 60, 0.7, 2, true)
	for _, c := range []struct {
		name    string
		p       *Picture
		i       int
		part    float64
		value   float64
		x, wide float64
	}{
		{"the oldest bucket", bars, 0, 0.5, 3, left, plotWidth / 60.},
		{"the newest bucket", bars, 59, 0.5, 7, left + plotWidth - plotWidth/60., plotWidth / 60.},
		{"a bin in the middle of eight", gaps, 0, 0.5, 4, left + 3*plotWidth/8., plotWidth / 8.},
		{"the first period", waves, 0, 0, 1, left, plotWidth / 3.},
	} {
		if got := c.p.Values[c.i]; got != c.value {
			t.Errorf("%s: got %v, want %v", c.name, got, c.value)
		}
		if x := at(c.p, c.i, c.part); math.Abs(x-c.x-c.wide/2) > 1e-3 {
			t.Errorf("%s: got its middle at %v, want it at %v", c.name, x, c.x+c.wide/2)
		}
	}
}

func TestTimesOfAnAxisAreRoundOnTheClockOfTheZone(t *testing.T) {
	labels := func(w Window) (all []string) {
		for _, m := range regexp.MustCompile(`text-anchor="middle"[^>]*>([^<]*)<`).FindAllStringSubmatch(Counts(caption("x"), make([]int64, w.Buckets), w, nil).marks, -1) {
			all = append(all, m[1])
		}
		return all
	}
	berlin := zone(t, "Europe/Berlin")
	for _, c := range []struct {
		name string
		w    Window
		want []string
	}{
		{"of UTC", Window{EndNanos: hour.EndNanos, BucketSeconds: 3600, Buckets: 48}, []string{"12:00", "31 Dec", "12:00", "1 Jan"}},
		{"of a half hour", Window{EndNanos: hour.EndNanos, BucketSeconds: 60, Buckets: 180, Zone: zone(t, "Asia/Kolkata")}, []string{"08:30", "09:00", "09:30", "10:00", "10:30", "11:00", "11:30"}},
		{"over the night when it is put forward", Window{EndNanos: nanos(t, berlin, "2026-03-29 13:00:00"), BucketSeconds: 3600, Buckets: 24, Zone: berlin}, []string{"12:00", "18:00", "00:00", "06:00", "12:00"}},
	} {
		if got := labels(c.w); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestPicturesKeepAStrictPolicy holds that no picture needs what a Content-Security-Policy without
// unsafe-inline forbids, and that what logs say stays text.
func TestPicturesKeepAStrictPolicy(t *testing.T) {
	bad := human.Safe(`"><script>alert(1)</script><g onload='x' style="a`)
	c := Caption{ID: "x", Heading: bad, Of: bad, Note: bad, Alt: bad}
	for _, p := range []*Picture{
		Raster(c, Calls{TimesNanos: []int64{hour.start() + 1}, Failed: []bool{true}}, hour.start(), hour.EndNanos, nil, true),
		RasterOfCounts(c, counts(every(60, 5, 3)), hour, true),
		Histogram(c, Bins{Counts: []int64{1}, Start: time.Second, Width: time.Second, Label: func(int) string { return bad }, Above: 1}, Peak{time.Second, 0.1, bad}),
		Bytes(c, every(60, 5, 3), hour, &Tested{}),
		Counts(c, counts(every(60, 5, 3)), hour, &Tested{}),
		Autocovariance(c, every(31, 7, 0.2), 60, 0.7, 7, false),
		Stretches(c, []Stretch{{hour.start(), hour.EndNanos, 60}}, hour),
		Shares(c, bad, bad, false, ShareLine{}),
	} {
		for _, svg := range [][]byte{p.SVG(), p.Bare(), Spark([]float32{1})} {
			d := xml.NewDecoder(bytes.NewReader(svg))
			for {
				token, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("%v\n%s", err, svg)
				}
				e, ok := token.(xml.StartElement)
				if !ok {
					continue
				}
				if !slices.Contains([]string{"svg", "title", "desc", "text", "path", "rect"}, e.Name.Local) {
					t.Errorf("got an element %s in %s", e.Name.Local, svg)
				}
				for _, a := range e.Attr {
					if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Name.Local, "href") {
						t.Errorf("got an attribute %s in %s", a.Name.Local, svg)
					}
				}
			}
		}
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
		slices.Sort(times)
		w.Zone = time.FixedZone("", period%50000)
		for i, p := range []*Picture{
			Raster(c, Calls{TimesNanos: times}, w.start(), w.EndNanos, w.Zone, bucket%2 == 0), RasterOfCounts(c, n, w, bucket%2 == 0),
			Histogram(c, Bins{Counts: n, Start: 0, Width: time.Second, Label: func(int) string { return c.Note }, Above: 1}, Peak{time.Duration(bucket), math.Abs(number), c.Note}),
			Bytes(c, v, w, &Tested{[2]float64{0, number}, number}),
			Counts(c, n, w, &Tested{Band: [2]float64{1, 2}}),
			Autocovariance(c, v, bucket, 0.7, period, true),
		} {
			svg := p.SVG()
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
