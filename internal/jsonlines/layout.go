package jsonlines

import (
	"bytes"
	"strings"
)

// A layout is what a Scanner has learned of the documents it saw: a graph whose nodes are
// the places where a scalar stands (the containers and keys above it, and whether it is a
// string) and whose edges hold the text between one scalar and the next:
//
//	{"host":{"name":"a"},"pid":7}      start -{"host":{"name":"-> host.name -"},"pid":-> pid -}-> end
//
// The text of an edge closes and opens containers. As a node fixes what is open above it,
// a document that can be followed from start to end is well-formed and its scalars stand
// where the nodes say, whichever documents taught the edges.
//
// Many scalars are the same in document after document: versions, kinds, names of modules.
// A shortcut (shortcut.go) is an edge whose text goes through such scalars.
type layout struct {
	nodes []node
	known map[string]int32 // nodes by their place
	bytes int              // text of all edges

	// The document that is being learned.
	place []byte // of the next scalar: containers and keys from the outermost
	outer []int  // lengths of place where each open container began
	marks []mark // its scalars so far
	full  bool   // no room is left: nothing is learned any more

	shortcuts shortcuts
}

type node struct {
	quoted bool // a string
	slot   int  // of its value; -1 when it is not wanted
	edges  []edge
}

type edge struct {
	text     string
	to       int32
	shortcut bool
	values   []Value // wanted ones in the text of a shortcut
}

// A mark is a scalar of the document that is being learned.
type mark struct {
	start, end int // in the line, without quotes
	node       int32
}

const (
	startNode int32 = iota
	endNode
)

// Bounds of what is learned. Documents with ever new keys use them up and are walked from
// then on.
const (
	maxNodes       = 4096
	maxEdges       = 24 // of one node: they are tried one after the other
	maxLayoutBytes = 1 << 20
)

func newLayout() layout {
	return layout{nodes: make([]node, 2), known: map[string]int32{}}
}

// match follows line through the layout and gathers its wanted values. It reports whether
// the line could be followed to the end.
func (s *Scanner) match(line []byte) bool {
	nodes, helped := s.layout.nodes, false
	at, i := startNode, 0
	for {
		edges := nodes[at].edges
		rest := line[i:]
		k := 0
		for ; k < len(edges); k++ {
			if text := edges[k].text; len(text) <= len(rest) && string(rest[:len(text)]) == text {
				break
			}
		}
		if k == len(edges) {
			return false
		}
		i += len(edges[k].text)
		at = edges[k].to
		if edges[k].shortcut {
			s.values = append(s.values, edges[k].values...)
			helped = true
		}
		if k > 0 && !strings.HasPrefix(edges[k-1].text, edges[k].text) { // what came now is likely to come next time
			edges[k-1], edges[k] = edges[k], edges[k-1]
		}
		n := &nodes[at]
		switch {
		case at == endNode:
			if i == len(line) {
				s.layout.count(line, helped)
				return true
			}
			return false
		case n.quoted:
			length := bytes.IndexByte(line[i:], '"')
			if length < 0 {
				return false
			}
			end := i + length
			if length > 0 && line[end-1] == '\\' {
				if end = stringEnd(line, i); end < 0 {
					return false
				}
			}
			if n.slot >= 0 && !s.addString(n.slot, line[i:end]) {
				return false
			}
			i = end
		default:
			end := bareEnd(line, i)
			kind, ok := bareKind(line[i:end])
			if !ok {
				return false
			}
			if n.slot >= 0 {
				s.values = append(s.values, Value{n.slot, kind, line[i:end]})
			}
			i = end
		}
	}
}

// begin starts to learn a document; it reports whether there is room.
func (l *layout) begin() bool {
	l.place, l.outer, l.marks = l.place[:0], l.outer[:0], l.marks[:0]
	return !l.full
}

// enter, leave and key keep the place of the next scalar: the bytes that open the
// containers above it and, behind three bytes of length, their keys. A place is only
// compared, never read.
func (l *layout) enter(kind byte) {
	l.place = append(l.place, kind)
	l.outer = append(l.outer, len(l.place))
}

func (l *layout) leave() {
	last := len(l.outer) - 1
	l.place = l.place[:l.outer[last]-1]
	l.outer = l.outer[:last]
}

func (l *layout) key(name []byte) {
	l.place = append(l.place[:l.outer[len(l.outer)-1]], byte(len(name)), byte(len(name)>>8), byte(len(name)>>16))
	l.place = append(l.place, name...)
}

// scalar notes a scalar; line[start:end] is its text without quotes.
func (l *layout) scalar(line []byte, start, end int, at *wanted) {
	if l.full {
		return
	}
	quoted := byte('b')
	if line[start-1] == '"' {
		quoted = '"'
	}
	l.place = append(l.place, quoted)
	id, ok := l.known[string(l.place)]
	if !ok {
		if len(l.nodes) == maxNodes || len(l.place) > maxLayoutBytes-l.bytes {
			l.full = true
			return
		}
		n := node{quoted: quoted == '"', slot: -1}
		if at != nil {
			n.slot = at.slot
		}
		id = int32(len(l.nodes))
		l.nodes = append(l.nodes, n)
		l.known[string(l.place)] = id
		l.bytes += len(l.place)
	}
	l.place = l.place[:len(l.place)-1]
	l.marks = append(l.marks, mark{start, end, id})
}

// end learns the edges of the document that was walked to its end.
func (l *layout) end(line []byte) {
	at, i := startNode, 0
	for _, m := range l.marks {
		l.connect(at, line[i:m.start], m.node)
		at, i = m.node, m.end
	}
	l.connect(at, line[i:], endNode)
}

func (l *layout) connect(from int32, text []byte, to int32) {
	n := &l.nodes[from]
	for _, e := range n.edges {
		if e.text == string(text) {
			return
		}
	}
	if l.full || len(n.edges) == maxEdges {
		return
	}
	if len(text) > maxLayoutBytes-l.bytes {
		l.full = true
		return
	}
	l.bytes += len(text)
	n.insert(edge{text: string(text), to: to})
}

// insert adds an edge. A text that starts with another one must be tried before it:
// {"a":[],"b": before {"a":.
func (n *node) insert(e edge) {
	n.edges = append(n.edges, e)
	for k := len(n.edges) - 1; k > 0 && len(n.edges[k].text) > len(n.edges[k-1].text); k-- {
		n.edges[k-1], n.edges[k] = n.edges[k], n.edges[k-1]
	}
}
