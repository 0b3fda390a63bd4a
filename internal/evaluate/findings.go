package evaluate

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"
)

// maxDocumentBytes bounds a line of findings. A document has about a kilobyte.
const maxDocumentBytes = 16 << 20

// Options tell how findings are read.
type Options struct {
	GroupBy          []string // paths of the fields that groups were made by; none for the automatic ones
	IgnoreUnlabelled bool     // rows without a label are left out instead of being benign
	MinScore         float64  // documents below it are in no list
}

// Findings gathers the documents of a scan, in any order, into rows: one for each group and
// destination. The destination is its domain where that is known, else its address; a document
// without either is of the whole group.
type Findings struct {
	matcher *Matcher
	options Options
	rows    map[string]*Row
}

// NewFindings returns an empty Findings whose rows m tells the truth of.
func NewFindings(m *Matcher, o Options) *Findings {
	return &Findings{matcher: m, options: o, rows: map[string]*Row{}}
}

// A document is what is looked at of a result document.
type document struct {
	Host        named `json:"host"`
	Process     named `json:"process"`
	Source      end   `json:"source"`
	Destination end   `json:"destination"`
	Event       struct {
		RiskScore *float64 `json:"risk_score"`
	} `json:"event"`
	Stats *struct {
		Score        float64  `json:"beaconing_score"`
		Destinations []string `json:"destination_ips"`
	} `json:"beacon_stats"`
	Fresnel *struct {
		Run struct {
			End time.Time `json:"end"`
		} `json:"run"`
		rated
		Others []struct {
			RiskScore float64 `json:"risk_score"`
			rated
		} `json:"other_destinations"` // in a document of scan --all
	} `json:"fresnel"`
}

// rated is what a document says of one destination.
type rated struct {
	Destination end `json:"destination"`
	Timing      struct {
		PValue *float64 `json:"p_value"`
	} `json:"timing"`
}

type named struct {
	Name string `json:"name"`
}

type end struct {
	IP     string `json:"ip"`
	Domain string `json:"domain"`
	Port   int    `json:"port"`
}

// Read adds the documents of r, one a line. Errors name the line.
func (f *Findings) Read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxDocumentBytes)
	n := 0
	for lines.Scan() {
		n++
		if len(strings.TrimSpace(lines.Text())) == 0 {
			continue
		}
		if err := f.add(lines.Bytes()); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d: got more than %d bytes, want a document of fresnel scan --output ndjson", n+1, maxDocumentBytes)
	}
	return lines.Err()
}

// add adds one document.
func (f *Findings) add(line []byte) error {
	var d document
	if err := json.Unmarshal(line, &d); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) && kind.Field != "" {
			return fmt.Errorf("%s: got %s, want %s", kind.Field, kind.Value, wanted(kind.Type))
		}
		return fmt.Errorf("want a document of fresnel scan --output ndjson: %w", err)
	}
	switch {
	case d.Fresnel == nil || d.Fresnel.Run.End.IsZero():
		return errors.New("fresnel.run.end: got none, want the document of a finding")
	case d.Stats == nil:
		return errors.New("beacon_stats: got none, want the document of a finding")
	}
	group, s, err := f.subject(line, &d)
	if err != nil {
		return err
	}
	score := d.Stats.Score
	if d.Event.RiskScore != nil {
		score = *d.Event.RiskScore
	}
	end := float64(d.Fresnel.Run.End.UnixMilli()) / 1000
	if err := f.see(group, s, score, end, &d.Fresnel.rated); err != nil {
		return err
	}
	for i := range d.Fresnel.Others {
		o := &d.Fresnel.Others[i]
		s.IP, s.Domain, s.Port, s.Contacts = o.Destination.IP, o.Destination.Domain, o.Destination.Port, nil
		if err := f.see(group, s, o.RiskScore, end, &o.rated); err != nil {
			return err
		}
	}
	return nil
}

// see adds what one document says of one row.
func (f *Findings) see(group string, s Subject, score, end float64, d *rated) error {
	row := f.row(group, s)
	if p := d.Timing.PValue; p != nil {
		if *p < 0 || *p > 1 {
			return fmt.Errorf("fresnel.timing.p_value: got %v, want 0 to 1", *p)
		}
		row.PValues = append(row.PValues, *p)
	}
	if score >= f.options.MinScore {
		if row.Unlisted || end < row.First {
			row.First = end
		}
		if row.Unlisted || score > row.Score {
			row.Score = score
		}
		row.Unlisted = false
	}
	v := f.matcher.Match(s)
	for _, name := range v.Implants {
		if !slices.Contains(row.Implants, name) {
			row.Implants = append(row.Implants, name)
		}
	}
	row.labelled = row.labelled || v.Labelled
	row.undecided = row.undecided || v.Undecided
	row.Periodic = row.Periodic || v.Periodic
	return nil
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Float64:
		return "a number"
	case reflect.Int:
		return "a whole number"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}

// subject returns the group of a document, and what it is about.
func (f *Findings) subject(line []byte, d *document) (group string, s Subject, err error) {
	s = Subject{Host: d.Host.Name, Process: d.Process.Name, Source: d.Source.IP, Port: d.Fresnel.Destination.Port}
	s.IP = cmp.Or(d.Fresnel.Destination.IP, d.Destination.IP)
	s.Domain = cmp.Or(d.Fresnel.Destination.Domain, d.Destination.Domain)
	if s.IP == "" && s.Domain == "" {
		s.Contacts = d.Stats.Destinations
	}
	switch {
	case len(f.options.GroupBy) > 0:
		group, err = values(line, f.options.GroupBy)
	case s.Host != "" && s.Process != "":
		group = name(s.Host, s.Process, "", "")
	case s.Source != "":
		group = s.Source
	default:
		err = errors.New("got neither host.name and process.name nor source.ip; want --group-by with the fields that the scan grouped by")
	}
	return group, s, err
}

// row returns the row of a group and what it is about, a new one where there is none.
func (f *Findings) row(group string, s Subject) *Row {
	destination := cmp.Or(domain(s.Domain), address(s.IP))
	key := group + "\x00" + destination
	row := f.rows[key]
	if row == nil {
		row = &Row{Name: name(group, "", "", destination), Unlisted: true}
		f.rows[key] = row
	}
	return row
}

// values returns the values of fields of a document, joined.
func values(line []byte, fields []string) (string, error) {
	var d map[string]any
	if err := json.Unmarshal(line, &d); err != nil {
		return "", err
	}
	var all []string
	for _, field := range fields {
		var v any = d
		for key := range strings.SplitSeq(field, ".") {
			object, _ := v.(map[string]any)
			v = object[key]
		}
		if v == nil {
			return "", fmt.Errorf("%s: got none, want the fields that --group-by names", field)
		}
		all = append(all, fmt.Sprint(v))
	}
	return strings.Join(all, ", "), nil
}

// Counts tell which rows were left out.
type Counts struct {
	Undecided  int `json:"undecided_rows"`  // by a label that says so
	Unlabelled int `json:"unlabelled_rows"` // for want of a label
}

// Rows returns the rows to be scored, by falling score, and how many were left out of them.
func (f *Findings) Rows() ([]Row, Counts) {
	var rows []Row
	var left Counts
	for _, row := range f.rows {
		switch {
		case row.undecided && len(row.Implants) == 0:
			left.Undecided++
		case !row.labelled && f.options.IgnoreUnlabelled:
			left.Unlabelled++
		default:
			rows = append(rows, *row)
		}
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Name, b.Name))
	})
	return rows, left
}
