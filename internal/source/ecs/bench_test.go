package ecs

import (
	"testing"
	"time"

	"fresnel/internal/event"
	"fresnel/internal/source"
	"fresnel/internal/source/sourcetest"
	"fresnel/internal/survey"
	"fresnel/internal/testkit/telemetry"
)

// BenchmarkDecode decodes documents of Elastic Defend: all fields, and those that a scan
// looks at by the reference statistics alone and with the rank.
func BenchmarkDecode(b *testing.B) {
	g := telemetry.New(telemetry.Spec{
		Seed: 1, Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Span: 6 * time.Hour,
		Events: 3000, Hosts: 100, Processes: 50, Destinations: 1000,
	})
	var text []byte
	for range 3000 {
		text = g.AppendECS(text)
	}
	for _, set := range []struct {
		name   string
		fields event.FieldSet
	}{
		{"all", event.AllFields},
		{"reference", sourcetest.ReferenceFields},
		{"rank", sourcetest.ReferenceFields | survey.Fields},
	} {
		b.Run(set.name, func(b *testing.B) {
			sourcetest.Benchmark(b, Format, source.Options{Fields: set.fields}, "x.ndjson", text)
		})
	}
}
