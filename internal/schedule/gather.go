package schedule

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"fresnel/internal/detect"
	"fresnel/internal/store"
)

// A gatherer hands the events of scans to a gathering, one scan after the other.
type gatherer struct {
	g       *detect.Gathering
	workers int
	next    int64 // number of the next block
}

// all hands on the events of a scan, several workers side by side, and closes the scan. It returns how
// many there were.
func (t *gatherer) all(ctx context.Context, scan store.Scan) (events int64, err error) {
	defer func() { err = errors.Join(err, scan.Close()) }()
	type numbered struct {
		n     int64
		block store.Block
	}
	blocks := make(chan numbered, t.workers)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(blocks)
		for {
			b, err := scan.Next(ctx)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			select {
			case blocks <- numbered{t.next, b}:
				t.next++
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	var count atomic.Int64
	for range t.workers {
		group.Go(func() error {
			w := t.g.Worker()
			defer w.Close()
			for b := range blocks {
				if c, ok := b.block.(store.Columnar); !ok || !w.Columns(c.Columns()) {
					b.block.Each(w.Event)
				}
				w.Deliver(b.n)
				count.Add(int64(b.block.Len()))
			}
			return nil
		})
	}
	err = group.Wait()
	return count.Load(), err
}
