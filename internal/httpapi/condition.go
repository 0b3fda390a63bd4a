package httpapi

import (
	"slices"
	"time"

	"fresnel/internal/query"
)

// A condition is a query that the entries of an index answer as their documents do. It is used by one
// goroutine.
type condition func(e *entry, texts []string, runEnd int64) bool

// conditionOf returns the condition of a query, in whose time it is now; nil when entries do not tell
// if a document matches it.
func conditionOf(q *query.Query, now time.Time) condition {
	c := conditions{now: now}
	out := c.of(q.Root())
	if c.unknown {
		return nil
	}
	return out
}

// conditions makes conditions.
type conditions struct {
	now     time.Time
	unknown bool // there is one that entries do not answer
}

func (c *conditions) of(n query.Node) condition {
	switch n := n.(type) {
	case query.All:
		return func(*entry, []string, int64) bool { return true }
	case query.And:
		all := c.each(n.Nodes)
		return func(e *entry, texts []string, runEnd int64) bool {
			return !slices.ContainsFunc(all, func(one condition) bool { return !one(e, texts, runEnd) })
		}
	case query.Or:
		all := c.each(n.Nodes)
		return func(e *entry, texts []string, runEnd int64) bool {
			return slices.ContainsFunc(all, func(one condition) bool { return one(e, texts, runEnd) })
		}
	case query.Not:
		one := c.of(n.Node)
		return func(e *entry, texts []string, runEnd int64) bool { return !one(e, texts, runEnd) }
	case query.Is:
		return c.clause(n, n.Field, n.Value)
	case query.Range:
		return c.clause(n, n.Field, nil)
	case query.Exists:
		return c.clause(n, n.Field, nil)
	}
	c.unknown = true
	return nil
}

func (c *conditions) each(nodes []query.Node) []condition {
	all := make([]condition, len(nodes))
	for i, n := range nodes {
		all[i] = c.of(n)
	}
	return all
}

// clause returns the condition of a node that asks for one field.
func (c *conditions) clause(n query.Node, field, value query.Pattern) condition {
	name, ok := field.Literal()
	if !ok {
		c.unknown = true
		return nil
	}
	if of := entryText(string(name)); of != nil {
		return c.text(n, string(name), of)
	}
	// Of a number or a time a query may ask for a part as it is written, which nothing but the
	// document tells.
	if len(value) < 2 {
		if of := entryNumber(string(name)); of != nil {
			holds := query.NumberTest(n)
			return func(e *entry, _ []string, _ int64) bool {
				f := of(e)
				return f >= 0 && holds(f)
			}
		}
		if of := entryTime(string(name)); of != nil {
			return c.time(n, string(name), of)
		}
	}
	c.unknown = true
	return nil
}

// text asks the query of each text once: many entries have the same.
func (c *conditions) text(n query.Node, name string, of func(*entry) uint32) condition {
	const (
		unasked = iota
		yes
		no
	)
	holds, known := c.question(n, name), []uint8(nil)
	return func(e *entry, texts []string, _ int64) bool {
		number := of(e)
		if int(number) >= len(known) {
			known = append(known, make([]uint8, len(texts)-len(known))...)
		}
		if known[number] == unasked {
			known[number] = no
			if number != 0 && holds(texts[number]) {
				known[number] = yes
			}
		}
		return known[number] == yes
	}
}

// time asks the query of each time, unless it is that of the entry before.
func (c *conditions) time(n query.Node, name string, of func(e *entry, runEnd int64) int64) condition {
	holds, last, answer := c.question(n, name), int64(0), false
	return func(e *entry, _ []string, runEnd int64) bool {
		nanos := of(e, runEnd)
		if nanos == 0 { // there is none
			return false
		}
		if nanos != last {
			last, answer = nanos, holds(time.Unix(0, nanos).UTC().Format(time.RFC3339Nano))
		}
		return answer
	}
}

// question returns what asks a node of a document that has nothing but a text in one field.
func (c *conditions) question(n query.Node, name string) func(text string) bool {
	q := query.Of(n)
	var doc query.Document
	var buf []byte
	return func(text string) bool {
		buf = append(append(append(buf[:0], `{"`...), name...), `":`...)
		buf = append(appendText(buf, text), '}')
		return doc.Reset(buf) == nil && q.Match(&doc, c.now)
	}
}

// entryText returns what tells the number of a text; nil for a field that is none of those of entries.
func entryText(name string) func(*entry) uint32 {
	switch name {
	case "host.name":
		return func(e *entry) uint32 { return e.hostName }
	case "source.ip":
		return func(e *entry) uint32 { return e.source }
	case "process.name":
		return func(e *entry) uint32 { return e.process }
	case "fresnel.destination.domain":
		return func(e *entry) uint32 { return e.domain }
	case "fresnel.destination.ip":
		return func(e *entry) uint32 { return e.address }
	case "destination.ip":
		return func(e *entry) uint32 { return e.target }
	case "fresnel.case.id":
		return func(e *entry) uint32 { return e.caseID }
	}
	return nil
}

// entryNumber returns what tells a number, which is below 0 where there is none; nil for another field.
func entryNumber(name string) func(*entry) float64 {
	switch name {
	case "event.risk_score":
		return func(e *entry) float64 { return e.score }
	case "fresnel.timing.period_s":
		return func(e *entry) float64 { return e.period }
	case "fresnel.timing.jitter":
		return func(e *entry) float64 { return e.jitter }
	case "fresnel.timing.callbacks":
		return func(e *entry) float64 { return float64(e.callbacks) }
	case "beacon_stats.beaconing_score":
		return func(e *entry) float64 { return float64(e.tests) }
	case "beacon_stats.non_empty_buckets":
		return func(e *entry) float64 { return float64(e.nonEmpty) }
	}
	return nil
}

// entryTime returns what tells a time in nanoseconds, 0 where there is none; nil for another field.
func entryTime(name string) func(e *entry, runEnd int64) int64 {
	switch name {
	case "@timestamp":
		return func(e *entry, _ int64) int64 { return e.timestamp }
	case "fresnel.timing.first":
		return func(e *entry, _ int64) int64 { return e.first }
	case "fresnel.timing.last":
		return func(e *entry, _ int64) int64 { return e.last }
	case "fresnel.run.end":
		return func(_ *entry, runEnd int64) int64 { return runEnd * 1e9 }
	}
	return nil
}
