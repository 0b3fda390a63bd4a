package tail

import (
	"context"
	"errors"
	"fmt"

	"fresnel/internal/store"
)

// errRefused ends a round whose events the store did not take.
var errRefused = errors.New("the store did not take what was read")

// A flight is a batch on its way into the store. One is in the air while the next is filled;
// they land in order, or else a mark could be stored before the events that it stands for.
type flight struct {
	batch  store.Batch
	marks  []store.Mark
	counts Counts
}

func newFlight() *flight { return &flight{counts: Counts{Skipped: map[string]int64{}}} }

func (f *flight) reset() {
	f.batch.Reset()
	f.marks = f.marks[:0]
	skipped := f.counts.Skipped
	clear(skipped)
	f.counts = Counts{Skipped: skipped}
}

// stow sends what has been read on its way when it is enough. It is called where all that was
// read is in the batch: marks tell how far the files were read at that moment.
func (t *Tail) stow(ctx context.Context) error {
	n := t.filling.batch.Len()
	if n < t.bounds.batch && t.filling.counts.Bytes < t.bounds.flush {
		return ctx.Err()
	}
	if t.flying && n < t.bounds.most && t.filling.counts.Bytes < t.bounds.flush {
		select {
		case err := <-t.landed:
			if err := t.arrived(err); err != nil {
				return err
			}
		default:
			return ctx.Err() // to go on reading is better than to wait
		}
	}
	return t.send(ctx)
}

// flush stores all that has been read and waits for it.
func (t *Tail) flush(ctx context.Context) error {
	if len(t.changed) > 0 || t.filling.batch.Len() > 0 {
		if err := t.send(ctx); err != nil {
			return err
		}
	}
	return t.land()
}

// send sends what has been read once what was sent before has landed.
func (t *Tail) send(ctx context.Context) error {
	if err := t.land(); err != nil {
		return err
	}
	f := t.filling
	for _, x := range t.changed {
		x.At = t.now.Unix()
		m, err := markOf(t.o.Name, x.slot, &x.place)
		if err != nil {
			return fmt.Errorf("%s: %w", x.Path, err)
		}
		x.changed = false
		f.marks = append(f.marks, m)
	}
	t.changed = t.changed[:0]
	for slot := range t.freed {
		m, err := markOf(t.o.Name, slot, nil)
		if err != nil {
			return err
		}
		f.marks = append(f.marks, m)
	}
	clear(t.freed)
	t.sent, t.filling = f, t.spare
	t.depart(ctx)
	return nil
}

func (t *Tail) depart(ctx context.Context) {
	f := t.sent
	t.flying = true
	go func() { t.landed <- t.o.Appender.Append(ctx, &f.batch, f.marks) }()
}

// resend sends again what the store did not take.
func (t *Tail) resend(ctx context.Context) error {
	if t.refused == nil {
		return nil
	}
	t.depart(ctx)
	return t.land()
}

// land waits for what was sent.
func (t *Tail) land() error {
	switch {
	case t.flying:
		return t.arrived(<-t.landed)
	case t.refused != nil:
		return errRefused
	}
	return nil
}

// arrived takes the answer of the store.
func (t *Tail) arrived(err error) error {
	t.flying = false
	if err != nil {
		if errors.Is(err, store.ErrClosed) {
			return err
		}
		if t.refused == nil && !errors.Is(err, context.Canceled) {
			t.log.Warn("the store does not take what was read, tried again until it does", "events", t.sent.batch.Len(), "error", err)
		}
		t.refused = err
		return errRefused
	}
	if t.refused != nil {
		t.refused = nil
		t.log.Info("the store takes what is read again")
	}
	if t.o.Observe != nil {
		t.o.Observe.Stored(&t.sent.counts)
	}
	t.spare, t.sent = t.sent, nil
	t.spare.reset()
	return nil
}
