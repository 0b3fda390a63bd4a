package detect

import (
	"errors"

	"fresnel/internal/event"
	"fresnel/internal/survey"
	"fresnel/internal/timeline"
)

// A Slice is what the timing model must know of a stretch of time, in parts that can be
// written down and read one by one. Slices that follow each other merge into what a Gathering
// of all their events would have.
type Slice struct {
	FirstNanos, LastNanos int64 // times of its calls; Last < First when there are none
	Parts                 [][]byte
}

// Slice returns the calls that were gathered as a slice: of those before a time only their
// number and the first and last of each row, and nothing of rows that have no call since
// another time. It is called after Seal.
func (g *Gathering) Slice(afterNanos, sinceNanos int64) Slice {
	s := Slice{FirstNanos: g.firstCall, LastNanos: g.lastCall, Parts: make([][]byte, len(g.shards))}
	g.o.each(len(g.shards), func(_, i int) { s.Parts[i] = g.shards[i].calls.AppendSlice(nil, afterNanos, sinceNanos) })
	return s
}

// Merge adds the calls of a slice, which may have been made by another run of the program. It
// is called before Seal, while nobody gathers, for one slice after the other, the oldest first.
func (g *Gathering) Merge(s Slice) error {
	if g.o.Rank == nil || s.LastNanos < s.FirstNanos {
		return nil
	}
	// Hashes are different in each run of the program, and so is the shard of a group. Each part
	// is read by one goroutine, then each shard takes its rows of all parts, in their order.
	parts := make([][shardCount][]timeline.Place, len(s.Parts))
	errs := make([]error, max(len(s.Parts), shardCount))
	g.o.each(len(s.Parts), func(_, i int) {
		errs[i] = timeline.EachStored(s.Parts[i], func(at int, stored *timeline.Stored) error {
			group, hash, err := survey.HashesOf(stored.Text, g.keys.hash)
			if err != nil {
				return err
			}
			list := &parts[i][group%shardCount]
			*list = append(*list, timeline.Place{Group: group, Row: hash, At: at})
			return nil
		})
	})
	if err := errors.Join(errs...); err != nil {
		return err
	}
	g.o.each(shardCount, func(_, i int) {
		for p := range parts {
			if errs[i] = g.shards[i].calls.Merge(s.Parts[p], parts[p][i]); errs[i] != nil {
				return
			}
		}
	})
	g.firstCall, g.lastCall = min(g.firstCall, s.FirstNanos), max(g.lastCall, s.LastNanos)
	return errors.Join(errs...)
}

// errKey is the error of a group's key from a slice that was made by other settings.
var errKey = errors.New("a slice has groups by other fields than now; it was made before group_by was changed")

// hash returns the hash that of gives the group with a key.
func (k keys) hash(key []byte) (uint64, error) {
	if len(key) == 0 || int(key[0]) >= len(k.by) {
		return 0, errKey
	}
	var e event.Event
	rest := string(key[1:])
	hash := uint64(key[0])
	for _, f := range k.by[key[0]] {
		rest = e.SetKey(rest, f)
		var has bool
		if hash, has = e.Hash(hash, f); !has {
			return 0, errKey
		}
	}
	if rest != "" {
		return 0, errKey
	}
	return hash, nil
}
