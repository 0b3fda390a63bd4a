package evaluate

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"fresnel/internal/testkit"
)

// example is a report in which everything has something to say, and a hostile name.
func example(t *testing.T) *Report {
	t.Helper()
	rows := list("95a 90- 80b 80- 70c 60- 50a 40-")
	rows[1].Name = "ws-2, <script>\x1b[31m.exe -> 192.0.2.7"
	for i := range rows {
		rows[i].First = 10_000
		for k := range 50 {
			rows[i].PValues = append(rows[i].PValues, float64(k*len(rows)+i+1)/400)
		}
	}
	r, err := Rows(rows, Truth{Groups: 2000, Hosts: 60, Days: 2, Implants: []Implant{
		{Name: "a", Framework: "sliver", Period: 60, Jitter: 0.3, First: 1000},
		{Name: "b", Framework: "cobalt strike", Period: 3600, First: 8000},
		{Name: "c", Period: 5},
		{Name: "d", Framework: "sliver", Period: 40_000, Jitter: 0.9, First: 1000},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return &Report{Dataset: "example", Counts: Counts{Undecided: 2}, Result: r}
}

// nothing is a report of no rows against no labels: no number is defined.
func nothing(t *testing.T) *Report {
	t.Helper()
	r, err := Rows(nil, Truth{})
	if err != nil {
		t.Fatal(err)
	}
	return &Report{Result: r}
}

func TestGolden(t *testing.T) {
	for name, r := range map[string]*Report{"example": example(t), "nothing": nothing(t)} {
		var text, page, doc bytes.Buffer
		if err := errors.Join(r.WriteText(&text), r.WritePage(&page, "fresnel test"), r.WriteJSON(&doc)); err != nil {
			t.Fatal(err)
		}
		testkit.Golden(t, "testdata/"+name+".txt", text.Bytes())
		testkit.Golden(t, "testdata/"+name+".html", page.Bytes())
		testkit.Golden(t, "testdata/"+name+".json", doc.Bytes())
		if !json.Valid(doc.Bytes()) {
			t.Errorf("%s: got no JSON: %s", name, doc.Bytes())
		}
		if s := text.String() + page.String(); strings.Contains(s, "\x1b") || strings.Contains(s, "NaN") || strings.Contains(page.String(), "<script") {
			t.Errorf("%s: got a control character, a number that is none, or a script", name)
		}
	}
}

func TestPicturesAreWellFormed(t *testing.T) {
	for _, r := range []*Report{example(t), nothing(t)} {
		for _, svg := range [][]byte{r.drawCurve().SVG(), r.Calibration.draw().SVG()} {
			d := xml.NewDecoder(bytes.NewReader(svg))
			for {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%v\n%s", err, svg)
				}
			}
		}
	}
}
