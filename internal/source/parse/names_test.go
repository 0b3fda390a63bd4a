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

func TestLower(t *testing.T) {
	var scratch []byte
	for _, c := range []struct{ name, in, want string }{
		{"text without capitals stays", "tls", "tls"},
		{"capitals become small", "HTTP2/x", "http2/x"},
		{"letters beyond ASCII stay", "hÄH", "hÄh"},
		{"nothing stays nothing", "", ""},
	} {
		in := []byte(c.in)
		got := Lower(in, &scratch)
		if got != c.want || string(in) != c.in {
			t.Errorf("%s: got %q and left %q, want %q", c.name, got, in, c.want)
		}
	}
	if got := string(scratch); got != "http2/xhÄh" {
		t.Errorf("scratch: got %q, want what was lowered, one behind the other", got)
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
