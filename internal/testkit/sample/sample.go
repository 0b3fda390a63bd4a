// Package sample makes the sample data of the repository: one day of a small office, as
// Elastic Defend saw it on ten machines and as Zeek saw it on the network of the devices
// that run no agent. Everything in it is made up, and the same every time.
//
// Three things call home there, and should be found: spoolhost.exe on ws-04 every five
// minutes, OfficeSync.exe on ws-07 twice a minute, and the camera 10.20.9.31 every ten
// minutes. Two programs have a timer and mean no harm.
package sample

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Day is the first moment of the day that the data tells of.
var Day = time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)

// A File is one file of the sample, to be compressed by gzip.
type File struct {
	Name string
	Text []byte
}

// Files returns the files of the sample.
func Files() []File {
	conn, dns, ssl := devices()
	return []File{
		{"endpoint.ndjson.gz", office()},
		{"zeek/conn.log.gz", conn},
		{"zeek/dns.log.gz", dns},
		{"zeek/ssl.log.gz", ssl},
	}
}

// A line is one line of a log and when it was written.
type line struct {
	at   time.Time
	text string
}

// join returns the lines in order of time, those of one time in their old order.
func join(head string, lines []line) []byte {
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
	var text bytes.Buffer
	text.WriteString(head)
	for _, l := range lines {
		text.WriteString(l.text)
		text.WriteByte('\n')
	}
	return text.Bytes()
}

// clock returns a time of the day.
func clock(hour, minute int, second float64) time.Time {
	return Day.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second*float64(time.Second)))
}

// nowAndThen returns times between two times of the day, as many an hour as given on
// average, independent of one another.
func nowAndThen(rng *rand.Rand, from, to time.Time, anHour float64) (times []time.Time) {
	for t := from; ; {
		t = t.Add(time.Duration(rng.ExpFloat64() / anHour * float64(time.Hour)))
		if !t.Before(to) {
			return times
		}
		times = append(times, t)
	}
}

// onATimer returns times between two times of the day, one in every period, each off by up
// to jitter to either side.
func onATimer(rng *rand.Rand, from, to time.Time, period, jitter time.Duration) (times []time.Time) {
	for t := from; t.Before(to); t = t.Add(period) {
		times = append(times, t.Add(time.Duration((2*rng.Float64()-1)*float64(jitter))))
	}
	return times
}

// about returns a whole number within a share of n.
func about(rng *rand.Rand, n int, share float64) int {
	return n + int((2*rng.Float64()-1)*share*float64(n))
}

// address returns the ith address of those that stand for the internet here. Networks that
// are reserved for examples would not do: the filter takes them for local. These are of
// 28.0.0.0/8 and 30.0.0.0/8, blocks in which no public service answers.
func address(i int) string {
	return fmt.Sprintf("%d.%d.%d.%d", 28+2*(i%2), 16+i*7%200, i*53%250, 1+i*29%250)
}
