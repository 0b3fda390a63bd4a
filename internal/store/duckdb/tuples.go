//go:build cgo

package duckdb

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"
	"unsafe"

	"fresnel/internal/event"
	"fresnel/internal/store"
)

// The tables of texts that events share, by their place in arrays.
const (
	callers = iota
	callees
	kinds

	numTuples
)

// tupleTables describes them. Behind the columns of its fields each has a label, which only kinds
// fill, and raw: the text of the store.Tuple where one of its values is no UTF-8 and the column
// can show it only in part.
var tupleTables = [numTuples]struct {
	name   string
	fields []event.Field
}{
	{"caller", event.CallerFields},
	{"callee", event.CalleeFields},
	{"kind", event.KindFields},
}

// sqlType returns the type of the column of a field.
func sqlType(f event.Field) string {
	switch f.Kind() {
	case event.KindBool:
		return "BOOLEAN"
	case event.KindCount, event.KindTime:
		if f == event.SourcePort || f == event.DestinationPort {
			return "USMALLINT"
		}
		return "BIGINT"
	}
	return "VARCHAR"
}

// createTuples returns the statement that makes a table of tuples in an attached file.
func createTuples(file string, i int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s.%s (id UINTEGER NOT NULL", file, tupleTables[i].name)
	for _, f := range tupleTables[i].fields {
		fmt.Fprintf(&b, ", %q %s", f.String(), sqlType(f))
	}
	b.WriteString(", label VARCHAR, raw BLOB)")
	return b.String()
}

// putTuple adds a row to a table of tuples.
func putTuple(t *table, fields []event.Field, id uint32, tuple string) error {
	var e event.Event
	label := store.Fill(&e, fields, tuple)
	put(t, 0, id)
	exact := true
	text := func(col int, s string) {
		if s == "" {
			t.null(col)
			return
		}
		if !utf8.ValidString(s) {
			exact = false
			s = strings.ToValidUTF8(s, "\uFFFD")
		}
		t.text(col, s)
	}
	for i, f := range fields {
		col := 1 + i
		switch {
		case !e.Has(f):
			t.null(col)
		case f.Kind() == event.KindText:
			text(col, *e.Text(f))
		case f.Kind() == event.KindIP:
			t.text(col, e.IP(f).String())
		case f.Kind() == event.KindBool:
			put(t, col, e.Bool(f) == event.True)
		case f == event.SourcePort, f == event.DestinationPort:
			put(t, col, uint16(e.Count(f)))
		default:
			put(t, col, e.Count(f))
		}
	}
	text(1+len(fields), label)
	if exact {
		t.null(2 + len(fields))
	} else {
		t.text(2+len(fields), tuple)
	}
	return t.next()
}

// A pool holds what comes again and again once. Of texts it is a cache of one place per hash,
// which forgets rather than grow.
type pool struct {
	places   [1 << 12]string
	programs map[program]*program // of one generation
	account  *account             // the last one
	names    *names               // the last one
}

func (p *pool) program(m program) *program {
	if known := p.programs[m]; known != nil {
		return known
	}
	if p.programs == nil {
		p.programs = map[program]*program{}
	}
	kept := m
	p.programs[m] = &kept
	return &kept
}

func (p *pool) text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	h := uint32(2166136261)
	// The ends of a text tell most.
	for _, c := range b[:min(len(b), 16)] {
		h = (h ^ uint32(c)) * 16777619
	}
	for _, c := range b[max(0, len(b)-16):] {
		h = (h ^ uint32(c)) * 16777619
	}
	place := &p.places[(h^h>>15)%uint32(len(p.places))]
	if *place != string(b) {
		*place = string(b)
	}
	return *place
}

// readTuples hands out what putTuple wrote: columns from from on are id, those of the fields,
// and raw. The texts of the event outlive the chunk.
func readTuples(ch *chunk, fields []event.Field, p *pool, f func(id uint32, e *event.Event)) error {
	var columns [event.NumFields]func(row int, e *event.Event) error
	for i, field := range fields {
		columns[i] = reader(ch, 1+i, field, p)
	}
	ids, raws, rawValid := column[uint32](ch, 0), column[text](ch, 1+len(fields)), ch.validity(1+len(fields))
	for row := range ch.n {
		var e event.Event
		if !rawValid.null(row) {
			store.Fill(&e, fields, string(raws[row].view()))
		} else {
			for _, read := range columns[:len(fields)] {
				if err := read(row, &e); err != nil {
					return fmt.Errorf("tuple %d: %w", ids[row], err)
				}
			}
		}
		f(ids[row], &e)
	}
	return nil
}

// reader returns what sets a field from a column of the type that sqlType gives it.
func reader(ch *chunk, col int, f event.Field, p *pool) func(row int, e *event.Event) error {
	valid := ch.validity(col)
	switch f.Kind() {
	case event.KindText:
		values := column[text](ch, col)
		return func(row int, e *event.Event) error {
			if !valid.null(row) {
				*e.Text(f) = p.text(values[row].view())
			}
			return nil
		}
	case event.KindIP:
		values := column[text](ch, col)
		return func(row int, e *event.Event) error {
			if valid.null(row) {
				return nil
			}
			b := values[row].view()
			a, err := netip.ParseAddr(unsafe.String(unsafe.SliceData(b), len(b))) // which it does not keep: no zones are stored
			if err != nil {
				return fmt.Errorf("field %q: got %q, want an IP address", f, values[row].view())
			}
			e.SetIP(f, a.Unmap().WithZone(""))
			return nil
		}
	case event.KindBool:
		values := column[bool](ch, col)
		return func(row int, e *event.Event) error {
			if !valid.null(row) {
				e.SetBool(f, event.TristateOf(values[row]))
			}
			return nil
		}
	}
	if sqlType(f) == "USMALLINT" {
		values := column[uint16](ch, col)
		return func(row int, e *event.Event) error {
			if !valid.null(row) {
				e.SetCount(f, int64(values[row]))
			}
			return nil
		}
	}
	values := column[int64](ch, col)
	return func(row int, e *event.Event) error {
		if !valid.null(row) {
			e.SetCount(f, values[row])
		}
		return nil
	}
}

// The parts of an event that tuples hold, as scans keep them: small, because those of a day lie
// all over memory, and fetching them from there is most of what it costs to hand out an event. What most
// tuples share with others stands apart, and is copied when it is another than that of the event before.
type (
	caller struct {
		sourceIP netip.Addr
		hostName string
		program  *program
		account  *account
	}
	program struct {
		name, executable, hash, parentName, parentHash string
		signatureStatus, signatureSubject              string
		exists, trusted, valid                         event.Tristate
	}
	account struct {
		userName, entityID string
		pid                int64
	}
	callee struct {
		destinationIP   netip.Addr
		destinationPort uint16
		names           *names
	}
	names struct {
		domain, transport, protocol, serverName, clientJA3, userAgent string
	}
	kind struct {
		state, action, category string
	}
)

// shared returns where a value stands that may be the same as the one before.
func shared[T comparable](before **T, v T) *T {
	if *before == nil || **before != v {
		kept := v
		*before = &kept
	}
	return *before
}

func (c *caller) take(e *event.Event, p *pool) {
	c.sourceIP, c.hostName = e.SourceIP, e.HostName
	c.program = p.program(program{
		name: e.ProcessName, executable: e.ProcessExecutable, hash: e.ProcessHashSHA256,
		parentName: e.ProcessParentName, parentHash: e.ProcessParentHashSHA256,
		signatureStatus: e.SignatureStatus, signatureSubject: e.SignatureSubjectName,
		exists: e.SignatureExists, trusted: e.SignatureTrusted, valid: e.SignatureValid,
	})
	c.account = shared(&p.account, account{e.UserName, e.ProcessEntityID, e.ProcessPID})
}

// touch reads one value at each end of c.
func (c *caller) touch() int {
	if c.account == nil {
		return 0
	}
	return c.sourceIP.BitLen()
}

func (c *caller) give(e *event.Event, before *given) {
	e.SourceIP, e.HostName = c.sourceIP, c.hostName
	if p := c.program; p != before.program {
		before.program = p
		e.ProcessName, e.ProcessExecutable, e.ProcessHashSHA256 = p.name, p.executable, p.hash
		e.ProcessParentName, e.ProcessParentHashSHA256 = p.parentName, p.parentHash
		e.SignatureStatus, e.SignatureSubjectName = p.signatureStatus, p.signatureSubject
		e.SignatureExists, e.SignatureTrusted, e.SignatureValid = p.exists, p.trusted, p.valid
	}
	if a := c.account; a != before.account {
		before.account = a
		e.UserName, e.ProcessEntityID, e.ProcessPID = a.userName, a.entityID, a.pid
	}
}

func (c *callee) take(e *event.Event, p *pool) {
	c.destinationIP, c.destinationPort = e.DestinationIP, e.DestinationPort
	c.names = shared(&p.names, names{e.DestinationDomain, e.NetworkTransport, e.NetworkProtocol, e.TLSServerName, e.TLSClientJA3, e.UserAgent})
}

func (c *callee) touch() int {
	if c.names == nil {
		return 0
	}
	return c.destinationIP.BitLen()
}

func (c *callee) give(e *event.Event, before *given) {
	e.DestinationIP, e.DestinationPort = c.destinationIP, c.destinationPort
	if n := c.names; n != before.names {
		before.names = n
		e.DestinationDomain, e.NetworkTransport, e.NetworkProtocol = n.domain, n.transport, n.protocol
		e.TLSServerName, e.TLSClientJA3, e.UserAgent = n.serverName, n.clientJA3, n.userAgent
	}
}

func (k *kind) take(e *event.Event, _ *pool) {
	k.state, k.action, k.category = e.ConnectionState, e.EventAction, e.EventCategory
}

func (k *kind) give(e *event.Event, before *given) {
	if k != before.kind {
		before.kind = k
		e.ConnectionState, e.EventAction, e.EventCategory = k.state, k.action, k.category
	}
}

// given is what an event has from the one before.
type given struct {
	program *program
	account *account
	names   *names
	kind    *kind
}

// A part is one of these.
type part[T any] interface {
	*T
	take(e *event.Event, p *pool)
	give(e *event.Event, before *given)
}

// known are the tuples of one table that a scan needs for some of a file's events.
type known[T any] struct {
	first uint32   // number of the first of those that may be asked for
	index []uint32 // places in parts + 1 by number; nil when all are there, by number
	parts []T
}

// all sets places to where the tuples with some numbers stand, and reports whether all are there.
func (k *known[T]) all(places, numbers []uint32) bool {
	ok := true
	if k.index == nil {
		for i, number := range numbers {
			places[i] = number - k.first
			ok = ok && places[i] < uint32(len(k.parts))
		}
		return ok
	}
	for i, number := range numbers {
		at := number - k.first
		if at >= uint32(len(k.index)) || k.index[at] == 0 {
			return false
		}
		places[i] = k.index[at] - 1
	}
	return ok
}

// load reads the tuples with numbers from first on and before end: all of them, or those that
// the events that where selects refer to.
func load[T any, P part[T]](ctx context.Context, c *conn, file string, i int, first, end uint32, where string, p *pool) (*known[T], error) {
	k := &known[T]{first: first}
	columns := []string{"id"}
	for _, f := range tupleTables[i].fields {
		columns = append(columns, fmt.Sprintf("%q", f.String()))
	}
	name := tupleTables[i].name
	sql := fmt.Sprintf("SELECT %s, raw FROM %s.%s WHERE id >= %d AND id < %d", strings.Join(columns, ", "), file, name, first, end)
	if where == "" {
		k.parts = make([]T, end-first)
	} else {
		k.index = make([]uint32, end-first)
		sql += fmt.Sprintf(" AND id IN (SELECT DISTINCT %s FROM %s.event WHERE %s)", name, file, where)
	}
	// A stream, so that the engine does not hold a second copy of all.
	n := 0
	err := c.stream(ctx, func(ch *chunk) error {
		return readTuples(ch, tupleTables[i].fields, p, func(id uint32, e *event.Event) {
			n++
			if k.index == nil {
				P(&k.parts[id-first]).take(e, p)
				return
			}
			var part T
			P(&part).take(e, p)
			k.parts = append(k.parts, part)
			k.index[id-first] = uint32(len(k.parts))
		})
	}, sql)
	if err == nil && k.index == nil && n != len(k.parts) {
		err = fmt.Errorf("table %s: got %d rows from number %d on, want %d", name, n, first, len(k.parts))
	}
	return k, err
}
