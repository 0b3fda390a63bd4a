package httpapi

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"fresnel/internal/finding"
	"fresnel/internal/query"
	"fresnel/internal/store"
)

// A Document is the document of a finding, as a run made it.
type Document json.RawMessage

// MarshalJSON implements json.Marshaler.
func (d Document) MarshalJSON() ([]byte, error) { return d, nil }

// A spanParams is the part of time that an operation looks at: of findings, by the ends of
// their runs.
type spanParams struct {
	From string `query:"from" maxlen:"64" pattern:"^(now|[0-9]{4})" want:"a time such as 2026-01-31T06:00:00Z, 2026-01-31, now-24h or now/d" doc:"first time: RFC 3339, a date, or relative as in queries: now-24h, now/d"`
	To   string `query:"to" maxlen:"64" pattern:"^(now|[0-9]{4})" want:"a time such as 2026-01-31T06:00:00Z, 2026-01-31, now-24h or now/d" doc:"last time, included; written as from; now when it is left out"`
}

// A queryParams is which findings are wanted.
type queryParams struct {
	Q string `query:"q" maxlen:"8192" doc:"a query (KQL), such as: host.name: ws-* and event.risk_score >= 70; /api/v1/fields lists what it may name. Without one all are wanted"`
}

// A viewParams is which documents of a group and destination are looked at.
type viewParams struct {
	View string `query:"view" enum:"latest,all" default:"latest" doc:"latest: of each group and destination the newest document in the time range; all: those of all runs"`
}

// A oneRunParams is the one run that is looked at.
type oneRunParams struct {
	Run string `query:"run" maxlen:"64" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt]" want:"the end of a run, such as 2026-01-31T06:00:00Z" doc:"end of the window of a run: findings of this run alone, RFC 3339; not together with from and to"`
}

// span returns the part of time in which the run is or, without one, that of s, a day back.
func (p *oneRunParams) span(s *spanParams, now time.Time) (span, error) {
	if p.Run == "" {
		return s.span(now, back(now, day))
	}
	end, err := time.Parse(time.RFC3339, p.Run)
	if err != nil || end.Nanosecond() != 0 || end.Unix() < firstSecond || end.Unix() > lastSecond {
		return span{}, invalid("bad_parameter", "run", quote(p.Run), "the end of a run, such as 2026-01-31T06:00:00Z")
	}
	if s.From != "" || s.To != "" {
		return span{}, invalid("bad_parameter", "run", "it with from or to", "one or the other")
	}
	return span{end.Unix(), end.Unix()}, nil
}

// A span is a part of time, seconds since 1970, both ends included.
type span struct{ from, to int64 }

const day = 24 * time.Hour

// back returns the part of time up to now that is so long.
func back(now time.Time, length time.Duration) span {
	return span{max(firstSecond, now.Add(-length).Unix()), max(firstSecond, now.Unix())}
}

// span returns the part of time that p means. Where it names no end, that is the end of the
// default; where it names no begin, it is as long as the default.
func (p *spanParams) span(now time.Time, whole span) (span, error) {
	now = now.Truncate(time.Second) // as whole ends: or from=now would be after it
	s := whole
	for _, end := range []struct {
		name, text string
		set        func(begin, end time.Time)
	}{
		{"to", p.To, func(_, end time.Time) {
			s.to = end.Add(-1).Unix()
			s.from = max(firstSecond, s.to-(whole.to-whole.from))
		}},
		{"from", p.From, func(begin, _ time.Time) { s.from = begin.Add(time.Second - 1).Unix() }},
	} {
		if end.text == "" {
			continue
		}
		t, ok := query.Literal(end.text).Time()
		if !ok {
			return s, invalid("bad_parameter", end.name, quote(end.text), "a time such as 2026-01-31T06:00:00Z, 2026-01-31, now-24h or now/d")
		}
		end.set(t.Span(now))
		if s.to < firstSecond || s.to > lastSecond || s.from < firstSecond || s.from > lastSecond {
			return s, invalid("bad_parameter", end.name, quote(end.text), "a time from 1970 to 9999")
		}
	}
	if s.from > s.to {
		return s, invalid("bad_parameter", "from", rfc3339(s.from), "a time that is not after to, "+rfc3339(s.to))
	}
	return s, nil
}

func at(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

func rfc3339(seconds int64) string { return at(seconds).Format(time.RFC3339) }

// parse returns the query of p; nil when all is wanted.
func (p *queryParams) parse(a *API) (*query.Query, error) {
	if strings.TrimSpace(p.Q) == "" {
		return nil, nil
	}
	q, err := query.Parse(p.Q)
	if err == nil {
		err = q.Check(a.names)
	}
	if err != nil {
		return nil, queryProblem("q", p.Q, err)
	}
	return q, nil
}

// A look is what is wanted of the stored findings.
type look struct {
	span
	all   bool         // not the newest of each group and destination alone
	group string       // whose findings are wanted alone; empty for all
	query *query.Query // nil for all
	now   time.Time    // of the query
}

// A Reach says how much of the time range was looked at.
type Reach struct {
	From     time.Time `json:"from" doc:"begin of the time range; where complete is false, end of the oldest run that was looked at"`
	To       time.Time `json:"to"`
	Complete bool      `json:"complete" doc:"false when the time range holds more findings than one request looks at: the oldest are missing"`
}

// A seen is a finding that is wanted: an entry, and the texts that its numbers stand for.
type seen struct {
	*entry
	texts  []string
	runEnd int64
	place  int      // among the findings of its run that the index has; 0 where it was not asked
	newest bool     // of its group and destination, of those that are wanted
	doc    Document // nil where it was not needed to know what is wanted
}

// text returns the text of a number.
func (s *seen) text(number uint32) string { return s.texts[number] }

// A sieve lets the newest findings through that a look wants, unless it wants all.
type sieve struct {
	all    bool
	groups bits // that were seen
}

// isLate reports whether a finding is not looked at because there is a newer one of its group
// and destination. The newest counts, also when it is not wanted.
func (s *sieve) isLate(group uint32) bool { return !s.all && !s.groups.add(group) }

// isNewest notes the group of a finding that is wanted, and reports whether it is the first.
func (s *sieve) isNewest(group uint32) bool { return !s.all || s.groups.add(group) }

// bits is a set of small numbers.
type bits []uint64

// add adds a number and reports whether it was not there.
func (b *bits) add(n uint32) bool {
	word, bit := int(n/64), uint64(1)<<(n%64)
	if word >= len(*b) {
		*b = append(*b, make([]uint64, word+1-len(*b))...)
	}
	was := (*b)[word]
	(*b)[word] = was | bit
	return was&bit == 0
}

// read hands out the findings that l wants with their documents, the newest run first, until f
// returns false.
func (a *API) read(ctx context.Context, l *look, f func(one *store.Finding, newest bool) (bool, error)) (Reach, error) {
	reach := Reach{From: at(l.from), To: at(l.to), Complete: true}
	s, b := sieve{all: l.all}, newBook()
	var doc query.Document
	var failed error
	n := 0
	oldest := l.to
	err := a.o.Store.FindingsIn(ctx, l.from, l.to, func(one *store.Finding) bool {
		if failed = ctx.Err(); failed != nil {
			return false
		}
		if n++; n > a.o.Limits.Findings {
			reach.Complete, reach.From = false, at(oldest)
			return false
		}
		oldest = one.RunEnd
		group := b.group(a.index.groupOf(one.Group))
		if l.group != "" && one.Group != l.group || s.isLate(group) {
			return true
		}
		if l.query != nil {
			if err := doc.Reset(one.Doc); err != nil {
				failed = badDocument(one, err)
				return false
			}
			if !l.query.Match(&doc, l.now) {
				return true
			}
		}
		more, err := f(one, s.isNewest(group))
		failed = err
		return more && err == nil
	})
	return reach, cmp.Or(failed, err)
}

// each hands out the findings that l wants, the newest run first, until f returns false. What f
// is given is valid until it returns, and its entry and texts for longer; numbers of groups and texts
// are the same in one look. Documents are read only where the index cannot tell which are wanted.
func (a *API) each(ctx context.Context, l *look, f func(one *seen) (bool, error)) (Reach, error) {
	var wanted condition
	if l.query != nil {
		if wanted = conditionOf(l.query, l.now); wanted == nil {
			return a.eachByDocument(ctx, l, f)
		}
	}
	reach := Reach{From: at(l.from), To: at(l.to), Complete: true}
	runs, err := a.o.Store.RunsIn(ctx, l.from, l.to, maxRuns)
	if err != nil {
		return reach, err
	}
	s := sieve{all: l.all}
	book := a.index.begin()
	hash := a.index.groupOf(l.group)
	n := 0
	var out seen
	for i := range runs {
		if err := ctx.Err(); err != nil {
			return reach, err
		}
		entries, texts, err := a.index.of(ctx, book, runs[i:])
		if err != nil {
			return reach, err
		}
		groups := entries.groups
		if over := n + len(groups) - a.o.Limits.Findings; over > 0 {
			groups = groups[:len(groups)-over]
			reach.Complete, reach.From = false, at(runs[i].End)
		}
		n += len(groups)
		var alone uint32
		if l.group != "" {
			var known bool
			if alone, known = a.index.groupNumber(book, hash); !known {
				groups = nil
			}
		}
		for k, group := range groups {
			if l.group != "" && group != alone || s.isLate(group) {
				continue
			}
			e := &entries.all[k]
			if wanted != nil && !wanted(e, texts, runs[i].End) {
				continue
			}
			out = seen{entry: e, texts: texts, runEnd: runs[i].End, place: k, newest: s.isNewest(group)}
			if more, err := f(&out); !more || err != nil {
				return reach, err
			}
		}
		if !reach.Complete {
			break
		}
	}
	return reach, nil
}

// eachByDocument is each for what only documents tell.
func (a *API) eachByDocument(ctx context.Context, l *look, f func(one *seen) (bool, error)) (Reach, error) {
	r, b := newReader(), newBook()
	return a.read(ctx, l, func(found *store.Finding, newest bool) (bool, error) {
		one, err := r.finding(found, a.index.groupOf(found.Group))
		if err != nil {
			return false, err
		}
		out := seen{entry: new(entry), runEnd: found.RunEnd, newest: newest, doc: found.Doc}
		b.entry(out.entry, &one)
		out.texts = b.texts
		return f(&out)
	})
}

// maxRuns bounds the runs of a time range: eleven years of hours.
const maxRuns = 100_000

var levelNames = map[finding.Level]string{finding.HighRisk: "high", finding.MediumRisk: "medium", finding.SomeRisk: "some", finding.LowRisk: "low"}

// levelOf returns the name of the level of a score; -1 is that of documents without one.
func levelOf(score float64) string {
	if score < 0 {
		return "unranked"
	}
	return levelNames[finding.RiskLevel(score)]
}

// Levels count documents by the level of their risk score.
type Levels struct {
	High     int `json:"high" doc:"risk scores from 70 on"`
	Medium   int `json:"medium" doc:"from 40 on"`
	Some     int `json:"some" doc:"from 10 on"`
	Low      int `json:"low"`
	Unranked int `json:"unranked" doc:"without a risk score"`
}

func (l *Levels) add(score float64) {
	if score < 0 {
		l.Unranked++
		return
	}
	switch finding.RiskLevel(score) {
	case finding.HighRisk:
		l.High++
	case finding.MediumRisk:
		l.Medium++
	case finding.SomeRisk:
		l.Some++
	case finding.LowRisk:
		l.Low++
	}
}

// A token stands for the next page of a list. What the list was asked for is frozen in it, so
// that pages go together.
type token struct {
	Asked uint32 `json:"a"` // hash of the parameters
	From  int64  `json:"f"`
	To    int64  `json:"t"`
	Now   int64  `json:"n"`
	Place place  `json:"p"` // of the last element of the page before
}

// A place is where a page ends; which fields are used depends on the list.
type place struct {
	Has    bool    `json:"h,omitempty"`
	Text   string  `json:"t,omitempty"`
	Number float64 `json:"n,omitempty"`
	Score  float64 `json:"s,omitempty"`
	At     int64   `json:"r,omitempty"`
	Skip   int     `json:"k,omitempty"`
	ID     []byte  `json:"i,omitempty"`
}

type pageParams struct {
	Page string `query:"page" maxlen:"4096" pattern:"^[A-Za-z0-9_-]+$" want:"next of the page before" doc:"next of the page before; all other parameters must be those of the first page"`
}

// asked returns a hash of the parameters of a list but for the page and its length.
func asked(params ...string) uint32 {
	h := uint32(2166136261) // FNV-1a: the same in each run of the program
	for _, p := range params {
		for i := range len(p) {
			h = (h ^ uint32(p[i])) * 16777619
		}
		h *= 16777619
	}
	return h
}

func (t token) String() string {
	text, err := json.Marshal(t)
	if err != nil { // of these types there is none but of a number that is no number
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// read returns the token of a page; ok is false for the first one.
func (p *pageParams) read(asked uint32) (t token, ok bool, err error) {
	if p.Page == "" {
		return t, false, nil
	}
	bad := func(want string) (token, bool, error) {
		e := refuse(http.StatusBadRequest, "bad_page", "page: got %s, want %s", quote(p.Page), want)
		e.body.Field = "page"
		return token{}, false, e
	}
	text, err := base64.RawURLEncoding.DecodeString(p.Page)
	if err != nil || json.Unmarshal(text, &t) != nil {
		return bad("next of the page before")
	}
	if t.Asked != asked {
		return bad("next of a page with the same other parameters")
	}
	if t.From < firstSecond || t.To > lastSecond || t.From > t.To || t.Now < firstSecond || t.Now > lastSecond || t.Place.Skip < 0 {
		return bad("next of the page before")
	}
	return t, true, nil
}
