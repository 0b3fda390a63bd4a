package beacon

import (
	"math"
	"slices"

	"fresnel/internal/series"
)

// reference is the second version of the statistics: slow, plain, in the order in which
// docs/beacon-statistics.md tells them, and sharing no code with Analyze. It also returns
// R(p) by period, nil where none was computed.
func reference(s *series.Series, p Params) (Stats, []float64) {
	var st Stats
	a, b := -1, 0
	for i, c := range s.Counts {
		if c == 0 {
			continue
		}
		if a < 0 {
			a = i
		}
		b = i + 1
		st.NonEmptyBuckets++
	}
	if a < 0 {
		a = 0
	}
	st.Interval = b - a
	if st.Interval < 2*p.MinNumberPeriods || st.NonEmptyBuckets < p.MinNumberPeriods+1 {
		return st, nil
	}
	st.Enough = true

	counts := make([]float64, len(s.Counts))
	for i, c := range s.Counts {
		counts[i] = float64(c)
	}
	refBytes := func(v []float64) (filled int, tested, low bool, mean, std float64, band [2]float64) {
		for _, x := range v[a:b] {
			if x != 0 {
				filled++
			}
		}
		if filled <= p.MinNumberPeriods {
			return
		}
		band = refBand(v, p.TruncateAt)
		mean, variance := refMoments(v[a:b], band)
		std = math.Sqrt(variance)
		return filled, true, std <= p.MaxBeaconingBytesCov*math.Abs(mean), mean, std, band
	}
	st.SourceBytesBuckets, st.SourceBytesTested, st.LowSourceBytesVariation, st.MeanSourceBytes,
		st.StdDevSourceBytes, st.SourceBytesPercentiles = refBytes(s.SourceBytes)
	st.DestinationBytesBuckets, st.DestinationBytesTested, st.LowDestinationBytesVariation, st.MeanDestinationBytes,
		st.StdDevDestinationBytes, st.DestinationBytesPercentiles = refBytes(s.DestinationBytes)
	if float64(st.NonEmptyBuckets) > math.Floor(p.MinNotEmpty*float64(st.Interval)) {
		st.CountTested = true
		st.CountsPercentiles = refBand(counts, p.TruncateAt)
		st.MeanCounts, st.VarianceCounts = refMoments(counts[a:b], st.CountsPercentiles)
		st.LowCountVariation = math.Sqrt(st.VarianceCounts) <= p.MaxBeaconingCountRV*math.Abs(st.MeanCounts)
	}

	r := refAutocovariances(counts, a, b, p)
	for period := 2; period < len(r); period++ {
		if st.MaxAutocovariancePeriod == 0 || r[period] > st.Autocovariance {
			st.Autocovariance, st.MaxAutocovariancePeriod = r[period], period
		}
	}
	st.Periodic = st.Autocovariance >= p.MinBeaconingCountAutocovariance
	if st.LowCountVariation || st.Periodic {
		st.BeaconingScore++
	}
	if st.LowSourceBytesVariation {
		st.BeaconingScore++
	}
	if st.LowDestinationBytesVariation {
		st.BeaconingScore++
	}
	st.IsBeaconing = st.BeaconingScore > 0
	return st, r
}

func refBand(v []float64, q [2]float64) (band [2]float64) {
	var sorted []float64
	for _, x := range v {
		if x != 0 {
			sorted = append(sorted, x)
		}
	}
	slices.Sort(sorted)
	for i := range q {
		n := float64(len(sorted))
		band[i] = sorted[int(math.Min(math.Floor(q[i]*n+0.5), n-1))]
	}
	return band
}

func refMoments(v []float64, band [2]float64) (mean, variance float64) {
	var n float64
	for _, x := range v {
		if x >= band[0] && x <= band[1] {
			n++
			mean += x
		}
	}
	mean /= n
	for _, x := range v {
		if x >= band[0] && x <= band[1] {
			variance += (x - mean) * (x - mean)
		}
	}
	return mean, variance / n
}

func refAutocovariances(c []float64, a, b int, p Params) []float64 {
	r := make([]float64, (b-a)/p.MinNumberPeriods+1)
	n := make([]float64, len(r))
	fold := func(period int, x, y, xy float64) {
		v := 1.0
		if root := math.Sqrt(x * y); root != 0 {
			v = xy / root
		}
		n[period]++
		r[period] += (v - r[period]) / n[period]
	}
	for period := 2; period < len(r); period++ {
		jitter := int(math.Floor(p.MaxJitter * float64(period)))
		lo, last := a+jitter, b-2*period
		from, to := lo+period, lo+period*((last+1-lo)/period)
		m := 0.0
		if from < to {
			for _, v := range c[from:to] {
				m += v
			}
			m /= float64(to - from)
		}
		type refSums struct{ x, y, xy float64 }
		of := func(i, j int) (s refSums) {
			for t := range period {
				x, y := c[i+period+t]-m, c[i-j+t]-m
				s.x += float64(x * x)
				s.y += float64(y * y)
				s.xy += float64(x * y)
			}
			return s
		}
		var divisors []int
		for d := 2; d < period/2; d++ {
			if period%d == 0 {
				divisors = append(divisors, d)
			}
		}
		var own refSums
		ofDivisor := make([]refSums, len(divisors))
		for i := lo; i <= last; i += period {
			var byShift []refSums // j = -jitter first
			for j := -jitter; j <= jitter; j++ {
				byShift = append(byShift, of(i, j))
			}
			var best refSums
			bestValue := math.Inf(-1)
			for _, s := range byShift {
				v := 1.0
				if root := math.Sqrt(s.x * s.y); root != 0 {
					v = s.xy / root
				}
				if v > bestValue {
					best, bestValue = s, v
				}
			}
			own.x, own.y, own.xy = own.x+best.x, own.y+best.y, own.xy+best.xy
			for k, d := range divisors {
				reach := int(math.Floor(p.MaxJitter * float64(d)))
				best := byShift[jitter-reach]
				for _, s := range byShift[jitter-reach : jitter+reach+1] {
					if s.xy > best.xy {
						best = s
					}
				}
				ofDivisor[k].x += best.x
				ofDivisor[k].y += best.y
				ofDivisor[k].xy += best.xy
			}
		}
		fold(period, own.x, own.y, own.xy)
		for k, d := range divisors {
			fold(d, ofDivisor[k].x, ofDivisor[k].y, ofDivisor[k].xy)
		}
	}
	return r
}
