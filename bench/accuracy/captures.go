package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fresnel/bench/worlds"
	"fresnel/internal/beacon"
	"fresnel/internal/detect"
	"fresnel/internal/evaluate"
	"fresnel/internal/event"
	"fresnel/internal/files"
	"fresnel/internal/filter"
	"fresnel/internal/finding"
	"fresnel/internal/labels"
	"fresnel/internal/scan"
	"fresnel/internal/source"
	sources "fresnel/internal/source/all"
)

// A capture is a folder of the shared data, or some of its files.
type capture struct {
	folder  string
	part    string   // the labels' word for these files; "" for all labels
	files   []string // below the folder; none for the whole of it
	title   string   // where folder and part do not tell
	one     bool     // all labels of beacons are of one implant
	inputs  []string
	maps    map[string]source.ColumnMap
	from    string // host's logs that tell of the same calls: the one that is looked at
	groupBy []event.Field

	hosts int // that are watched, in captures of normal days; 0 in others
}

// The logs of otrf-endpoint-empire.
const (
	sysmon    = "Sysmon event 3"
	event5156 = "Security event 5156"
)

func (c *capture) name() string {
	name := c.folder
	for _, s := range []string{c.title, c.part, c.from} {
		if s != "" {
			name += ", " + s
		}
		if s != "" && s == c.title {
			break
		}
	}
	return name
}

// timingOnly reads c2-framework-timing: seconds from the start of the capture and what begins
// there. The author has taken the addresses away.
func timingOnly(name, what string) capture {
	return capture{
		folder: "c2-framework-timing", part: name + "_beaconing_0", title: name, files: []string{name + "_beaconing_0.events.csv.gz"},
		inputs: []string{"delimited:timing"}, maps: map[string]source.ColumnMap{"timing": {
			Separator: ",", Header: true, Time: "unix", Start: "2026-01-01T00:00:00Z",
			Columns:   map[string]string{"seconds": "@timestamp"},
			Keep:      map[string][]string{"event": {what}},
			Constants: map[string]string{"source.ip": hiddenSource, "destination.ip": hiddenServer},
		}},
	}
}

// The addresses of captures whose author has taken them away.
const (
	hiddenSource = "10.0.0.1"
	hiddenServer = "203.0.113.1"
)

func endpoint(name string) []capture {
	var both []capture
	for _, from := range []string{sysmon, event5156} {
		both = append(both, capture{folder: "otrf-endpoint-empire", part: name, files: []string{name + ".ndjson.gz"}, from: from})
	}
	return both
}

// captures are the labelled captures of the shared data.
var captures = slices.Concat(
	[]capture{
		{folder: "rita-http-proxy-beacon", one: true},
		{folder: "bab0-apt-http"},
		{folder: "emotet-icedid"},
		{folder: "iot23-hakai-torii", part: "8-1", title: "Hakai", files: []string{"CTU-IoT-Malware-Capture-8-1.conn.labeled.psv.gz"}},
		{folder: "njrat-reconnect"},
		{folder: "rat-short-pcaps", part: "quasarrat", files: []string{"quasarrat.conn.log.gz"}},
		{folder: "rat-short-pcaps", part: "caldera-manx-udp", files: []string{"caldera-manx-udp.conn.log.gz"}},
		{folder: "rat-short-pcaps", part: "caldera-ragdoll", files: []string{"caldera-ragdoll.conn.log.gz"}},
		timingOnly("merlin", "connection"), timingOnly("empire", "connection"), timingOnly("posh", "connection"), timingOnly("covenant", "request"),
	},
	endpoint("empire_mimikatz_logonpasswords"),
	endpoint("empire_dllinjection_LoadLibrary_CreateRemoteThread"),
	endpoint("empire_psinject_PEinjection"),
	endpoint("empire_monologue_netntlm_downgrade"),
	endpoint("empire_wdigest_downgrade"),
	endpoint("empire_enable_rdp"),
	[]capture{
		{folder: "apt29-zeek-json", part: "day2-UTICA-A", files: []string{"day2-UTICA-A-conn.ndjson.gz"}},
		{folder: "apt29-zeek-json", part: "day2-UTICA-D", files: []string{"day2-UTICA-D-conn.ndjson.gz"}},

		{folder: "ctu-normal-days", part: "ctu-normal-40-day1", title: "40", files: []string{"ctu-normal-40-day1.conn.log.labeled.gz"}, hosts: 1},
		{folder: "ctu-normal-days", part: "ctu-normal-43-day1", title: "43", files: []string{"ctu-normal-43-day1.conn.log.labeled.gz"}, hosts: 1},
		{folder: "m57-office-day", hosts: 15},
		{folder: "rita-http-24h", groupBy: []event.Field{event.SourceIP, event.DestinationDomain}, hosts: 13},
		{folder: "suricata-iot-day", hosts: 1},
		{folder: "iot23-hakai-torii", part: "20-1", title: "Torii, whose C2 does not beacon", files: []string{"CTU-IoT-Malware-Capture-20-1.conn.labeled.psv.gz"}, hosts: 1},
		{folder: "proxifier-desktop-oct", hosts: 1},
	},
)

// A seen is what the detectors make of a capture.
type seen struct {
	capture *capture
	events  int64
	days    float64
	truth   evaluate.Truth
	labels  *labels.File
	rows    [detectors][]evaluate.Row
	by      [detectors]measure
	nothing string // why there was nothing to look at
}

// truth reads the labels of c.
func (c *capture) truth(dir string) (*labels.File, error) {
	all, err := worlds.Labels(filepath.Join(dir, c.folder))
	if err != nil {
		return nil, err
	}
	own := all.Labels[:0]
	for _, l := range all.Labels {
		if c.part != "" && l.Capture != c.part {
			continue
		}
		if c.maps != nil {
			l.Source, l.Dest = hiddenSource, hiddenServer
		}
		// Two logs may tell of one implant.
		if l.Beacon != nil && *l.Beacon {
			l.Implant = nameOf(evaluate.Subject{Host: l.Host, Process: l.Process, Source: l.Source, IP: l.Dest, Domain: l.Domain})
			if c.one {
				l.Implant = "the beacon, by its proxy or its name"
			}
		}
		own = append(own, l)
	}
	all.Labels = own
	return all, nil
}

// filters returns what the reference and the timing model look at. Most captures come from
// laboratories whose servers have private addresses, so that all events are let in where
// filtered is false.
func (c *capture) filters(filtered bool) (reference, remote *filter.Filter, err error) {
	cfg := filter.Default()
	cfg.Enabled = filtered
	op := filter.Wildcard
	switch c.from {
	case event5156:
		op = filter.NotWildcard
		fallthrough
	case sysmon:
		cfg.Enabled, cfg.Include = true, nil
		cfg.Exclude = filter.Clauses{{Name: "other-log", Where: filter.Conditions{{Field: event.ProcessExecutable, Op: op, Values: []string{`\device\*`}}}}}
		reference, err = filter.Compile(cfg)
		return reference, reference, err
	default:
	}
	if reference, err = filter.Compile(cfg); err != nil {
		return nil, nil, err
	}
	remote, err = filter.Compile(cfg.Remote())
	return reference, remote, err
}

// look scans c.
func (c *capture) look(dir string, filtered bool, set settings) (*seen, error) {
	file, err := c.truth(dir)
	if err != nil {
		return nil, err
	}
	ref, remote, err := c.filters(filtered)
	if err != nil {
		return nil, err
	}
	paths := []string{filepath.Join(dir, c.folder)}
	if len(c.files) > 0 {
		paths = nil
		for _, f := range c.files {
			paths = append(paths, filepath.Join(dir, c.folder, f))
		}
	}
	found, problems := files.Expand(paths)
	other := newPeer()
	groups := map[uint64]struct{}{}
	j := newJoin(file, false)
	out := &seen{capture: c, labels: j.labels}
	flags := map[string]*flagged{}
	s, err := scan.Run(context.Background(), scan.Options{
		Files: found, Problems: problems, Inputs: c.inputs, Source: source.Options{Delimited: c.maps},
		Formats: tap(sources.Formats, func(e *event.Event) {
			if !remote.Keeps(e) || !e.DestinationIP.IsValid() && e.DestinationDomain == "" {
				return
			}
			group := worlds.Keys{}.Hash(e)
			groups[group] = struct{}{}
			other.add(e, group)
		}),
		Options: detect.Options{
			Filter: ref, GroupBy: c.groupBy, Params: beacon.DefaultParams(), Runs: detect.Runs{Mode: detect.Schedule, Every: referenceEvery},
			Rank:    &detect.Rank{Filter: remote, Lookback: int64(set.lookback.Seconds()), MaxFalse: set.maxFalse, MinScore: set.minScore, PerDay: set.perDay, Model: set.model},
			Workers: 1,
		},
	}, func(r *finding.Result) error {
		group := worlds.SubjectOf(r.Group.Fields, r.Group.Values)
		if r.Stats.IsBeaconing {
			key := strings.Join(r.Group.Values, "\x00")
			g := flags[key]
			if g == nil {
				g = &flagged{subject: group, first: r.RunEnd}
				flags[key] = g
			}
			g.score = max(g.score, r.Stats.BeaconingScore)
		}
		if r.Row == nil { // of a group that the timing model was not shown
			return nil
		}
		group.Domain, group.Port = r.Row.Domain, int(r.Row.Port)
		if group.IP = ""; r.Row.Address.IsValid() {
			group.IP = r.Row.Address.String()
		}
		if one, ok := row(j.rows, group, r.Row.Assessment.Score); ok {
			out.rows[fresnel] = append(out.rows[fresnel], one)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name(), err)
	}
	if len(s.Problems) > 0 {
		return nil, fmt.Errorf("%s: %w", c.name(), s.Problems[0])
	}
	out.events = s.Events
	if !other.any {
		out.nothing = "the filter lets no event in"
		return out, nil
	}
	out.days = float64(other.last-other.first) / daySeconds
	out.rows[fresnel] = once(out.rows[fresnel])
	out.rows[referenceStatistics] = j.flagged(flags)
	out.rows[ritaScore] = j.scored(other.scores(other.last))
	j.truth.Groups, j.truth.Hosts, j.truth.Days = len(groups), c.hosts, out.days
	out.truth = j.truth
	for i, rows := range out.rows {
		r, err := evaluate.Rows(rows, j.truth)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name(), err)
		}
		listed := 0
		for k := range rows {
			if i != ritaScore || rows[k].Score >= ritaShown {
				listed++
			}
		}
		out.by[i] = measure{r, listed}
	}
	return out, nil
}

// once takes of the rows of one name the best, as those of several looks have the same.
func once(rows []evaluate.Row) []evaluate.Row {
	best := map[string]int{}
	var out []evaluate.Row
	for _, r := range rows {
		i, ok := best[r.Name]
		switch {
		case !ok:
			best[r.Name] = len(out)
			out = append(out, r)
		case r.Score > out[i].Score:
			out[i] = r
		}
	}
	return out
}

// shared returns the folder of the captures, and false where there is none.
func shared() (string, bool) {
	dir := os.Getenv("FRESNEL_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "shared")
	}
	dir = filepath.Join(dir, "data")
	_, err := os.Stat(dir)
	return dir, !errors.Is(err, fs.ErrNotExist)
}

// place returns where a list has the first row of an implant: its score and the places of all
// rows with that score.
func place(rows []evaluate.Row, implant string) (score float64, from, to int, ok bool) {
	for i := range rows {
		if slices.Contains(rows[i].Implants, implant) && (!ok || rows[i].Score > score) {
			score, ok = rows[i].Score, true
		}
	}
	from = 1
	for i := range rows {
		switch {
		case rows[i].Score > score:
			from++
			to++
		case rows[i].Score == score:
			to++
		}
	}
	return score, from, to, ok
}
