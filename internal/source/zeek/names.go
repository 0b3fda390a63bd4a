package zeek

import (
	"encoding/binary"
	"math"
	"math/bits"
	"net/netip"
	"strings"
	"sync"
	"unique"

	"fresnel/internal/event"
)

// Bounds of the names that are kept in a run. A connection by uid takes about 200 bytes and
// an answer about 110, beside their texts, of which equal ones are kept once.
const (
	maxUIDs    = 2 << 20
	maxAnswers = 1 << 20 // by client, and as many again by any client

	// Of files that grow. Up to twice as many are kept.
	growingUIDs    = 256 << 10
	growingAnswers = 128 << 10

	maxNameBytes = 255 // of a domain or a JA3: a longer one is no name
	maxTextBytes = 512 // of a user agent: a longer one is left out
)

// Reasons for Sink.Skip.
const (
	reasonUIDs    = "zeek http or ssl record: more connections have names than are kept"
	reasonAnswers = "zeek dns answer: more addresses have names than are kept"
)

// names are what dns, ssl and http logs say of connections. They are added by several
// decoders side by side; once all are there, name reads them without locks. What they hold
// in the end does not depend on the order in which they were added.
type names struct {
	uids      *table[uidKey, uidNames]
	byClient  *table[answerKey, answer]
	anyClient *table[answerKey, answer]
}

func newNames(uids, answers int) *names {
	return &names{
		uids:      newTable(uids, uidKey.hash, uidNames.merge),
		byClient:  newTable(answers, answerKey.hash, answer.merge),
		anyClient: newTable(answers, answerKey.hash, answer.merge),
	}
}

// newAgingNames returns names of which the oldest make room for new ones. What they hold
// depends on the order in which they were added.
func newAgingNames(uids, answers int) *names {
	n := newNames(uids, answers)
	n.uids.aging, n.byClient.aging, n.anyClient.aging = true, true, true
	return n
}

// name fills in what is known of the connection e with the given uid: the domain is the
// server name of TLS, else the host of the first HTTP request, else the name that the
// newest answer of DNS with the destination's address was given for, to this client or
// else to any.
func (n *names) name(e *event.Event, in *input, uid []byte) {
	e.DestinationDomain, e.TLSServerName, e.TLSClientJA3, e.UserAgent = "", "", "", ""
	if in.byUID {
		if key, ok := uidKeyOf(in.folder, uid); ok {
			if v, ok := n.uids.get(key); ok {
				if v.tls.known {
					e.TLSServerName, e.TLSClientJA3 = v.tls.a.Value(), v.tls.b.Value()
				}
				if v.http.known {
					e.DestinationDomain, e.UserAgent = v.http.a.Value(), v.http.b.Value()
				}
				if e.TLSServerName != "" {
					e.DestinationDomain = e.TLSServerName
				}
			}
		}
	}
	if e.DestinationDomain == "" && in.byAnswer && e.DestinationIP.IsValid() {
		key := answerKey{in.folder, e.SourceIP.As16(), e.DestinationIP.As16()}
		v, ok := n.byClient.get(key)
		if !ok {
			key.client = [16]byte{}
			v, ok = n.anyClient.get(key)
		}
		if ok {
			e.DestinationDomain = v.query.Value()
		}
	}
}

// addUID adds a record of an ssl or http log and returns how many records were lost.
func (n *names) addUID(key uidKey, k logKind, e *event.Event) (lost int) {
	var v uidNames
	if k == sslLog {
		v.tls = said{true, e.TimeNanos, keep(e.TLSServerName, maxNameBytes), keep(e.TLSClientJA3, maxNameBytes)}
	} else {
		v.http = said{true, e.TimeNanos, keep(e.DestinationDomain, maxNameBytes), keep(e.UserAgent, maxTextBytes)}
	}
	return n.uids.put(key, v)
}

// addAnswer adds that a client was told that query has the address addr, and returns how
// many answers were lost.
func (n *names) addAnswer(folder uint32, client, addr netip.Addr, nanos int64, query string) (lost int) {
	if len(query) > maxNameBytes {
		return 0
	}
	v := answer{nanos, keep(query, maxNameBytes)}
	return n.byClient.put(answerKey{folder, client.As16(), addr.As16()}, v) +
		n.anyClient.put(answerKey{folder: folder, answer: addr.As16()}, v)
}

// keep returns a copy of s, or of nothing when it is longer than most.
func keep(s string, most int) unique.Handle[string] {
	if len(s) > most {
		s = ""
	}
	return unique.Make(s)
}

// A uidKey is the uid of a connection in a folder.
type uidKey struct {
	folder uint32
	length uint8
	text   [27]byte
}

// uidKeyOf returns the key of uid; ok is false for what is none: Zeek's have 17 or 18 bytes.
func uidKeyOf(folder uint32, uid []byte) (key uidKey, ok bool) {
	if len(uid) == 0 || len(uid) > len(key.text) {
		return uidKey{}, false
	}
	key.folder, key.length = folder, uint8(len(uid))
	copy(key.text[:], uid)
	return key, true
}

func (k uidKey) hash() uint64 {
	h := mix(uint64(k.folder), uint64(k.length)<<32|uint64(binary.LittleEndian.Uint32(k.text[23:])))
	h = mix(h, binary.LittleEndian.Uint64(k.text[0:]))
	h = mix(h, binary.LittleEndian.Uint64(k.text[8:]))
	return mix(h, binary.LittleEndian.Uint64(k.text[16:]))
}

// An answerKey is an address and who was told of it, in a folder; the client is 0 for any.
type answerKey struct {
	folder         uint32
	client, answer [16]byte
}

func (k answerKey) hash() uint64 {
	h := mix(uint64(k.folder), binary.LittleEndian.Uint64(k.client[0:]))
	h = mix(h, binary.LittleEndian.Uint64(k.client[8:]))
	h = mix(h, binary.LittleEndian.Uint64(k.answer[0:]))
	return mix(h, binary.LittleEndian.Uint64(k.answer[8:]))
}

// mix returns a number that depends on all bits of a and b and is the same in every run.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xd6e8feb86659fd93)
	hi2, lo2 := bits.Mul64(hi^lo^a, 0xa0761d6478bd642f)
	return hi2 ^ lo2 ^ b
}

// What a log said of a connection, and when.
type said struct {
	known bool
	nanos int64
	a, b  unique.Handle[string] // server name and JA3, or host and user agent
}

// first returns the earlier of s and o; of two at one time the smaller in its texts.
func (s said) first(o said) said {
	if !s.known || !o.known {
		if s.known {
			return s
		}
		return o
	}
	if s.nanos != o.nanos {
		if s.nanos < o.nanos {
			return s
		}
		return o
	}
	c := strings.Compare(s.a.Value(), o.a.Value())
	if c < 0 || c == 0 && s.b.Value() <= o.b.Value() {
		return s
	}
	return o
}

type uidNames struct{ tls, http said }

func (n uidNames) merge(o uidNames) uidNames {
	return uidNames{n.tls.first(o.tls), n.http.first(o.http)}
}

// An answer is the name that an address was given for, and when.
type answer struct {
	nanos int64
	query unique.Handle[string]
}

// merge returns the newer of a and o; of two at one time the smaller name.
func (a answer) merge(o answer) answer {
	if a.nanos != o.nanos {
		if a.nanos > o.nanos {
			return a
		}
		return o
	}
	if a.query.Value() <= o.query.Value() {
		return a
	}
	return o
}

// A table is a map with a bound. The values of a key are merged; as merging is commutative
// and associative, their order does not matter. When there are more keys than the bound,
// those with the smallest hashes stay: which ones does not depend on the order either,
// because a limit is lowered only when the keys below it are too many, and then also are
// so in the end.
//
// An aging table keeps between the newest half and all of twice its bound of keys.
type table[K comparable, V any] struct {
	hash   func(K) uint64
	merge  func(V, V) V
	bound  int // of the keys of one shard
	aging  bool
	shards [tableShards]shard[K, V]
}

// tableShards is how many decoders can add side by side with little waiting.
const tableShards = 64

type shard[K comparable, V any] struct {
	mu      sync.Mutex
	limit   uint64 // keys with this hash or a larger one are lost
	entries map[K]entry[V]
	older   map[K]entry[V] // those before them, when the table is aging
}

type entry[V any] struct {
	value V
	puts  int // how many values were merged
}

func newTable[K comparable, V any](bound int, hash func(K) uint64, merge func(V, V) V) *table[K, V] {
	t := &table[K, V]{hash: hash, merge: merge, bound: max(1, bound/tableShards)}
	for i := range t.shards {
		t.shards[i].limit = math.MaxUint64
		t.shards[i].entries = map[K]entry[V]{}
	}
	return t
}

// put adds a value and returns how many values were lost for want of room, this one or
// others. It is safe for concurrent use.
func (t *table[K, V]) put(key K, value V) (lost int) {
	h := t.hash(key)
	s := &t.shards[h%tableShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if h >= s.limit {
		return 1
	}
	e, ok := s.entries[key]
	if !ok {
		e, ok = s.older[key]
	}
	if ok {
		value = t.merge(e.value, value)
	}
	s.entries[key] = entry[V]{value, e.puts + 1}
	if t.aging {
		if len(s.entries) >= t.bound {
			s.older, s.entries = s.entries, map[K]entry[V]{}
		}
		return 0
	}
	for len(s.entries) > t.bound {
		s.limit /= 2
		for k, e := range s.entries {
			if t.hash(k) >= s.limit {
				lost += e.puts
				delete(s.entries, k)
			}
		}
	}
	return lost
}

// get returns the value of key. It takes no lock: it must not run while put does.
func (t *table[K, V]) get(key K) (value V, ok bool) {
	s := &t.shards[t.hash(key)%tableShards]
	e, ok := s.entries[key]
	if !ok {
		e, ok = s.older[key]
	}
	return e.value, ok
}
