package httpapi

import (
	"context"
	"sync"

	"fresnel/internal/store"
)

// A shelf holds documents that were shown and are not packed in the index, since pages ask for the
// same again and again. It belongs to an index, which says when a run is no longer what it was. The zero value is
// empty. It is safe for concurrent use.
type shelf struct {
	mu    sync.Mutex
	byEnd map[int64]*ofRun
	bytes int
	uses  int64
	drops int64
}

// An ofRun is the documents of one run on a shelf.
type ofRun struct {
	docs  map[findingID]Document
	bytes int
	used  int64
}

// shelfBytes bounds a shelf: about 15,000 documents.
const shelfBytes = 32 << 20

// get returns a document; nil when it is not there.
func (s *shelf) get(end int64, id findingID) Document {
	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.byEnd[end]
	if run == nil {
		return nil
	}
	s.uses++
	run.used = s.uses
	return run.docs[id]
}

// state changes with each drop.
func (s *shelf) state() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drops
}

// put keeps a document, and forgets those of runs that were not asked for longest. It was read
// when the shelf had a state: what was dropped since then may be another.
func (s *shelf) put(state, end int64, id findingID, doc Document) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drops != state {
		return
	}
	run := s.byEnd[end]
	if run == nil {
		if s.byEnd == nil {
			s.byEnd = map[int64]*ofRun{}
		}
		run = &ofRun{docs: map[findingID]Document{}}
		s.byEnd[end] = run
	}
	if run.docs[id] != nil {
		return
	}
	s.uses++
	run.used = s.uses
	run.docs[id] = doc
	run.bytes += len(doc)
	s.bytes += len(doc)
	for s.bytes > shelfBytes {
		oldest := end
		for other, r := range s.byEnd {
			if r.used < s.byEnd[oldest].used {
				oldest = other
			}
		}
		s.forget(oldest)
	}
}

// drop forgets the documents of a run.
func (s *shelf) drop(end int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drops++
	s.forget(end)
}

// dropBefore forgets the documents of the runs whose end is before the given one.
func (s *shelf) dropBefore(beforeEnd int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drops++
	for end := range s.byEnd {
		if end < beforeEnd {
			s.forget(end)
		}
	}
}

// forget is drop with mu held.
func (s *shelf) forget(end int64) {
	if run := s.byEnd[end]; run != nil {
		s.bytes -= run.bytes
		delete(s.byEnd, end)
	}
}

// documents returns the documents of findings, in their order, those that are neither on the shelf
// nor packed in the index from the store.
func (a *API) documents(ctx context.Context, list []*seen) ([]Document, error) {
	state := a.index.shelf.state()
	missing := map[store.FindingKey]*seen{}
	var keys []store.FindingKey
	for _, one := range list {
		if one.doc == nil {
			one.doc = a.index.shelf.get(one.runEnd, one.id)
		}
		if one.doc == nil {
			f, err := a.index.finding(one.runEnd, one.place, one.id)
			if err != nil {
				return nil, err
			}
			if f != nil {
				one.doc = f.Doc
			}
		}
		if one.doc == nil {
			key := store.FindingKey{RunEnd: one.runEnd, ID: one.id.String()}
			missing[key] = one
			keys = append(keys, key)
		}
	}
	found, err := a.o.Store.FindingsOf(ctx, keys)
	if err != nil {
		return nil, err
	}
	for i := range found {
		one := missing[store.FindingKey{RunEnd: found[i].RunEnd, ID: found[i].ID}]
		one.doc = found[i].Doc
		a.index.shelf.put(state, one.runEnd, one.id, one.doc)
	}
	docs := make([]Document, 0, len(list))
	for _, one := range list {
		if one.doc != nil { // else its run has been replaced meanwhile
			docs = append(docs, one.doc)
		}
	}
	return docs, nil
}
