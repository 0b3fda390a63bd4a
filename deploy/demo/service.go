package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A service is the program, serving.
type service struct {
	dir      string // of its settings, its data and its log
	url      string // of its pages and its API
	shippers string // URL
	client   http.Client
	cancel   context.CancelFunc
	cmd      *exec.Cmd
	ended    chan struct{}
}

// start starts the service over the files in dir, with settings of its own.
func start(ctx context.Context, program, dir, listen, ingest string) (*service, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	settings := fmt.Sprintf(`store:
  dir: %q
serve:
  listen: %q
ingest:
  listen: %q
inputs:
  tail:
    day:
      paths: [%q]
    office:
      paths: [%q]
    office-zeek:
      paths: [%q]
`, filepath.Join(dir, "data"), listen, ingest,
		filepath.Join(dir, "day", "events.ndjson"), filepath.Join(dir, "office", "endpoint.ndjson"), filepath.Join(dir, "office", "zeek"))
	file := filepath.Join(dir, "fresnel.yaml")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	s := &service{dir: dir, client: http.Client{Jar: jar}, ended: make(chan struct{})}
	log, err := os.Create(s.log())
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, program, "serve", "--config", file)
	cmd.Stderr = log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 15 * time.Second // it takes ten at most
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "FRESNEL_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	s.cmd, s.cancel = cmd, cancel
	go func() {
		_ = cmd.Wait() // its state says how it ended
		close(s.ended)
	}()
	return s, nil
}

// stop ends the service, and waits until it has ended.
func (s *service) stop() {
	s.cancel()
	<-s.ended
}

func (s *service) log() string { return filepath.Join(s.dir, "log") }

// failure tells of a service that has ended by itself.
func (s *service) failure() error {
	text, err := os.ReadFile(s.log())
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("the service has ended (%v); its log:\n%s", s.cmd.ProcessState, strings.Join(lines[max(0, len(lines)-10):], "\n"))
}

// await asks again and again until the answer is yes.
func (s *service) await(ctx context.Context, ask func() (bool, error)) error {
	for {
		if yes, err := ask(); yes || err != nil {
			return err
		}
		select {
		case <-s.ended:
			return s.failure()
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// call asks the API, with a body where that is not nil, and reads its answer into to where that is not nil.
func (s *service) call(ctx context.Context, path string, body, to any) error {
	method, content := http.MethodGet, io.Reader(http.NoBody)
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		method, content = http.MethodPost, bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, content)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: got %s: %s", method, path, resp.Status, text)
	}
	if err != nil || to == nil {
		return err
	}
	return json.Unmarshal(text, to)
}

var greeting = regexp.MustCompile(`(?s)API: (\S+)\n.*\(_bulk\): (\S+)\n.* password: (\S+) `)

// login waits until the service listens, and gives the admin a password that need not be changed.
func (s *service) login(ctx context.Context) (password string, err error) {
	var first string
	err = s.await(ctx, func() (bool, error) {
		text, err := os.ReadFile(s.log())
		if m := greeting.FindSubmatch(text); m != nil {
			s.url, s.shippers, first = string(m[1]), string(m[2]), string(m[3])
		}
		return first != "", err
	})
	if err != nil {
		return "", err
	}
	if err := s.call(ctx, "/api/v1/login", map[string]string{"name": "admin", "password": first}, nil); err != nil {
		return "", err
	}
	password = rand.Text()[:16]
	return password, s.call(ctx, "/api/v1/me/password", map[string]string{"old": first, "password": password}, nil)
}

// A caseLine is what a line of the list of cases says, as far as it is shown here.
type caseLine struct {
	ID       string `json:"id"`
	Findings int    `json:"findings"`
	Lead     struct {
		Event struct {
			RiskScore float64 `json:"risk_score"`
		} `json:"event"`
		Host struct {
			Name string `json:"name"`
		} `json:"host"`
		Process struct {
			Name string `json:"name"`
		} `json:"process"`
		Fresnel struct {
			ID          string `json:"id"`
			Destination struct {
				Domain string `json:"domain"`
				IP     string `json:"ip"`
			} `json:"destination"`
			Reasons []struct {
				Text string `json:"text"`
			} `json:"reasons"`
		} `json:"fresnel"`
	} `json:"lead"`
}

// page returns the path of the page that the overview leads to.
func (c *caseLine) page() string {
	if c.ID != "" && c.Findings > 1 {
		return "/cases/" + c.ID
	}
	return "/findings/" + c.Lead.Fresnel.ID
}

// text returns a sentence about what leads the case.
func (c *caseLine) text() string {
	l := &c.Lead
	text := fmt.Sprintf("risk %.0f: %s on %s calls %s", l.Event.RiskScore, l.Process.Name, l.Host.Name, cmp.Or(l.Fresnel.Destination.Domain, l.Fresnel.Destination.IP))
	if len(l.Fresnel.Reasons) > 0 {
		text += "; " + l.Fresnel.Reasons[0].Text
	}
	return text
}

// first returns the riskiest of the cases that the overview lists.
func (s *service) first(ctx context.Context, query string) (*caseLine, error) {
	var list struct {
		Cases []caseLine `json:"cases"`
	}
	err := s.call(ctx, "/api/v1/cases?limit=1&from=now-6h&q="+url.QueryEscape(query), nil, &list)
	if err == nil && len(list.Cases) == 0 {
		err = fmt.Errorf("cases of %q: got none, want one", query)
	}
	if err != nil {
		return nil, err
	}
	return &list.Cases[0], nil
}

// ran waits for the run of a window.
func (s *service) ran(ctx context.Context, end time.Time) error {
	return s.await(ctx, func() (bool, error) {
		var list struct {
			Runs []struct {
				End time.Time `json:"end"`
			} `json:"runs"`
		}
		err := s.call(ctx, "/api/v1/runs?limit=1", nil, &list)
		return len(list.Runs) > 0 && !list.Runs[0].End.Before(end), err
	})
}

// show says where the service is, waits until there is something to see, and says what.
func (s *service) show(ctx context.Context, end time.Time) error {
	password, err := s.login(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\nFresnel is at %s: user admin, password %s.\n", s.url, password)
	fmt.Println("It reads a day of 60 simulated hosts and that of the bundled sample, and makes the runs of its 24 hours ...")
	if err := s.ran(ctx, end); err != nil {
		return err
	}
	for _, of := range []struct{ what, query string }{
		{"The first case to open", ""},
		{"The first of the sample", `host.name: ("ws-04" or "ws-07")`}, // its implants are there
	} {
		c, err := s.first(ctx, of.query)
		if err != nil {
			return err
		}
		fmt.Printf("\n%s: %s%s\n  %s\n", of.what, s.url, c.page(), c.text())
	}
	fmt.Printf(`
Without a browser:
  curl -u 'admin:%s' '%s/api/v1/cases?limit=5'

Shippers send to %s. Which rows of the simulated day are implants: %s. The log: %s.
Ctrl-C ends it, and forgets all of this.
`, password, s.url, s.shippers, filepath.Join(s.dir, "day", "labels.json"), s.log())
	return nil
}
