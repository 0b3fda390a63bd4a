package filter

import "fresnel/internal/event"

// Where many events share their values, a filter need not look at each event: which of its
// conditions hold is found out once for each part of an event that others have too, and what holds
// of the parts decides.

// Holding are those of a filter's conditions that hold, a bit each.
type Holding uint64

// maxHolding is how many conditions a Holding has room for.
const maxHolding = 64

// A need is what decides for an outcome.
type need struct {
	all     Holding // the conditions of a clause
	outcome int
}

// byParts prepares f for Holding and Outcome.
func (f *Filter) byParts() {
	if !f.ByParts() {
		return
	}
	var n need
	for i, s := range f.steps {
		n.all |= 1 << i
		if s.last {
			n.outcome = s.outcome
			f.needs = append(f.needs, n)
			n = need{}
		}
		s.last, s.outcome, s.fail = true, 1, 1
		f.alone = append(f.alone, Filter{steps: []step{s}})
	}
}

// ByParts reports whether f can be asked with Holding and Outcome: not when it has very many conditions.
func (f *Filter) ByParts() bool { return len(f.steps) <= maxHolding }

// Holding returns which conditions on some fields hold for e. Those of several parts of an event that
// have all the Fields of f, joined by |, are those of the event.
func (f *Filter) Holding(e *event.Event, fields event.FieldSet) (h Holding) {
	for i := range f.steps {
		if fields.Has(f.steps[i].field) && f.alone[i].Match(e) == 1 {
			h |= 1 << i
		}
	}
	return h
}

// Outcome is Match for an event of which is known what holds.
func (f *Filter) Outcome(h Holding) int {
	for i := range f.needs {
		if n := &f.needs[i]; h&n.all == n.all {
			return n.outcome
		}
	}
	return f.otherwise
}

// Excludes reports whether what holds of a part of an event is enough for an exclude clause: whatever the
// other parts are, f does not keep the event.
func (f *Filter) Excludes(h Holding) bool {
	for i := range f.needs {
		if n := &f.needs[i]; h&n.all == n.all && !f.outcomes[n.outcome].Kept {
			return true
		}
	}
	return false
}
