package query

// Of returns a query that says what a node of another one says. What it asks for is not checked anew,
// and it has no fields of its own.
func Of(n Node) *Query {
	return &Query{root: n, canonical: canonical(n), matcher: compile(n)}
}

// NumberTest returns what n asks of a number: what Match answers for documents with that number in the
// field of n, as JSON writes it in full. It is nil for a node that is no Is of a literal, Range or Exists.
func NumberTest(n Node) func(float64) bool {
	switch n := n.(type) {
	case Is:
		if l, ok := n.Value.Literal(); ok {
			e := newEqual(l)
			return func(f float64) bool { return e.isNumber && numberOf(f).compare(e.number) == 0 }
		}
	case Range:
		b := newBound(n)
		return func(f float64) bool { return b.isNumber && b.op.holds(numberOf(f).compare(b.number)) }
	case Exists:
		return func(float64) bool { return true }
	}
	return nil
}

// numberOf returns the number that f is when it is written in full.
func numberOf(f float64) number {
	const beyond = 1 << 63 // the first whole number that is no int64
	if f >= -beyond && f < beyond && f == float64(int64(f)) {
		return number{f, int64(f), true}
	}
	return number{float: f}
}
