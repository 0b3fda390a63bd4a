// Package query is the language in which people say which documents they want: that of
// Kibana (KQL), as far as it has a meaning without a cluster.
//
//	host.name: ws-* and event.risk_score >= 70 and not process.name: (chrome.exe or msedge.exe)
//
// Parse reads a query, Query.Match asks it of a Document. What a query says is data, a tree
// of Nodes: whoever asks another engine (SQL, Elasticsearch) walks Query.Root, and the doc
// comments of the nodes say what must hold. docs/query.md is the page for people.
package query

import (
	"slices"
	"time"
)

// What a query may have at most.
const (
	MaxBytes   = 8 << 10 // of its text, and of its canonical form
	MaxDepth   = 32      // nodes within one another
	MaxClauses = 1024    // nodes without nodes below them, and Nested ones
)

// A Query says which documents are wanted. It does not change and is safe for concurrent use.
type Query struct {
	text      string
	root      Node
	canonical string
	matcher   matcher
	uses      []use
}

// Root returns what q says, which the caller must not change.
func (q *Query) Root() Node { return q.root }

// String returns the canonical form of q, which Parse reads as the same query: keywords in
// lower case, no parentheses that are not needed, and those values in quotes that need them.
// Kibana takes it as well.
func (q *Query) String() string { return q.canonical }

// Match reports whether q matches d. now is what "now" stands for in q.
func (q *Query) Match(d *Document, now time.Time) bool { return q.matcher.match(d, 0, now) }

// Fields returns the fields that q asks for, sorted; those within a Nested with its path
// before them. Some may have stars. Free text asks for none of its own and looks at all.
func (q *Query) Fields() []string {
	fields := make([]string, 0, len(q.uses))
	for _, u := range q.uses {
		if !u.freeText {
			fields = append(fields, u.prefix+u.pattern.source())
		}
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}
