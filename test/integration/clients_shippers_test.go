//go:build integration

package integration

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// certificate makes a certificate of this machine, signs it by itself, and returns its files.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fresnel"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	public, err := x509.CreateCertificate(rand.Reader, c, c, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, b []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert.pem", "CERTIFICATE", public), write("key.pem", "PRIVATE KEY", secret)
}

// trust makes the clients of this process trust a certificate until the end of the test.
func trust(t *testing.T, cert string) {
	t.Helper()
	text, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatalf("%s: got no certificate", cert)
	}
	before := http.DefaultTransport
	changed := before.(*http.Transport).Clone()
	changed.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	http.DefaultTransport = changed
	t.Cleanup(func() {
		changed.CloseIdleConnections()
		http.DefaultTransport = before
	})
}

// freeAddress returns an address that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// zeekLines returns lines of Zeek's conn.log, and the ECS documents that they mean.
func zeekLines(now time.Time, from, to int) (lines, ecs []byte) {
	for n := from; n < to; n++ {
		at := now.Add(time.Duration(n-to) * 10 * time.Millisecond).Truncate(time.Millisecond)
		lines = fmt.Appendf(lines, `{"ts":%d.%03d,"uid":"C%d","id.orig_h":"10.1.2.%d","id.orig_p":%d,"id.resp_h":"203.0.113.9","id.resp_p":443,"proto":"tcp","service":"ssl","duration":1.5,"orig_bytes":%d,"resp_bytes":4000,"conn_state":"SF"}`+"\n",
			at.Unix(), at.Nanosecond()/1e6, n, 1+n%200, 1024+n, n+1)
		ecs = fmt.Appendf(ecs, `{"@timestamp":%q,"event":{"category":"network","duration":1500000000},"source":{"ip":"10.1.2.%d","port":%d,"bytes":%d},"destination":{"ip":"203.0.113.9","port":443,"bytes":4000},`+
			`"network":{"transport":"tcp","protocol":"tls"},"zeek":{"connection":{"state":"SF"}}}`+"\n",
			at.UTC().Format("2006-01-02T15:04:05.000Z"), 1+n%200, 1024+n, n+1)
	}
	return lines, ecs
}

// rsyslog and syslogNG return the commands that run these, with a file of deploy/shippers.
func rsyslog(_ *testing.T, dir, file string) *exec.Cmd {
	head := fmt.Sprintf("global(maxMessageSize=\"64k\" workDirectory=%q)\ninclude(file=%q)\n", dir, file)
	whole := filepath.Join(dir, "rsyslog.conf")
	_ = os.WriteFile(whole, []byte(head), 0o600) // or the command will say that it is not there
	return exec.Command("rsyslogd", "-n", "-f", whole, "-i", filepath.Join(dir, "pid"))
}

func syslogNG(t *testing.T, dir, file string) *exec.Cmd {
	t.Helper()
	there := installed(t, "syslog-ng") // by ./deploy/setup
	version := "3.38"
	head := fmt.Sprintf("@version: %s\n@include %q\n@include %q\n", version, filepath.Join(there, "etc", "syslog-ng", "scl.conf"), file)
	whole := filepath.Join(dir, "syslog-ng.conf")
	_ = os.WriteFile(whole, []byte(head), 0o600)
	libraries, _ := filepath.Glob(filepath.Join(there, "usr", "lib", "*-linux-gnu"))
	cmd := exec.Command(filepath.Join(there, "usr", "sbin", "syslog-ng"), "-F", "-f", whole, "--module-path="+filepath.Join(there, "usr", "lib", "syslog-ng", version),
		"-R", filepath.Join(dir, "persist"), "-p", filepath.Join(dir, "pid"), "-c", filepath.Join(dir, "control"))
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+strings.Join(append(libraries, filepath.Join(there, "usr", "lib", "syslog-ng")), ":"))
	return cmd
}

// TestClientsShippers runs rsyslog and syslog-ng as deploy/shippers has them, over TLS and with an
// API key. The service is killed while they send; each line is stored once all the same.
func TestClientsShippers(t *testing.T) {
	for _, shipper := range []struct {
		name, file, authority string
		command               func(t *testing.T, dir, file string) *exec.Cmd
	}{
		{"rsyslog", "rsyslog/60-fresnel.conf", "/etc/rsyslog.d/fresnel-ca.pem", rsyslog},
		{"syslog-ng", "syslog-ng/fresnel.conf", "/etc/syslog-ng/fresnel-ca.pem", syslogNG},
	} {
		t.Run(shipper.name, func(t *testing.T) {
			const first, all = 20_000, 21_000
			dir := t.TempDir()
			cert, private := certificate(t)
			trust(t, cert)
			address := freeAddress(t)
			args := []string{
				"--set", "ingest.anonymous=false", "--set", fmt.Sprintf("serve.tls_cert=%q", cert), "--set", fmt.Sprintf("serve.tls_key=%q", private), "--ingest", address,
			}
			s := serve(t, filepath.Join(dir, "data"), args...)
			key := s.login(t).key(t, "ingest")

			log := filepath.Join(dir, "conn.log")
			now := time.Now()
			lines, ecs := zeekLines(now, 0, all)
			cut := 0
			for range first {
				cut += bytes.IndexByte(lines[cut:], '\n') + 1
			}
			for file, text := range map[string][]byte{log: lines[:cut], filepath.Join(dir, "ecs.ndjson"): ecs} {
				if err := os.WriteFile(file, text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, port, _ := net.SplitHostPort(address)
			config, err := os.ReadFile(path(t, "deploy", "shippers", filepath.FromSlash(shipper.file)))
			if err != nil {
				t.Fatal(err)
			}
			for from, to := range map[string]string{
				"/opt/zeek/logs/current/conn.log": log, shipper.authority: cert, "fresnel.example": "127.0.0.1", "8441": port, `"key_id"`: `"` + key.User + `"`, `"secret"`: `"` + key.Password + `"`,
			} {
				if !bytes.Contains(config, []byte(from)) {
					t.Fatalf("%s: got no %q", shipper.file, from)
				}
				config = bytes.ReplaceAll(config, []byte(from), []byte(to))
			}
			config = bytes.Replace(config, []byte("/var/spool/rsyslog/fresnel-refused.json"), []byte(filepath.Join(dir, "refused.json")), 1)
			file := filepath.Join(dir, "shipper.conf")
			if err := os.WriteFile(file, config, 0o600); err != nil {
				t.Fatal(err)
			}
			ended := daemon(t, shipper.command(t, dir, file))

			s.await(t, 1)
			s.kill()
			s = serve(t, s.data, args...)
			stored := s.events(t)
			if stored >= first {
				t.Fatalf("got all %d lines stored before the end of the service, want it to end in between", stored)
			}
			f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write(lines[cut:]); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			s.await(t, all)
			ended() // and sends nothing again
			if got := s.events(t); got != all {
				t.Errorf("got %d events, want %d", got, all)
			}
			known := s.metric(t, `fresnel_ingest_events_total{input="bulk",outcome="known"}`)
			t.Logf("%d of %d lines were stored when the service was killed; %.0f came twice and were stored once", stored, first, known)
			if refused, err := os.ReadFile(filepath.Join(dir, "refused.json")); err == nil && known == 0 {
				t.Errorf("%s wrote into its file of errors: %.500s", shipper.name, refused)
			}
			s.stop(t)
			checkStored(t, s.data, map[string]string{"zeek": filepath.Join(dir, "ecs.ndjson")})
		})
	}
}

// await waits until the service has so many events.
func (s *service) await(t *testing.T, events int64) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); s.events(t) < events; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("got %d events after a minute, want %d", s.events(t), events)
		}
	}
}

// daemon starts a program and returns what ends it, as does the end of the test.
func daemon(t *testing.T, cmd *exec.Cmd) (end func()) {
	t.Helper()
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	end = func() {
		if ended {
			return
		}
		ended = true
		_ = cmd.Process.Signal(syscall.SIGTERM)
		killed := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		defer killed.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", cmd.Path, err)
		}
		if t.Failed() {
			t.Logf("%s wrote:\n%s", cmd.Path, endsOf(out.String(), 30))
		}
	}
	t.Cleanup(end)
	return end
}
