package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fresnel/internal/auth"
	"fresnel/internal/config"
	"fresnel/internal/httpapi"
	"fresnel/internal/human"
	"fresnel/internal/schedule"
	"fresnel/internal/store"
	"fresnel/internal/tuning"
)

// A database is the embedded store and what only it can do.
type database interface {
	store.Store
	// Export writes the events whose time is after one and up to another, nanoseconds since
	// 1970 UTC, into Parquet files in a folder.
	Export(ctx context.Context, dir string, afterNanos, toNanos int64) (int64, error)
	// Import appends the events of Parquet files that Export wrote.
	Import(ctx context.Context, path string) (int64, error)
}

// withStore opens the database that the settings name, for one command. One that is not there is
// made for imports alone: an export of another folder than that of the service would be empty, and
// nobody would know until it is needed.
func (a *app) withStore(f *serveFlags, existing bool, use func(loaded *config.Loaded, s database) error) (err error) {
	loaded, err := a.load(f.settings()...)
	if err != nil {
		return err
	}
	dir, err := dataDir(&loaded.Config)
	if err != nil {
		return err
	}
	s, err := openStore(&loaded.Config, dir, existing, a.logger())
	if errors.Is(err, store.ErrLocked) {
		return fmt.Errorf("%w; while the service runs, its API is the way to it", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return use(loaded, s)
}

// logger returns what the commands around the store log with.
func (a *app) logger() *slog.Logger { return slog.New(slog.NewTextHandler(a.stderr, nil)) }

// scheduling returns how runs over a store are made, as the settings say.
func scheduling(c *config.Config, s store.Store, log *slog.Logger) (schedule.Options, error) {
	what, err := c.Detect()
	return schedule.Options{
		Store: s, Detect: what, Every: c.Schedule.Every, Delay: c.Schedule.Delay, CatchUp: c.Schedule.CatchUp, Remember: c.Store.Remember,
		Log: log, Now: time.Now,
	}, err
}

func (a *app) runCommand() *cobra.Command {
	var f serveFlags
	var at, server, key string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "look for beacons in the window that ends at a time, by hand",
		Long: `Run looks at the window that ends at a time, as the service does every hour, and stores what
it finds. While the service runs, which keeps the database to itself, --server and an API key
in FRESNEL_KEY (its id:secret in base64, as it was shown) ask the service to do it.`,
		Example: `  fresnel run --at 2026-01-01T06:00:00Z
  FRESNEL_KEY=... fresnel run --at 2026-01-01T06:00:00Z --server http://127.0.0.1:8440`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			end := time.Now().Truncate(time.Second)
			if at != "now" {
				var err error
				if end, err = time.Parse(time.RFC3339, at); err != nil {
					return fmt.Errorf("--at: got %q, want a time such as 2026-01-01T06:00:00Z, or now", at)
				}
				if end.Unix() < 0 || end.Nanosecond() != 0 {
					return fmt.Errorf("--at: got %q, want whole seconds, from 1970 on", at)
				}
				if now := time.Now(); end.After(now) {
					return fmt.Errorf("--at: got %q, want a time that is not to come; now is %s", at, now.UTC().Format(time.RFC3339))
				}
			}
			if server != "" && key == "" {
				return errors.New("FRESNEL_KEY: got none, want an API key of the service, with the scope write, for --server")
			}
			if server != "" {
				return a.askForRun(cmd.Context(), server, key, end)
			}
			return a.withStore(&f, true, func(loaded *config.Loaded, s database) error {
				log := a.logger()
				t, err := tuning.Open(cmd.Context(), s, loaded, log)
				if err != nil {
					return err
				}
				o, err := scheduling(&t.Loaded().Config, s, log)
				if err != nil {
					return err
				}
				sched, err := schedule.New(o)
				if err != nil {
					return err
				}
				if err := note(cmd.Context(), s, "run.make", end.UTC().Format(time.RFC3339)); err != nil {
					return err
				}
				r, err := sched.RunAt(cmd.Context(), end.Unix())
				if err != nil {
					return err
				}
				return json.NewEncoder(a.stdout).Encode(httpapi.RunOf(r)) // as with --server
			})
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&at, "at", "now", "`time` at which the window ends")
	fs.StringVar(&f.data, "data", "", "`folder` of the database (store.dir)")
	fs.StringVar(&server, "server", "", "`URL` of the running service, such as http://127.0.0.1:8440")
	for _, v := range a.env {
		if value, ok := strings.CutPrefix(v, keyVariable); ok {
			key = value
		}
	}
	return cmd
}

// note adds to the trail what somebody is about to do beside the service.
func note(ctx context.Context, s database, action, subject string) error {
	e := store.Entry{At: time.Now().UTC(), User: auth.Program().Actor(), Action: action, Subject: subject}
	if err := s.Change(ctx, nil, nil, e); err != nil {
		return fmt.Errorf("trail: %w", err)
	}
	return nil
}

// askForRun asks a running service for a run.
func (a *app) askForRun(ctx context.Context, server, key string, end time.Time) error {
	body, err := json.Marshal(map[string]string{"end": end.UTC().Format(time.RFC3339)})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(server, "/")+"/api/v1/runs", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("--server: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "ApiKey "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s: %s: %s", server, resp.Status, human.Safe(strings.TrimSpace(string(answer))))
	}
	_, err = a.stdout.Write(append(bytes.TrimSpace(answer), '\n'))
	return err
}

func (a *app) exportCommand() *cobra.Command {
	var f serveFlags
	var from, to string
	cmd := &cobra.Command{
		Use:   "export FOLDER",
		Short: "write the events of the service's database as Parquet files",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			first, err := nanosFlag("--from", from, math.MinInt64)
			if err != nil {
				return err
			}
			last, err := nanosFlag("--to", to, store.Forever)
			if err != nil {
				return err
			}
			if _, err := os.Stat(args[0]); err == nil {
				return fmt.Errorf("%s: is there already, want a folder that is not", args[0])
			}
			return a.withStore(&f, true, func(_ *config.Loaded, s database) error {
				n, err := s.Export(cmd.Context(), args[0], first, last)
				if err == nil {
					fmt.Fprintf(a.stderr, "fresnel: %s written to %s\n", human.Plural(n, "event"), args[0])
				}
				return err
			})
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&from, "from", "", "events after this `time`, such as 2026-01-01T00:00:00Z")
	fs.StringVar(&to, "to", "", "events up to this `time`")
	fs.StringVar(&f.data, "data", "", "`folder` of the database (store.dir)")
	return cmd
}

// timeFlag returns the time of a flag.
func timeFlag(name, value string, otherwise time.Time) (time.Time, error) {
	if value == "" {
		return otherwise, nil
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return t, fmt.Errorf("%s: got %q, want a time such as 2026-01-01T06:00:00Z", name, value)
	}
	return t, nil
}

// nanosFlag returns the time of a flag in nanoseconds since 1970 UTC, as events have it.
func nanosFlag(name, value string, otherwise int64) (int64, error) {
	if value == "" {
		return otherwise, nil
	}
	t, err := timeFlag(name, value, time.Time{})
	if err == nil && !time.Unix(0, t.UnixNano()).Equal(t) {
		err = fmt.Errorf("%s: got %s, want a time between 1677 and 2262, which no event lies beyond", name, value)
	}
	return t.UnixNano(), err
}

func (a *app) importCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "import PATH",
		Short: "add the events of Parquet files, as export wrote them, to the service's database",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withStore(&f, false, func(_ *config.Loaded, s database) error {
				path, err := filepath.Abs(args[0])
				if err != nil {
					return err
				}
				if err := note(cmd.Context(), s, "events.import", path); err != nil {
					return err
				}
				n, err := s.Import(cmd.Context(), args[0])
				if err == nil {
					fmt.Fprintf(a.stderr, "fresnel: %s read from %s\n", human.Plural(n, "event"), args[0])
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&f.data, "data", "", "`folder` of the database (store.dir)")
	return cmd
}
