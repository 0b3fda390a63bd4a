package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/spf13/cobra"

	"fresnel/internal/event"
	"fresnel/internal/human"
	"fresnel/internal/simulate"
)

func (a *app) simulateCommand() *cobra.Command {
	var scenario, format, out, start string
	var seed uint64
	var compress, quiet bool
	cmd := &cobra.Command{
		Use:   "simulate --scenario FILE --out FOLDER",
		Short: "make labelled telemetry, for testing detection",
		Long: `Simulate makes up the network events of an enterprise: implants that call on a timer among
everything else that calls home. The same scenario and seed give the same events.

It writes events.ndjson (ECS), or conn.log and ssl.log (Zeek, where hosts become source
addresses), and labels.json, which says which rows are implants and which are benign timers.
With --out - the events go to standard output, without labels.`,
		Example: `  fresnel simulate --scenario scenarios/day.yaml --seed 1 --out day
  fresnel scan day/events.ndjson`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sc, err := simulate.Load(scenario)
			if err != nil {
				return err
			}
			switch format {
			case "":
				format = "ecs"
				if sc.Sensor.View == simulate.ViewNetwork {
					format = "zeek"
				}
			case "ecs", "zeek":
			default:
				return fmt.Errorf("--format: got %q, want ecs or zeek", format)
			}
			if format == "zeek" {
				sc.Sensor.View, sc.Sensor.States = simulate.ViewNetwork, true
			}
			if sc.Start, err = timeFlag("--start", start, sc.Start); err != nil {
				return err
			}
			s := &simulation{scenario: sc, seed: seed, zeek: format == "zeek", compress: compress}
			if out == "-" {
				return s.stream(cmd.Context(), a.stdout)
			}
			if err := s.folder(cmd.Context(), out); err != nil {
				return err
			}
			if !quiet {
				fmt.Fprintf(a.stderr, "%s: %s, %s\n", out, human.Plural(s.events, "event"), human.Plural(int64(s.labels), "label"))
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&scenario, "scenario", "", "the `file` that says what the world is made of")
	f.Uint64Var(&seed, "seed", 1, "the `number` that everything is drawn from")
	f.StringVar(&format, "format", "", "`form` of the events: ecs or zeek (default ecs, zeek for a scenario of addresses only)")
	f.StringVarP(&out, "out", "o", "", "the `folder` to write to, or - for standard output")
	f.StringVar(&start, "start", "", "`time` of the first event, such as 2026-01-01T00:00:00Z (default: what the scenario says)")
	f.BoolVar(&compress, "gzip", false, "compress the events")
	f.BoolVar(&quiet, "quiet", false, "say nothing about what was written")
	_ = cmd.MarkFlagRequired("scenario")
	_ = cmd.MarkFlagRequired("out")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"ecs", "zeek"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// A simulation writes one world.
type simulation struct {
	scenario *simulate.Scenario
	seed     uint64
	zeek     bool
	compress bool

	events int64
	labels int
}

// folder writes the events and their labels to files in dir.
func (s *simulation) folder(ctx context.Context, dir string) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	name := "events.ndjson"
	if s.zeek {
		name = "conn.log"
	}
	events, err := s.create(dir, name)
	if err != nil {
		return err
	}
	files := []io.Closer{events}
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
	}()
	var ssl io.Writer
	if s.zeek && s.scenario.Sensor.TLS {
		f, err := s.create(dir, "ssl.log")
		if err != nil {
			return err
		}
		files = append(files, f)
		ssl = f
	}
	return s.write(ctx, events, ssl, filepath.Join(dir, "labels.json"))
}

// stream writes the events to w.
func (s *simulation) stream(ctx context.Context, w io.Writer) error {
	if !s.compress {
		return s.write(ctx, w, nil, "")
	}
	z := gzip.NewWriter(w)
	if err := s.write(ctx, z, nil, ""); err != nil {
		return err
	}
	return z.Close()
}

// write makes the world. labelFile is empty for none.
func (s *simulation) write(ctx context.Context, events, ssl io.Writer, labelFile string) error {
	emit, finish := s.ecs(events)
	if s.zeek {
		z := simulate.NewZeekWriter(events, ssl)
		emit, finish = func(e *event.Event) error { z.Write(e); return nil }, z.Close //nolint:unparam // what it does not fail to do shows at Close
	}
	groups := map[[2]string]struct{}{}
	l, err := s.scenario.Run(s.seed, func(e *event.Event) error {
		group := [2]string{e.HostName, e.ProcessName}
		if e.ProcessName == "" || s.zeek {
			group = [2]string{string(e.SourceIP.AsSlice()), string(e.DestinationIP.AsSlice())}
		}
		groups[group] = struct{}{}
		if s.events++; s.events%4096 == 0 && ctx.Err() != nil {
			return errors.New("interrupted")
		}
		return emit(e)
	})
	if err != nil {
		return err
	}
	if err := finish(); err != nil {
		return err
	}
	l.Groups, l.Hosts, l.Days = len(groups), s.scenario.Hosts, s.scenario.Length.Hours()/24
	if s.labels = len(l.Labels); labelFile == "" {
		return nil
	}
	f, err := os.Create(labelFile)
	if err != nil {
		return err
	}
	return errors.Join(l.Write(f), f.Close())
}

func (*simulation) ecs(w io.Writer) (emit func(*event.Event) error, finish func() error) {
	b := bufio.NewWriterSize(w, 1<<16)
	var line []byte
	return func(e *event.Event) error {
		line = simulate.AppendECS(line[:0], e)
		_, err := b.Write(line)
		return err
	}, b.Flush
}

// create opens a file of the folder for writing, compressed when that was asked for.
func (s *simulation) create(dir, name string) (io.WriteCloser, error) {
	if s.compress {
		name += ".gz"
	}
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil || !s.compress {
		return f, err
	}
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &compressed{z, f}, nil
}

// A compressed file closes with its compression.
type compressed struct {
	*gzip.Writer
	file *os.File
}

func (c *compressed) Close() error { return errors.Join(c.Writer.Close(), c.file.Close()) }
