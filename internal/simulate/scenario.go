// Package simulate makes labelled telemetry of made-up enterprises: the calls of implants
// among those of everything else that calls home.
//
// It models times, sizes and names of connections only. It is for testing detection.
package simulate

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"time"
)

// A Scenario says what a world is made of. Default fills in what a file leaves out.
type Scenario struct {
	Name      string        `yaml:"name"`
	Note      string        `yaml:"note"`
	Start     time.Time     `yaml:"start"`
	Length    time.Duration `yaml:"length"`
	UTCOffset time.Duration `yaml:"utc_offset"` // of the users' working hours

	Hosts    int                `yaml:"hosts"`
	Fleet    map[string]float64 `yaml:"fleet"`    // kind of host -> weight
	Sensor   Sensor             `yaml:"sensor"`   // what telemetry there is of them
	Software []string           `yaml:"software"` // groups of known programs that the fleet has
	Activity float64            `yaml:"activity"` // factor on what users do
	Tools    map[string]float64 `yaml:"tools"`    // class -> how many made-up programs of many hosts
	PerHost  map[string]float64 `yaml:"per_host"` // class -> how many a host, on average, has to itself
	Rare     Rare               `yaml:"rare"`     // of the rare pollers of PerHost
	Crowd    Crowd              `yaml:"crowd"`    // of the callers of PerHost that have no timer
	Implants Implants           `yaml:"implants"`

	Bots  []Bot `yaml:"bots"`  // infected machines that call server after server
	Noise Noise `yaml:"noise"` // pairs of addresses
}

// A Sensor says what an event tells.
type Sensor struct {
	View     string  `yaml:"view"`     // hosts: host and process; network: addresses only
	Identity bool    `yaml:"identity"` // executable, hash, signature, parent, entity id, pid, as Elastic Defend sends them
	Unsigned float64 `yaml:"unsigned"` // share of hosts whose sensor sends no signatures
	Names    float64 `yaml:"names"`    // share of hosts whose sensor knows names of destinations
	TLS      bool    `yaml:"tls"`      // server name and JA3
	States   bool    `yaml:"states"`   // how a connection ended
	Loss     float64 `yaml:"loss"`     // share of events that get lost on the way
}

// A Crowd is the programs and servers that callers without a timer share: many hosts run a browser or an
// interpreter, and each calls places that no other does.
type Crowd struct {
	Programs int     `yaml:"programs"` // how many; 0: each caller is a program of its own
	Servers  int     `yaml:"servers"`  // how many
	Shared   float64 `yaml:"shared"`   // share of the callers that call these servers; the others have their own
}

// Rare describes the tools that only one host has.
type Rare struct {
	Signed  float64 `yaml:"signed"`  // share with a trusted signature
	Program float64 `yaml:"program"` // share below Program Files
	Old     float64 `yaml:"old"`     // share that is there from the beginning
}

// Implants says which implants there are.
type Implants struct {
	Frameworks map[string]int `yaml:"frameworks"` // how many of each, with parameters drawn
	Rows       []Implant      `yaml:"rows"`       // implants with parameters given
	Injected   float64        `yaml:"injected"`   // share that lives in a busy common process
	Disguised  float64        `yaml:"disguised"`  // share of the others that bears the name of a program of the crowd
	New        float64        `yaml:"new"`        // share that comes in the middle of the data
	Signed     float64        `yaml:"signed"`     // share of the others whose program has a trusted signature
	Program    float64        `yaml:"program"`    // share of the others whose program is below Program Files
	Fronted    float64        `yaml:"fronted"`    // share behind a shared address
	Raw        float64        `yaml:"raw"`        // share whose server has no name
	Failover   float64        `yaml:"failover"`   // share with several servers
	Campaign   float64        `yaml:"campaign"`   // share that calls the servers of an earlier implant of its framework
	Troubled   float64        `yaml:"troubled"`   // share with each of: losses, a server that is down, working hours, tasks, a change of sleep
}

// An Implant is one implant, or Count of them. What is not given is drawn.
type Implant struct {
	Framework    string        `yaml:"framework"`
	Count        int           `yaml:"count"`
	Period       time.Duration `yaml:"period"`
	Jitter       *float64      `yaml:"jitter"`
	Model        string        `yaml:"model"` // of gaps, instead of the framework's
	Process      string        `yaml:"process"`
	Injected     *bool         `yaml:"injected"`
	From         time.Duration `yaml:"from"` // after the start of the data
	To           time.Duration `yaml:"to"`   // 0: until the end
	Servers      int           `yaml:"servers"`
	Order        string        `yaml:"order"` // of servers: any, turn, sequence, failover
	Dwell        time.Duration `yaml:"dwell"` // in sequence: how long each is used
	Fronted      *bool         `yaml:"fronted"`
	Raw          *bool         `yaml:"raw"`
	Port         int           `yaml:"port"`
	Padding      int           `yaml:"padding"` // bytes, at most
	Loss         float64       `yaml:"loss"`
	Retries      int           `yaml:"retries"`
	Down         time.Duration `yaml:"down"`    // how long the server is down, somewhere in the middle
	Retreat      string        `yaml:"retreat"` // while it is: none, linear, exponential
	WorkingHours bool          `yaml:"working_hours"`
	Tasks        float64       `yaml:"tasks"` // share of callbacks that bring a task
	ChangeAfter  time.Duration `yaml:"change_after"`
	ChangeTo     time.Duration `yaml:"change_to"`
	Migrates     bool          `yaml:"migrates"` // into another process, in the middle
	Twin         bool          `yaml:"twin"`     // a second one lives in a process of the same name on the same host
}

// A Bot is an infected machine that calls one server for hours and then the next.
type Bot struct {
	Servers    int           `yaml:"servers"`
	Period     time.Duration `yaml:"period"`
	Jitter     float64       `yaml:"jitter"`
	Dwell      time.Duration `yaml:"dwell"`
	Background int           `yaml:"background"` // other pairs of the same machine
}

// Noise is what the border of a network sees.
type Noise struct {
	Pairs   int           `yaml:"pairs"`
	Sources int           `yaml:"sources"` // addresses inside
	Beacons int           `yaml:"beacons"`
	Period  time.Duration `yaml:"period"` // of the beacons
	Jitter  float64       `yaml:"jitter"`
}

// Default returns a scenario of a day, without implants.
func Default() *Scenario {
	return &Scenario{
		Name:   "scenario",
		Start:  time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), // a Monday
		Length: 24 * time.Hour,
		Hosts:  20,
		Fleet: map[string]float64{
			"desktop": 45, "laptop": 30, "developer": 8, "windows-server": 8, "linux-server": 6, "mac": 3, "iot": 0,
		},
		Sensor:   Sensor{View: ViewHosts, Identity: true, Unsigned: 0.05, Names: 1},
		Software: []string{"windows", "office", "google", "firefox", "edr-a", "agents-a", "management-a", "chat-a", "linux", "apple"},
		Activity: 1,
		Tools: map[string]float64{
			"heartbeat": 4, "updater": 4, "shard": 2, "rollout": 2, "department": 6, "relay": 1, "server-agent": 2,
		},
		PerHost: map[string]float64{
			"rare-poller": 0.33, "tab-refresh": 0.6, "tab-pinned": 0.4, "extension": 0.4, "video": 0.4, "music": 0.1,
			"softphone": 0.1, "peer": 0.1, "cron": 0.15, "backoff": 0.1, "steady-noise": 0.2, "bursts": 0.2,
			"heavy-tail": 0.2, "sessions": 0.4, "script": 0.6, "mail-poll": 0.3, "remote-desktop": 0.1, "two-timers": 0.05,
			"iot-telemetry": 1, "camera": 0.6,
		},
		Rare: Rare{Signed: 0.75, Program: 0.7, Old: 0.88},
		Implants: Implants{
			Frameworks: zeroes(frameworkNames()),
			Injected:   0.33, New: 0.6, Signed: 0.25, Program: 0.3, Fronted: 0.12, Raw: 0.2, Failover: 0.2, Campaign: 0.12, Troubled: 0.15,
		},
	}
}

func zeroes(names []string) map[string]int {
	m := make(map[string]int)
	for _, n := range names {
		m[n] = 0
	}
	return m
}

// The views of a Sensor.
const (
	ViewHosts   = "hosts"
	ViewNetwork = "network"
)

// Load reads the scenario in a file.
func Load(path string) (*Scenario, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	sc, err := Parse(text)
	if err != nil {
		return nil, inFile(path, err)
	}
	return sc, nil
}

func inFile(path string, err error) error {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return fmt.Errorf("%s: %w", path, err)
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, fmt.Errorf("%s: %w", path, e))
	}
	return errors.Join(all...)
}

// Parse reads a scenario. Its error names each line and key that is wrong.
func Parse(text []byte) (*Scenario, error) {
	sc := Default()
	if err := decode(text, sc); err != nil {
		return nil, err
	}
	if err := sc.Validate(); err != nil {
		return nil, err
	}
	return sc, nil
}

// Validate returns all that is wrong with the values of sc, joined.
func (sc *Scenario) Validate() error {
	var errs []error
	fail := func(key string, got any, want string) {
		errs = append(errs, fmt.Errorf("%s: got %v, want %s", key, got, want))
	}
	share := func(key string, x float64) {
		if !(x >= 0 && x <= 1) {
			fail(key, x, "0 to 1")
		}
	}
	if sc.Length < time.Minute || sc.Length > 60*24*time.Hour {
		fail("length", sc.Length, "1m to 60d")
	}
	if sc.Hosts < 0 || sc.Hosts > 100_000 {
		fail("hosts", sc.Hosts, "0 to 100000")
	}
	if sc.Sensor.View != ViewHosts && sc.Sensor.View != ViewNetwork {
		fail("sensor.view", sc.Sensor.View, "hosts or network")
	}
	if !(sc.Activity >= 0 && sc.Activity <= 100) {
		fail("activity", sc.Activity, "0 to 100")
	}
	share("sensor.unsigned", sc.Sensor.Unsigned)
	share("sensor.names", sc.Sensor.Names)
	share("sensor.loss", sc.Sensor.Loss)
	share("rare.signed", sc.Rare.Signed)
	share("rare.program", sc.Rare.Program)
	share("rare.old", sc.Rare.Old)
	share("crowd.shared", sc.Crowd.Shared)
	if n := sc.Crowd.Programs; n < 0 || n > 100_000 {
		fail("crowd.programs", n, "0 to 100000")
	}
	if n := sc.Crowd.Servers; n < 0 || n > 100_000 || n == 0 && sc.Crowd.Shared > 0 {
		fail("crowd.servers", n, "1 to 100000, or 0 where none is shared")
	}
	im := &sc.Implants
	if im.Disguised > 0 && sc.Crowd.Programs == 0 {
		fail("implants.disguised", im.Disguised, "0 without crowd.programs")
	}
	share("implants.injected", im.Injected)
	share("implants.disguised", im.Disguised)
	share("implants.new", im.New)
	share("implants.signed", im.Signed)
	share("implants.program", im.Program)
	share("implants.fronted", im.Fronted)
	share("implants.raw", im.Raw)
	share("implants.failover", im.Failover)
	share("implants.campaign", im.Campaign)
	share("implants.troubled", im.Troubled)
	total := 0.0
	for _, m := range []struct {
		key string
		of  map[string]float64
	}{{"fleet", sc.Fleet}, {"tools", sc.Tools}, {"per_host", sc.PerHost}} {
		for _, name := range slices.Sorted(maps.Keys(m.of)) {
			if x := m.of[name]; !(x >= 0 && x <= 1000) {
				fail(m.key+"."+name, x, "0 to 1000")
			} else if m.key == "fleet" {
				total += x
			}
		}
	}
	if sc.Hosts > 0 && total <= 0 {
		fail("fleet", "no kind of host", "a weight above 0")
	}
	for i, g := range sc.Software {
		if !slices.Contains(softwareGroups(), g) {
			fail(fmt.Sprintf("software[%d]", i), g, "one of "+strings.Join(softwareGroups(), ", "))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(im.Frameworks)) {
		if n := im.Frameworks[name]; n < 0 || n > 10_000 {
			fail("implants.frameworks."+name, n, "0 to 10000")
		}
	}
	for i := range im.Rows {
		errs = append(errs, im.Rows[i].validate(fmt.Sprintf("implants.rows[%d]", i), sc.Length)...)
	}
	if sc.Hosts == 0 && (len(im.Rows) > 0 || sum(im.Frameworks) > 0) {
		fail("hosts", 0, "some, for the implants")
	}
	for i, b := range sc.Bots {
		key := fmt.Sprintf("bots[%d]", i)
		if b.Servers < 1 || b.Servers > 10_000 {
			fail(key+".servers", b.Servers, "1 to 10000")
		}
		if b.Period < time.Second {
			fail(key+".period", b.Period, "1s or more")
		}
		share(key+".jitter", b.Jitter)
		if b.Dwell < b.Period {
			fail(key+".dwell", b.Dwell, "the period or more")
		}
		if b.Background < 0 || b.Background > 1_000_000 {
			fail(key+".background", b.Background, "0 to 1000000")
		}
	}
	n := &sc.Noise
	if n.Pairs < 0 || n.Pairs > 10_000_000 {
		fail("noise.pairs", n.Pairs, "0 to 10000000")
	}
	if n.Pairs > 0 && n.Sources < 1 {
		fail("noise.sources", n.Sources, "1 or more")
	}
	if n.Beacons < 0 || n.Beacons > n.Pairs {
		fail("noise.beacons", n.Beacons, "0 to noise.pairs")
	}
	if n.Beacons > 0 && n.Period < time.Second {
		fail("noise.period", n.Period, "1s or more")
	}
	share("noise.jitter", n.Jitter)
	return errors.Join(errs...)
}

func sum(m map[string]int) int {
	n := 0
	for _, x := range m {
		n += x
	}
	return n
}

func (im *Implant) validate(key string, length time.Duration) []error {
	var errs []error
	fail := func(k string, got any, want string) {
		errs = append(errs, fmt.Errorf("%s.%s: got %v, want %s", key, k, got, want))
	}
	if !slices.Contains(frameworkNames(), im.Framework) {
		fail("framework", fmt.Sprintf("%q", im.Framework), "one of "+strings.Join(frameworkNames(), ", "))
	}
	if _, ok := gapModels[im.Model]; !ok && im.Model != "" {
		fail("model", im.Model, "one of "+strings.Join(slices.Sorted(maps.Keys(gapModels)), ", "))
	}
	if _, ok := orders[im.Order]; !ok {
		fail("order", im.Order, "any, turn, sequence or failover")
	}
	if _, ok := retreats[im.Retreat]; !ok {
		fail("retreat", im.Retreat, "none, linear or exponential")
	}
	if im.Period < 0 || im.Period > 0 && im.Period < 100*time.Millisecond {
		fail("period", im.Period, "100ms or more")
	}
	if im.Jitter != nil && !(*im.Jitter >= 0 && *im.Jitter <= 1) {
		fail("jitter", *im.Jitter, "0 to 1")
	}
	for _, x := range []struct {
		key   string
		value float64
	}{{"loss", im.Loss}, {"tasks", im.Tasks}} {
		if !(x.value >= 0 && x.value < 1) {
			fail(x.key, x.value, "0 to below 1")
		}
	}
	for _, x := range []struct {
		key       string
		n, lowest int
		most      int
	}{{"count", im.Count, 0, 10_000}, {"servers", im.Servers, 0, 1000}, {"port", im.Port, 0, math.MaxUint16}, {"padding", im.Padding, 0, 1 << 20}, {"retries", im.Retries, 0, 10}} {
		if x.n < x.lowest || x.n > x.most {
			fail(x.key, x.n, fmt.Sprintf("%d to %d", x.lowest, x.most))
		}
	}
	if im.From < 0 || im.From >= length {
		fail("from", im.From, "0 to below the length of the data")
	}
	if im.To != 0 && im.To <= im.From {
		fail("to", im.To, "a time after from")
	}
	return errs
}
