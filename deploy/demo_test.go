//go:build integration

package deploy_test

import (
	"cmp"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fresnel/internal/testkit"
)

// demo returns make demo, to be started on other ports than its own. FRESNEL_PROGRAM may name
// another program than make builds.
func demo(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	built := filepath.Join(t.TempDir(), "demo")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", built, "./demo").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(built, append([]string{"-program", cmp.Or(os.Getenv("FRESNEL_PROGRAM"), "build/fresnel")}, args...)...)
	cmd.Dir = testkit.Root(t)
	return cmd
}

// TestDemo goes where make demo sends people, as the user that it tells of.
func TestDemo(t *testing.T) {
	cmd := demo(t, "-listen", "127.0.0.1:0", "-ingest", "127.0.0.1:0")
	var said output
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt) }) // the service would outlive a kill
	began := time.Now()
	await := func(pattern string) string { return said.awaitFor(t, 2*time.Minute, pattern) } // a day of runs is made
	site, password := await(`Fresnel is at (\S+):`), await(`password (\S+)\.\n`)
	cases := []string{await(`The first case to open: (\S+)\n`), await(`The first of the sample: (\S+)\n`)}
	dir := filepath.Dir(await(`The log: (\S+)\.\n`))
	t.Logf("the first case was there after %v", time.Since(began).Round(100*time.Millisecond))

	get := func(url string, to any) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("admin", password)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: got %s, %v, want 200\n%s", url, resp.Status, err, text)
		}
		if to == nil {
			if !strings.Contains(string(text), "<script") {
				t.Errorf("%s: got no page of the dashboards:\n%s", url, text)
			}
		} else if err := json.Unmarshal(text, to); err != nil {
			t.Fatalf("%s: %v", url, err)
		}
	}
	for i, link := range cases {
		get(link, nil) // a page, which asks this of the API:
		path, ok := strings.CutPrefix(link, site)
		if !ok {
			t.Fatalf("got a link to %s, want one to %s", link, site)
		}
		var found map[string]any
		get(site+"/api/v1"+path, &found)
		text, err := json.Marshal(found)
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 && !strings.Contains(string(text), `"name":"ws-04"`) && !strings.Contains(string(text), `"name":"ws-07"`) {
			t.Errorf("%s: got no case of the sample\n%s", link, text)
		}
	}
	// The overview's range, and all inputs, have something in them.
	var list struct{ Total int }
	get(site+"/api/v1/cases?from=now-6h", &list)
	if list.Total < 20 {
		t.Errorf("cases of the last six hours: got %d, want dozens", list.Total)
	}
	var inputs struct {
		Inputs []struct {
			Name   string
			Counts map[string]int64
		}
	}
	get(site+"/api/v1/inputs", &inputs)
	stored := map[string]int64{}
	for _, in := range inputs.Inputs {
		stored[in.Name] = in.Counts["stored"]
		if in.Counts["rejected"] > 0 {
			t.Errorf("input %s: got %d rejected, want none", in.Name, in.Counts["rejected"])
		}
	}
	for _, name := range []string{"day", "office", "office-zeek"} {
		if stored[name] < 1000 {
			t.Errorf("input %s: got %d events, want thousands", name, stored[name])
		}
	}

	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("after an interrupt: got %v, want code 0\n%s", err, said.String())
		}
	case <-time.After(20 * time.Second):
		t.Fatal("got no end within 20 s of an interrupt")
	}
	if resp, err := http.Get(site + "/healthz"); err == nil {
		resp.Body.Close()
		t.Error("the service still answers")
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s: got %v, want it to be gone", dir, err)
	}
}

// TestDemoTellsOfATakenPort starts it beside something that listens there.
func TestDemoTellsOfATakenPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, flags := range [][]string{{"-ingest", "127.0.0.1:0", "-listen"}, {"-listen", "127.0.0.1:0", "-ingest"}} {
		out, err := demo(t, append(flags, l.Addr().String())...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), l.Addr().String()+" is taken") || !strings.Contains(string(out), "DEMO_ARGS=") {
			t.Errorf("%s: got %v, want it to say what is taken, and what to do\n%s", flags[2], err, out)
		}
	}
}
