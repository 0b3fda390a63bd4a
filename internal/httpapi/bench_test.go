package httpapi

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"fresnel/internal/finding/findingtest"
	"fresnel/internal/schedule"
	"fresnel/internal/store"
)

// fill stores two weeks of hourly runs with so many findings each, of 500 hosts.
func fill(t testing.TB, s store.Store, perRun int) {
	t.Helper()
	templates := []store.Finding{schedule.Stored(findingtest.Ranked()), schedule.Stored(findingtest.Quarter()), schedule.Stored(findingtest.Unseen())}
	host := [][]byte{[]byte("ws-0142"), []byte("srv-sharepoint-01.corp.example.com"), []byte("ws-0021")}
	stored := func(end int64, i int) store.Finding {
		k := i % len(templates)
		f := templates[k]
		name := fmt.Sprintf("host-%03d", i%500)
		f.RunEnd, f.Group = end, fmt.Sprintf("%s\x00process-%d.exe\x00", name, i%37)
		f.ID = fmt.Sprintf("%064x", end*1000+int64(i))
		if f.Score >= 0 {
			f.Score = float64((end/3600+int64(i)*7)%10000) / 100
		}
		f.Doc = bytes.Replace(f.Doc, host[k], []byte(name), 1)
		f.Doc = bytes.Replace(f.Doc, []byte(`.exe"`), fmt.Appendf(nil, `-%d.exe"`, i%37), 1)
		return f
	}
	for hours := int64(14*24 - 1); hours >= 0; hours-- {
		end := findingtest.RunEnd - hours*3600
		var all []store.Finding
		for i := range perRun {
			all = append(all, stored(end, i))
		}
		slices.SortFunc(all, func(a, b store.Finding) int { return int(1000 * (b.Score - a.Score)) })
		if err := s.SaveRun(t.Context(), &store.Run{End: end, Findings: int64(perRun)}, all, store.SliceChange{}); err != nil {
			t.Fatal(err)
		}
	}
}

// A question is what the dashboards ask for.
type question struct{ name, target string }

// questions are over what fill stores.
func questions() []question {
	const two = "&from=now-14d"
	q := url.QueryEscape(`host.name: host-0* and event.risk_score >= 70 and not process.name: chrome.exe`)
	id := fmt.Sprintf("%064x", int64(findingtest.RunEnd*1000))
	return []question{
		{"day", "/api/v1/findings?view=latest"},
		{"latest", "/api/v1/findings?view=latest" + two},
		{"all", "/api/v1/findings?view=all" + two},
		{"all by host", "/api/v1/findings?view=all&sort=host.name" + two},
		{"all with a query", "/api/v1/findings?view=all&q=" + q + two},
		{"all with facets", "/api/v1/findings?view=all&facets=true" + two},
		{"overview", "/api/v1/overview?points=400" + two},
		{"cases", "/api/v1/cases?limit=50" + two},
		{"hosts", "/api/v1/hosts?view=all" + two},
		{"history", "/api/v1/findings/" + id + "/history"},
		{"case", "/api/v1/cases/" + findingtest.Ranked().Row.Case},
		{"all with a query of documents", "/api/v1/findings?view=all&q=" + url.QueryEscape(`fresnel.reasons: {code: period}`) + two},
		{"export", "/api/v1/findings.ndjson?view=all" + two},
		{"values", "/api/v1/fields/host.name/values?prefix=host-1" + two},
		{"values of documents", "/api/v1/fields/fresnel.reasons.code/values?prefix=p" + two},
	}
}

// BenchmarkHundredThousand asks over 100,800 findings in memory.
func BenchmarkHundredThousand(b *testing.B) {
	s := open(b, Limits{})
	fill(b, s.store, 300)
	for _, one := range questions() {
		b.Run(one.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.quick(b, one.target)
			}
		})
	}
}

// quick asks as the viewer, and does not hold the answer to the document.
func (s *site) quick(t testing.TB, target string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("Cookie", s.as("bob")[1])
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatal(w.Code, w.Body)
	}
}
