package httpapi

import (
	"context"
	"time"
)

// Run reads what is likely to be asked for next, until ctx ends: what lists need of findings, then
// the documents of the page behind each that was asked for. They lie all over the store, and whoever
// reads one page of a list is a while behind the program.
func (a *API) Run(ctx context.Context) error {
	if err := a.readAhead(ctx); err != nil && ctx.Err() == nil {
		a.o.Log.Warn("findings not read ahead: the first who asks will wait for them", "err", err)
	}
	for {
		next, ok := a.ahead.pop(ctx)
		if !ok {
			return nil
		}
		if _, err := a.documents(ctx, next); err != nil && ctx.Err() == nil {
			a.o.Log.Warn("documents not read ahead: who asks for them will wait", "err", err)
		}
	}
}

// readAhead reads what lists of the last two weeks need of findings, those of the last day first,
// so that whoever asks first after a start need not wait for it.
func (a *API) readAhead(ctx context.Context) error {
	now := a.o.Now()
	for _, length := range []time.Duration{day, twoWeeks} {
		if _, err := a.each(ctx, &look{span: back(now, length), all: true, now: now}, func(*seen) (bool, error) { return true, nil }); err != nil {
			return err
		}
	}
	return nil
}

// An ahead holds the findings whose documents are read ahead: those of the last list that was asked
// for, which is what is asked for next if anything.
type ahead chan []*seen

func newAhead() ahead { return make(ahead, 1) }

const (
	// mostAhead is how many documents are read ahead of one list.
	mostAhead = 100
	// aheadPause leaves the processor to the page that was asked for.
	aheadPause = 250 * time.Millisecond
)

// push takes the place of what is held.
func (h ahead) push(list []*seen) {
	for {
		select {
		case h <- list:
			return
		default:
		}
		select {
		case <-h:
		default:
		}
	}
}

// pop waits for what was pushed and has not been replaced for a while; ok is false when ctx ends.
func (h ahead) pop(ctx context.Context) (list []*seen, ok bool) {
	select {
	case list = <-h:
	case <-ctx.Done():
		return nil, false
	}
	pause := time.NewTimer(aheadPause)
	defer pause.Stop()
	for {
		select {
		case list = <-h:
			pause.Reset(aheadPause)
		case <-pause.C:
			return list, true
		case <-ctx.Done():
			return nil, false
		}
	}
}
