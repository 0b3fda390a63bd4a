package httpapi

import (
	"context"
	"net/http"
	"time"
)

// A gate has a number of places. Who finds none waits for a while, so that a page that asks for
// several things at once gets them all, and is then asked to come again.
type gate struct {
	places  chan struct{}
	waiting chan struct{}
	wait    time.Duration
}

func newGate(places int, l Limits) *gate {
	return &gate{places: make(chan struct{}, places), waiting: make(chan struct{}, l.Waiting), wait: l.Wait}
}

func busy(retryAfter time.Duration) *problem {
	p := refuse(http.StatusTooManyRequests, "busy", "more requests that read much are being served than can be: try again")
	p.retryAfter = retryAfter
	return p
}

// enter takes a place, which leave gives back.
func (g *gate) enter(ctx context.Context) (leave func(), err error) {
	leave = func() { <-g.places }
	select {
	case g.places <- struct{}{}:
		return leave, nil
	default:
	}
	select {
	case g.waiting <- struct{}{}:
		defer func() { <-g.waiting }()
	default:
		return nil, busy(g.wait)
	}
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	select {
	case g.places <- struct{}{}:
		return leave, nil
	case <-timer.C:
		return nil, busy(time.Second)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
