package finding

import (
	_ "embed"
	"encoding/hex"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"fresnel/internal/event"
)

// SchemaVersion is the version of the document that AppendJSON writes. It changes when a
// field changes its name or meaning, or goes; a new field leaves it as it is.
const SchemaVersion = "1"

// Schema is the JSON schema (draft 2020-12) of the document.
//
//go:embed finding.schema.json
var Schema []byte

// own is the key under which the document holds what is of this product rather than of ECS
// or of the reference.
const own = "fresnel"

// order is the order in which fields stand in a document. Fields of one object are neighbours.
var order = []event.Field{
	event.Ingested, event.Duration, event.EventAction, event.EventCategory,
	event.HostName,
	event.UserName,
	event.ProcessName, event.ProcessPID, event.ProcessEntityID, event.ProcessExecutable,
	event.ProcessHashSHA256,
	event.SignatureExists, event.SignatureStatus, event.SignatureSubjectName, event.SignatureTrusted, event.SignatureValid,
	event.ProcessParentName, event.ProcessParentHashSHA256,
	event.SourceIP, event.SourcePort, event.SourceBytes,
	event.DestinationIP, event.DestinationPort, event.DestinationBytes, event.DestinationDomain,
	event.NetworkTransport, event.NetworkProtocol,
	event.ConnectionState,
	event.TLSServerName, event.TLSClientJA3,
	event.UserAgent,
}

// paths are the names of the fields, taken apart at their dots.
var paths = func() (p [event.NumFields][]string) {
	for _, f := range order {
		p[f] = strings.Split(f.String(), ".")
	}
	return p
}()

// AppendJSON appends the result document of r to dst: one JSON object on one line, without a
// line end.
//
// The fields stand in a fixed order and are spelled as the reference spells them. Those that
// events were grouped by, and the details, are nested as ECS nests them. Buckets, ports and
// scores are integers; means, deviations, bounds and the autocovariance are always written
// as floats (1.0), in the fewest digits that read back as the same number, so that a
// store that guesses types from the first document guesses right. A group that had too few
// events has no more of beacon_stats than is_beaconing, interval and non_empty_buckets.
// What the timing model and the rank say is event.risk_score and what stands under fresnel.
//
// Source: beacon-statistics.md, section 7.
func AppendJSON(dst []byte, r *Result) []byte { return appendDocument(dst, r, appendRow) }

// An Encoder writes the same documents as AppendJSON. What results of one run after the other
// share is put into words once: it remembers rows by their pointers, and they are not
// changed while it is used. The zero value is ready.
type Encoder struct {
	rows map[*Row][]byte
}

// encodedRows is how many rows an Encoder remembers, of 1 to 2 KB each.
const encodedRows = 2048

// Append appends the result document of r to dst.
func (e *Encoder) Append(dst []byte, r *Result) []byte { return appendDocument(dst, r, e.appendRow) }

func (e *Encoder) appendRow(dst []byte, w *Row) []byte {
	text, ok := e.rows[w]
	if !ok {
		if e.rows == nil || len(e.rows) == encodedRows {
			e.rows = map[*Row][]byte{}
		}
		text = appendRow(nil, w)
		e.rows[w] = text
	}
	return append(dst, text...)
}

func appendDocument(dst []byte, r *Result, appendRow func([]byte, *Row) []byte) []byte {
	dst = append(dst, `{"@timestamp":"`...)
	dst = appendTime(dst, r.LastNanos)
	dst = append(dst, '"')
	dst = appendFields(dst, r)
	dst = appendStats(dst, r)

	id := id(r)
	dst = append(dst, `,"`+own+`":{"id":"`...)
	dst = hex.AppendEncode(dst, id[:])
	dst = append(dst, `","run":{"end":"`...)
	dst = time.Unix(r.RunEnd, 0).UTC().AppendFormat(dst, time.RFC3339)
	dst = append(dst, `"},"schema":"`+SchemaVersion+`"`...)
	if r.Row != nil {
		dst = append(dst, ',')
		dst = appendRow(dst, r.Row)
	}
	if len(r.Others) > 0 {
		dst = append(dst, `,"other_destinations":[`...)
		for i, w := range r.Others {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, `{"risk_score":`...)
			dst = appendFloat(dst, w.Assessment.Score)
			dst = append(dst, ',')
			dst = appendRow(dst, w)
			dst = append(dst, '}')
		}
		dst = append(dst, ']')
	}
	return append(dst, "}}"...)
}

func appendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

func appendBool(dst []byte, b bool) []byte { return strconv.AppendBool(dst, b) }

// fieldValues returns the fields that the document of r carries beside @timestamp, and their
// values as text.
func fieldValues(r *Result) (set event.FieldSet, values [event.NumFields]string) {
	put := func(f event.Field, s string) {
		if s != "" {
			set = set.With(f)
			values[f] = s
		}
	}
	d := &r.Details
	put(event.ProcessExecutable, d.ProcessExecutable)
	put(event.ProcessHashSHA256, d.ProcessHashSHA256)
	put(event.ProcessParentHashSHA256, d.ProcessParentHashSHA256)
	put(event.SignatureExists, tristate(d.SignatureExists))
	put(event.SignatureTrusted, tristate(d.SignatureTrusted))
	put(event.SignatureValid, tristate(d.SignatureValid))
	put(event.SignatureStatus, d.SignatureStatus)
	put(event.SignatureSubjectName, d.SignatureSubjectName)
	if r.IngestedNanos != 0 {
		put(event.Ingested, strconv.FormatInt(r.IngestedNanos, 10))
	}
	for i, f := range r.Group.Fields { // last: what identifies the group is never overwritten
		set = set.With(f)
		values[f] = r.Group.Values[i]
	}
	return set, values
}

func tristate(t event.Tristate) string {
	switch t {
	case event.True:
		return "true"
	case event.False:
		return "false"
	}
	return ""
}

func appendFields(dst []byte, r *Result) []byte {
	set, values := fieldValues(r)
	var open []string // keys of the objects that the next field stands in
	if r.Row != nil {
		dst = append(dst, `,"event":{"risk_score":`...)
		dst = appendFloat(dst, r.Row.Assessment.Score)
		open = paths[event.Ingested][:1] // the object's other fields come first
	}
	for _, f := range order {
		if !set.Has(f) {
			continue
		}
		objects, key := paths[f][:len(paths[f])-1], paths[f][len(paths[f])-1]
		shared := 0
		for shared < min(len(open), len(objects)) && open[shared] == objects[shared] {
			shared++
		}
		for range len(open) - shared {
			dst = append(dst, '}')
		}
		dst = append(dst, ',')
		for _, o := range objects[shared:] {
			dst = appendKey(dst, o)
			dst = append(dst, '{')
		}
		open = objects
		dst = appendKey(dst, key)
		dst = appendValue(dst, f, values[f])
	}
	for range open {
		dst = append(dst, '}')
	}
	return dst
}

// appendKey appends a key that needs no escapes.
func appendKey(dst []byte, key string) []byte {
	dst = append(dst, '"')
	dst = append(dst, key...)
	return append(dst, '"', ':')
}

func appendValue(dst []byte, f event.Field, value string) []byte {
	switch f.Kind() {
	case event.KindBool:
		return strconv.AppendBool(dst, value == "true")
	case event.KindCount:
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return strconv.AppendInt(dst, n, 10)
		}
	case event.KindTime:
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			dst = append(dst, '"')
			dst = appendTime(dst, n)
			return append(dst, '"')
		}
	}
	return appendString(dst, value)
}

func appendStats(dst []byte, r *Result) []byte {
	s := &r.Stats
	dst = append(dst, `,"beacon_stats":{"is_beaconing":`...)
	dst = strconv.AppendBool(dst, s.IsBeaconing)
	if s.Enough {
		dst = append(dst, `,"beaconing_score":`...)
		dst = strconv.AppendInt(dst, int64(s.BeaconingScore), 10)
		dst = append(dst, `,"low_source_bytes_variation":`...)
		dst = strconv.AppendBool(dst, s.LowSourceBytesVariation)
		dst = append(dst, `,"low_destination_bytes_variation":`...)
		dst = strconv.AppendBool(dst, s.LowDestinationBytesVariation)
		dst = append(dst, `,"low_count_variation":`...)
		dst = strconv.AppendBool(dst, s.LowCountVariation)
		dst = append(dst, `,"periodic":`...)
		dst = strconv.AppendBool(dst, s.Periodic)
	}
	dst = append(dst, `,"interval":`...)
	dst = strconv.AppendInt(dst, int64(s.Interval), 10)
	dst = append(dst, `,"non_empty_buckets":`...)
	dst = strconv.AppendInt(dst, int64(s.NonEmptyBuckets), 10)
	if s.Enough {
		dst = append(dst, `,"mean_source_bytes":`...)
		dst = appendFloat(dst, s.MeanSourceBytes)
		dst = append(dst, `,"std_dev_source_bytes":`...)
		dst = appendFloat(dst, s.StdDevSourceBytes)
		dst = append(dst, `,"source_bytes_percentiles":`...)
		dst = appendPair(dst, s.SourceBytesPercentiles)
		dst = append(dst, `,"mean_destination_bytes":`...)
		dst = appendFloat(dst, s.MeanDestinationBytes)
		dst = append(dst, `,"std_dev_destination_bytes":`...)
		dst = appendFloat(dst, s.StdDevDestinationBytes)
		dst = append(dst, `,"destination_bytes_percentiles":`...)
		dst = appendPair(dst, s.DestinationBytesPercentiles)
		dst = append(dst, `,"mean_counts":`...)
		dst = appendFloat(dst, s.MeanCounts)
		dst = append(dst, `,"variance_counts":`...)
		dst = appendFloat(dst, s.VarianceCounts)
		dst = append(dst, `,"counts_percentiles":`...)
		dst = appendPair(dst, s.CountsPercentiles)
		dst = append(dst, `,"autocovariance":`...)
		dst = appendFloat(dst, s.Autocovariance)
		dst = append(dst, `,"max_autocovariance_period":`...)
		dst = strconv.AppendInt(dst, int64(s.MaxAutocovariancePeriod), 10)
		dst = append(dst, `,"destination_ips":[`...)
		for i, d := range r.Destinations {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, '"')
			dst = appendIP(dst, d.IP)
			dst = append(dst, '"')
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// appendIP appends an address in its one spelling; it has no zone, which could hold any byte.
func appendIP(dst []byte, a netip.Addr) []byte { return a.Unmap().WithZone("").AppendTo(dst) }

func appendPair(dst []byte, p [2]float64) []byte {
	dst = append(dst, '[')
	dst = appendFloat(dst, p[0])
	dst = append(dst, ',')
	dst = appendFloat(dst, p[1])
	return append(dst, ']')
}

// appendFloat appends the shortest digits that read back as f, as encoding/json does, with a
// .0 behind a whole number. JSON has no NaN and no infinity; they become null.
func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	for _, c := range dst[start:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

// appendTime appends nanoseconds since 1970 as RFC 3339 in UTC, with milliseconds, or finer
// where there is something finer to tell.
func appendTime(dst []byte, nanos int64) []byte {
	layout := "2006-01-02T15:04:05.000Z07:00"
	switch {
	case nanos%1e3 != 0:
		layout = "2006-01-02T15:04:05.000000000Z07:00"
	case nanos%1e6 != 0:
		layout = "2006-01-02T15:04:05.000000Z07:00"
	}
	return time.Unix(0, nanos).UTC().AppendFormat(dst, layout)
}

const hexDigits = "0123456789abcdef"

// appendString appends s quoted and escaped as encoding/json does: also <, > and &, so that
// the document can stand in a page, and U+2028 and U+2029; invalid bytes become U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\b':
				dst = append(dst, `\b`...)
			case '\f':
				dst = append(dst, `\f`...)
			case '\n':
				dst = append(dst, `\n`...)
			case '\r':
				dst = append(dst, `\r`...)
			case '\t':
				dst = append(dst, `\t`...)
			default:
				dst = append(dst, `\u00`...)
				dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, s[start:i]...)
			dst = append(dst, `\ufffd`...)
			start = i + n
		case r == '\u2028' || r == '\u2029':
			dst = append(dst, s[start:i]...)
			dst = append(dst, `\u202`...)
			dst = append(dst, hexDigits[r&15])
			start = i + n
		}
		i += n
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
