package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fresnel/internal/config"
	"fresnel/internal/detect"
	"fresnel/internal/event"
	"fresnel/internal/files"
	"fresnel/internal/scan"
	"fresnel/internal/series"
	"fresnel/internal/source"
	"fresnel/internal/source/all"
)

// scanFlags are the flags of the commands that scan files.
type scanFlags struct {
	inputs   []string
	groupBy  string
	detector string
	every    string
	end      string
	noFilter bool
	strict   bool
	quiet    bool
}

func (f *scanFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringSliceVar(&f.inputs, "input", nil, "read files as this `input` only: "+strings.Join(inputNames(), ", ")+" (delimited:MAP names a column map); several are tried in turn (default: found automatically)")
	fs.StringVar(&f.groupBy, "group-by", "", "group by these event `fields`, with commas between them (default: host.name,process.name for events with a process, else source.ip,destination.ip)")
	fs.StringVar(&f.detector, "detector", "", "`what` finds: fresnel (timing model and rank beside the reference statistics), or reference (default fresnel)")
	fs.StringVar(&f.every, "every", "", "`time` from one run to the next (default 1h)")
	fs.StringVar(&f.end, "end", "", "one run whose window ends at this `time` (RFC 3339, or latest, or now) instead of one at every --every")
	fs.BoolVar(&f.noFilter, "no-filter", false, "look at every event")
	fs.BoolVar(&f.strict, "strict", false, "end at the first bad record")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "no progress and no notes, errors only")
	_ = cmd.RegisterFlagCompletionFunc("input", cobra.FixedCompletions(inputNames(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("detector", cobra.FixedCompletions([]string{config.DetectorFresnel, config.DetectorReference}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("group-by", completeGroupBy)
	_ = cmd.RegisterFlagCompletionFunc("end", cobra.FixedCompletions([]string{"latest", "now"}, cobra.ShellCompDirectiveNoFileComp))
}

func inputNames() []string {
	var names []string
	for _, f := range all.Formats {
		names = append(names, f.Name)
	}
	return names
}

// completeGroupBy completes the last field of a list.
func completeGroupBy(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	before := typed[:strings.LastIndexByte(typed, ',')+1]
	var all []string
	for _, f := range event.Fields() {
		all = append(all, before+f.String())
	}
	return all, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// settings returns what the flags set, for config.Load.
func (f *scanFlags) settings() (sets [][2]string) {
	if f.groupBy != "" {
		var names []string
		for name := range strings.SplitSeq(f.groupBy, ",") {
			names = append(names, strconv.Quote(strings.TrimSpace(name))) // a value of YAML, whatever it holds
		}
		sets = append(sets, [2]string{"--group-by", "group_by=[" + strings.Join(names, ", ") + "]"})
	}
	if f.detector != "" {
		sets = append(sets, [2]string{"--detector", "detector=" + strconv.Quote(f.detector)})
	}
	if f.every != "" {
		sets = append(sets, [2]string{"--every", "schedule.every=" + strconv.Quote(f.every)})
	}
	if f.noFilter {
		sets = append(sets, [2]string{"--no-filter", "filter.enabled=false"})
	}
	if f.strict {
		sets = append(sets, [2]string{"--strict", "inputs.strict=true"})
	}
	return sets
}

// options returns what to scan: args as the flags and settings say.
func (a *app) options(f *scanFlags, args []string) (*scan.Options, *config.Loaded, error) {
	loaded, err := a.load(f.settings()...)
	if err != nil {
		return nil, nil, err
	}
	c := &loaded.Config
	for _, name := range f.inputs {
		word, _, _ := strings.Cut(name, ":")
		if !slices.Contains(inputNames(), word) {
			return nil, nil, fmt.Errorf("--input: got %q, want %s", name, strings.Join(inputNames(), ", "))
		}
	}
	what, err := c.Detect()
	if err != nil {
		return nil, nil, err
	}
	if what.Runs, err = f.runs(c); err != nil {
		return nil, nil, err
	}
	if len(args) == 0 {
		if _, ok := terminal(a.stdin); ok {
			return nil, nil, errors.New("got no path, want files, folders or patterns, or logs on standard input")
		}
		args = []string{files.Stdin}
	}
	o := &scan.Options{
		Options: what,
		Stdin:   a.stdin, Formats: all.Formats, Inputs: f.inputs,
		Source: source.Options{Delimited: c.Inputs.Delimited},
		Strict: c.Inputs.Strict, BadShown: c.Limits.MaxErrorsShown,
		Progress: new(scan.Progress),
	}
	o.Files, o.Problems = files.Expand(args)
	return o, loaded, nil
}

// runs reads --end.
func (f *scanFlags) runs(c *config.Config) (detect.Runs, error) {
	switch f.end {
	case "":
		return detect.Runs{Mode: detect.Schedule, Every: int64(c.Schedule.Every / time.Second)}, nil
	case "latest":
		return detect.Runs{Mode: detect.Latest}, nil
	case "now":
		return detect.Runs{Mode: detect.At, End: time.Now().Unix()}, nil
	}
	end, err := time.Parse(time.RFC3339, f.end)
	if err != nil {
		return detect.Runs{}, fmt.Errorf("--end: got %q, want a time such as 2026-01-01T06:00:00Z, latest, or now", f.end)
	}
	if s := end.Unix(); s < series.MinNanos/1e9 || s > series.MaxNanos/1e9 {
		return detect.Runs{}, fmt.Errorf("--end: got %q, want a time in the years 1970 to 2105", f.end)
	}
	return detect.Runs{Mode: detect.At, End: end.Unix()}, nil
}
