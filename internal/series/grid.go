package series

import (
	"math"
	"math/bits"
)

// A Grid divides time, from 1970 on, into stored buckets and these into cells. Sums are kept
// per bucket; what cannot be kept so finely is kept per cell: the newest event, the
// destinations, the callback times. A window can end where a cell ends and be as long as a
// whole number of cells.
//
// Bucket b holds the seconds from OffsetSeconds + (b-1)*BucketSeconds, not included, to
// OffsetSeconds + b*BucketSeconds, included: a window that ends at one of these boundaries
// holds the event of that second.
type Grid struct {
	OffsetSeconds int64 // 0 <= OffsetSeconds < BucketSeconds
	BucketSeconds int64 // at least 1
	CellBuckets   int64 // buckets a cell; 0 for one cell that holds everything
}

// MinNanos and MaxNanos bound the times that a Grid can hold: the years 1970 to 2105.
const (
	MinNanos = 0
	MaxNanos = math.MaxUint32 * int64(1e9)
)

// Bucket returns the number of the bucket that holds a time, in nanoseconds since 1970
// between MinNanos and MaxNanos. Fractions of seconds are cut off.
func (g Grid) Bucket(nanos int64) int64 {
	return g.bucketOfSecond(nanos / 1e9)
}

func (g Grid) bucketOfSecond(second int64) int64 {
	return (second - g.OffsetSeconds + g.BucketSeconds - 1) / g.BucketSeconds
}

// End returns the last second of a bucket.
func (g Grid) End(bucket int64) int64 { return g.OffsetSeconds + bucket*g.BucketSeconds }

func (g Grid) cell(bucket int64) uint32 {
	if g.CellBuckets == 0 {
		return 0
	}
	return uint32((bucket + g.CellBuckets - 1) / g.CellBuckets)
}

// A divisor divides numbers below 2^32 by a multiplication.
type divisor uint64

// newDivisor returns the divisor for n, from 1 to 2^32.
func newDivisor(n int64) divisor { return divisor(math.MaxUint64/uint64(n) + 1) }

// of returns x/n. For n = 1 the factor, 2^64, has no room in 64 bits and is 0.
func (d divisor) of(x uint64) uint64 {
	if d == 0 {
		return x
	}
	q, _ := bits.Mul64(x, uint64(d))
	return q
}
