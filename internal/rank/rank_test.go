package rank_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"fresnel/internal/event"
	"fresnel/internal/rank"
	"fresnel/internal/testkit"
)

// injected returns the facts of a beacon in a program of the desktop that all 412 hosts run.
func injected() rank.Facts {
	return rank.Facts{
		Kind: "sleep", QValue: 1e-150, PeriodSeconds: 201, Jitter: 0.04, Callbacks: 285, Missed: 3, SpanSeconds: 100 * 3600, ActiveHours: 24, Regimes: 1,
		HasBytes: true, SourceBytes: 400, DestinationBytes: 900, SourceBytesSpread: 0.01, DestinationBytesSpread: 0.4,
		Hosts: 412, HostsOfDestination: 1, HostsOfAddress: 1, HostsOfProcess: 412, HostsOfProcessDestination: 1,
		ProcessDestinations: 20, ProcessLoneDestinations: 1, ProcessLoneTimers: 1, HostDestinations: 4,
		DataSeconds: 7 * 86400, HostFirst: 60, DestinationFirst: 3 * 86400, ProcessFirst: 90, RowFirst: 3 * 86400,
		HostName: "ws-1", ProcessName: "explorer.exe", ProcessExecutable: `C:\Windows\explorer.exe`, HasHash: true, HostsOfHash: 400, HashesOfProcess: 2,
		SignatureExists: event.True, SignatureTrusted: event.True, SignatureStatus: "trusted", SignatureSubject: "Microsoft Windows", SignatureShare: 0.9,
		Address: netip.MustParseAddr("45.9.148.3"), Port: 443, Transport: "tcp", NamedShare: 0.8,
	}
}

// fleetTool returns the facts of software that the whole fleet runs.
func fleetTool() rank.Facts {
	f := injected()
	f.ProcessName, f.ProcessExecutable, f.SignatureSubject = "ms-teams.exe", `C:\Program Files\WindowsApps\MSTeams\ms-teams.exe`, "Microsoft Corporation"
	f.HostsOfDestination, f.HostsOfAddress, f.HostsOfProcessDestination = 390, 390, 388
	f.ProcessDestinations, f.ProcessLoneDestinations, f.ProcessLoneTimers = 60, 20, 0
	f.Domain, f.Address = "teams.microsoft.com", netip.MustParseAddr("40.100.1.1")
	f.DestinationFirst, f.RowFirst = 0, 61
	return f
}

// rareTool returns the facts of an honest tool that one host has.
func rareTool() rank.Facts {
	f := injected()
	f.ProcessName, f.ProcessExecutable, f.SignatureSubject = "labsync.exe", `C:\Program Files\LabSync\labsync.exe`, "LabSync GmbH"
	f.HostsOfProcess, f.ProcessDestinations, f.ProcessLoneDestinations, f.ProcessLoneTimers, f.HostDestinations = 1, 1, 1, 1, 1
	f.HostsOfHash, f.HashesOfProcess = 1, 1
	f.Domain, f.DestinationFirst, f.RowFirst = "labsync.example", 62, 62
	return f
}

// dropped returns the facts of an implant in a program of its own.
func dropped() rank.Facts {
	f := rareTool()
	f.ProcessName, f.ProcessExecutable = "svch0st.exe", `C:\Users\kim\AppData\Local\Temp\svch0st.exe`
	f.SignatureExists, f.SignatureTrusted, f.SignatureStatus, f.SignatureSubject = event.False, event.Unknown, "", ""
	f.Domain, f.ProcessFirst, f.DestinationFirst, f.RowFirst = "", 3*86400, 3*86400, 3*86400
	return f
}

func levelOf(f rank.Facts, piece string) string {
	for i, p := range rank.Pieces() {
		if p.Name != piece {
			continue
		}
		level := rank.Levels(&f, nil)[i]
		if level == 0 {
			return "unknown"
		}
		return p.Levels[level-1].Name
	}
	return "no such piece"
}

func TestPieces(t *testing.T) {
	word := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	seen := make(map[string]bool)
	for _, p := range rank.Pieces() {
		if !word.MatchString(p.Name) || seen[p.Name] || p.Doc == "" {
			t.Errorf("piece %q: want a name of its own in small letters, and a description", p.Name)
		}
		seen[p.Name] = true
		levels := make(map[string]bool)
		for j, l := range p.Levels {
			if !word.MatchString(l.Name) || levels[l.Name] || l.Doc == "" {
				t.Errorf("%s.%q: want a name of its own in small letters, and a description", p.Name, l.Name)
			}
			levels[l.Name] = true
			if !p.Free && j > 0 && l.Side < p.Levels[j-1].Side {
				t.Errorf("%s.%s: want levels against, then plain ones, then those for", p.Name, l.Name)
			}
		}
	}
	if n := len(rank.Pieces()); n > 64 {
		t.Errorf("got %d pieces, want 64 at most: Assess has room for these", n)
	}
}

func TestLevels(t *testing.T) {
	for _, tt := range []struct {
		name   string
		start  func() rank.Facts
		change func(f *rank.Facts)
		piece  string
		want   string
	}{
		{"no timer", injected, func(f *rank.Facts) { f.Kind = "" }, "timing", "none"},
		{"a timer by chance", injected, func(f *rank.Facts) { f.QValue = 0.051 }, "timing", "doubtful"},
		{"just no chance", injected, func(f *rank.Facts) { f.QValue = 0.05 }, "timing", "fair"},
		{"at the rate of false discoveries", injected, func(f *rank.Facts) { f.QValue = 0.01 }, "timing", "good"},
		{"no chance at all", injected, func(f *rank.Facts) { f.QValue = 0 }, "timing", "certain"},
		{"a timer in few of many callbacks", injected, func(f *rank.Facts) { f.QValue, f.Callbacks = 1e-6, 600 }, "clear", "hardly"},
		{"the same in fewer", injected, func(f *rank.Facts) { f.QValue, f.Callbacks = 1e-6, 60 }, "clear", "fair"},
		{"too sure to tell", injected, func(f *rank.Facts) { f.QValue, f.Callbacks = 1e-299, 5000 }, "clear", "plain"},
		{"one stretch", injected, func(f *rank.Facts) { f.Callbacks, f.Regimes = 40, 1 }, "regimes", "one"},
		{"long stretches", injected, func(f *rank.Facts) { f.Callbacks, f.Regimes = 181, 3 }, "regimes", "above_60"},
		{"short stretches", injected, func(f *rank.Facts) { f.Callbacks, f.Regimes = 180, 9 }, "regimes", "up_to_20"},
		{"the jitter of chance", injected, func(f *rank.Facts) { f.QValue = 0.051 }, "jitter", "unknown"},
		{"the jitter of a loop, at its widest", injected, func(f *rank.Facts) { f.Jitter = 0.9 }, "jitter", "from_60"},
		{"the jitter of random calls", injected, func(f *rank.Facts) { f.Jitter = 0.98 }, "jitter", "from_95"},
		{"active hours of a short row", injected, func(f *rank.Facts) { f.SpanSeconds = 19 * 3600 }, "hours", "unknown"},
		{"calls to the end", injected, nil, "lasting", "to_the_end"},
		{"no bytes", injected, func(f *rank.Facts) { f.HasBytes = false }, "payload", "unknown"},
		{"constant bytes", injected, nil, "sent_spread", "constant"},
		{"one of 412", injected, nil, "destination_hosts", "one_of_many"},
		{"one of 13", injected, func(f *rank.Facts) { f.Hosts = 13 }, "destination_hosts", "one_of_tens"},
		{"one of 5", injected, func(f *rank.Facts) { f.Hosts = 5 }, "destination_hosts", "one_of_few"},
		{"a single host", injected, func(f *rank.Facts) { f.Hosts = 1 }, "destination_hosts", "unknown"},
		{"two of 13", injected, func(f *rank.Facts) { f.Hosts, f.HostsOfDestination = 13, 2 }, "destination_hosts", "few"},
		{"three of 13", injected, func(f *rank.Facts) { f.Hosts, f.HostsOfDestination = 13, 3 }, "destination_hosts", "many"},
		{"8 of 800", injected, func(f *rank.Facts) { f.Hosts, f.HostsOfDestination = 800, 8 }, "destination_hosts", "few"},
		{"the whole fleet", fleetTool, nil, "destination_hosts", "all"},
		{"a desktop shell that calls out on one host", injected, nil, "lone_timers", "unheard_of"},
		{"five implants in desktop shells", injected, func(f *rank.Facts) { f.ProcessLoneTimers = 5 }, "lone_timers", "strange"},
		{"a desktop shell in a small office", injected, func(f *rank.Facts) { f.Hosts, f.HostsOfProcess = 13, 13 }, "lone_timers", "unusual"},
		{"a browser", injected, func(f *rank.Facts) { f.ProcessLoneTimers = 300 }, "lone_timers", "usual"},
		{"a shared destination", fleetTool, nil, "lone_timers", "unknown"},
		{"a tool of one host", rareTool, nil, "lone_timers", "unknown"},
		{"a server handed out per host", injected, func(f *rank.Facts) {
			f.ProcessDestinations, f.ProcessLoneDestinations, f.HostDestinations, f.ProcessLoneTimers = 420, 400, 1, 300
		}, "own_each", "own_each"},
		{"a tool that calls a place of its own on each host, on no timer", injected, func(f *rank.Facts) {
			f.ProcessDestinations, f.ProcessLoneDestinations, f.HostDestinations, f.ProcessLoneTimers = 420, 400, 1, 50
		}, "own_each", "no"},
		{"one tool, one server", rareTool, nil, "errands", "one"},
		{"a rare name behind a shared front", injected, func(f *rank.Facts) { f.Domain, f.HostsOfAddress, f.NamesOfAddress = "a.example", 200, 30 }, "address", "front"},
		{"an address without a name", injected, nil, "address", "unknown"},
		{"new to the fleet", injected, nil, "new_destination", "days"},
		{"came with the host", injected, func(f *rank.Facts) { f.HostFirst = 3 * 86400 }, "new_destination", "since_start"},
		{"a long period hides the first call", injected, func(f *rank.Facts) { f.PeriodSeconds, f.RowFirst = 43200, 80000 }, "new_row", "since_start"},
		{"short data", injected, func(f *rank.Facts) { f.DataSeconds = 3 * 3600 }, "new_row", "unknown"},
		{"an old process with a new errand", injected, nil, "new_errand", "days"},
		{"a process that calls many places", injected, func(f *rank.Facts) { f.HostDestinations = 21 }, "new_errand", "unknown"},
		{"temp", dropped, nil, "folder", "temp"},
		{"looks like the system", dropped, nil, "system_name", "look_alike"},
		{"a name of the system elsewhere", dropped, func(f *rank.Facts) { f.ProcessName = "svchost.exe" }, "system_name", "wrong_folder"},
		{"not signed", dropped, nil, "signer", "nobody"},
		{"not signed where nobody signs", dropped, func(f *rank.Facts) { f.SignatureShare = 0 }, "signer", "unknown"},
		{"nothing said where others say", dropped, func(f *rank.Facts) { f.SignatureExists = event.Unknown }, "signer", "silent"},
		{"a hash of its own", injected, func(f *rank.Facts) { f.HostsOfHash = 1 }, "hash", "own"},
		{"every host its own build", injected, func(f *rank.Facts) { f.HostsOfHash, f.HashesOfProcess = 1, 300 }, "hash", "one_of_several"},
		{"started by Word", dropped, func(f *rank.Facts) { f.ParentName = "WINWORD.EXE" }, "parent", "document"},
		{"a browser started by Outlook", injected, func(f *rank.Facts) { f.ProcessName, f.ParentName = "chrome.exe", "OUTLOOK.EXE" }, "parent", "other"},
		{"three doubts", dropped, nil, "doubts", "three"},
		{"an honest tool", rareTool, nil, "doubts", "none"},
		{"a common program has no doubts", injected, nil, "doubts", "unknown"},
		{"known software where it belongs", fleetTool, nil, "known_software", "shared"},
		{"known software with a rare destination", injected, nil, "known_software", "lone"},
		{"known software in a temp folder", fleetTool, func(f *rank.Facts) { f.ProcessExecutable = `C:\Windows\Temp\ms-teams.exe` }, "known_software", "claimed"},
		{"an address of Microsoft", fleetTool, nil, "microsoft_address", "shared"},
		{"a raw address", injected, nil, "name", "address"},
		{"a raw address in a log without names", injected, func(f *rank.Facts) { f.NamedShare = 0 }, "name", "unknown"},
		{"an odd port", injected, func(f *rank.Facts) { f.Port = 50443 }, "port", "odd"},
		{"http on 443", injected, func(f *rank.Facts) { f.Protocol = "http" }, "protocol", "mismatch"},
		{"a rare fingerprint", injected, func(f *rank.Facts) { f.TLSClientJA3, f.HostsOfJA3 = "a0e9f5d64349fb13191bc781f81f42e1", 1 }, "ja3", "one"},
	} {
		f := tt.start()
		if tt.change != nil {
			tt.change(&f)
		}
		if got := levelOf(f, tt.piece); got != tt.want {
			t.Errorf("%s: %s: got %s, want %s", tt.name, tt.piece, got, tt.want)
		}
	}
}

// TestNothingKnown holds that pairs of addresses, as Zeek gives them, are judged by what they
// have: no piece that looks at processes, files or names says anything.
func TestNothingKnown(t *testing.T) {
	f := injected()
	f.ProcessName, f.ProcessExecutable, f.HostsOfProcess, f.HostsOfProcessDestination = "", "", 0, 0
	f.ProcessDestinations, f.ProcessLoneDestinations, f.ProcessLoneTimers = 0, 0, 0
	f.SignatureExists, f.SignatureTrusted, f.SignatureStatus, f.SignatureSubject, f.SignatureShare = 0, 0, "", "", 0
	f.HasHash, f.HostsOfHash, f.HashesOfProcess, f.NamedShare, f.ProcessFirst = false, 0, 0, 0, 0
	for _, piece := range []string{
		"process_hosts", "pair_hosts", "company", "lone_timers", "lone_destinations", "own_each", "errands", "new_process", "new_errand",
		"folder", "system_name", "signer", "hash", "parent", "script_host", "doubts", "known_software", "name", "address", "ja3", "user_agent", "protocol",
	} {
		if got := levelOf(f, piece); got != "unknown" {
			t.Errorf("%s: got %s, want nothing known", piece, got)
		}
	}
	if got := levelOf(f, "destination_hosts"); got != "one_of_many" {
		t.Errorf("destination_hosts: got %s, want one_of_many", got)
	}
	var nothing rank.Facts
	if p := rank.Default().Points(&nothing); math.IsNaN(p) {
		t.Error("no facts: got no number")
	}
}

// TestOrder holds what the rank is for, of the model that is shipped.
func TestOrder(t *testing.T) {
	m := rank.Default()
	score := func(f rank.Facts) float64 { return m.Assess(&f).Score }
	tool := score(fleetTool())
	for name, f := range map[string]rank.Facts{"injected": injected(), "dropped": dropped()} {
		if got := score(f); got < 50 || got <= score(rareTool()) || got <= tool {
			t.Errorf("%s: got a score of %.1f, want 50 or more, above a rare tool (%.1f) and a fleet's (%.1f)", name, got, score(rareTool()), tool)
		}
	}
	for _, name := range []string{"svchost.exe", "chrome.exe", "ms-teams.exe", "OneDrive.exe", "MsMpEng.exe"} {
		f := injected()
		f.ProcessName, f.ProcessExecutable = name, ""
		f.Address = netip.MustParseAddr("40.100.1.1")
		if got := score(f); got < 50 {
			t.Errorf("a strong rare beacon under the name %s at an address of Microsoft: got %.1f, want 50 or more: names lower the score, they do not hide", name, got)
		}
	}
	f := injected()
	f.Kind, f.QValue = "", 1
	if got := score(f); got >= 50 {
		t.Errorf("no timer: got %.1f, want less than 50", got)
	}
}

func TestReasons(t *testing.T) {
	var got bytes.Buffer
	for _, c := range []struct {
		name  string
		facts rank.Facts
	}{{"injected", injected()}, {"fleet tool", fleetTool()}, {"rare tool", rareTool()}, {"dropped", dropped()}} {
		got.WriteString(c.name + "\n")
		a := model(t).Assess(&c.facts)
		for _, r := range a.Reasons {
			got.WriteString("  " + r.Code + ": " + r.Text + "\n")
		}
	}
	testkit.Golden(t, "testdata/reasons.txt", got.Bytes())
}

// model returns a model in which each level that can has points of its own, so that all reasons
// are given, whatever was fitted.
func model(t testing.TB) *rank.Model {
	t.Helper()
	var points [][]float64
	for _, p := range rank.Pieces() {
		var of []float64
		for j, l := range p.Levels {
			switch l.Side {
			case rank.Against:
				of = append(of, float64(j-len(p.Levels)))
			case rank.Plain:
				of = append(of, 0)
			case rank.For:
				of = append(of, float64(j+1))
			}
		}
		points = append(points, of)
	}
	m, err := rank.NewModel(-1, 3, points)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAssess(t *testing.T) {
	m := model(t)
	f := injected()
	a := m.Assess(&f)
	sum := m.Bias()
	for i, r := range a.Reasons {
		sum += r.Points
		if r.Points == 0 || r.Text == "" {
			t.Errorf("got %+v, want reasons with points and text", r)
		}
		if i > 0 && math.Abs(r.Points) > math.Abs(a.Reasons[i-1].Points) {
			t.Errorf("got %+v behind %+v, want the larger first", r, a.Reasons[i-1])
		}
	}
	testkit.Near(t, "points", a.Points, sum, 1e-12)
	testkit.Near(t, "points without reasons", m.Points(&f), a.Points, 1e-12)
	testkit.Near(t, "score", a.Score, 100/(1+math.Exp(-a.Points/3)), 1e-12)
	for p := -30.0; p < 30; p += 0.001 {
		if !(m.Score(p) < m.Score(p+0.001)) {
			t.Fatalf("score of %v: got %v, not less than that of a little more", p, m.Score(p))
		}
	}
}

// TestMonotone changes one fact of random rows in the direction of a beacon: the points never
// fall, whatever the weights.
func TestMonotone(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	m := model(t)
	changes := []struct {
		name   string
		change func(f *rank.Facts)
	}{
		{"a smaller p-value", func(f *rank.Facts) { f.QValue *= 0.05 + 0.95*r.Float64() }},
		{"more callbacks, each as clear", func(f *rank.Facts) {
			n := f.Callbacks
			f.Callbacks += r.IntN(100)
			f.QValue = math.Pow(f.QValue, float64(f.Callbacks)/float64(max(1, n)))
		}},
		{"fewer missed", func(f *rank.Facts) { f.Missed = r.IntN(f.Missed + 1) }},
		{"steadier bytes", func(f *rank.Facts) { f.SourceBytesSpread *= r.Float64(); f.DestinationBytesSpread *= r.Float64() }},
		{"fewer hosts with the destination", func(f *rank.Facts) { f.HostsOfDestination = 1 + r.IntN(f.HostsOfDestination) }},
		{"fewer other timers of the process", func(f *rank.Facts) { f.ProcessLoneTimers = r.IntN(f.ProcessLoneTimers + 1) }},
		{"fewer destinations of the process", func(f *rank.Facts) { f.HostDestinations = 1 + r.IntN(f.HostDestinations) }},
		{"a destination that is newer", func(f *rank.Facts) { f.DestinationFirst += r.Float64() * 1e5 }},
		{"a row that is newer", func(f *rank.Facts) { f.RowFirst += r.Float64() * 1e4; f.SpanSeconds = f.DataSeconds - f.RowFirst }},
		{"a signature that is not there", func(f *rank.Facts) { f.SignatureExists, f.SignatureStatus = event.False, "" }},
		{"a temp folder", func(f *rank.Facts) { f.ProcessExecutable = `C:\Windows\Temp\a.exe` }},
		{"no name", func(f *rank.Facts) { f.Domain = "" }},
		{"an odd port", func(f *rank.Facts) { f.Port = 4711 }},
	}
	for range 20_000 {
		f := random(r)
		f.SpanSeconds = f.DataSeconds - f.RowFirst
		c := changes[r.IntN(len(changes))]
		g := f
		c.change(&g)
		if f.Callbacks != g.Callbacks { // how many there are in each stretch is free to count either way
			f.Regimes, g.Regimes = 1, 1
		}
		if c.name == "a row that is newer" {
			f.SpanSeconds, g.SpanSeconds = 3600, 3600
			f.Kind, g.Kind = "", ""
		}
		if before, after := m.Points(&f), m.Points(&g); after < before-1e-9 {
			t.Fatalf("%s: got %v points after %v, want no fewer\n%+v\n%+v", c.name, after, before, f, g)
		}
	}
}

func random(r *rand.Rand) rank.Facts {
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	hosts := 1 + r.IntN(1000)
	f := rank.Facts{
		QValue: math.Pow(10, -15*r.Float64()) / 21, // of a timer, so that what is known of it stays
		Kind:   pick("", "sleep", "clock"), PeriodSeconds: math.Pow(10, 4*r.Float64()), Jitter: r.Float64(),
		Callbacks: 3 + r.IntN(300), Missed: r.IntN(50), ActiveHours: 13 + r.IntN(12), Regimes: 1 + r.IntN(8), FailedShare: r.Float64(),
		HasBytes: r.IntN(3) > 0, SourceBytes: 1e5 * r.Float64(), DestinationBytes: 1e5 * r.Float64(), SourceBytesSpread: 2 * r.Float64(), DestinationBytesSpread: 2 * r.Float64(),
		Hosts: hosts, HostsOfDestination: 1 + r.IntN(hosts), HostsOfAddress: 1 + r.IntN(hosts), HostsOfProcess: r.IntN(hosts + 1), NamesOfAddress: 1 + r.IntN(8),
		ProcessLoneTimers: r.IntN(100), HostDestinations: 1 + r.IntN(60), DataSeconds: 4 * 86400,
		HostFirst: 1e5 * r.Float64(), DestinationFirst: 3e5 * r.Float64(), RowFirst: 3e5 * r.Float64(),
		ProcessName: pick("a.exe", "svchost.exe", "chrome.exe", "ms-teams.exe", ""), ProcessExecutable: pick("", `C:\Windows\System32\svchost.exe`, `C:\Program Files\a.exe`),
		SignatureExists: event.True, SignatureStatus: pick("trusted", ""), SignatureSubject: pick("Microsoft Windows", "A"), SignatureShare: 1,
		Address: netip.AddrFrom4([4]byte{45, byte(r.IntN(256)), 1, 1}), Domain: pick("", "a.example"), Port: uint16(r.IntN(1000)), NamedShare: 0.9,
	}
	if f.Domain != "" { // the address's other names are a kind, not an order
		f.HostsOfAddress, f.NamesOfAddress = 1, 1
	}
	f.HostsOfProcessDestination = min(1+r.IntN(hosts), f.HostsOfProcess)
	f.ProcessDestinations = 1 + r.IntN(1000)
	f.ProcessLoneDestinations = r.IntN(f.ProcessDestinations)
	return f
}

func TestModelInYAML(t *testing.T) {
	m := model(t)
	var b bytes.Buffer
	if err := m.WriteYAML(&b, "Fitted on nothing.\nA second line."); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(b.String(), "# Fitted on nothing.\n# A second line.\nbias: -1\nscale: 3\npieces:\n  timing:\n    none: -7\n") {
		t.Errorf("got %.200s", b.String())
	}
	again, err := rank.Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	f := injected()
	if again.Points(&f) != m.Points(&f) {
		t.Errorf("read again: got %v points, want %v", again.Points(&f), m.Points(&f))
	}
	for _, tt := range []struct{ name, text, want string }{
		{"no text", "", "EOF"},
		{"an unknown key", "bias: 1\nscale: 1\nweights: {}\n", "field weights not found"},
		{"no bias", "scale: 1\npieces: {}\n", "got no bias or no scale, want both"},
		{"a piece is missing", "bias: 1\nscale: 1\npieces: {}\n", "timing.none: got nothing, want points"},
		{"points that are none", "bias: 1\nscale: 1\npieces: {timing: {none: much}}\n", "cannot unmarshal"},
	} {
		if _, err := rank.Read(strings.NewReader(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestWeights(t *testing.T) {
	m := model(t)
	changed, err := m.With(rank.Weights{"folder": {"temp": 20}, "port": {"usual": 0, "odd": 0}})
	if err != nil {
		t.Fatal(err)
	}
	f := dropped()
	testkit.Near(t, "points in a temp folder", changed.Points(&f)-m.Points(&f), 20-m.Weights()["folder"]["temp"], 1e-9)
	for _, tt := range []struct {
		name    string
		weights rank.Weights
		want    string
	}{
		{"an unknown piece", rank.Weights{"folders": {"temp": 1}}, "weights.folders: got an unknown piece, want one of timing, "},
		{"an unknown level", rank.Weights{"folder": {"tmp": 1}}, `weights.folder.tmp: got an unknown level, want one of programs, system, `},
		{"against its side", rank.Weights{"timing": {"none": 1}}, "weights.timing.none: got 1, want at most 0: the level speaks against a beacon"},
		{"for, and below 0", rank.Weights{"system_name": {"look_alike": -1}}, "weights.system_name.look_alike: got -1, want at least 0: the level speaks for a beacon"},
		{"plain", rank.Weights{"timing": {"fair": 1}}, "weights.timing.fair: got 1, want 0: the level says nothing"},
		{"against the order", rank.Weights{"system_name": {"look_alike": 50}}, "weights.system_name.look_alike: got 50, want at most "},
		{"both against each other", rank.Weights{"system_name": {"look_alike": 50, "wrong_folder": 49}}, "weights.system_name.wrong_folder: got 49, want at least 50, the points of look_alike"},
		{"no number", rank.Weights{"kind": {"sleep": math.NaN()}}, "weights.kind.sleep: got NaN, want -50 to 50"},
	} {
		_, err := rank.Config{Weights: tt.weights}.Model()
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
	_, err = rank.Config{Weights: rank.Weights{"timing": {"none": 1, "fair": 2}, "folder": {"temp": -1, "tmp": 3}, "system_name": {"look_alike": 50}}}.Model()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 5 {
		t.Errorf("got %v, want five errors, one for each level", err)
	}
	if err := (rank.Config{}).Validate(); err != nil {
		t.Errorf("no settings: got %v", err)
	}
	for i := range rank.Pieces() {
		p := &rank.Pieces()[i]
		for l, level := range p.Levels {
			least, greatest := p.Range(l)
			if got := m.Weights()[p.Name][level.Name]; got < least || got > greatest {
				t.Errorf("%s.%s: got %v shipped, want %v to %v", p.Name, level.Name, got, least, greatest)
			}
			for points, sound := range map[float64]bool{least: true, greatest: true, least - 0.1: false, greatest + 0.1: false} {
				_, err := m.With(rank.Weights{p.Name: {level.Name: points}})
				if order := err != nil && strings.Contains(err.Error(), "the points of"); err == nil != sound && !(sound && order) {
					t.Errorf("%s.%s: got %v for %v, want it sound: %v", p.Name, level.Name, err, points, sound)
				}
			}
		}
	}
}

func TestNewModel(t *testing.T) {
	if _, err := rank.NewModel(0, 1, nil); err == nil {
		t.Error("no points: got no error")
	}
	points := rank.Default().ByLevel()
	if _, err := rank.NewModel(0, 0, points); err == nil || !strings.Contains(err.Error(), "scale: got 0, want 0.1 to 100") {
		t.Errorf("scale 0: got %v", err)
	}
	points[0] = points[0][1:]
	if _, err := rank.NewModel(0, 1, points); err == nil || !strings.Contains(err.Error(), "timing: got 6 levels, want 7") {
		t.Errorf("a level too few: got %v", err)
	}
}

func FuzzAssess(f *testing.F) {
	f.Add("explorer.exe", `C:\Windows\explorer.exe`, "x.example", 201.0, 1e-9, 285, 1, 412)
	f.Add("\x1b[31m\u202e", "\xff", "\n", math.NaN(), math.Inf(1), -5, -1, 0)
	m := model(f)
	f.Fuzz(func(t *testing.T, process, path, domain string, seconds, share float64, n, few, many int) {
		facts := injected()
		facts.ProcessName, facts.ProcessExecutable, facts.Domain, facts.SignatureSubject, facts.ParentName = process, path, domain, process, process
		facts.PeriodSeconds, facts.SpanSeconds, facts.RowFirst, facts.DataSeconds = seconds, seconds, seconds/2, seconds*2
		facts.QValue, facts.Jitter, facts.FailedShare, facts.SourceBytesSpread, facts.SourceBytes = share, share, share, share, seconds
		facts.Callbacks, facts.Missed, facts.ActiveHours, facts.Regimes, facts.Siblings = n, n, n, n, n
		facts.HostsOfDestination, facts.HostsOfProcess, facts.ProcessLoneTimers, facts.Hosts = few, many, n, many
		a := m.Assess(&facts)
		if !(a.Score >= 0 && a.Score <= 100) {
			t.Errorf("got a score of %v", a.Score)
		}
		for _, r := range a.Reasons {
			if len(r.Text) > 400 || strings.IndexFunc(r.Text, func(c rune) bool { return !unicode.IsPrint(c) }) >= 0 {
				t.Errorf("%s: got %q, want a short text that prints", r.Code, r.Text)
			}
		}
		if again := m.Assess(&facts); !slices.Equal(a.Reasons, again.Reasons) {
			t.Error("the same facts have other reasons")
		}
	})
}

func TestAllocations(t *testing.T) {
	m, f := model(t), injected()
	levels := make([]uint8, 0, 64)
	if n := testing.AllocsPerRun(100, func() { m.Points(&f) }); n != 0 {
		t.Errorf("Points: got %v allocations, want none", n)
	}
	if n := testing.AllocsPerRun(100, func() { rank.Levels(&f, levels) }); n != 0 {
		t.Errorf("Levels: got %v allocations, want none", n)
	}
	if n := testing.AllocsPerRun(100, func() { m.Assess(&f) }); n > 6 {
		t.Errorf("Assess: got %v allocations, want a few", n)
	}
}

func BenchmarkRank(b *testing.B) {
	m, f := rank.Default(), injected()
	b.Run("Points", func(b *testing.B) {
		for b.Loop() {
			m.Points(&f)
		}
	})
	b.Run("Assess", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Assess(&f)
		}
	})
}
