package httpapi

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fresnel/internal/store"
)

// A keyed store counts the findings that are read by their keys.
type keyed struct {
	store.Store
	mu   sync.Mutex
	keys int
}

func (k *keyed) FindingsOf(ctx context.Context, keys []store.FindingKey) ([]store.Finding, error) {
	k.mu.Lock()
	k.keys += len(keys)
	k.mu.Unlock()
	return k.Store.FindingsOf(ctx, keys)
}

func (k *keyed) taken() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := k.keys
	k.keys = 0
	return n
}

// TestTheNextPageIsReadAhead asks for pages of three findings while the API runs.
func TestTheNextPageIsReadAhead(t *testing.T) {
	s := open(t, Limits{})
	k := &keyed{Store: s.store}
	s.api.o.Store = k
	s.api.index.mostPacked = 0 // as of runs whose documents found no room
	synctest.Test(t, func(t *testing.T) {
		s.api.ahead = newAhead() // of the bubble
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.api.Run(ctx) }()
		synctest.Wait()
		l := into[FindingList](s.get("/api/v1/findings?view=all&limit=3"), http.StatusOK)
		if got := k.taken(); len(l.Findings) != 3 || l.Next == "" || got != 3 {
			t.Errorf("got %d findings of %d documents, want three of as many", len(l.Findings), got)
		}
		time.Sleep(aheadPause / 2)
		synctest.Wait()
		if got := k.taken(); got != 0 {
			t.Errorf("got %d documents read at once, want none while the page is looked at first", got)
		}
		time.Sleep(aheadPause)
		synctest.Wait()
		if got := k.taken(); got != 3 {
			t.Errorf("got %d documents read ahead, want three", got)
		}
		next := into[FindingList](s.get("/api/v1/findings?view=all&limit=3&page="+l.Next), http.StatusOK)
		if got := k.taken(); len(next.Findings) != 3 || got != 0 {
			t.Errorf("got %d findings of %d documents read, want three of none", len(next.Findings), got)
		}
		// Of two lists the newer one counts; behind the last page there is nothing.
		s.get("/api/v1/findings?view=all&limit=2&sort=host.name")
		s.get("/api/v1/findings?view=all&limit=500&sort=process.name")
		k.taken()
		s.get("/api/v1/findings?view=all&limit=5&sort=@timestamp&order=asc")
		first := k.taken()
		time.Sleep(2 * aheadPause)
		synctest.Wait()
		if got := k.taken(); first != 0 || got != 0 {
			t.Errorf("got %d documents read and %d ahead, want none: all have been shown", first, got)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestTheLastListIsReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newAhead()
		h.push([]*seen{{runEnd: 1}})
		h.push([]*seen{{runEnd: 2}})
		go func() {
			time.Sleep(aheadPause / 2)
			h.push([]*seen{{runEnd: 3}})
		}()
		begun := time.Now()
		got, ok := h.pop(t.Context())
		if took := time.Since(begun); !ok || got[0].runEnd != 3 || took != aheadPause*3/2 {
			t.Errorf("got the list %+v after %v, want the third after one and a half pauses", got[0], took)
		}
	})
}
