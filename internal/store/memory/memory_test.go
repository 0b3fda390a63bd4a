package memory

import (
	"testing"
	"time"

	"fresnel/internal/store"
	"fresnel/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Opener {
		s := New(nil)
		return func(now func() time.Time) (store.Store, error) {
			s.now, s.closed = now, false
			return s, nil
		}
	})
}
