package beacon

import (
	"fmt"
	"testing"
)

func TestValidateBoundsTheWindow(t *testing.T) {
	for _, c := range []struct {
		name            string
		buckets, length int
		want            string
	}{
		{"a hundred years", 36_500, 86_400, "<nil>"},
		{"a day more", 36_501, 86_400, "time_bucket_length: got 86400, want a window of at most 100 years, which 36501 buckets are up to 86397 seconds"},
		{"the most buckets", MaxBuckets, 5256, "<nil>"},
		{"a bad length is said once", MaxBuckets, 86_401, "time_bucket_length: got 86401, want 1 to 86400 seconds"},
	} {
		p := DefaultParams()
		p.NumberBucketsInRange, p.TimeBucketLength = c.buckets, c.length
		if got := fmt.Sprint(p.Validate()); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
