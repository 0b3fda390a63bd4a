package zeek

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fresnel/internal/event"
)

// FuzzRead holds that reading ends, counts the lines, and does not depend on where the text
// is cut into blocks.
func FuzzRead(f *testing.F) {
	conn := tsv("#separator \\x09", "#path conn", connFields, connRow, strings.Replace(connRow, "120", "-", 1))
	f.Add(conn)
	f.Add(conn + "#close\t1\n" + tsv("#separator \\x09", "#path dns", "#fields ts query", "1 x") + conn)
	f.Add(strings.ReplaceAll(conn, "\t", "|"))
	f.Add("ts|id.orig_h|id.resp_h|conn_state\n1.5|1.2.3.4|fe80::1|SF\n1.5|1.2.3.4|fe80::1\n")
	f.Add(tsv("#fields ts uid id.orig_h host user_agent method", `1.5 C1 1.2.3.4 a\x2cb x GET`))
	f.Add(`{"ts":1.5,"id.orig_h":"1.2.3.4","id_resp_h":"::1","orig_bytes":5,"conn_state":"SF"}` + "\n" + `{"_path":"dns","ts":"x"}`)
	f.Fuzz(func(t *testing.T, body string) {
		tx := text{"a/all", body}
		// Where the head is no Zeek log the run would not read it.
		if !Format.Detect(fileOf(tx).Head) {
			return
		}
		for _, fields := range []event.FieldSet{typical, event.AllFields} {
			want := read(t, fields, whole, tx)
			if lines := bytes.Count([]byte(body), []byte("\n")); want.lines != lines && want.lines != lines+1 {
				t.Errorf("got %d lines, want %d", want.lines, lines)
			}
			for _, c := range []cut{everyRow, someRows} {
				got := read(t, fields, c, tx)
				if diff := cmp.Diff(want, got, compareAddr, cmp.AllowUnexported(heard{}), cmpopts.IgnoreFields(heard{}, "base")); diff != "" {
					t.Errorf("cut %d (-whole +cut):\n%s", c, diff)
				}
			}
		}
	})
}

// quickly returns where the column c at the start of b ends, whose row ends at end; 0 when
// quick leaves it to set.
func quickly(d *decoder, b []byte, end int, c column) int {
	l := &layout{steps: []step{{column: c}}, seps: '\t' * eachByte}
	s, next := d.quick(l, b, 0, 0, end)
	if s == 0 {
		return 0
	}
	return next - 1
}

// FuzzQuick holds that the quick way to read a column decides as the slow one.
func FuzzQuick(f *testing.F) {
	f.Add("1588205199.824375", uint8(timeColumn))
	f.Add("192.168.100.7", uint8(event.SourceIP))
	f.Add("1.2.3.4", uint8(event.DestinationIP))
	f.Add("4000", uint8(event.SourceBytes))
	f.Add("65536", uint8(event.SourcePort))
	f.Fuzz(func(t *testing.T, v string, kind uint8) {
		if strings.ContainsAny(v, "\t\n") {
			return
		}
		c := column(kind)
		slow, quick := &decoder{}, &decoder{}
		ok := slow.set(c, []byte(v))
		for _, behind := range []string{"\tand what follows behind it", "\n1.2.3.4\t5.6.7.8\t1588205199.824375\t"} {
			b := []byte(v + behind)
			end := len(b)
			if behind[0] == '\n' {
				end = len(v)
			}
			j := quickly(quick, b, end, c)
			if j == 0 {
				continue
			}
			if !ok || j != len(v) || slow.e != quick.e {
				t.Errorf("%q: got %d bytes and %+v, want %d, %v and %+v", v, j, quick.e, len(v), ok, slow.e)
			}
		}
	})
}
