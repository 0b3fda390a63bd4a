package identity_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"fresnel/internal/event"
	"fresnel/internal/filter"
	"fresnel/internal/identity"
)

func TestPathClass(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		want       identity.Folder
	}{
		{"no path", "", identity.FolderUnknown},
		{"only a name", "svchost.exe", identity.FolderUnknown},
		{"a drive and a name", "C:svchost.exe", identity.FolderUnknown},
		{"the system", `C:\Windows\System32\svchost.exe`, identity.System},
		{"the system on another drive, in capitals", `D:\WINDOWS\EXPLORER.EXE`, identity.System},
		{"the system by its device", `\Device\HarddiskVolume3\Windows\System32\lsass.exe`, identity.System},
		{"the system by its variable", `\SystemRoot\System32\smss.exe`, identity.System},
		{"a folder of the system that anybody can write to", `C:\Windows\Tasks\x.exe`, identity.Temp},
		{"the system's temp folder", `C:\Windows\Temp\x.exe`, identity.Temp},
		{"the printer's colours", `c:\windows\system32\spool\drivers\color\a.exe`, identity.Temp},
		{"a name that begins like the system", `C:\Windows2\System32\svchost.exe`, identity.Other},
		{"out of the system by two dots", `C:\Windows\System32\..\..\Users\kim\Downloads\a.exe`, identity.Downloads},
		{"more dots than folders", `C:\..\..\..\Windows\a.exe`, identity.System},
		{"a single dot and empty parts", `C:\.\\Program Files\\x\a.exe`, identity.Programs},
		{"slashes of Unix", `C:/Program Files (x86)/x/a.exe`, identity.Programs},
		{"a short name", `C:\PROGRA~2\x\a.exe`, identity.Programs},
		{"a long path", `\\?\C:\Program Files\x\a.exe`, identity.Programs},
		{"a native path", `\??\C:\ProgramData\x\a.exe`, identity.Data},
		{"Defender, which lies in ProgramData", `C:\ProgramData\Microsoft\Windows Defender\Platform\4.18\MsMpEng.exe`, identity.Programs},
		{"the profile", `C:\Users\kim\AppData\Roaming\x\a.exe`, identity.Profile},
		{"software installed in the profile", `C:\Users\kim\AppData\Local\Microsoft\Teams\current\Teams.exe`, identity.Profile},
		{"a file in the home itself", `C:\Users\kim\a.exe`, identity.Profile},
		{"temp", `C:\Users\kim\AppData\Local\Temp\7z1\a.exe`, identity.Temp},
		{"a desktop", `C:\Users\kim\Desktop\a.exe`, identity.Downloads},
		{"public", `C:\Users\Public\Music\a.exe`, identity.Downloads},
		{"the recycle bin", `C:\$Recycle.Bin\S-1-5-21\a.exe`, identity.Temp},
		{"a share", `\\server\share\tools\a.exe`, identity.Downloads},
		{"a share by its long path", `\\?\UNC\server\share\a.exe`, identity.Downloads},
		{"a share by its device", `\Device\Mup\server\share\a.exe`, identity.Downloads},
		{"a folder of one's own", `C:\tools\a.exe`, identity.Other},
		{"the root of a drive", `E:\a.exe`, identity.Other},
		{"Unix: the system", "/usr/lib/systemd/systemd-timesyncd", identity.System},
		{"Unix: local software", "/usr/local/bin/node", identity.Programs},
		{"Unix: opt", "/opt/datadog-agent/bin/agent", identity.Programs},
		{"Unix: temp", "/tmp/.X11/kworker", identity.Temp},
		{"Unix: shared memory", "/dev/shm/a", identity.Temp},
		{"Unix: a home", "/home/kim/.local/bin/a", identity.Profile},
		{"Unix: downloads", "/home/kim/Downloads/a", identity.Downloads},
		{"Unix: out of temp by two dots", "/tmp/../usr/bin/a", identity.System},
		{"Unix: a path with a backslash is one of Windows, without a drive", `/tmp\..\a`, identity.Other},
		{"macOS: an application", "/Applications/Slack.app/Contents/MacOS/Slack", identity.Programs},
		{"macOS: the system", "/System/Library/PrivateFrameworks/a", identity.System},
		{"macOS: a home", "/Users/kim/Library/a", identity.Profile},
		{"macOS: temp", "/private/var/folders/x/y/T/a", identity.Temp},
		{"longer than what is looked at", `C:\Users\kim\AppData\Local\Temp\` + strings.Repeat("a", 1<<16), identity.Temp},
		{"many parts", strings.Repeat(`\..\a`, 1<<12), identity.Other},
	} {
		if got := identity.PathClass(tt.path); got != tt.want {
			t.Errorf("%s: PathClass(%.80q): got %v, want %v", tt.name, tt.path, got, tt.want)
		}
	}
}

func TestSystemImage(t *testing.T) {
	for _, tt := range []struct {
		name, image, path string
		want              identity.Place
	}{
		{"a name of the system in its folder", "svchost.exe", `C:\Windows\System32\svchost.exe`, identity.InPlace},
		{"its 32-bit folder", "SVCHOST.EXE", `c:\windows\syswow64\svchost.exe`, identity.InPlace},
		{"the Windows folder itself", "explorer.exe", `C:\Windows\explorer.exe`, identity.InPlace},
		{"a copy that Windows keeps", "dllhost.exe", `C:\Windows\WinSxS\amd64_x\dllhost.exe`, identity.InPlace},
		{"below System32, not in it", "svchost.exe", `C:\Windows\System32\x\svchost.exe`, identity.Misplaced},
		{"beside System32", "svchost.exe", `C:\Windows\svchost.exe`, identity.Misplaced},
		{"another folder", "svchost.exe", `C:\Users\kim\AppData\Roaming\svchost.exe`, identity.Misplaced},
		{"dots that lead out", "lsass.exe", `C:\Windows\System32\..\Temp\lsass.exe`, identity.Misplaced},
		{"PowerShell", "powershell.exe", `C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe`, identity.InPlace},
		{"no 32-bit one exists", "lsass.exe", `C:\Windows\SysWOW64\lsass.exe`, identity.Misplaced},
		{"the name is that of the path", "", `C:\Temp\csrss.exe`, identity.Misplaced},
		{"no path", "svchost.exe", "", identity.PlaceUnknown},
		{"a path of Unix", "services.exe", "/home/kim/.wine/services.exe", identity.PlaceUnknown},
		{"no name of the system", "chrome.exe", `C:\Temp\chrome.exe`, identity.PlaceUnknown},
		{"a digit for a letter", "svch0st.exe", "", identity.LookAlike},
		{"two letters swapped", "scvhost.exe", "", identity.LookAlike},
		{"a letter more", "lsasss.exe", "", identity.LookAlike},
		{"a letter less", "explorr.exe", "", identity.LookAlike},
		{"a letter of another script", "svch\u043est.exe", "", identity.LookAlike},
		{"an honest name", "service.exe", "", identity.PlaceUnknown},
		{"two letters off", "svc0st0.exe", "", identity.PlaceUnknown},
		{"bytes that are no text", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7", "\xff\\\xfe", identity.PlaceUnknown},
		{"nothing", "", "", identity.PlaceUnknown},
	} {
		if got := identity.SystemImage(tt.image, tt.path); got != tt.want {
			t.Errorf("%s: SystemImage(%q, %q): got %v, want %v", tt.name, tt.image, tt.path, got, tt.want)
		}
	}
}

func TestSignerClass(t *testing.T) {
	const u, no, yes = event.Unknown, event.False, event.True
	for _, tt := range []struct {
		name                   string
		exists, trusted, valid event.Tristate
		status, subject        string
		want                   identity.Signer
	}{
		{"nothing said", u, u, u, "", "", identity.SignerUnknown},
		{"Microsoft", yes, yes, yes, "trusted", "Microsoft Windows", identity.SignerMicrosoft},
		{"Microsoft by its status alone", yes, u, u, "trusted", "Microsoft Corporation", identity.SignerMicrosoft},
		{"another", yes, yes, yes, "trusted", "Slack Technologies, Inc.", identity.SignerTrusted},
		{"a name that only looks like Microsoft's", yes, yes, u, "trusted", "Microsofter Ltd", identity.SignerTrusted},
		{"Microsoft, but not trusted", yes, no, no, "errorUntrustedRoot", "Microsoft Windows", identity.SignerBad},
		{"a status of error alone", yes, u, u, "errorBadDigest", "x", identity.SignerBad},
		{"expired or revoked", yes, u, u, "Revoked", "x", identity.SignerBad},
		{"a subject alone", u, u, u, "", "Microsoft Windows", identity.SignerUnproven},
		{"exists, no more", yes, u, u, "", "", identity.SignerUnproven},
		{"not signed", no, u, u, "", "", identity.SignerNone},
		{"not signed by its status", u, u, u, "noSignature", "", identity.SignerNone},
	} {
		if got := identity.SignerClass(tt.exists, tt.trusted, tt.valid, tt.status, tt.subject); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestKnownSoftware(t *testing.T) {
	for _, tt := range []struct{ name, process, want string }{
		{"by its name", "ms-teams.exe", "Microsoft Teams"},
		{"in another case", "MSMPENG.EXE", "Microsoft Defender"},
		{"a helper of macOS", "Code Helper (Renderer)", "Visual Studio Code"},
		{"an unknown one", "a.exe", ""},
		{"no name", "", ""},
		{"a very long name", strings.Repeat("chrome.exe", 1000), ""},
	} {
		if got := identity.KnownSoftware(tt.process); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestKinds(t *testing.T) {
	for _, tt := range []struct {
		process string
		want    identity.Kind
	}{
		{"python3", identity.Interpreter},
		{"PowerShell.exe", identity.Shell},
		{"rundll32.exe", identity.Proxy},
		{"WINWORD.EXE", identity.Document},
		{"msedge.exe", identity.Browser},
		{"Slack.exe", identity.Ordinary},
	} {
		if p := identity.Lookup(tt.process); p == nil || p.Kind != tt.want {
			t.Errorf("%s: got %+v, want kind %d", tt.process, p, tt.want)
		}
	}
}

// TestSoftwareOfTheFilter holds that the filter's lists and the known software agree.
func TestSoftwareOfTheFilter(t *testing.T) {
	for _, set := range []string{"common_processes", "remote_only_processes"} {
		names, ok := filter.Default().Set(set)
		if !ok {
			t.Fatalf("no set %s", set)
		}
		for _, name := range names {
			if identity.KnownSoftware(name) == "" {
				t.Errorf("%s of %s: not among the known software", name, set)
			}
		}
	}
}

func TestRegistrableDomain(t *testing.T) {
	for _, tt := range []struct{ name, domain, want string }{
		{"a name below", "a.b.example.com", "example.com"},
		{"capitals and a dot at the end", "WWW.Example.CO.UK.", "example.co.uk"},
		{"itself", "example.org", "example.org"},
		{"a suffix that is rented out", "d111.cloudfront.net", "d111.cloudfront.net"},
		{"a suffix alone", "co.uk", "co.uk"},
		{"no dots", "printer", "printer"},
		{"an address", "192.0.2.7", "192.0.2.7"},
		{"an address of version 6", "2001:db8::1", "2001:db8::1"},
		{"empty", "", ""},
		{"only dots", "...", ".."},
		{"no text", "\xff..\x00", "\ufffd..\x00"},
	} {
		if got := identity.RegistrableDomain(tt.domain); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		address           string
		inside, microsoft bool
	}{
		{"10.255.255.255", true, false},
		{"11.0.0.0", false, false},
		{"192.168.1.1", true, false},
		{"fe80::1", true, false},
		{"fd00::1", true, false},
		{"2001:4860::1", false, false},
		{"13.64.0.0", false, true},
		{"13.107.4.50", false, true},
		{"52.240.0.1", false, true},
		{"8.8.8.8", false, false},
	} {
		a := netip.MustParseAddr(tt.address)
		if got := identity.Inside(a); got != tt.inside {
			t.Errorf("Inside(%s): got %v", a, got)
		}
		if got := identity.MicrosoftAddress(a); got != tt.microsoft {
			t.Errorf("MicrosoftAddress(%s): got %v", a, got)
		}
	}
	if identity.Inside(netip.Addr{}) || identity.MicrosoftAddress(netip.Addr{}) {
		t.Error("no address lies in no network")
	}
}

// TestAddressesAgainstPlain compares the search with going through all prefixes.
func TestAddressesAgainstPlain(t *testing.T) {
	values, _ := filter.Default().Set("microsoft_destinations")
	for i := range uint32(1 << 16) {
		a := netip.AddrFrom4([4]byte{byte(i >> 8), byte(i), 0, 1})
		want := slices.ContainsFunc(values, func(v string) bool { return netip.MustParsePrefix(v).Contains(a) })
		if got := identity.MicrosoftAddress(a); got != want {
			t.Fatalf("%s: got %v, want %v", a, got, want)
		}
	}
}

func FuzzNames(f *testing.F) {
	f.Add("svchost.exe", `C:\Windows\..\Temp\svchost.exe`)
	f.Add("\xff", `\\?\UNC\\..\..`)
	f.Fuzz(func(t *testing.T, name, path string) {
		class := identity.PathClass(path)
		if class.String() == "" {
			t.Errorf("PathClass(%q): got %d", path, class)
		}
		if got := identity.PathClass(strings.ToUpper(path)); isASCII(path) && got != class {
			t.Errorf("PathClass(%q): got %v, in capitals %v", path, class, got)
		}
		if p := identity.SystemImage(name, path); p == identity.Misplaced && path == "" {
			t.Errorf("SystemImage(%q, %q): misplaced without a path", name, path)
		}
		identity.RegistrableDomain(name)
		_ = identity.SignerClass(event.Unknown, event.Unknown, event.Unknown, name, path)
	})
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

func TestNoAllocations(t *testing.T) {
	path := `\Device\HarddiskVolume3\Users\kim\AppData\Local\Temp\svchost.exe`
	if n := testing.AllocsPerRun(100, func() {
		identity.PathClass(path)
		identity.SystemImage("svchost.exe", path)
		identity.SystemImage("svch0st.exe", path)
		_ = identity.SignerClass(event.True, event.True, event.True, "trusted", "Microsoft Windows")
	}); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func BenchmarkLookups(b *testing.B) {
	for b.Loop() {
		identity.PathClass(`C:\Users\kim\AppData\Local\Temp\svchost.exe`)
		identity.SystemImage("svchost.exe", `C:\Users\kim\AppData\Local\Temp\svchost.exe`)
	}
}
