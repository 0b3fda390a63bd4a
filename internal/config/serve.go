package config

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// Serve says how the service is reached.
type Serve struct {
	Listen        string        `yaml:"listen" doc:"address of the API and the pages; beyond loopback it needs tls, or insecure"`
	TLSCert       string        `yaml:"tls_cert" doc:"file with the certificate chain, PEM; empty for no TLS"`
	TLSKey        string        `yaml:"tls_key" doc:"file with the key of the certificate, PEM"`
	Insecure      bool          `yaml:"insecure" doc:"true listens beyond loopback without TLS: passwords, keys and events can be read and changed on the way"`
	SessionIdle   time.Duration `yaml:"session_idle" doc:"time without a request after which a login ends"`
	SessionLength time.Duration `yaml:"session_length" doc:"time after which a login ends in any case"`
}

// Ingest says how shippers send events.
type Ingest struct {
	Listen      string `yaml:"listen" doc:"address of the endpoint that speaks Elasticsearch's _bulk; off for none; beyond loopback as serve.listen"`
	Anonymous   bool   `yaml:"anonymous" doc:"true takes events without a key or password from programs on this machine, where the endpoint listens on loopback"`
	MaxBodyMB   int64  `yaml:"max_body_mb" doc:"longest body of a request, in MiB, as it is after decompression"`
	MaxRequests int    `yaml:"max_requests" doc:"requests that are worked on at a time; others are asked to come again (429)"`
	MaxWaiting  int64  `yaml:"max_waiting" doc:"events that wait to be stored at a time"`
}

// Store says what is kept, and where.
type Store struct {
	Dir          string        `yaml:"dir" doc:"folder of the database; empty for fresnel in the user's data directory"`
	CommitEvery  time.Duration `yaml:"commit_every" doc:"longest time that events wait for others to be made durable with, at most 200ms"`
	KeepEvents   time.Duration `yaml:"keep_events" doc:"age at which events are forgotten"`
	KeepGB       int64         `yaml:"keep_gb" doc:"size of the events alone, in GiB, beyond which the oldest are forgotten; 0 for no bound"`
	KeepFindings time.Duration `yaml:"keep_findings" doc:"age, by the end of its window, at which a run is forgotten with its findings; at least keep_events, which findings outlive, and schedule.catch_up"`
	Remember     time.Duration `yaml:"remember" doc:"how long it is known who called whom, after the last call; longer than keep_events, so that nothing looks new that is not"`
	MemoryMB     int64         `yaml:"memory_mb" doc:"memory of the database, in MiB; it writes to disk what does not fit"`
}

func defaultServe() Serve {
	return Serve{Listen: "127.0.0.1:8440", SessionIdle: 8 * time.Hour, SessionLength: 7 * 24 * time.Hour}
}

func defaultIngest() Ingest {
	return Ingest{Listen: "127.0.0.1:8441", Anonymous: true, MaxBodyMB: 100, MaxRequests: 64, MaxWaiting: 500_000}
}

func defaultStore() Store {
	return Store{CommitEvery: 200 * time.Millisecond, KeepEvents: 30 * 24 * time.Hour, KeepGB: 0, KeepFindings: 365 * 24 * time.Hour, Remember: 180 * 24 * time.Hour, MemoryMB: 1024}
}

// Off is the address of what does not listen.
const Off = "off"

func (s Serve) validate() error {
	var errs []error
	errs = append(errs, checkAddress("listen", s.Listen))
	if (s.TLSCert == "") != (s.TLSKey == "") {
		errs = append(errs, errors.New("tls_cert: got one of tls_cert and tls_key, want both or none"))
	}
	errs = append(errs,
		checkDuration("session_idle", s.SessionIdle, time.Minute, 30*24*time.Hour),
		checkDuration("session_length", s.SessionLength, time.Minute, 365*24*time.Hour))
	return errors.Join(errs...)
}

func (i Ingest) validate() error {
	var errs []error
	if i.Listen != Off {
		errs = append(errs, checkAddress("listen", i.Listen))
	}
	return errors.Join(append(errs,
		checkRange("max_body_mb", i.MaxBodyMB, 1, 4096),
		checkRange("max_requests", int64(i.MaxRequests), 1, 10_000),
		checkRange("max_waiting", i.MaxWaiting, 10_000, 100_000_000))...)
}

// validate checks s. Runs that are made up for must not be forgotten as soon as they are made.
func (s Store) validate(catchUp time.Duration) error {
	return errors.Join(
		checkDuration("commit_every", s.CommitEvery, time.Millisecond, 200*time.Millisecond),
		checkDuration("keep_events", s.KeepEvents, time.Hour, 10*365*24*time.Hour),
		checkRange("keep_gb", s.KeepGB, 0, 1<<20),
		checkDuration("keep_findings", s.KeepFindings, max(s.KeepEvents, catchUp), 100*365*24*time.Hour),
		checkDuration("remember", s.Remember, s.KeepEvents, 100*365*24*time.Hour),
		checkRange("memory_mb", s.MemoryMB, 128, 1<<20),
	)
}

// checkAddress checks an address to listen on.
func checkAddress(key, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%s: got %q, want an address and a port such as 127.0.0.1:8440", key, address)
	}
	return nil
}

func checkDuration(key string, d, least, most time.Duration) error {
	if d < least || d > most {
		return fmt.Errorf("%s: got %s, want %s to %s", key, duration(d), duration(least), duration(most))
	}
	return nil
}

func checkRange(key string, n, least, most int64) error {
	if n < least || n > most {
		return fmt.Errorf("%s: got %d, want %d to %d", key, n, least, most)
	}
	return nil
}
