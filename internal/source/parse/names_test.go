package parse

import "testing"

func TestTransport(t *testing.T) {
	for in, want := range map[string]string{
		"tcp": "tcp", "TCP": "tcp", "6": "tcp", "Udp": "udp", "17": "udp", "ICMP": "icmp", "IPv6-ICMP": "ipv6-icmp", "58": "ipv6-icmp",
		"": "", "255": "", "something long": "",
	} {
		got, ok := Transport([]byte(in))
		if got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", in, got, ok, want)
		}
	}
}

func TestBaseName(t *testing.T) {
	for in, want := range map[string]string{
		`C:\Windows\notepad.exe`: "notepad.exe", `\device\harddiskvolume2\x.exe`: "x.exe", "/usr/bin/curl": "curl", "System": "System", "": "", `C:\`: "",
	} {
		if got := BaseName(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
