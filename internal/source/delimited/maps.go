package delimited

import (
	"bytes"
	"maps"
	"regexp"
	"slices"

	"fresnel/internal/source"
)

// ready holds the maps that need no configuration, by name.
var ready = map[string]source.ColumnMap{
	"proxifier": {
		// A process may have spaces in its name, and one of 64 bits has " *64" behind it.
		Pattern: `^\[(?P<time>\d\d\.\d\d \d\d:\d\d:\d\d)\] (?P<process>.+?)(?: \*64)? - (?P<host>\S+):(?P<port>\d+) (?P<what>open|close|error)` +
			`(?: .*|, (?P<sent>\d+) bytes(?: \([^)]*\))? sent, (?P<received>\d+) bytes(?: \([^)]*\))? received, lifetime (?P<lifetime>.+))$`,
		Time:     "01.02 15:04:05",
		Duration: "clock",
		Columns: map[string]string{
			"time":     "@timestamp",
			"process":  "process.name",
			"host":     "destination.address",
			"port":     "destination.port",
			"sent":     "source.bytes",
			"received": "destination.bytes",
			"lifetime": "event.duration",
		},
		Keep:      map[string][]string{"what": {"close"}}, // one event for each finished connection
		Constants: map[string]string{"host.name": "proxifier", "network.transport": "tcp"},
		Missing:   []string{"<1 sec"},
	},
}

// shapes tell the files of the ready maps from others, by a line.
var shapes = map[string]*regexp.Regexp{
	"proxifier": regexp.MustCompile(`^\[\d\d\.\d\d \d\d:\d\d:\d\d\] .+ - \S+:\d+ (?:open |close, |error )`),
}

// shapeLines is how many lines of a file are looked at for its shape.
const shapeLines = 20

// readyFor returns the name of the ready map that knows the shape of the file, "" for none.
func readyFor(h source.Head) string {
	text := bytes.TrimPrefix(h.Text, bom)
	for range shapeLines {
		line, rest, _ := bytes.Cut(text, newline)
		line = bytes.TrimSuffix(line, []byte("\r"))
		for _, name := range slices.Sorted(maps.Keys(shapes)) {
			if shapes[name].Match(line) {
				return name
			}
		}
		text = rest
	}
	return ""
}

// merge returns the maps of a run: those of the configuration and the ready ones. A map of
// the configuration with the name of a ready one changes what it says and leaves the rest.
func merge(configured map[string]source.ColumnMap) map[string]source.ColumnMap {
	all := maps.Clone(ready)
	for name, c := range configured {
		r, ok := ready[name]
		if !ok {
			all[name] = c
			continue
		}
		if c.Pattern != "" {
			r.Pattern = c.Pattern
		}
		if c.Comment != "" {
			r.Comment = c.Comment
		}
		if c.Separator != "" { // reported beside the pattern
			r.Separator = c.Separator
		}
		r.Header = r.Header || c.Header
		r.Quote = r.Quote || c.Quote
		if c.Time != "" {
			r.Time = c.Time
		}
		if c.Start != "" {
			r.Start = c.Start
		}
		if c.Zone != "" {
			r.Zone = c.Zone
		}
		if c.Year != 0 {
			r.Year = c.Year
		}
		if c.Duration != "" {
			r.Duration = c.Duration
		}
		r.Columns = union(r.Columns, c.Columns)
		r.Keep = union(r.Keep, c.Keep)
		r.Constants = union(r.Constants, c.Constants)
		r.Missing = slices.Concat(r.Missing, c.Missing)
		all[name] = r
	}
	return all
}

// union returns a with the entries of b, which win.
func union[V any](a, b map[string]V) map[string]V {
	u := make(map[string]V, len(a)+len(b))
	maps.Copy(u, a)
	maps.Copy(u, b)
	return u
}

// Names returns the names of all maps of a run: those of the configuration and the ready
// ones.
func Names(configured map[string]source.ColumnMap) []string {
	return slices.Sorted(maps.Keys(merge(configured)))
}
