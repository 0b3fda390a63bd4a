// Package jsonlines reads the wanted scalars of JSON documents, one document a line.
//
// A Schema names the paths that are wanted: keys joined by dots, so that
// {"host":{"name":"x"}} and {"host.name":"x"} and every mixture of the two have the path
// host.name. Arrays are transparent: each element of {"ip":["a","b"]} is a value of ip, and
// [{"ip":"a"},{"ip":"b"}] below "x" gives two values of x.ip.
package jsonlines

// A Kind is the kind of a JSON scalar.
type Kind uint8

// The kinds of scalars.
const (
	Null Kind = iota
	False
	True
	Number
	String
)

// A Value is one wanted scalar of a document.
type Value struct {
	Slot int    // of its path, as given to NewSchema
	Kind Kind   // of the scalar
	Text []byte // a string without its quotes and escapes, a number as written; valid until the next Scan and as long as the line is
}

// A Schema says which paths are wanted. It is safe for concurrent use.
type Schema struct {
	slots map[string]int
}

// NewSchema returns a schema of paths and their slots; several paths may share a slot.
func NewSchema(slots map[string]int) *Schema { return &Schema{slots: slots} }
