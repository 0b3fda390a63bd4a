// Package ingest is the contract between the ways in which records reach a running service
// and what keeps them.
//
// A record is acknowledged when it is durable, not before: Put returns when what it took
// will be there after a crash.
package ingest

import (
	"context"
	"errors"
)

// A Document is one record as a client sent it. Its texts belong to the caller.
type Document struct {
	Source []byte // one JSON object
	ID     string // the client's name for it; "" when it gave none. A second document of the same index and id is not stored.
	Index  string // of the client's choice, kept as a label
}

// A Status says what became of a document.
type Status uint8

// The statuses.
const (
	Stored   Status = iota // it is durable
	Known                  // a document of its id is there already
	Passed                 // it is well-formed and no network event: read and not kept
	Rejected               // it is not what it should be; Reason says why
)

// An Outcome says what became of one document.
type Outcome struct {
	Status Status
	Reason string // for Rejected and Passed: field, what was got, what was wanted
}

// A Sink takes documents. It is safe for concurrent use.
//
// Put sets the outcome of each document, in their order, and returns when those that are
// Stored are durable. It keeps nothing of docs but copies. An error means that nothing can be said of any of them, and the client
// should send all again: ErrBusy when it comes too fast, ErrFull when there is no room.
type Sink interface {
	Put(ctx context.Context, docs []Document, outcomes []Outcome) error
}

// What a Sink refuses with.
var (
	ErrBusy = errors.New("more is being ingested than can be stored")
	ErrFull = errors.New("no room left to store events")
)
