package suricata

import (
	"net/netip"
	"strings"
	"unique"

	"fresnel/internal/event"
	"fresnel/internal/source/parse"
)

// Bounds of the names that are kept of a file. A flow takes about 100 bytes and an answer
// about 120, beside their texts, of which equal ones are kept once.
const (
	maxFlows   = 1 << 20
	maxAnswers = 1 << 20 // by client, and as many again by any client

	// Of a file that grows, one among others.
	growingFlows   = 64 << 10
	growingAnswers = 64 << 10

	maxNameBytes = 255 // of a domain or a JA3: a longer one is no name
	maxTextBytes = 512 // of a user agent: a longer one is left out
)

// Reasons for Sink.Skip beside those that name the event type.
const (
	reasonFlows   = "suricata tls or http record: more flows have names than are kept"
	reasonAnswers = "suricata dns answer: more addresses have names than are kept"
)

// names are what the records before a flow say of it.
type names struct {
	flows     *queue[uint64, flow]
	byClient  *queue[answerKey, text]
	anyClient *queue[netip.Addr, text]
}

// A text is a string that is kept.
type text = unique.Handle[string]

// A flow is what is known of a flow. The zero Handle stands for nothing.
type flow struct {
	serverName, ja3 text // of its first tls or quic record
	host, userAgent text // of its first http record
	done            bool // its record has been read
}

// An answerKey is an address and who was told of it.
type answerKey struct{ client, answer netip.Addr }

func newNames(flows, answers int) *names {
	return &names{newQueue[uint64, flow](flows), newQueue[answerKey, text](answers), newQueue[netip.Addr, text](answers)}
}

// keep returns a copy of s, or of nothing when it is longer than most.
func keep(s string, most int) text {
	if len(s) > most {
		s = ""
	}
	return unique.Make(s)
}

// stringOf returns what is kept; "" for the zero Handle.
func stringOf(t text) string {
	if t == (text{}) {
		return ""
	}
	return t.Value()
}

// addTLS adds what a tls or quic record says of the flow id. It returns how many flows
// lost their names.
func (n *names) addTLS(id []byte, serverName, ja3 string) (lost int) {
	key, ok := flowKey(id)
	if !ok {
		return 0
	}
	f, _ := n.flows.get(key)
	if f.serverName == (text{}) {
		f.serverName, f.ja3 = keep(serverName, maxNameBytes), keep(ja3, maxNameBytes)
	}
	return n.put(key, f)
}

// addHTTP adds what an http record says of the flow id. It returns how many flows lost
// their names.
func (n *names) addHTTP(id []byte, host, userAgent string) (lost int) {
	key, ok := flowKey(id)
	if !ok {
		return 0
	}
	f, _ := n.flows.get(key)
	if f.host == (text{}) {
		f.host, f.userAgent = keep(host, maxNameBytes), keep(userAgent, maxTextBytes)
	}
	return n.put(key, f)
}

func (n *names) put(key uint64, f flow) (lost int) {
	if old, full := n.flows.put(key, f); full && !old.done {
		return 1
	}
	return 0
}

func flowKey(id []byte) (uint64, bool) {
	key, ok := parse.Count(id)
	return uint64(key), ok
}

// addAnswer adds that client was told that query has the address answer. It returns how
// many answers were lost.
func (n *names) addAnswer(client, answer netip.Addr, query string) (lost int) {
	if query == "" || len(query) > maxNameBytes {
		return 0
	}
	name := unique.Make(query)
	if _, full := n.byClient.put(answerKey{client, answer}, name); full {
		lost++
	}
	if _, full := n.anyClient.put(answer, name); full {
		lost++
	}
	return lost
}

// end tells that the record of the flow id has been read: its names are no longer needed.
func (n *names) end(id []byte) {
	if key, ok := flowKey(id); ok {
		n.flows.remove(key)
	}
}

// name fills in what is known of the flow e with the given id: the domain is the server
// name of TLS, else the host of the first HTTP request, else the name that the newest
// answer of DNS with the destination's address was given for, to this client or else to any.
func (n *names) name(e *event.Event, id []byte) {
	if key, ok := flowKey(id); ok {
		if f, ok := n.flows.get(key); ok {
			e.TLSServerName, e.TLSClientJA3, e.UserAgent = stringOf(f.serverName), stringOf(f.ja3), stringOf(f.userAgent)
			if e.DestinationDomain = e.TLSServerName; e.DestinationDomain == "" {
				e.DestinationDomain = stringOf(f.host)
			}
			if !f.done {
				f.done = true
				n.flows.put(key, f)
			}
		}
	}
	if e.DestinationDomain != "" {
		return
	}
	name, ok := n.byClient.get(answerKey{e.SourceIP, e.DestinationIP})
	if !ok {
		name, _ = n.anyClient.get(e.DestinationIP)
	}
	e.DestinationDomain = strings.TrimSuffix(stringOf(name), ".")
}

// A queue is a map of at most so many entries, of which the oldest makes room for a new one.
type queue[K comparable, V any] struct {
	most   int
	values map[K]V
	order  []K // in the order in which they came; a ring once it is full. Removed ones stay
	oldest int // index in order, once it is full
}

func newQueue[K comparable, V any](most int) *queue[K, V] {
	return &queue[K, V]{most: most, values: map[K]V{}}
}

func (q *queue[K, V]) get(k K) (V, bool) {
	v, ok := q.values[k]
	return v, ok
}

func (q *queue[K, V]) remove(k K) { delete(q.values, k) }

// put sets the value of k. It returns the value that had to make room, if one had.
func (q *queue[K, V]) put(k K, v V) (old V, full bool) {
	if _, ok := q.values[k]; ok {
		q.values[k] = v
		return old, false
	}
	if len(q.order) < q.most {
		q.order = append(q.order, k)
	} else {
		first := q.order[q.oldest]
		old, full = q.values[first]
		delete(q.values, first)
		q.order[q.oldest] = k
		if q.oldest++; q.oldest == q.most {
			q.oldest = 0
		}
	}
	q.values[k] = v
	return old, full
}
