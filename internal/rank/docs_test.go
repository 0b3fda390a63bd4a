package rank_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"fresnel/internal/rank"
	"fresnel/internal/testkit"
)

const docsHead = `# The rank: what counts, and how much

Made from the pieces and the shipped points by ` + "`go test ./internal/rank -update`" + `; change internal/rank/pieces.go, not this page.

Each row (the calls of one process of a host to one destination) is judged by *pieces of evidence*. A piece looks at the facts and
answers with a *level*; each level has *points*. The score is made of their sum:

    event.risk_score = 100 / (1 + exp(-points / scale))      points = bias + the points of all pieces

so that rows stand in the order of their points, and every point can be told: ` + "`fresnel.reasons`" + ` lists all pieces that gave any, the
largest first. Three rules hold for whatever points are fitted or set:

- **What is not known gives nothing.** Events without a process, bytes, signatures or names are judged by the rest.
- **Evidence keeps its side.** A level that speaks against a beacon never has more than 0 points, one that speaks for it never
  less than 0; what is plain has 0.
- **Order is kept.** From the first level of a piece to the last the points never fall. Pieces marked *no order* tell kinds apart
  instead, and their levels may have points of either sign.

So common software and Microsoft's addresses lower the score, but only by their points: they hide nothing.

Two things are done to the list as a whole. **A case stands once**: further rows that the same process of a host has in the same case
lose 6, 12, and then 18 points, with the reason ` + "`case`" + `. **The list can be finished**: of what the timing model alone found, a host shows
` + "`rank.rows_per_host_day`" + ` rows for each day of its data, its best ones, and all with a score of 60 or more. Of a fleet whose hosts have names the best rows, half as many as all
its hosts may show, are there whichever host they are of. What the reference flags is always there.

A *fleet* is all hosts of the data, a *destination* the registrable domain where a name is known, else the address. The levels of how
many hosts do something count for fleets of 4 hosts and more: one host of nine says less than one of ninety.

## Other points

The points that are shipped stand in [model.yaml](../internal/rank/model.yaml), whose head says how they were fitted. The configuration changes
some of them and leaves the others:

` + "```yaml" + `
rank:
  weights:
    folder: {temp: 9}                # nothing runs from temp folders here
    port: {usual: 0, odd: 0}         # we use any port
    known_software: {shared: 0, lone: 0, runs_others: 0}
` + "```" + `

Points against the side or the order of levels are refused, with the name of the level:
` + "`" + docsError + "`" + `.

## The pieces
`

// docsError is what folder: {temp: -1} comes to.
const docsError = "rank.weights.folder.temp: got -1, want at least 0: the level speaks for a beacon"

func TestDocsExample(t *testing.T) {
	_, example, _ := strings.Cut(docsHead, "```yaml\n")
	example, _, ok := strings.Cut(example, "```")
	if !ok {
		t.Fatal("no example")
	}
	var c struct {
		Rank rank.Config `yaml:"rank"`
	}
	if err := yaml.Unmarshal([]byte(example), &c); err != nil || len(c.Rank.Weights) == 0 {
		t.Fatalf("got %v, %v, want weights", c, err)
	}
	if err := c.Rank.Validate(); err != nil {
		t.Errorf("the example is not sound: %v", err)
	}
	c.Rank.Weights = rank.Weights{"folder": {"temp": -1}}
	if err := c.Rank.Validate(); err == nil || "rank."+err.Error() != docsError {
		t.Errorf("got %v, want %s", err, docsError)
	}
}

func page() string {
	var b strings.Builder
	b.WriteString(docsHead)
	m := rank.Default()
	weights := m.Weights()
	fmt.Fprintf(&b, "\nBias: %s points. Scale: %s points.\n", points(m.Bias()), points(m.Scale()))
	for _, p := range rank.Pieces() {
		title := "`" + p.Name + "`"
		if p.Free {
			title += " (no order)"
		}
		fmt.Fprintf(&b, "\n### %s\n%s\n\n| level | when | speaks | points |\n|---|---|---|---|\n", title, p.Doc)
		for _, l := range p.Levels {
			side := l.Side.String()
			if p.Free && l.Side != rank.Plain {
				side = ""
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", l.Name, l.Doc, side, points(weights[p.Name][l.Name]))
		}
	}
	return b.String()
}

func points(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func TestDocs(t *testing.T) {
	testkit.Golden(t, filepath.Join(testkit.Root(t), "docs", "ranking.md"), []byte(page()))
}
