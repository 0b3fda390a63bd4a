package parse

import "strings"

// Transport returns what ECS calls the transport that b names, in any case, or by its IANA
// number. ok is false for one that it does not know.
func Transport(b []byte) (name string, ok bool) {
	var low [9]byte // "ipv6-icmp" is the longest
	if len(b) > len(low) {
		return "", false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		low[i] = c
	}
	switch string(low[:len(b)]) {
	case "tcp", "6":
		return "tcp", true
	case "udp", "17":
		return "udp", true
	case "icmp", "1":
		return "icmp", true
	case "ipv6-icmp", "icmp6", "icmpv6", "58":
		return "ipv6-icmp", true
	case "igmp", "2":
		return "igmp", true
	case "gre", "47":
		return "gre", true
	case "esp", "50":
		return "esp", true
	case "sctp", "132":
		return "sctp", true
	}
	return "", false
}

// BaseName returns what stands behind the last slash or backslash of path.
func BaseName(path string) string { return path[strings.LastIndexAny(path, `/\`)+1:] }
