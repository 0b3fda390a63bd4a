package finding

import (
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"fresnel/internal/event"
)

// A Column is one column of the flat form of a result document.
type Column struct {
	Name string // path in the document, its keys joined by dots
	Text bool   // the value is text out of a log, not a number, a time or a boolean

	value func(dst []byte, r *Result) []byte
}

// Append appends the value of the column in r to dst: as the document writes it, text bare,
// several addresses with blanks between them, nothing where the document has no value.
func (c Column) Append(dst []byte, r *Result) []byte { return c.value(dst, r) }

// Columns returns the columns of results that were grouped by fields, in a fixed order.
func Columns(fields []event.Field) []Column {
	cols := []Column{
		{Name: own + ".run.end", value: func(dst []byte, r *Result) []byte {
			return time.Unix(r.RunEnd, 0).UTC().AppendFormat(dst, time.RFC3339)
		}},
		{Name: "@timestamp", value: func(dst []byte, r *Result) []byte { return appendTime(dst, r.LastNanos) }},
	}
	for _, f := range fields {
		cols = append(cols, Column{Name: f.String(), Text: f.Kind() == event.KindText, value: func(dst []byte, r *Result) []byte {
			if i := slices.Index(r.Group.Fields, f); i >= 0 { // else it was grouped by other fields
				dst = append(dst, r.Group.Values[i]...)
			}
			return dst
		}})
	}

	always := func(name string, value func(dst []byte, r *Result) []byte) {
		cols = append(cols, Column{Name: "beacon_stats." + name, value: value})
	}
	tested := func(name string, value func(dst []byte, r *Result) []byte) {
		always(name, func(dst []byte, r *Result) []byte {
			if !r.Stats.Enough {
				return dst
			}
			return value(dst, r)
		})
	}
	flag := func(name string, value func(r *Result) bool) {
		tested(name, func(dst []byte, r *Result) []byte { return strconv.AppendBool(dst, value(r)) })
	}
	whole := func(name string, value func(r *Result) int) {
		tested(name, func(dst []byte, r *Result) []byte { return strconv.AppendInt(dst, int64(value(r)), 10) })
	}
	float := func(name string, value func(r *Result) float64) {
		tested(name, func(dst []byte, r *Result) []byte { return appendFloat(dst, value(r)) })
	}
	pair := func(name string, value func(r *Result) [2]float64) {
		float(name+".lower", func(r *Result) float64 { return value(r)[0] })
		float(name+".upper", func(r *Result) float64 { return value(r)[1] })
	}
	always("is_beaconing", func(dst []byte, r *Result) []byte { return strconv.AppendBool(dst, r.Stats.IsBeaconing) })
	whole("beaconing_score", func(r *Result) int { return r.Stats.BeaconingScore })
	flag("low_source_bytes_variation", func(r *Result) bool { return r.Stats.LowSourceBytesVariation })
	flag("low_destination_bytes_variation", func(r *Result) bool { return r.Stats.LowDestinationBytesVariation })
	flag("low_count_variation", func(r *Result) bool { return r.Stats.LowCountVariation })
	flag("periodic", func(r *Result) bool { return r.Stats.Periodic })
	always("interval", func(dst []byte, r *Result) []byte { return strconv.AppendInt(dst, int64(r.Stats.Interval), 10) })
	always("non_empty_buckets", func(dst []byte, r *Result) []byte {
		return strconv.AppendInt(dst, int64(r.Stats.NonEmptyBuckets), 10)
	})
	float("mean_source_bytes", func(r *Result) float64 { return r.Stats.MeanSourceBytes })
	float("std_dev_source_bytes", func(r *Result) float64 { return r.Stats.StdDevSourceBytes })
	pair("source_bytes_percentiles", func(r *Result) [2]float64 { return r.Stats.SourceBytesPercentiles })
	float("mean_destination_bytes", func(r *Result) float64 { return r.Stats.MeanDestinationBytes })
	float("std_dev_destination_bytes", func(r *Result) float64 { return r.Stats.StdDevDestinationBytes })
	pair("destination_bytes_percentiles", func(r *Result) [2]float64 { return r.Stats.DestinationBytesPercentiles })
	float("mean_counts", func(r *Result) float64 { return r.Stats.MeanCounts })
	float("variance_counts", func(r *Result) float64 { return r.Stats.VarianceCounts })
	pair("counts_percentiles", func(r *Result) [2]float64 { return r.Stats.CountsPercentiles })
	float("autocovariance", func(r *Result) float64 { return r.Stats.Autocovariance })
	whole("max_autocovariance_period", func(r *Result) int { return r.Stats.MaxAutocovariancePeriod })
	tested("destination_ips", func(dst []byte, r *Result) []byte {
		for i, d := range r.Destinations {
			if i > 0 {
				dst = append(dst, ' ')
			}
			dst = appendIP(dst, d.IP)
		}
		return dst
	})

	for _, d := range details {
		if !slices.Contains(fields, d.field) {
			cols = append(cols, Column{Name: d.field.String(), Text: d.field.Kind() == event.KindText, value: d.value})
		}
	}
	return append(cols, Column{Name: own + ".id", value: func(dst []byte, r *Result) []byte {
		sum := id(r)
		return hex.AppendEncode(dst, sum[:])
	}})
}

// RankedColumns returns the columns of what the timing model and the rank say, in a fixed order.
func RankedColumns() []Column {
	var cols []Column
	add := func(name string, value func(dst []byte, w *Row) []byte) {
		cols = append(cols, Column{Name: name, value: func(dst []byte, r *Result) []byte {
			if r.Row == nil {
				return dst
			}
			return value(dst, r.Row)
		}})
	}
	timer := func(name string, value func(dst []byte, w *Row) []byte) {
		add(own+".timing."+name, func(dst []byte, w *Row) []byte {
			if !w.Found {
				return dst
			}
			return value(dst, w)
		})
	}
	add("event.risk_score", func(dst []byte, w *Row) []byte { return appendFloat(dst, w.Assessment.Score) })
	add(own+".destination.ip", func(dst []byte, w *Row) []byte {
		if !w.Address.IsValid() {
			return dst
		}
		return appendIP(dst, w.Address)
	})
	add(own+".destination.domain", func(dst []byte, w *Row) []byte { return append(dst, w.Domain...) })
	cols[len(cols)-1].Text = true
	add(own+".destination.port", func(dst []byte, w *Row) []byte {
		if w.Port == 0 {
			return dst
		}
		return appendInt(dst, int64(w.Port))
	})
	add(own+".destination.scope", func(dst []byte, w *Row) []byte { return append(dst, w.Scope...) })
	timer("kind", func(dst []byte, w *Row) []byte { return append(dst, w.Timing.Kind.String()...) })
	timer("period_s", func(dst []byte, w *Row) []byte { return appendFloat(dst, w.Timing.Period) })
	timer("jitter", func(dst []byte, w *Row) []byte { return appendFloat(dst, w.Timing.Jitter) })
	add(own+".timing.p_value", func(dst []byte, w *Row) []byte { return appendFloat(dst, w.PValue) })
	add(own+".timing.q_value", func(dst []byte, w *Row) []byte { return appendFloat(dst, w.QValue) })
	add(own+".timing.callbacks", func(dst []byte, w *Row) []byte { return appendInt(dst, int64(w.Timing.Callbacks)) })
	timer("missed", func(dst []byte, w *Row) []byte { return appendInt(dst, int64(w.Timing.Missed)) })
	timer("failed", func(dst []byte, w *Row) []byte { return appendInt(dst, int64(w.Timing.Failed)) })
	add(own+".reasons", func(dst []byte, w *Row) []byte {
		for i, reason := range w.Assessment.Reasons {
			if i > 0 {
				dst = append(dst, "; "...)
			}
			dst = append(append(dst, reason.Text...), " ("...) // a text that begins with + is a formula
			dst = append(append(dst, Points(reason.Points)...), ')')
		}
		return dst
	})
	cols[len(cols)-1].Text = true
	add(own+".case.id", func(dst []byte, w *Row) []byte { return append(dst, w.Case...) })
	return cols
}

// details are the fields that a document carries beside those of its group.
var details = []struct {
	field event.Field
	value func(dst []byte, r *Result) []byte
}{
	{event.Ingested, func(dst []byte, r *Result) []byte {
		if r.IngestedNanos == 0 {
			return dst
		}
		return appendTime(dst, r.IngestedNanos)
	}},
	{event.ProcessExecutable, func(dst []byte, r *Result) []byte { return append(dst, r.Details.ProcessExecutable...) }},
	{event.ProcessHashSHA256, func(dst []byte, r *Result) []byte { return append(dst, r.Details.ProcessHashSHA256...) }},
	{event.SignatureExists, func(dst []byte, r *Result) []byte { return append(dst, tristate(r.Details.SignatureExists)...) }},
	{event.SignatureStatus, func(dst []byte, r *Result) []byte { return append(dst, r.Details.SignatureStatus...) }},
	{event.SignatureSubjectName, func(dst []byte, r *Result) []byte { return append(dst, r.Details.SignatureSubjectName...) }},
	{event.SignatureTrusted, func(dst []byte, r *Result) []byte { return append(dst, tristate(r.Details.SignatureTrusted)...) }},
	{event.SignatureValid, func(dst []byte, r *Result) []byte { return append(dst, tristate(r.Details.SignatureValid)...) }},
	{event.ProcessParentHashSHA256, func(dst []byte, r *Result) []byte { return append(dst, r.Details.ProcessParentHashSHA256...) }},
}

var labels = map[event.Field]string{
	event.Timestamp: "time", event.Ingested: "ingested", event.Duration: "duration",
	event.SourceIP: "source", event.DestinationIP: "destination",
	event.SourcePort: "source port", event.DestinationPort: "port",
	event.SourceBytes: "source bytes", event.DestinationBytes: "destination bytes",
	event.HostName: "host", event.UserName: "user",
	event.ProcessName: "process", event.ProcessPID: "pid", event.ProcessEntityID: "process id",
	event.ProcessExecutable: "executable", event.ProcessHashSHA256: "hash",
	event.ProcessParentName: "parent", event.ProcessParentHashSHA256: "parent hash",
	event.SignatureExists: "signed", event.SignatureTrusted: "signature trusted", event.SignatureValid: "signature valid",
	event.SignatureStatus: "signature", event.SignatureSubjectName: "signed by",
	event.DestinationDomain: "domain", event.NetworkTransport: "transport", event.NetworkProtocol: "protocol",
	event.ConnectionState: "state", event.TLSServerName: "server name", event.TLSClientJA3: "JA3",
	event.UserAgent: "user agent", event.EventAction: "action", event.EventCategory: "category",
}

// Label returns a short name of f for people.
func Label(f event.Field) string { return labels[f] }
