package bulk

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// tellEvery is how often a kind of trouble is told: whoever sends rubbish must not fill the log.
const tellEvery = time.Minute

// told is what the log was told of, by the status of requests, or 0 for documents that were rejected.
type told struct {
	mu   sync.Mutex
	last map[int]time.Time
	held map[int]int64 // since then
}

// pass reports whether a line may be written, and how much was held back before it.
func (t *told) pass(kind int, n int64, now time.Time) (held int64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		t.last, t.held = map[int]time.Time{}, map[int]int64{}
	}
	if last, before := t.last[kind]; before && now.Sub(last).Abs() < tellEvery { // Abs: the clock may be set back
		t.held[kind] += n
		return 0, false
	}
	held = t.held[kind]
	t.last[kind], t.held[kind] = now, 0
	return held, true
}

// tell tells the log which client sends what cannot be taken: many a shipper keeps the answers to itself.
//
// It is silent of what clients are to send again (429; 503 is told with its error), of what is there
// already, and of clients that are gone.
func (h *Handler) tell(c *call, f *failure) {
	now := h.o.Now()
	if n := c.tally.Rejected; n > 0 {
		if held, ok := h.told.pass(0, n, now); ok {
			h.o.Log.Warn("documents rejected", "from", c.r.RemoteAddr, "path", short(c.r.URL.Path), "count", n, "first_error", cut(c.tally.Reason, maxReasonBytes), "held_back", held)
		}
		return
	}
	if f == nil || f.broken && f.status != http.StatusRequestTimeout {
		return
	}
	switch f.status {
	case http.StatusConflict, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable:
		return
	}
	if held, ok := h.told.pass(f.status, 1, now); ok {
		reason := strings.ReplaceAll(f.reason, "?"+c.r.URL.RawQuery, "") // people put keys there
		h.o.Log.Warn("request refused", "from", c.r.RemoteAddr, "method", short(c.r.Method), "path", short(c.r.URL.Path), "status", f.status, "err", cut(reason, maxReasonBytes), "held_back", held)
	}
}
