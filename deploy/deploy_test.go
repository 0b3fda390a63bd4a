// Package deploy_test holds the files of this folder, and the pages of the docs that quote them,
// to the program that they are for. With the build tag integration the programs that read these
// files have their say too: promtool, systemd, rsyslog, syslog-ng (./setup installs them).
package deploy_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"fresnel/internal/config"
	"fresnel/internal/testkit"
)

// read returns the text of a file of this folder.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// files returns the files below a folder, without testdata.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "testdata":
			return fs.SkipDir
		case !d.IsDir():
			names = append(names, filepath.ToSlash(path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// taken returns settings with those that stand behind a # and no space.
func taken(text string) string {
	return regexp.MustCompile(`(?m)^#(\S|  )`).ReplaceAllString(text, "$1")
}

func load(text string) (*config.Loaded, error) {
	return config.Load(config.Sources{File: "fresnel.yaml", FileData: []byte(text)})
}

func TestSettings(t *testing.T) {
	text := read(t, "fresnel.yaml")
	loaded, err := load(text)
	if err != nil {
		t.Fatal(err)
	}
	all, err := load(taken(text))
	if err != nil {
		t.Fatalf("with all that is commented out: %v", err)
	}
	if c := all.Config; c.Serve.TLSCert == "" || len(c.Inputs.Tail) != 2 || c.Inputs.Tail["suricata"].Label == "" {
		t.Errorf("with all that is commented out: got serve %+v, inputs %+v, want a certificate and two inputs", c.Serve, c.Inputs.Tail)
	}
	if dir := loaded.Config.Store.Dir; dir != "/var/lib/fresnel" {
		t.Errorf("store.dir: got %q, want the folder of the unit", dir)
	}
	// The unit gives what the settings name.
	site := read(t, "systemd/site.conf")
	for _, file := range []string{all.Config.Serve.TLSCert, all.Config.Serve.TLSKey} {
		if _, name, ok := strings.Cut(file, "/run/credentials/fresnel.service/"); !ok || !strings.Contains(site, "\nLoadCredential="+name+":") {
			t.Errorf("got %q, want a credential of systemd/site.conf", file)
		}
	}
	unit := read(t, "systemd/fresnel.service")
	for _, want := range []string{"\nStateDirectory=fresnel\n", " --config /etc/fresnel/fresnel.yaml"} {
		if !strings.Contains(unit, want) {
			t.Errorf("fresnel.service: got none, want %q", want)
		}
	}
	// The rule cannot ask for the bound.
	bound := regexp.MustCompile(`fresnel_store_event_bytes > 0\.9 \* (\d+) \* 2 \^ 30`).FindStringSubmatch(read(t, "prometheus/rules.yml"))
	var gb int64
	if bound != nil {
		if err := yaml.Unmarshal([]byte(bound[1]), &gb); err != nil {
			t.Fatal(err)
		}
	}
	if gb == 0 || gb != loaded.Config.Store.KeepGB {
		t.Errorf("FresnelStoreAtBound: got a bound of %d GiB, want keep_gb of fresnel.yaml, %d", gb, loaded.Config.Store.KeepGB)
	}
}

// TestShipperFiles looks at what can be seen without the programs: that files in YAML are that, and
// that all of them lead to the one address, with the one key, by TLS.
func TestShipperFiles(t *testing.T) {
	names := files(t, "shippers")
	if len(names) < 10 {
		t.Fatalf("got %d files, want those of all shippers", len(names))
	}
	for _, name := range names {
		text := read(t, name)
		if strings.HasSuffix(name, ".yml") || strings.HasSuffix(name, ".yaml") {
			var parsed map[string]any
			if err := yaml.Unmarshal([]byte(text), &parsed); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, want := range []string{"fresnel.example", "8441", "key_id", "secret", "fresnel-ca.pem"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: got none, want %s", name, want)
			}
		}
	}
}

// A quotation is a block of a page that a link to a file stands before.
var quotation = regexp.MustCompile("(?s)\\]\\((\\S*deploy/[^)\\s]+)\\)[^\n]*:\n\n```[a-z]*\n(.*?)```\n")

// TestQuotations holds the blocks of the docs to the files that they quote, and finds each file of
// a shipper quoted.
func TestQuotations(t *testing.T) {
	root := testkit.Root(t)
	quoted := map[string]bool{}
	for _, page := range pages(t) {
		for _, m := range quotation.FindAllStringSubmatch(page.text, -1) {
			file := filepath.Join(filepath.Dir(page.path), m[1])
			want, err := os.ReadFile(file)
			if err != nil {
				t.Errorf("%s: %v", page.name, err)
				continue
			}
			if m[2] != string(want) {
				t.Errorf("%s: the block below the link to %s is not that file; got:\n%s", page.name, m[1], m[2])
			}
			rel, err := filepath.Rel(filepath.Join(root, "deploy"), file)
			if err != nil {
				t.Fatal(err)
			}
			quoted[filepath.ToSlash(rel)] = true
		}
	}
	for _, name := range append(files(t, "shippers"), "systemd/site.conf", "prometheus/scrape.yml") {
		if !quoted[name] {
			t.Errorf("%s: got no page that quotes it, want one", name)
		}
	}
}

// A page is one of the docs.
type page struct{ name, path, text string }

func pages(t *testing.T) (all []page) {
	t.Helper()
	root := testkit.Root(t)
	for _, pattern := range []string{"docs/serve.md", "docs/inputs/*.md"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			all = append(all, page{filepath.Base(path), path, read(t, path)})
		}
	}
	if len(all) < 10 {
		t.Fatalf("got %d pages, want serve.md and those of the inputs", len(all))
	}
	return all
}

// TestShipperPages holds the pages of shippers to what was tried: only where a test runs the real
// program may a page not say that none did.
func TestShipperPages(t *testing.T) {
	ran := map[string]bool{"rsyslog.md": true, "syslog-ng.md": true} // by TestShips
	shippers := []string{"elastic-agent.md", "filebeat.md", "fluent-bit.md", "logstash.md", "rsyslog.md", "syslog-ng.md", "vector.md"}
	seen := 0
	for _, page := range pages(t) {
		if !slices.Contains(shippers, page.name) {
			continue
		}
		seen++
		if says := strings.Contains(page.text, "Not tested with the real program"); says == ran[page.name] {
			t.Errorf("%s: got %v that it says it was not tested with the real program, want %v", page.name, says, !ran[page.name])
		}
		for _, want := range []string{"\n## What becomes of it\n", "scope `ingest`", "fresnel-ca.pem"} {
			if !strings.Contains(page.text, want) {
				t.Errorf("%s: got none, want %q", page.name, want)
			}
		}
	}
	if seen != len(shippers) {
		t.Errorf("got %d pages of shippers, want %d", seen, len(shippers))
	}
}

// TestSettingsOfPages loads every block of settings in the pages about the service.
func TestSettingsOfPages(t *testing.T) {
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	loaded := 0
	for _, page := range pages(t) {
		if page.name != "serve.md" && page.name != "zeek.md" && page.name != "suricata.md" {
			continue
		}
		for _, m := range block.FindAllStringSubmatch(quotation.ReplaceAllString(page.text, ""), -1) {
			loaded++
			if _, err := load(m[1]); err != nil {
				t.Errorf("%s: %v", page.name, err)
			}
		}
	}
	if loaded < 2 {
		t.Errorf("got %d blocks of settings, want those of zeek.md and suricata.md", loaded)
	}
}
