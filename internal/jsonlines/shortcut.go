package jsonlines

import (
	"bytes"
	"slices"
)

// shortcuts finds the scalars that are always the same, from some documents now and again.
type shortcuts struct {
	documents int // that were followed so far
	next      int // when the next ones are looked at
	since     int // documents when this was last decided
	helped    int // documents since then that took a shortcut
	samples   [][]byte
}

const (
	firstSample = 32 // documents before the first look; the next is after four times as many
	sampleSize  = 32 // documents that are looked at
)

// count counts a document that was followed to its end, by a shortcut or not. When it is
// time, and those there are do not help most documents, it remakes the shortcuts.
func (l *layout) count(line []byte, helped bool) {
	c := &l.shortcuts
	c.documents++
	if helped {
		c.helped++
	}
	if c.documents < max(c.next, firstSample) || l.full {
		return
	}
	if len(c.samples) == 0 && 4*c.helped >= 3*(c.documents-c.since) {
		c.since, c.helped, c.next = c.documents, 0, 4*c.documents
		return
	}
	c.samples = append(c.samples, bytes.Clone(line))
	if len(c.samples) == sampleSize {
		l.shorten()
		c.samples = nil
		c.since, c.helped, c.next = c.documents, 0, 4*c.documents
	}
}

// shorten remakes all shortcuts from the samples.
func (l *layout) shorten() {
	for i := range l.nodes {
		n := &l.nodes[i]
		n.edges = slices.DeleteFunc(n.edges, func(e edge) bool {
			if e.shortcut {
				l.bytes -= len(e.text)
			}
			return e.shortcut
		})
	}
	type value struct {
		text    []byte
		changes bool
	}
	values := make([]value, len(l.nodes))
	var ways [][]mark
	for _, line := range l.shortcuts.samples {
		way := l.trace(line)
		ways = append(ways, way)
		for _, m := range way {
			v, text := &values[m.node], line[m.start:m.end]
			if v.text == nil {
				v.text = text
			}
			v.changes = v.changes || !bytes.Equal(v.text, text)
		}
	}
	for i, line := range l.shortcuts.samples {
		way := ways[i]
		at, begin := startNode, 0
		for k := 0; k < len(way); k++ {
			first := k
			for k < len(way) && !values[way[k].node].changes {
				k++
			}
			to, end := endNode, len(line)
			if k < len(way) {
				to, end = way[k].node, way[k].start
			}
			if k > first {
				l.shortcut(at, line, begin, end, to, way[first:k])
			}
			if k < len(way) {
				at, begin = to, way[k].end
			}
		}
	}
}

// shortcut adds an edge from at with the text line[begin:end], which goes through the
// scalars on its way.
func (l *layout) shortcut(at int32, line []byte, begin, end int, to int32, way []mark) {
	n, text := &l.nodes[at], line[begin:end]
	if len(n.edges) == maxEdges || len(text) > maxLayoutBytes-l.bytes {
		return
	}
	for _, e := range n.edges {
		if e.text == string(text) {
			return
		}
	}
	e := edge{text: string(text), to: to, shortcut: true}
	for _, m := range way {
		n := &l.nodes[m.node]
		if n.slot < 0 {
			continue
		}
		v := Value{Slot: n.slot, Kind: String, Text: bytes.Clone(line[m.start:m.end])}
		if !n.quoted {
			v.Kind, _ = bareKind(v.Text)
		} else if bytes.IndexByte(v.Text, '\\') >= 0 {
			v.Text, _ = unescape(nil, v.Text) // it was valid when the document was followed
		}
		e.values = append(e.values, v)
	}
	l.bytes += len(text)
	n.insert(e)
}

// trace returns the scalars on the way of line through the layout, without shortcuts; nil
// when there is no way any more.
func (l *layout) trace(line []byte) (way []mark) {
	at, i := startNode, 0
	for at != endNode {
		k := slices.IndexFunc(l.nodes[at].edges, func(e edge) bool {
			return !e.shortcut && bytes.HasPrefix(line[i:], []byte(e.text))
		})
		if k < 0 {
			return nil
		}
		e := &l.nodes[at].edges[k]
		i += len(e.text)
		at = e.to
		if at == endNode {
			break
		}
		end := bareEnd(line, i)
		if l.nodes[at].quoted {
			if end = stringEnd(line, i); end < 0 {
				return nil
			}
		}
		way = append(way, mark{i, end, at})
		i = end
	}
	return way
}
