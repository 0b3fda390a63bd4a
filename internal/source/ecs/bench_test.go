package ecs

import (
	"testing"
	"time"

	"fresnel/internal/event"
	"fresnel/internal/source"
	"fresnel/internal/source/sourcetest"
	"fresnel/internal/testkit/telemetry"
)

// BenchmarkDecode decodes documents of Elastic Defend: all fields, and those that a scan
// with the default filter and grouping looks at.
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
		{"scan", event.SetOf(
			event.Timestamp, event.Ingested, event.SourceBytes, event.DestinationBytes, event.SourceIP, event.DestinationIP,
			event.HostName, event.ProcessName, event.EventAction, event.EventCategory,
			event.ProcessExecutable, event.ProcessHashSHA256, event.ProcessParentHashSHA256, event.SignatureExists,
			event.SignatureTrusted, event.SignatureValid, event.SignatureStatus, event.SignatureSubjectName,
		)},
	} {
		b.Run(set.name, func(b *testing.B) {
			sourcetest.Benchmark(b, Format, source.Options{Fields: set.fields}, "x.ndjson", text)
		})
	}
}
