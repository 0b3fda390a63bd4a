package query_test

import (
	"testing"

	"fresnel/internal/finding"
	"fresnel/internal/finding/findingtest"
	"fresnel/internal/query"
)

func BenchmarkMatch(b *testing.B) {
	text := finding.AppendJSON(nil, findingtest.Ranked())
	for _, row := range []struct{ name, query string }{
		{"all", ""},
		{"two fields", "host.name: ws-0142 and event.risk_score >= 70"},
		{"several clauses", `host.name: ws-* and event.risk_score >= 70 and @timestamp >= now-24h and not process.name: (chrome.exe or msedge.exe) and fresnel.destination.ip: 203.0.113.0/24`},
		{"nested", "fresnel.reasons: {code: signer and points > 100}"},
		{"field with stars", "process.*: chrome"},
		{"free text", "chrome"},
	} {
		b.Run(row.name, func(b *testing.B) {
			q, err := query.Parse(row.query)
			if err != nil {
				b.Fatal(err)
			}
			var d query.Document
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Reset(text); err != nil {
					b.Fatal(err)
				}
				q.Match(&d, now)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "documents/s")
		})
	}
}
