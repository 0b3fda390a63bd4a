package auth

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// CheckListen returns an error when a server must not listen on an address: beyond the machine
// itself only with TLS. A login is always required, on the machine itself too; insecure does
// not change that. It means that passwords, keys, cookies and events cross the network in
// plain text, for everybody on the way to read and use, as may be right behind a proxy.
//
// A host name other than localhost counts as beyond: what it resolves to may change.
func CheckListen(addr string, tls, insecure bool) error {
	const want = "HOST:PORT, such as 127.0.0.1:9200 or :9200"
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("listen: got %s, want %s", quote(addr), want)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("listen: got the port %s in %s, want 0 to 65535", quote(port), quote(addr))
	} else if port != strconv.FormatUint(n, 10) {
		return fmt.Errorf("listen: got the port %s in %s, want %d", quote(port), quote(addr), n)
	}
	if tls || insecure || isLoopback(host) {
		return nil
	}
	return fmt.Errorf("listen: got %s, which other machines can reach, without TLS; want a certificate and its key, or an address of this machine alone, such as 127.0.0.1:%s. "+
		"--insecure listens all the same: passwords, API keys and events then cross the network in plain text, for everybody on the way to read and use", quote(addr), port)
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
