//go:build integration

package deploy_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fresnel/internal/testkit"
)

// program returns the path of a program that setup installs.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v (./deploy/setup installs it)", err)
	}
	return path
}

// run runs a program and returns all that it writes.
func run(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program(t, name), args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// mustRun is run for programs that must be content.
func mustRun(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := run(t, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrometheusTakesTheRules(t *testing.T) {
	mustRun(t, "promtool", "check", "rules", "prometheus/rules.yml")
	mustRun(t, "promtool", "test", "rules", "prometheus/rules_test.yml")
	mustRun(t, "promtool", "check", "config", "--syntax-only", "prometheus/scrape.yml")
	// With the lines for TLS too.
	tls := regexp.MustCompile(`(?m)^    # (scheme:|tls_config:|  ca_file:)`).ReplaceAllString(read(t, "prometheus/scrape.yml"), "    $1")
	if !strings.Contains(tls, "\n      ca_file:") {
		t.Fatal("scrape.yml: got no lines for TLS, want some")
	}
	mustRun(t, "promtool", "check", "config", "--syntax-only", write(t, filepath.Join(t.TempDir(), "scrape.yml"), tls))
}

// TestRulesAreTested puts another expression in the place of each alert's, which rules_test.yml
// must not let pass.
func TestRulesAreTested(t *testing.T) {
	expression := regexp.MustCompile(`(?s)(- alert: \w+\n        expr: ).*?\n(        (?:for|labels):)`)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rules_test.yml"), read(t, "prometheus/rules_test.yml"))
	write(t, filepath.Join(dir, "rules.yml"), expression.ReplaceAllString(read(t, "prometheus/rules.yml"), "${1}vector(0) > 1\n$2"))
	mustRun(t, "promtool", "check", "rules", filepath.Join(dir, "rules.yml"))
	out, err := run(t, "promtool", "test", "rules", filepath.Join(dir, "rules_test.yml"))
	if err == nil {
		t.Fatal("got tests that pass without any expression")
	}
	rules, _ := ruleFiles(t)
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if !strings.Contains(out, "alertname: "+r.Alert+",") {
				t.Errorf("%s: got tests that pass without its expression", r.Alert)
			}
		}
	}
}

// TestPrometheusTakesTheQueries has promtool read every query of the dashboard, as a rule.
func TestPrometheusTakesTheQueries(t *testing.T) {
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	n := 0
	for _, p := range theDashboard(t).Panels {
		for _, target := range p.Targets {
			query := strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*").Replace(target.Expr)
			n++
			fmt.Fprintf(&rules, "      - record: panel:%d\n        expr: %q\n", n, query)
		}
	}
	if n < 20 {
		t.Fatalf("got %d queries, want those of all panels", n)
	}
	mustRun(t, "promtool", "check", "rules", write(t, filepath.Join(t.TempDir(), "rules.yml"), rules.String()))
}

// TestSystemdTakesTheUnit has systemd read the unit, by itself and with site.conf, and say how
// exposed the service is.
func TestSystemdTakesTheUnit(t *testing.T) {
	const most = "20" // tenths: 2.0 of 10
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// It wants the program to be there.
	unit := strings.Replace(read(t, "systemd/fresnel.service"), "ExecStart=/usr/bin/fresnel ", "ExecStart="+self+" ", 1)
	file := write(t, filepath.Join(t.TempDir(), "fresnel.service"), unit)
	verify := func(t *testing.T) string {
		t.Helper()
		return mustRun(t, "systemd-analyze", "verify", "--man=no", file)
	}
	for _, name := range []string{"", "site.conf"} {
		if name != "" {
			write(t, filepath.Join(file+".d", name), read(t, "systemd/"+name))
		}
		if out := verify(t); out != "" { // what it does not know is no error to it
			t.Errorf("with %q: got\n%s, want nothing", name, out)
		}
	}
	// What is asked of it can be refused.
	write(t, filepath.Join(file+".d", "wrong.conf"), "[Service]\nNoSuchKey=yes\n")
	if out := verify(t); !strings.Contains(out, "NoSuchKey") {
		t.Errorf("with a key that there is not: got %q, want it named", out)
	}
	out := mustRun(t, "systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold="+most, "systemd/fresnel.service")
	t.Log(out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:])
	bare := write(t, filepath.Join(t.TempDir(), "bare.service"), "[Service]\nExecStart=/bin/true\n")
	if _, err := run(t, "systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold="+most, bare); err == nil {
		t.Error("a unit without any protection: got it let through, want it refused")
	}
}

// syslogNG returns the command that runs syslog-ng as setup unpacked it.
func syslogNG(t *testing.T, dir, config string, args ...string) *exec.Cmd {
	t.Helper()
	there := filepath.Join(testkit.Root(t), "build", "integration", "syslog-ng")
	path := filepath.Join(there, "usr", "sbin", "syslog-ng")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v (./deploy/setup installs it)", err)
	}
	libraries, err := filepath.Glob(filepath.Join(there, "usr", "lib", "*-linux-gnu"))
	if err != nil || len(libraries) != 1 {
		t.Fatalf("got the folders of libraries %q, %v, want one", libraries, err)
	}
	modules, err := filepath.Glob(filepath.Join(there, "usr", "lib", "syslog-ng", "[0-9]*"))
	if err != nil || len(modules) != 1 {
		t.Fatalf("got the folders of modules %q, %v, want one", modules, err)
	}
	// As Debian's /etc/syslog-ng/syslog-ng.conf begins.
	head := fmt.Sprintf("@version: %s\n@include %q\n", filepath.Base(modules[0]), filepath.Join(there, "etc", "syslog-ng", "scl.conf"))
	file := write(t, filepath.Join(dir, "syslog-ng.conf"), head+config)
	cmd := exec.Command(path, append([]string{
		"-F", "-f", file, "--module-path=" + modules[0],
		"-R", filepath.Join(dir, "persist"), "-p", filepath.Join(dir, "pid"), "-c", filepath.Join(dir, "control"),
	}, args...)...)
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Join(there, "usr", "lib", "syslog-ng")+":"+libraries[0])
	return cmd
}

// rsyslog returns the command that runs rsyslogd.
func rsyslog(t *testing.T, dir, config string, args ...string) *exec.Cmd {
	t.Helper()
	// As rsyslog.conf begins.
	head := fmt.Sprintf("global(maxMessageSize=\"64k\" workDirectory=%q)\n", dir)
	file := write(t, filepath.Join(dir, "rsyslog.conf"), head+config)
	return exec.Command(program(t, "rsyslogd"), append([]string{"-f", file, "-i", filepath.Join(dir, "pid")}, args...)...)
}

// A daemon is a shipper that setup installs, and its file here.
type daemon struct {
	name, file string
	authority  string // the file of the certificate's authority, as its file names it
	command    func(t *testing.T, dir, config string, args ...string) *exec.Cmd
	check, run []string  // arguments
	pause      [2]string // after an error, in the file and in a test
}

var daemons = []daemon{
	{"rsyslog", "shippers/rsyslog/60-fresnel.conf", "/etc/rsyslog.d/fresnel-ca.pem", rsyslog, []string{"-N1"}, []string{"-n"}, [2]string{`Interval="5"`, `Interval="1"`}},
	{"syslog-ng", "shippers/syslog-ng/fresnel.conf", "/etc/syslog-ng/fresnel-ca.pem", syslogNG, []string{"--syntax-only"}, nil, [2]string{"reopen(5)", "reopen(1)"}},
}

func TestSyslogDaemonsTakeTheirFiles(t *testing.T) {
	for _, d := range daemons {
		t.Run(d.name, func(t *testing.T) {
			check := func(config string) (string, error) {
				out, err := d.command(t, t.TempDir(), config, d.check...).CombinedOutput()
				return string(out), err
			}
			config := read(t, d.file)
			out, err := check(placed(t, config, map[string]string{d.authority: write(t, filepath.Join(t.TempDir(), "ca.pem"), "")}))
			if err != nil || strings.Contains(out, "rror") || strings.Contains(out, "arning") {
				t.Errorf("got %v\n%s", err, out)
			}
			if out, err := check(strings.Replace(config, "index", "indxe", 1) + "\nno such thing {"); err == nil {
				t.Errorf("a broken file: got it taken\n%s", out)
			}
		})
	}
}

// placed returns a configuration with other texts in the place of some that must be there.
func placed(t *testing.T, config string, texts map[string]string) string {
	t.Helper()
	for from, to := range texts {
		if !strings.Contains(config, from) {
			t.Fatalf("got no %q in\n%s", from, config)
		}
		config = strings.ReplaceAll(config, from, to)
	}
	return config
}
