package zeek

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"fresnel/internal/event"
	"fresnel/internal/source"
	"fresnel/internal/source/sourcetest"
	"fresnel/internal/survey"
	"fresnel/internal/testkit/telemetry"
)

// generate returns a conn.log of n connections, about 136 bytes a line.
func generate(n int) string {
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n")
	b.WriteString("#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents\n")
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	uid := make([]byte, 17)
	for i := range n {
		for j := range uid {
			uid[j] = letters[rng.IntN(len(letters))]
		}
		fmt.Fprintf(&b, "%d.%06d\tC%s\t10.%d.%d.%d\t%d\t%d.%d.%d.%d\t%d\ttcp\t%s\t%d.%06d\t%d\t%d\tSF\tT\tF\t0\tShADadFf\t%d\t%d\t%d\t%d\t-\n",
			1588205199+i/100, rng.IntN(1000000), uid, rng.IntN(4), rng.IntN(256), rng.IntN(256), 1024+rng.IntN(64000),
			rng.IntN(223)+1, rng.IntN(256), rng.IntN(256), rng.IntN(256), [...]int{443, 80, 53, 8443}[rng.IntN(4)],
			[...]string{"ssl", "http", "-", "dns"}[rng.IntN(4)], rng.IntN(100), rng.IntN(1000000),
			rng.IntN(10000), rng.IntN(1000000), rng.IntN(100), rng.IntN(20000), rng.IntN(100), rng.IntN(1000000))
	}
	return b.String()
}

type counter struct{ events, bad, nanos int64 }

func (c *counter) Event(e *event.Event)   { c.events++; c.nanos += e.TimeNanos }
func (c *counter) Bad(source.RecordError) { c.bad++ }
func (c *counter) Skip(string, int)       {}

func benchmarkDecode(b *testing.B, fields event.FieldSet, logs ...text) {
	src, err := Format.New(source.Options{Fields: fields})
	if err != nil {
		b.Fatal(err)
	}
	var files []source.File
	for _, l := range logs {
		files = append(files, fileOf(l))
	}
	phases := src.Plan(files)
	for i := range files[1:] {
		if phases[i+1] == namesPhase {
			in, err := src.Open(files[i+1])
			if err != nil {
				b.Fatal(err)
			}
			readText(in, []byte(logs[i+1].body), whole, &heard{skipped: map[string]int{}})
		}
	}
	in, err := src.Open(files[0])
	if err != nil {
		b.Fatal(err)
	}
	block := []byte(logs[0].body)
	n, state := in.Split(block)
	d := in.NewDecoder()
	var out counter
	lines := d.Decode(block[:n], state, &out)
	if out.bad != 0 || out.events == 0 {
		b.Fatalf("got %d bad records of %d", out.bad, lines)
	}
	b.SetBytes(int64(n))
	b.ReportAllocs()
	total := 0
	for b.Loop() {
		total += d.Decode(block[:n], state, &out)
	}
	b.ReportMetric(float64(total)/b.Elapsed().Seconds()/1e6, "Mlines/s")
}

func BenchmarkDecode(b *testing.B) {
	conn := generate(10000)
	b.Run("TSV typical fields", func(b *testing.B) { benchmarkDecode(b, typical, text{"a/conn.log", conn}) })
	b.Run("TSV all fields", func(b *testing.B) { benchmarkDecode(b, event.AllFields, text{"a/conn.log", conn}) })
	var ssl strings.Builder
	ssl.WriteString("#separator \\x09\n#path\tssl\n#fields\tts\tuid\tserver_name\tja3\n")
	var js strings.Builder
	for i, l := range strings.Split(strings.TrimSuffix(conn, "\n"), "\n")[6:] {
		f := strings.Split(l, "\t")
		if i%3 == 0 {
			fmt.Fprintf(&ssl, "1.5\t%s\thost%d.example.com\t456523fc94726331a4d5a2e1d40b2cd7\n", f[1], i%100)
		}
		fmt.Fprintf(&js, `{"ts":%s,"uid":"%s","id.orig_h":"%s","id.orig_p":%s,"id.resp_h":"%s","id.resp_p":%s,"proto":"tcp","service":"ssl","duration":%s,"orig_bytes":%s,"resp_bytes":%s,"conn_state":"SF","local_orig":true,"local_resp":false,"missed_bytes":0,"history":"ShADadFf","orig_pkts":%s,"orig_ip_bytes":%s,"resp_pkts":%s,"resp_ip_bytes":%s}`+"\n",
			f[0], f[1], f[2], f[3], f[4], f[5], f[8], f[9], f[10], f[16], f[17], f[18], f[19])
	}
	b.Run("TSV typical fields and domains", func(b *testing.B) {
		benchmarkDecode(b, typical.With(event.DestinationDomain), text{"a/conn.log", conn}, text{"a/ssl.log", ssl.String()})
	})
	b.Run("JSON typical fields", func(b *testing.B) { benchmarkDecode(b, typical, text{"a/conn.log", js.String()}) })
	b.Run("JSON all fields", func(b *testing.B) { benchmarkDecode(b, event.AllFields, text{"a/conn.log", js.String()}) })
}

// BenchmarkDecodeScan decodes what a scan looks at, by the reference statistics alone and
// with the rank. The rows are too many to be foreseen by the processor.
func BenchmarkDecodeScan(b *testing.B) {
	const rows = 200_000
	g := telemetry.New(telemetry.Spec{
		Seed: 1, Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Span: 6 * time.Hour,
		Events: rows, Hosts: 100, Processes: 50, Destinations: 5000,
	})
	conn := telemetry.AppendZeekHeader(nil)
	for range rows {
		conn = g.AppendZeek(conn)
	}
	for _, set := range []struct {
		name   string
		fields event.FieldSet
	}{
		{"reference", sourcetest.ReferenceFields},
		{"rank", sourcetest.ReferenceFields | survey.Fields},
	} {
		b.Run(set.name, func(b *testing.B) {
			sourcetest.Benchmark(b, Format, source.Options{Fields: set.fields}, "conn.log", conn)
		})
	}
}

func BenchmarkSplit(b *testing.B) {
	block := []byte(generate(10000))
	in := &input{kind: connLog, columns: columnSet(typical)}
	in.header.reset()
	b.SetBytes(int64(len(block)))
	for b.Loop() {
		in.Split(block)
	}
}

func TestNothingAllocatesPerEvent(t *testing.T) {
	line := `{"_path":"conn","ts":"2020-04-30T00:06:39.824375Z","uid":"C1","id.orig_h":"10.0.0.1","id.resp_h":"fe80::1","proto":"tcp","service":"ssl,http","duration":9.5e-07,"orig_bytes":120,"conn_state":"SF"}` + "\n"
	for name, body := range map[string]string{"TSV": generate(1000), "JSON": strings.Repeat(line, 1000)} {
		for _, fields := range []event.FieldSet{typical, event.AllFields, sourcetest.ReferenceFields | survey.Fields} {
			src, err := Format.New(source.Options{Fields: fields})
			if err != nil {
				t.Fatal(err)
			}
			f := fileOf(text{"a/conn.log", body})
			src.Plan([]source.File{f})
			in, err := src.Open(f)
			if err != nil {
				t.Fatal(err)
			}
			block := []byte(body)
			n, state := in.Split(block)
			d := in.NewDecoder()
			var out counter
			if got := testing.AllocsPerRun(5, func() { d.Decode(block[:n], state, &out) }); got != 0 {
				t.Errorf("%s, %d fields: got %v allocations for 1000 events, want 0", name, fields.Len(), got)
			}
			if out.events != 6*1000 { // once before it is measured
				t.Errorf("%s: got %d events, want 6000", name, out.events)
			}
		}
	}
}
