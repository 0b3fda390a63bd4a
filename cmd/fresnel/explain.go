package main

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fresnel/internal/detect"
	"fresnel/internal/event"
	"fresnel/internal/explain"
	"fresnel/internal/finding"
	"fresnel/internal/human"
)

func (a *app) explainCommand() *cobra.Command {
	var f scanFlags
	var group string
	var ascii bool
	cmd := &cobra.Command{
		Use:   "explain PATH... --group VALUE,VALUE",
		Short: "tell all about one group: its numbers, why each test did or did not fire, and why it is ranked as it is",
		Long: `Explain scans the same files as scan and shows one group: every number of its result, a
sentence for why each test did or did not fire, what the timing model found in its calls to
each destination and what raised and lowered the risk score, its counts and the gaps between
its callbacks. Without --end it shows the group's best run.

The values of --group are those of the fields that events are grouped by, in their order;
one that holds a comma is quoted as in CSV.`,
		Example: `  fresnel explain events.ndjson.gz --group ws-042,update.exe
  fresnel explain /var/log/zeek --group 10.0.0.5,203.0.113.9 --end 2026-01-01T06:00:00Z`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, _, err := a.options(&f, args)
			if err != nil {
				return err
			}
			only, err := parseGroup(group, o.GroupBy)
			if err != nil {
				return err
			}
			if o.Rank == nil {
				o.Only = only
			} // else the others are needed: how rare a destination is depends on who else calls it
			o.All, o.Pictures = true, detect.Callbacks
			best := finding.Ranking{Traces: 1}
			s, err := a.scan(cmd.Context(), o, f.quiet, func(r *finding.Result) error {
				if slices.EqualFunc(r.Group.Values, only.Values, sameText) {
					best.Add(r)
				}
				return nil
			})
			if err != nil {
				return err
			}
			if !f.quiet {
				a.notes(s, o)
			}
			ranked := best.Ranked()
			if len(ranked) == 0 {
				return fmt.Errorf("--group: got %q, which has no event in a window that was looked at, among %s that the filter kept of %s",
					group, human.Count(shortSummary(s, o).EventsKept), human.Plural(s.Events, "event"))
			}
			width, _ := terminal(a.stdout)
			rows := make([]*finding.Result, len(ranked))
			for i, g := range ranked {
				rows[i] = g.Result
			}
			return explain.Write(a.stdout, rows, o.Params, explain.Style{Width: width, Color: a.color(a.stdout), ASCII: ascii})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&group, "group", "", "the `values` of the group's fields, with commas between them")
	cmd.Flags().BoolVar(&ascii, "ascii", false, "nothing beyond ASCII, except in values of logs")
	_ = cmd.MarkFlagRequired("group")
	return cmd
}

// sameText reports whether a value out of a log is the one that was asked for, which may be
// spelled as it is shown, with what is not safe to show escaped.
func sameText(value, want string) bool { return value == want || human.Safe(value) == want }

// parseGroup reads --group. by are the fields that events are grouped by, none for automatic.
func parseGroup(group string, by []event.Field) (*finding.Group, error) {
	r := csv.NewReader(strings.NewReader(group))
	r.LazyQuotes = true
	values, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("--group: got %q, want values with commas between them: %w", group, err)
	}
	want := len(by)
	if want == 0 {
		want = 2 // host and process, or both addresses
	}
	if len(values) != want {
		return nil, fmt.Errorf("--group: got %d values, want %d: those of %s", len(values), want, fieldList(by))
	}
	return &finding.Group{Fields: by, Values: values}, nil
}

func fieldList(by []event.Field) string {
	if len(by) == 0 {
		return "host.name,process.name or source.ip,destination.ip"
	}
	var names []string
	for _, f := range by {
		names = append(names, f.String())
	}
	return strings.Join(names, ",")
}
