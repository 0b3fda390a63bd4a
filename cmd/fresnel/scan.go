package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"fresnel/internal/config"
	"fresnel/internal/detect"
	"fresnel/internal/event"
	"fresnel/internal/filter"
	"fresnel/internal/finding"
	"fresnel/internal/human"
	"fresnel/internal/output"
	"fresnel/internal/report"
	"fresnel/internal/scan"
)

func (a *app) scanCommand() *cobra.Command {
	var f scanFlags
	var out, reportFile string
	var top int
	var all, explainFilter, failOnFinding, ascii bool
	cmd := &cobra.Command{
		Use:   "scan [PATH...]",
		Short: "find the beacons in files",
		Long: `Scan reads files, folders (with all below them), patterns, or standard input (-), plain,
gzip or zstd, and lists the groups that call out on a timer, those first that an analyst
would look at first, with the reasons.

A window of 6 hours slides over the data as an hourly schedule would have run it; --end
looks at one window only. The timing model looks back over 7 days (timing.lookback) from
the end of the last run.`,
		Example: `  fresnel scan /var/log/zeek
  fresnel scan --end latest --output ndjson events.ndjson.gz
  zcat conn.log.gz | fresnel scan --report beacons.html`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, loaded, err := a.options(&f, args)
			if err != nil {
				return err
			}
			o.All = all
			if top < 0 {
				return fmt.Errorf("--top: got %d, want 0 or more", top)
			}
			if o.Rank == nil && !cmd.Flags().Changed("top") {
				top = 0 // the list of the reference is whole
			}
			width, isTerminal := terminal(a.stdout)
			if out == "" {
				out = "ndjson"
				if isTerminal {
					out = "table"
				}
			}
			form, err := output.ByName(out)
			if err != nil {
				return fmt.Errorf("--output: %w", err)
			}
			switch {
			case reportFile != "":
				o.Pictures = detect.Callbacks
			case form.Traces:
				o.Pictures = detect.Counts
			}
			w := form.New(a.stdout, output.Options{
				Fields: groupFields(o.GroupBy), Ranked: o.Rank != nil, BucketSeconds: int64(o.Params.TimeBucketLength), Top: top,
				Terminal: isTerminal, Width: width, Color: a.color(a.stdout), ASCII: ascii,
			})
			page := finding.Ranking{Traces: report.DefaultDetailed}
			s, err := a.scan(cmd.Context(), o, f.quiet, func(r *finding.Result) error {
				if reportFile != "" && r.Found() {
					page.Add(r)
				}
				return w.Write(r)
			})
			if err != nil {
				return err
			}
			if !f.quiet {
				a.notes(s, o)
			}
			if explainFilter {
				explainOutcomes(a.stderr, o.Filter.Outcomes(), s)
			}
			short := shortSummary(s, o)
			if err := w.Close(short); err != nil {
				return err
			}
			if reportFile != "" {
				if err := writeReport(reportFile, report.Page{
					Product: cmd.Root().Name(), Version: version, Command: strings.Join(os.Args, " "), Inputs: inputsOf(s, args),
					Params: o.Params, Settings: changed(loaded), Summary: short, Findings: page.Ranked(), Top: top,
				}); err != nil {
					return err
				}
			}
			switch {
			case s.Failed > 0:
				return fmt.Errorf("%s could not be read", human.Plural(int64(s.Failed), "named path"))
			case failOnFinding && s.Findings > 0:
				return errFound
			}
			return nil
		},
	}
	f.add(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&out, "output", "o", "", "`form` of the results: "+strings.Join(output.Names(), ", ")+" (default table on a terminal, ndjson otherwise)")
	fs.StringVar(&reportFile, "report", "", "write a page with pictures of the findings to this HTML `file`")
	fs.IntVar(&top, "top", defaultTop, "`rows` that the table and the report show, the best first, a case as one; 0 for all, each by itself, as --detector reference does")
	fs.BoolVar(&all, "all", false, "groups that are not beaconing too")
	fs.BoolVar(&explainFilter, "explain-filter", false, "count the events that each clause of the filter let in or threw out")
	fs.BoolVar(&failOnFinding, "fail-on-finding", false, "exit with code 2 when something was found")
	fs.BoolVar(&ascii, "ascii", false, "nothing beyond ASCII in the table, except in values of logs")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(output.Names(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// defaultTop is how many rows a person can finish.
const defaultTop = 50

// scan runs a scan and shows its progress.
func (a *app) scan(ctx context.Context, o *scan.Options, quiet bool, emit func(*finding.Result) error) (*scan.Summary, error) {
	stop := func() {}
	if _, ok := terminal(a.stderr); ok && !quiet {
		stop = showProgress(a.stderr, o.Progress, time.Now)
	}
	s, err := scan.Run(ctx, *o, emit)
	stop()
	if errors.Is(err, context.Canceled) {
		return s, errors.New("interrupted")
	}
	return s, err
}

// groupFields returns the fields that results are grouped by.
func groupFields(by []event.Field) []event.Field {
	if len(by) > 0 {
		return by
	}
	return []event.Field{event.HostName, event.ProcessName, event.SourceIP, event.DestinationIP}
}

func shortSummary(s *scan.Summary, o *scan.Options) finding.Summary {
	short := finding.Summary{
		EventsRead: s.Events, BadRecords: s.Bad, Groups: int64(s.Groups), Runs: s.Runs, Findings: int64(s.Findings),
		Rows: int64(s.Rows), Timed: int64(s.Timed), Hidden: int64(s.Hidden),
		WindowSeconds: o.Params.WindowSeconds(),
	}
	for i, outcome := range o.Filter.Outcomes() {
		if outcome.Kept {
			short.EventsKept += s.Filter[i]
		}
	}
	if s.First <= s.Last {
		short.FirstNanos, short.LastNanos = s.First, s.Last
	}
	return short
}

// inputsOf says what was read: the arguments, and how many files of which input.
func inputsOf(s *scan.Summary, args []string) []string {
	lines := slices.Clone(args)
	for _, name := range slices.Sorted(maps.Keys(s.Formats)) {
		lines = append(lines, fmt.Sprintf("%s: %s", name, human.Plural(int64(s.Formats[name]), "file")))
	}
	return lines
}

// changed returns the settings outside of the statistics that are not the defaults.
func changed(l *config.Loaded) (settings [][2]string) {
	for _, key := range config.Keys() {
		if from := l.Origin(key.Name); from != config.FromDefault && !strings.HasPrefix(key.Name, "beacon.") {
			settings = append(settings, [2]string{key.Name, "set by " + from})
		}
	}
	return settings
}

// maxPathsShown is how many paths a note names.
const maxPathsShown = 5

// notes tells on standard error whatever did not go into the results.
func (a *app) notes(s *scan.Summary, o *scan.Options) {
	note := func(format string, args ...any) { fmt.Fprintf(a.stderr, "fresnel: "+format+"\n", args...) }
	for i, p := range s.Problems {
		if i == maxPathsShown {
			note("%d more paths with problems", len(s.Problems)-i)
			break
		}
		note("%s", human.Safe(p.Error()))
	}
	if n := len(s.Unknown); n > 0 {
		var names []string
		for _, p := range s.Unknown[:min(n, maxPathsShown)] {
			names = append(names, human.Safe(p))
		}
		more := ""
		if n > maxPathsShown {
			more = ", ..."
		}
		note("%s of no known input: %s%s", human.Plural(int64(n), "file"), strings.Join(names, ", "), more)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Unneeded)) {
		note("%s not read, as this run needs nothing of them: %s", human.Plural(int64(s.Unneeded[name]), "file"), name)
	}
	for _, bad := range s.BadShown {
		note("%s", human.Safe(bad))
	}
	if n := s.Bad - int64(len(s.BadShown)); n > 0 && s.Bad > 0 {
		note("%s in all", human.Plural(s.Bad, "bad record"))
	}
	for _, reason := range slices.Sorted(maps.Keys(s.Skipped)) {
		note("%s skipped: %s", human.Count(s.Skipped[reason]), human.Safe(reason))
	}
	for _, field := range slices.Sorted(maps.Keys(s.NoGroup)) {
		note("%s without %s to group by", human.Plural(s.NoGroup[field], "event"), field)
	}
	if s.OutOfRange > 0 {
		note("%s with a time outside of the years 1970 to 2105", human.Plural(s.OutOfRange, "event"))
	}
	if s.OutsideTimed > 0 {
		note("%s before the window of --end: seen by the timing model alone", human.Plural(s.OutsideTimed, "event"))
	}
	if n := s.OutsideRuns - s.OutsideTimed; n > 0 {
		note("%s outside of the window that --end asks for", human.Plural(n, "event"))
	}
	if s.DetailsLost > 0 {
		note("%s whose process details found no more room", human.Plural(s.DetailsLost, "event"))
	}
	if s.Hidden > 0 {
		note("%s of the timing model left out: below rank.min_score = %v, or not among the best rank.rows_per_host_day = %v of their hosts", human.Plural(int64(s.Hidden), "finding"), o.Rank.MinScore, o.Rank.PerDay)
	}
	if s.CallsDropped > 0 {
		note("%s whose times found no more room: the timing model does not know them", human.Plural(s.CallsDropped, "call"))
	}
	if s.Dropped > 0 {
		note("%s dropped: the tables have reached limits.memory_mb = %d", human.Plural(s.Dropped, "event"), o.MaxBytes>>20)
	}
}

// explainOutcomes lists what each clause of the filter did.
func explainOutcomes(w io.Writer, outcomes []filter.Outcome, s *scan.Summary) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "events\t\tclause\twhere")
	for i, outcome := range outcomes {
		verdict := "out"
		if outcome.Kept {
			verdict = "in"
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\n", s.Filter[i], verdict, outcome.Name, outcome.Rule)
	}
	_ = t.Flush()
}

// writeReport writes the page of a report to a file.
func writeReport(path string, p report.Page) error {
	return writePage(path, func(w io.Writer) error { return report.Write(w, p) })
}
