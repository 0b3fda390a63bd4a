package simulate

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"time"

	"fresnel/internal/event"
)

// AppendECS appends e as one document of ECS and a line end.
func AppendECS(dst []byte, e *event.Event) []byte {
	o := object{dst: append(dst, `{"@timestamp":"`...)}
	o.dst = time.Unix(0, e.TimeNanos).UTC().AppendFormat(o.dst, "2006-01-02T15:04:05.000000Z")
	o.dst = append(o.dst, `","event":{"category":["network"],"type":["end"],"action":"`...)
	o.dst = append(append(o.dst, e.EventAction...), '"')
	o.comma = true
	o.number("duration", e.DurationNanos)
	o.close()
	if e.HostName != "" {
		o.open("host")
		o.text("name", e.HostName)
		o.close()
	}
	if e.UserName != "" {
		o.open("user")
		o.text("name", e.UserName)
		o.close()
	}
	if e.ProcessName != "" {
		o.process(e)
	}
	o.open("source")
	o.text("ip", e.SourceIP.String())
	o.number("port", int64(e.SourcePort))
	o.count("bytes", e.SourceBytes)
	o.close()
	o.open("destination")
	o.text("ip", e.DestinationIP.String())
	o.number("port", int64(e.DestinationPort))
	o.count("bytes", e.DestinationBytes)
	o.text("domain", e.DestinationDomain)
	o.close()
	o.open("network")
	o.text("transport", e.NetworkTransport)
	o.text("protocol", e.NetworkProtocol)
	o.close()
	if e.TLSServerName != "" || e.TLSClientJA3 != "" {
		o.open("tls")
		o.open("client")
		o.text("server_name", e.TLSServerName)
		o.text("ja3", e.TLSClientJA3)
		o.close()
		o.close()
	}
	if e.UserAgent != "" {
		o.open("user_agent")
		o.text("original", e.UserAgent)
		o.close()
	}
	if e.ConnectionState != "" {
		o.open("zeek")
		o.open("connection")
		o.text("state", e.ConnectionState)
		o.close()
		o.close()
	}
	return append(o.dst, '}', '\n')
}

// An object is a JSON object that is being appended.
type object struct {
	dst   []byte
	comma bool // something stands before in this object
}

func (o *object) key(k string) {
	if o.comma {
		o.dst = append(o.dst, ',')
	}
	o.comma = true
	o.dst = append(append(append(o.dst, '"'), k...), '"', ':')
}

func (o *object) open(k string) {
	o.key(k)
	o.dst = append(o.dst, '{')
	o.comma = false
}

func (o *object) close() {
	o.dst = append(o.dst, '}')
	o.comma = true
}

// text appends a text; one that is empty is left out. What is made up is ASCII.
func (o *object) text(k, v string) {
	if v == "" {
		return
	}
	o.key(k)
	o.dst = append(o.dst, '"')
	for i := range len(v) {
		if v[i] == '\\' || v[i] == '"' {
			o.dst = append(o.dst, '\\')
		}
		o.dst = append(o.dst, v[i])
	}
	o.dst = append(o.dst, '"')
}

// number appends a number; 0 is left out.
func (o *object) number(k string, v int64) {
	if v != 0 {
		o.count(k, v)
	}
}

func (o *object) count(k string, v int64) {
	o.key(k)
	o.dst = strconv.AppendInt(o.dst, v, 10)
}

func (o *object) flag(k string, v event.Tristate) {
	if v != event.Unknown {
		o.key(k)
		o.dst = strconv.AppendBool(o.dst, v == event.True)
	}
}

func (o *object) process(e *event.Event) {
	o.open("process")
	o.text("name", e.ProcessName)
	o.number("pid", e.ProcessPID)
	o.text("entity_id", e.ProcessEntityID)
	o.text("executable", e.ProcessExecutable)
	if e.ProcessHashSHA256 != "" {
		o.open("hash")
		o.text("sha256", e.ProcessHashSHA256)
		o.close()
	}
	if e.ProcessParentName != "" {
		o.open("parent")
		o.text("name", e.ProcessParentName)
		if e.ProcessParentHashSHA256 != "" {
			o.open("hash")
			o.text("sha256", e.ProcessParentHashSHA256)
			o.close()
		}
		o.close()
	}
	if e.SignatureExists != event.Unknown {
		o.open("code_signature")
		o.flag("exists", e.SignatureExists)
		o.flag("trusted", e.SignatureTrusted)
		o.flag("valid", e.SignatureValid)
		o.text("status", e.SignatureStatus)
		o.text("subject_name", e.SignatureSubjectName)
		o.close()
	}
	o.close()
}

// A ZeekWriter writes events as the conn.log of Zeek, and the ssl.log that names their servers.
type ZeekWriter struct {
	conn, ssl *bufio.Writer
	line      []byte
	n         uint64
}

const (
	zeekHead   = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n"
	connFields = "#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\n" +
		"#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\n"
	sslFields = "#path\tssl\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tserver_name\tja3\n" +
		"#types\ttime\tstring\taddr\tport\taddr\tport\tstring\tstring\n"
)

// NewZeekWriter returns a writer to conn, and to ssl unless that is nil.
func NewZeekWriter(conn, ssl io.Writer) *ZeekWriter {
	z := &ZeekWriter{conn: bufio.NewWriterSize(conn, 1<<16)}
	z.conn.WriteString(zeekHead + connFields)
	if ssl != nil {
		z.ssl = bufio.NewWriterSize(ssl, 1<<16)
		z.ssl.WriteString(zeekHead + sslFields)
	}
	return z
}

// Write writes one event. Errors are kept for Close.
func (z *ZeekWriter) Write(e *event.Event) {
	z.n++
	b := appendEndpoints(z.line[:0], z.n, e)
	b = append(append(b, '\t'), e.NetworkTransport...)
	service := e.NetworkProtocol
	if service == "tls" {
		service = "ssl"
	}
	b = appendOr(b, service)
	if e.ConnectionState == "S0" || e.ConnectionState == "REJ" {
		b = append(b, "\t-\t0\t0"...)
	} else {
		b = strconv.AppendFloat(append(b, '\t'), float64(e.DurationNanos)/1e9, 'f', 6, 64)
		b = strconv.AppendInt(append(b, '\t'), e.SourceBytes, 10)
		b = strconv.AppendInt(append(b, '\t'), e.DestinationBytes, 10)
	}
	b = append(appendOr(b, e.ConnectionState), '\n')
	z.conn.Write(b)
	z.line = b
	if z.ssl == nil || e.TLSServerName == "" {
		return
	}
	b = appendEndpoints(z.line[:0], z.n, e)
	b = append(appendOr(appendOr(b, e.TLSServerName), e.TLSClientJA3), '\n')
	z.ssl.Write(b)
	z.line = b
}

func appendEndpoints(b []byte, n uint64, e *event.Event) []byte {
	b = strconv.AppendInt(b, e.TimeNanos/1e9, 10)
	micros := strconv.FormatInt(e.TimeNanos%1e9/1e3, 10)
	b = append(b, '.')
	b = append(append(b, strings.Repeat("0", 6-len(micros))...), micros...)
	b = append(b, "\tC"...)
	b = strconv.AppendUint(b, mix(n)|1<<63, 36)
	b = e.SourceIP.AppendTo(append(b, '\t'))
	b = strconv.AppendInt(append(b, '\t'), int64(e.SourcePort), 10)
	b = e.DestinationIP.AppendTo(append(b, '\t'))
	return strconv.AppendInt(append(b, '\t'), int64(e.DestinationPort), 10)
}

func appendOr(b []byte, s string) []byte {
	if s == "" {
		s = "-"
	}
	return append(append(b, '\t'), s...)
}

// Close writes what is left and returns the first error.
func (z *ZeekWriter) Close() error {
	err := z.conn.Flush()
	if z.ssl != nil {
		if e := z.ssl.Flush(); err == nil {
			err = e
		}
	}
	return err
}
