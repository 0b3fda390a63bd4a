package beacon

import "math/bits"

// lagSums sets c.lags[p], for p from 2 to maxPeriod, to the sum of u[t]*u[t+p] over the
// windows of p without jitter, t from 0 to the last whole window.
func (c *covariance) lagSums(n, maxPeriod int, origin int64, filled []int32) {
	lags := grow(&c.lags, maxPeriod+1)
	squares := c.sqr[n]
	// No sum of products is larger than the sum of squares: it fits in width bits with its
	// sign, and several of them in one number.
	width := bits.Len64(uint64(squares)) + 1
	together := 64 / width
	// Empty buckets add nothing where u is the count itself. Of the pairs of the others about
	// maxPeriod/n are near enough to count, and cost some four steps over all buckets each.
	if origin == 0 && 2*len(filled)*len(filled)*together < n*n {
		c.lagSumsOfPairs(n, maxPeriod, filled)
		return
	}
	// packed[t] = u[t] + u[t+1]*2^width + u[t+2]*2^(2*width) ... (modulo 2^64), so that the
	// sum of u[t]*packed[t+p] holds the sums for p, p+1, p+2 ...
	u := c.u[:n]
	packed := grow(&c.packed, n)
	var v int64
	for t := n - 1; t >= 0; t-- {
		v = u[t] + v<<width
		packed[t] = v
	}
	for p := 2; p <= maxPeriod; p += together {
		acc := dot(u[:n-p], packed[p:])
		for q := p; q < p+together && q <= maxPeriod; q++ {
			one := acc << (64 - width) >> (64 - width)
			lags[q] = one
			acc = (acc - one) >> width
		}
	}
	for p := 2; p <= maxPeriod; p++ {
		if n < 2*p {
			break // no window
		}
		whole := n / p * p
		lags[p] -= dot(u[whole-p:n-p], u[whole:])
	}
}

// pairLags sets c.lags[p], for p to maxPeriod, to the sum of u[t]*u[t+p] over the whole
// interval, from the buckets that are not 0.
func (c *covariance) pairLags(u []int64, maxPeriod int, filled []int32) []int64 {
	lags := grow(&c.lags, maxPeriod+1)
	clear(lags)
	for i, t := range filled {
		x := u[t]
		for _, s := range filled[i+1:] {
			p := int(s - t)
			if p >= len(lags) {
				break
			}
			lags[p] += x * u[s]
		}
	}
	return lags
}

// lagSumsOfPairs is lagSums for few buckets with events.
func (c *covariance) lagSumsOfPairs(n, maxPeriod int, filled []int32) {
	u := c.u
	lags := c.pairLags(u, maxPeriod, filled)
	// Take back the pairs behind the last whole window.
	for i := len(filled) - 1; i > 0; i-- {
		s := int(filled[i])
		if n-s > maxPeriod {
			break
		}
		for k := i - 1; k >= 0; k-- {
			p := s - int(filled[k])
			if p > maxPeriod {
				break
			}
			if s >= n/p*p {
				lags[p] -= u[s] * u[s-p]
			}
		}
	}
}

// dot returns the sum of a[i]*b[i], which has at least as many elements, modulo 2^64.
func dot(a, b []int64) int64 {
	b = b[:len(a)]
	var s0, s1 int64
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0]*b[0] + a[1]*b[1]
		s1 += a[2]*b[2] + a[3]*b[3]
		a, b = a[4:], b[4:]
	}
	for i, x := range a {
		s0 += x * b[i]
	}
	return s0 + s1
}
