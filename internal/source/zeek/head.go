package zeek

import (
	"bytes"

	"fresnel/internal/jsonlines"
	"fresnel/internal/source"
)

var byteOrderMark = []byte("\xef\xbb\xbf")

// logOf returns what the start of a file says of it. A file that holds several logs is one
// of connections when any of them is, and otherwise what the first is. ok is false when it
// is no log of Zeek.
func logOf(h source.Head) (l log, ok bool) {
	text := bytes.TrimLeft(bytes.TrimPrefix(h.Text, byteOrderMark), "\r\n")
	switch {
	case len(text) == 0:
		return log{}, false
	case text[0] == '#':
		return tsvLog(text)
	case text[0] == '{':
		return jsonLog(text)
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if names, _, ok := bareColumns(line); ok {
		return log{form: bareForm, kind: kindOfColumns(names)}, true
	}
	return log{}, false
}

// tsvLog reads the # lines of text.
func tsvLog(text []byte) (l log, ok bool) {
	var h header
	h.reset()
	named := false
	for line := range bytes.Lines(text) {
		if line[0] != '#' {
			continue
		}
		switch h.line(line) {
		case "#separator":
			ok = true
		case "#fields":
			ok = true
			if k := h.kind(); !named || k == connLog {
				l.kind, l.path, named = k, h.path, true
			}
			if l.kind == connLog {
				return l, true
			}
		}
	}
	return l, ok
}

// The slots of the keys that tell what a JSON line is.
const (
	slotPath = iota
	slotTime
	slotAddress
	slotConn
	slotTransport
	slotBytes
	slotHTTP
	slotDNS
	slotSSL
)

var headSchema = jsonlines.NewSchema(map[string]int{
	"_path": slotPath, "@stream": slotPath,
	"ts":        slotTime,
	"id.orig_h": slotAddress, "id_orig_h": slotAddress,
	"conn_state": slotConn,
	"proto":      slotTransport,
	"orig_bytes": slotBytes, "resp_bytes": slotBytes, "orig_pkts": slotBytes,
	"method": slotHTTP, "uri": slotHTTP, "status_code": slotHTTP, "trans_depth": slotHTTP,
	"query": slotDNS, "qtype_name": slotDNS, "rcode_name": slotDNS, "trans_id": slotDNS,
	"cipher": slotSSL, "server_name": slotSSL, "established": slotSSL, "ja3": slotSSL,
})

// jsonLog reads the lines of text; the last may be cut.
func jsonLog(text []byte) (l log, ok bool) {
	scanner := jsonlines.NewScanner(headSchema)
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
		values, err := scanner.Scan(line)
		if err != nil {
			continue
		}
		path := ""
		var seen [slotSSL + 1]bool
		for _, v := range values {
			if v.Kind == jsonlines.Null {
				continue
			}
			seen[v.Slot] = true
			if v.Slot == slotPath {
				path = string(v.Text)
			}
		}
		if !seen[slotTime] || !seen[slotPath] && !seen[slotAddress] {
			continue
		}
		k := kindOf(path)
		if path == "" {
			switch {
			case seen[slotConn], seen[slotTransport] && seen[slotBytes]:
				k = connLog
			case seen[slotHTTP]:
				k = httpLog
			case seen[slotDNS]:
				k = dnsLog
			case seen[slotSSL]:
				k = sslLog
			}
		}
		if !ok || k == connLog {
			l, ok = log{form: jsonForm, kind: k, path: path}, true
		}
		if k == connLog {
			break
		}
	}
	return l, ok
}

// kindOfColumns tells by the names of its columns what a log is that does not say.
func kindOfColumns(names []string) logKind {
	has := map[string]bool{}
	for _, n := range names {
		has[n] = true
	}
	switch {
	case has["conn_state"], has["proto"] && (has["orig_bytes"] || has["resp_bytes"]):
		return connLog
	case has["method"] && has["host"], has["user_agent"] && has["uri"]:
		return httpLog
	case has["query"] && has["answers"]:
		return dnsLog
	case has["server_name"]:
		return sslLog
	}
	return otherLog
}
