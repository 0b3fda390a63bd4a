package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"fresnel/internal/evaluate"
	"fresnel/internal/files"
	"fresnel/internal/labels"
)

// evaluateFlags are the flags of evaluate.
type evaluateFlags struct {
	labels, capture  string
	groupBy          []string
	unlabelled, by   string
	minScore         float64
	groups, hosts    int
	days             float64
	output, pageFile string
}

var (
	evaluateOutputs = []string{"text", "json"}
	unlabelledRows  = []string{"benign", "ignore"}
	countedBy       = []string{"implant", "label"}
)

func (a *app) evaluateCommand() *cobra.Command {
	var f evaluateFlags
	cmd := &cobra.Command{
		Use:   "evaluate --labels LABELS FINDINGS...",
		Short: "compare findings with labels: how many implants were found, how soon, among how much else",
		Long: `Evaluate reads the documents of scan --output ndjson, of any number of runs, and a file of
labels, and tells how good the list of findings is. Both may be gzip or zstd; findings may
be standard input (-), folders and patterns too.

A row of the list is a group and a destination; its score is the highest of its documents.
Only a scan with --all shows all p-values that the calibration needs; --min-score then says
which documents are in the list.

docs/evaluation.md defines every number.`,
		Example: `  fresnel evaluate --labels labels.json findings.ndjson.gz
  fresnel scan -o ndjson day/ | fresnel evaluate --labels day/labels.json --report page.html -`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd, args); err != nil {
				return err
			}
			truth, err := a.readLabels(cmd.Context(), f.labels)
			if err != nil {
				return err
			}
			if f.capture != "" {
				truth.Labels = slices.DeleteFunc(truth.Labels, func(l labels.Label) bool { return l.Capture != "" && l.Capture != f.capture })
			}
			if f.by == "label" {
				for i := range truth.Labels {
					truth.Labels[i].Implant = "" // each is its own
				}
			}
			for _, given := range []struct {
				flag string
				set  func()
			}{
				{"groups", func() { truth.Groups = f.groups }},
				{"hosts", func() { truth.Hosts = f.hosts }},
				{"days", func() { truth.Days = f.days }},
			} {
				if cmd.Flags().Changed(given.flag) {
					given.set()
				}
			}
			matcher := evaluate.NewMatcher(truth)
			findings := evaluate.NewFindings(matcher, evaluate.Options{GroupBy: f.groupBy, IgnoreUnlabelled: f.unlabelled == "ignore", MinScore: f.minScore})
			if err := a.readFindings(cmd.Context(), args, findings); err != nil {
				return err
			}
			rows, left := findings.Rows()
			result, err := evaluate.Rows(rows, matcher.Truth())
			if err != nil {
				return err
			}
			r := &evaluate.Report{Dataset: truth.Dataset, Counts: left, Result: result}
			if f.pageFile != "" {
				err := writePage(f.pageFile, func(w io.Writer) error { return r.WritePage(w, cmd.Root().Name()+" "+version) })
				if err != nil {
					return err
				}
			}
			if f.output == "json" {
				return r.WriteJSON(a.stdout)
			}
			return r.WriteText(a.stdout)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.labels, "labels", "", "the `file` of labels, JSON")
	fs.StringVar(&f.capture, "capture", "", "leave out labels of other captures than `name`")
	fs.StringSliceVar(&f.groupBy, "group-by", nil, "the `fields` that the scan grouped by, where they were not the automatic ones")
	fs.StringVar(&f.unlabelled, "unlabelled", "benign", "what rows without a label are: `benign or ignore`, for captures of which not all is known")
	fs.StringVar(&f.by, "by", "implant", "what is to be found: `implant or label`, where each server of an implant counts by itself")
	fs.Float64Var(&f.minScore, "min-score", 0, "documents of a lower `score` are in no list, of use for the calibration only")
	fs.IntVar(&f.groups, "groups", 0, "how many `groups` were looked at (default: what the labels say)")
	fs.IntVar(&f.hosts, "hosts", 0, "how many `hosts` there were (default: what the labels say)")
	fs.Float64Var(&f.days, "days", 0, "how many `days` the telemetry spans (default: what the labels say)")
	fs.StringVarP(&f.output, "output", "o", "text", "`form` of the answer: "+strings.Join(evaluateOutputs, ", "))
	fs.StringVar(&f.pageFile, "report", "", "write a page with the curves to this HTML `file`")
	_ = cmd.MarkFlagRequired("labels")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(evaluateOutputs, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("unlabelled", cobra.FixedCompletions(unlabelledRows, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("by", cobra.FixedCompletions(countedBy, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// check returns all that is wrong with the flags.
func (f *evaluateFlags) check(cmd *cobra.Command, args []string) error {
	var bad []error
	if f.labels == files.Stdin && slices.Contains(args, files.Stdin) {
		bad = append(bad, errors.New("--labels: got standard input, which the findings are read from"))
	}
	for _, choice := range []struct {
		flag, got string
		want      []string
	}{{"output", f.output, evaluateOutputs}, {"unlabelled", f.unlabelled, unlabelledRows}, {"by", f.by, countedBy}} {
		if !slices.Contains(choice.want, choice.got) {
			bad = append(bad, fmt.Errorf("--%s: got %q, want %s", choice.flag, choice.got, strings.Join(choice.want, ", ")))
		}
	}
	for _, n := range []struct {
		flag  string
		value float64
	}{{"groups", float64(f.groups)}, {"hosts", float64(f.hosts)}, {"days", f.days}} {
		if cmd.Flags().Changed(n.flag) && !(n.value > 0) {
			bad = append(bad, fmt.Errorf("--%s: got %v, want more than 0", n.flag, n.value))
		}
	}
	return errors.Join(bad...)
}

// readLabels reads a file of labels.
func (a *app) readLabels(ctx context.Context, path string) (*labels.File, error) {
	var read atomic.Int64
	text, err := files.Open(ctx, files.File{Path: path}, a.stdin, &read)
	if err != nil {
		return nil, err
	}
	defer text.Close()
	f, err := labels.Read(text)
	if err != nil {
		var each []error
		for _, line := range messages(err) {
			each = append(each, fmt.Errorf("%s: %s", path, line))
		}
		return nil, errors.Join(each...)
	}
	return f, nil
}

// readFindings reads the files that args name.
func (a *app) readFindings(ctx context.Context, args []string, into *evaluate.Findings) error {
	list, problems := files.Expand(args)
	var bad []error
	for _, p := range problems {
		bad = append(bad, p)
	}
	if len(bad) > 0 { // what is missing of the findings would count as not found
		return errors.Join(bad...)
	}
	var read atomic.Int64
	for _, file := range list {
		text, err := files.Open(ctx, file, a.stdin, &read)
		if err == nil {
			err = into.Read(text)
			text.Close()
		}
		if err != nil {
			return files.Problem{Path: file.Path, Err: err}
		}
	}
	return nil
}

// writePage writes a page to a new file and then gives it its name, so that a page that could
// not be written to its end does not stand in place of an older one. A link stays one, and what
// is no regular file, such as a device or a pipe, is written to.
func writePage(path string, write func(io.Writer) error) error {
	if place, err := filepath.EvalSymlinks(path); err == nil {
		path = place
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".fresnel-report-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := errors.Join(write(tmp), tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
