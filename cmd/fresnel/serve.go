package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"fresnel/internal/auth"
	"fresnel/internal/beacon"
	"fresnel/internal/bulk"
	"fresnel/internal/config"
	"fresnel/internal/event"
	"fresnel/internal/httpapi"
	"fresnel/internal/ingest"
	"fresnel/internal/metrics"
	"fresnel/internal/schedule"
	"fresnel/internal/source"
	"fresnel/internal/source/all"
	"fresnel/internal/store"
	"fresnel/internal/tail"
	"fresnel/internal/tuning"
	"fresnel/web"
)

func (a *app) serveCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "take events in all the time, keep them, and look for beacons every hour",
		Long: `Serve takes events from shippers, at an endpoint that speaks Elasticsearch's _bulk, and
from files that it follows (inputs.tail). It keeps them, looks for beacons every hour, keeps
what it finds, and answers questions at an HTTP API under /api/v1.

Without settings it works at once: it listens on this machine alone, keeps its data in the
user's data directory, and prints the password of the first user once.

It ends at SIGTERM or SIGINT, within ten seconds, and has lost nothing that it acknowledged.
At SIGHUP it reads its settings again.`,
		Example: `  fresnel serve
  fresnel serve --listen 0.0.0.0:8440 --set serve.tls_cert=cert.pem --set serve.tls_key=key.pem
  curl -H 'Content-Type: application/x-ndjson' --data-binary @events.ndjson http://127.0.0.1:8441/_bulk`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			load := func() (*config.Loaded, error) { return a.load(f.settings()...) }
			loaded, err := load()
			if err != nil {
				return err
			}
			return a.serve(cmd.Context(), loaded, load)
		},
	}
	f.add(cmd)
	return cmd
}

// serveFlags are the flags of the commands that use the store.
type serveFlags struct {
	data, listen, ingest string
	insecure             bool
}

func (f *serveFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.data, "data", "", "`folder` of the database (store.dir)")
	fs.StringVar(&f.listen, "listen", "", "`address` of the API (serve.listen)")
	fs.StringVar(&f.ingest, "ingest", "", "`address` for shippers, or off (ingest.listen)")
	fs.BoolVar(&f.insecure, "insecure", false, "listen beyond this machine without TLS: passwords, keys and events can be read and changed on the way")
}

func (f *serveFlags) settings() (list [][2]string) {
	for _, s := range [][3]string{{"--data", "store.dir", f.data}, {"--listen", "serve.listen", f.listen}, {"--ingest", "ingest.listen", f.ingest}} {
		if s[2] != "" {
			list = append(list, [2]string{s[0], fmt.Sprintf("%s=%q", s[1], s[2])})
		}
	}
	if f.insecure {
		list = append(list, [2]string{"--insecure", "serve.insecure=true"})
	}
	return list
}

// dataDir returns the folder of the database.
func dataDir(c *config.Config) (string, error) {
	if c.Store.Dir != "" {
		return c.Store.Dir, nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "fresnel"), nil
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "share", "fresnel"), nil
	}
	return "", errors.New("store.dir: got none, and this user has no home directory, want a folder")
}

// A service is the parts of a running server.
type service struct {
	log      *slog.Logger
	config   *config.Config
	store    database
	auth     *auth.Auth
	schedule *schedule.Schedule
	metrics  *metrics.Metrics
	tuner    *tuning.Tuner
	id       string // of this installation
}

// serve runs the service until ctx ends.
func (a *app) serve(ctx context.Context, loaded *config.Loaded, load func() (*config.Loaded, error)) (err error) {
	// From here on it does not end the program, which may have to wait for its database.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	c := &loaded.Config
	log := a.logger()
	for _, l := range [][2]string{{"serve", c.Serve.Listen}, {"ingest", c.Ingest.Listen}} {
		if l[1] == config.Off {
			continue
		}
		if err := auth.CheckListen(l[1], c.Serve.TLSCert != "", c.Serve.Insecure); err != nil {
			return fmt.Errorf("%s.%w", l[0], err) // err begins with listen
		}
		if auth.CheckListen(l[1], c.Serve.TLSCert != "", false) != nil {
			log.Warn("insecure: passwords, keys and events can be read and changed on the way", "setting", l[0]+".listen", "address", l[1])
		}
	}
	if _, err := c.Detect(); err != nil {
		return err
	}
	if err := checkMaps(c.Inputs.Delimited); err != nil {
		return err
	}
	s := &service{log: log, config: c}
	dir, err := dataDir(c)
	if err != nil {
		return err
	}
	if s.store, err = openStore(c, dir, false, log); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.store.Close()) }()
	last, err := s.store.LastRun(ctx)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	s.metrics = metrics.New(s.store, last, time.Now)
	if s.id, err = installation(ctx, s.store); err != nil {
		return err
	}
	ac := auth.DefaultConfig()
	ac.Records, ac.Log, ac.Now = s.store, log, time.Now
	ac.IdleLifetime, ac.Lifetime = c.Serve.SessionIdle, c.Serve.SessionLength
	if s.auth, err = auth.Open(ctx, ac); err != nil {
		return err
	}
	if s.tuner, err = tuning.Open(ctx, s.store, loaded, log); err != nil {
		return err
	}
	runs, err := scheduling(&s.tuner.Loaded().Config, s.store, log)
	if err != nil {
		return err
	}
	runs.Ready, runs.Done = s.metrics.CaughtUp, s.ran
	if s.schedule, err = schedule.New(runs); err != nil {
		return err
	}
	s.tuner.Steer(s.schedule)
	return s.run(ctx, a, hup, load, dir)
}

// installation returns the name of this installation, which is made up once.
func installation(ctx context.Context, s store.Records) (string, error) {
	const kind = "installation"
	list, err := s.Records(ctx, kind)
	if err != nil {
		return "", err
	}
	if len(list) > 0 {
		return list[0].ID, nil
	}
	id := rand.Text()
	return id, s.Change(ctx, []store.Record{{Kind: kind, ID: id}}, nil)
}

// ran is told of each run.
func (s *service) ran(r *store.Run, err error) {
	s.metrics.Run(r, err)
	if err == nil {
		s.log.Info("run", "end", time.Unix(r.End, 0).UTC(), "events", r.Events, "groups", r.Groups, "rows", r.Rows, "timed", r.Timed,
			"findings", r.Findings, "late", r.Late, "dropped", r.Dropped, "took", r.FinishedAt.Sub(r.StartedAt).Round(time.Millisecond))
	}
}

func (s *service) run(ctx context.Context, a *app, hup <-chan os.Signal, load func() (*config.Loaded, error), dir string) error {
	c := s.config
	api, err := httpapi.New(s.apiOptions())
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", web.Handler(api))
	mux.Handle("GET /metrics", s.numbers())
	var tlsConfig *tls.Config
	if c.Serve.TLSCert != "" {
		pair := &certificate{cert: c.Serve.TLSCert, key: c.Serve.TLSKey}
		if err := pair.read(); err != nil {
			return err
		}
		tlsConfig = &tls.Config{GetCertificate: pair.get, MinVersion: tls.VersionTLS12}
		settings := load
		load = func() (*config.Loaded, error) {
			loaded, err := settings()
			if err == nil {
				err = pair.read()
			}
			return loaded, err
		}
	}
	listeners, err := s.listen(ctx, s.auth.Headers(mux), tlsConfig)
	if err != nil {
		return err
	}
	tails, err := s.tails(ctx)
	if err != nil {
		closeAll(listeners)
		return err
	}
	password, created, err := s.auth.Bootstrap(ctx)
	if err != nil {
		closeAll(listeners)
		return err
	}
	s.greet(a.stderr, listeners, dir, password, created, tlsConfig != nil)

	group, ctx := errgroup.WithContext(ctx)
	for _, l := range listeners {
		group.Go(func() error { return l.serve(ctx) })
	}
	for _, t := range tails {
		group.Go(func() error { return t.Run(ctx) })
	}
	group.Go(func() error { return s.schedule.Run(ctx) })
	group.Go(func() error {
		// All that it keeps for the end is who was last seen when: no reason to end as a failure on a full disk.
		if err := s.auth.Run(ctx); err != nil {
			s.log.Warn("users and sessions not stored", "err", err)
		}
		return nil
	})
	group.Go(func() error { return api.Run(ctx) })
	group.Go(func() error { return s.retain(ctx, api) })
	group.Go(func() error { return s.tuner.Reload(ctx, hup, load) })
	err = group.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	s.log.Info("ended")
	return err
}

// A certificate is that of the service. Those of today end after weeks: it can be read again.
type certificate struct {
	cert, key string // files
	pair      atomic.Pointer[tls.Certificate]
}

// read reads the files. After an error the one before stays.
func (c *certificate) read() error {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("serve.tls_cert: %w", err)
	}
	c.pair.Store(&pair)
	return nil
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.pair.Load(), nil }

// numbers answers with the metrics: to everybody on this machine, and to who may read findings
// where others can reach the API.
func (s *service) numbers() http.Handler {
	if auth.CheckListen(s.config.Serve.Listen, false, false) == nil {
		return s.metrics.Handler()
	}
	return s.auth.Require(auth.Read, func(w http.ResponseWriter, _ *http.Request, r auth.Refusal) {
		http.Error(w, r.Reason, r.Status)
	}, s.metrics.Handler())
}

// quietAfter is how long an input that works may bring nothing before it counts as idle.
const quietAfter = 10 * time.Minute

func (s *service) apiOptions() httpapi.Options {
	return httpapi.Options{
		Store: s.store, Auth: s.auth, Detector: s.schedule, Tuner: s.tuner, Product: "fresnel", Version: version, Now: time.Now, Log: s.log,
		Params:  func() beacon.Params { return s.tuner.Loaded().Config.Beacon },
		GroupBy: func() []event.Field { return s.tuner.Loaded().Config.GroupFields() },
		Inputs: func() (list []httpapi.Input) {
			for _, in := range s.metrics.Inputs() {
				health := "ok"
				switch {
				case in.LastError != "":
					health = "failing"
				case time.Since(in.LastEvent) > quietAfter:
					health = "idle"
				}
				list = append(list, httpapi.Input{
					Name: in.Name, Kind: in.Kind, Health: health, LastEvent: in.LastEvent, LastError: in.LastError, ErrorAt: in.ErrorAt,
					Counts: map[string]int64{"stored": in.Events, "rejected": in.Bad, "passed": in.Passed, "bytes": in.Bytes, "behind_bytes": in.Behind},
				})
			}
			return list
		},
	}
}

// greet says where the service is.
func (s *service) greet(w io.Writer, listeners []*listener, dir, password string, created, secure bool) {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	for _, l := range listeners {
		fmt.Fprintf(w, "fresnel: %s: %s://%s\n", l.purpose, scheme, l.net.Addr())
	}
	fmt.Fprintf(w, "fresnel: data: %s\n", dir)
	if created {
		fmt.Fprintf(w, "fresnel: first user: admin, password: %s (it is not shown again, and is to be changed at the first login)\n", password)
	}
}

// A listener is one address that is served.
type listener struct {
	purpose string
	net     net.Listener
	server  *http.Server
	drained chan struct{} // closed when the last request has been answered
}

// drain is how long requests may go on when the service ends.
const drain = 8 * time.Second

// serve serves until ctx ends, and then waits for the requests that were begun.
func (l *listener) serve(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		if err := l.server.Shutdown(last); err != nil {
			_ = l.server.Close() // they have had their time
		}
		close(l.drained)
	})()
	if err := l.server.Serve(l.net); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("%s: %w", l.purpose, err)
	}
	<-l.drained
	return nil
}

func closeAll(listeners []*listener) {
	for _, l := range listeners {
		_ = l.net.Close()
	}
}

// listen opens the addresses.
func (s *service) listen(ctx context.Context, api http.Handler, tlsConfig *tls.Config) (all []*listener, err error) {
	open := func(purpose, address string, h http.Handler, body time.Duration) error {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", address)
		if err != nil {
			return err
		}
		if tlsConfig != nil {
			l = tls.NewListener(l, tlsConfig)
		}
		all = append(all, &listener{purpose: purpose, net: l, drained: make(chan struct{}), server: &http.Server{
			Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: body, IdleTimeout: 2 * time.Minute,
			MaxHeaderBytes: 128 << 10, // the longest query that is taken, 8192 characters, is up to 96 KiB long in a URL
			ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		}})
		return nil
	}
	if err := open("API", s.config.Serve.Listen, api, time.Minute); err != nil {
		return nil, fmt.Errorf("serve.listen: %w", err)
	}
	if s.config.Ingest.Listen == config.Off {
		return all, nil
	}
	s.metrics.Add(metrics.Bulk, "bulk")
	h, err := s.bulk()
	if err == nil {
		err = open("for shippers (_bulk)", s.config.Ingest.Listen, h, 0) // the handler has its own bounds of time
	}
	if err != nil {
		closeAll(all)
		return nil, fmt.Errorf("ingest.listen: %w", err)
	}
	return all, nil
}

// bulk returns the endpoint of shippers.
func (s *service) bulk() (http.Handler, error) {
	c := &s.config.Ingest
	docs, err := ingest.New(ingest.Options{Formats: all.Formats, Source: source.Options{Delimited: s.config.Inputs.Delimited}, Store: s.store, MaxWaiting: c.MaxWaiting})
	if err != nil {
		return nil, err
	}
	o := bulk.DefaultOptions()
	o.MaxBodyBytes, o.MaxDecodedBytes, o.MaxRequests = c.MaxBodyMB<<20, c.MaxBodyMB<<20, c.MaxRequests
	o.Name, o.ClusterName, o.ClusterUUID = "fresnel", "fresnel", s.id
	o.Observe, o.Now, o.Log = s.metrics.Request, time.Now, s.log
	var cross http.CrossOriginProtection
	open := c.Anonymous && auth.CheckListen(c.Listen, false, false) == nil
	o.Authorize = func(r *http.Request) error {
		p, err := s.auth.Authenticate(r)
		if errors.Is(err, auth.ErrNoCredentials) && open {
			if cross.Check(r) == nil {
				return nil
			}
			err = auth.ErrCrossOrigin // a browser sends for any page, also to this machine
		}
		if err == nil {
			err = p.Check(auth.Ingest)
		}
		if refusal, ok := auth.Refuse(err); ok {
			return &bulk.Refusal{Status: refusal.Status, Reason: refusal.Reason, RetryAfter: refusal.RetryAfter}
		}
		return err
	}
	h, err := bulk.New(docs, o)
	if err == nil {
		s.metrics.Queues(docs.Waiting, h.Serving)
	}
	return h, err
}

// tails returns the followers of files.
func (s *service) tails(ctx context.Context) (list []*tail.Tail, err error) {
	marks, err := s.store.Marks(ctx)
	if err != nil {
		return nil, err
	}
	for name, c := range s.config.Inputs.Tail {
		t, err := tail.New(tail.Options{
			Name: name, Paths: c.Paths, Format: c.Input, Formats: all.Formats, Source: source.Options{Fields: event.AllFields, Delimited: s.config.Inputs.Delimited},
			Label: cmp.Or(c.Label, name), Appender: s.store, Marks: marks, PollEvery: tail.DefaultPollEvery, Log: s.log, Observe: s.metrics.Tail(name), Now: time.Now,
		})
		if err != nil {
			return nil, fmt.Errorf("inputs.tail.%s: %w", name, err)
		}
		list = append(list, t)
	}
	return list, nil
}

// retain forgets what is old, now and then.
func (s *service) retain(ctx context.Context, api *httpapi.API) error {
	ticker := time.NewTicker(10 * time.Minute)
	defer ticker.Stop()
	for {
		c, now := &s.config.Store, time.Now()
		events, err := s.store.Retain(ctx, now.Add(-c.KeepEvents), c.KeepGB<<30)
		s.forgotten(ctx, "events", events, err)
		oldest := now.Add(-c.KeepFindings).Unix()
		runs, err := s.store.ForgetRuns(ctx, oldest)
		api.Forget(oldest)
		s.forgotten(ctx, "runs", runs, err)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// forgotten tells how many of what is old are forgotten.
func (s *service) forgotten(ctx context.Context, what string, n int64, err error) {
	if n > 0 {
		s.log.Info("forgotten for their age or size", what, n)
	}
	if err != nil && ctx.Err() == nil { // else it may be why there is an error
		s.log.Error("not all that is old is forgotten, will be tried again", "of", what, "err", err)
	}
}
