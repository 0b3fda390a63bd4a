package timing

import (
	"math"
	"slices"
	"sync"
)

// shape is how much better the gaps fit a gamma distribution of any shape k >= 1 than an
// exponential one, as a log-likelihood ratio. The longest and shortest twentieth of the
// gaps and pauses are left out. Calls at random times have exponential gaps; a sleep loop
// has gaps of a large k, whatever its jitter.
//
// Calls that were merged are at least the threshold apart, at random times too, so the
// threshold is taken off every gap first.
func (a *Analyzer) shape(l *level) (stat float64, n int) {
	s := l.steady
	if len(s) < MinCalls-1 {
		return 0, 0
	}
	trim := len(s) / 20
	s = s[trim : len(s)-trim]
	off := l.merge
	sum, product, logs := 0.0, 1.0, 0.0
	for i, g := range s {
		g = max(g-off, 1e-3)
		sum += g
		product *= g
		if i&7 == 7 {
			logs += math.Log(product)
			product = 1
		}
	}
	logs += math.Log(product)
	size := float64(len(s))
	ratio := size * gammaRatio(math.Log(sum/size)-logs/size)
	if l.heavy {
		ratio = max(0, ratio-paretoRatio(max(s[0]-off, 1e-3), sum, logs, size))
	}
	// Log-normal gaps of wide spread fit a gamma distribution better than an exponential one
	// too. Their longest gaps give them away.
	return min(ratio, size*max(0, math.Log(exponentialSpread/l.width))), len(s)
}

// widthOf is the (95 % - 5 % quantile) / median of sorted gaps, less the threshold.
func (l *level) widthOf(sorted []float64) float64 {
	return (quantile(sorted, 0.95) - quantile(sorted, 0.05)) / max(quantile(sorted, 0.5)-l.merge, 1e-3)
}

// Gaps may be heavy-tailed ones with a least length, whose many short ones are alike: a timer must
// fit clearly better than these, too. Gaps wider than paretoSpread are, since those of a sleep loop are
// closer, whatever its jitter. So may be those wider than leastSpread, and with the pauses
// than pauseSpread, that are densest from about the least of them on: a loop that loses every fifth callback
// is as wide, but its gaps are not.
const (
	paretoSpread = 2.5
	pauseSpread  = 1.8
	leastSpread  = 1.0
)

// measure finds how wide the gaps are, pauses apart, and whether they may be heavy-tailed ones with a least length.
func (l *level) measure() {
	l.width, l.heavy = 0, false
	if len(l.steady) < MinCalls-1 {
		return
	}
	l.width = l.widthOf(l.steady)
	switch {
	case l.width > paretoSpread:
		l.heavy = true
	case l.width > leastSpread && l.widthOf(l.sorted) > pauseSpread:
		at, _ := closestHalf(l.steady)
		l.heavy = at <= len(l.steady)/12
	}
}

// closestHalf returns where the half of sorted gaps lies that are closest together (in logarithms).
func closestHalf(sorted []float64) (from, to int) {
	half := max(2, (len(sorted)+1)/2)
	narrow := math.Inf(1)
	for i := 0; i+half <= len(sorted); i++ {
		if w := sorted[i+half-1] / sorted[i]; w < narrow {
			from, narrow = i, w
		}
	}
	return from, min(from+half, len(sorted))
}

// paretoIndex is the greatest index of a Pareto distribution that counts as heavy-tailed: with a great one
// gaps are as alike as a timer's.
const paretoIndex = 3

// paretoRatio is how much better n gaps fit a Pareto distribution from the least of them on than an
// exponential one, as a log-likelihood ratio. sum and logs are those of the gaps and their logarithms.
func paretoRatio(least, sum, logs, n float64) float64 {
	over := logs - n*math.Log(least)
	if over <= 0 {
		return 0
	}
	index := min(paretoIndex, n/over)
	return max(0, n*math.Log(index)-index*over+n-logs+n*math.Log(sum/n))
}

// exponentialSpread is the (95 % - 5 % quantile) / median of an exponential distribution.
var exponentialSpread = math.Log(19) / math.Ln2

// gammaRatio returns the log-likelihood ratio per value of the best gamma distribution with
// k >= 1 to the exponential one, for values whose log mean less mean log is s.
func gammaRatio(s float64) float64 {
	if s >= 0.5772 { // the exponential distribution's own
		return 0
	}
	s = max(s, 1e-7)
	// Minka's approximation of the shape, good to 1.5 %; the ratio is flat at its maximum.
	k := (3 - s + math.Sqrt((s-3)*(s-3)+24*s)) / (12 * s)
	k = max(1, k)
	lg, _ := math.Lgamma(k)
	return max(0, k*math.Log(k)-lg-(k-1)*(1+s))
}

// localShapes are the shapes that local tries, localNoise the shares of disturbed pairs.
var (
	localShapes = [...]float64{4, 10, 30, 150, 1000, 10000, 1e5}
	localNoise  = [...]float64{0.05, 0.3}
)

// localSure is the shape from which neighbouring gaps are alike whatever the others are.
const localSure = 30

const (
	localBits    = 2  // sub-bins of an octave of u, as a power of two
	localOctaves = 12 // u below 2^-12 counts as that
	localBins    = localOctaves << localBits
)

// localBin returns the bin of u in [0, 1): 0 holds the smallest.
func localBin(u float64) int {
	bits := math.Float64bits(u)
	return min(localBins-1, max(0, int(bits>>(52-localBits))-(1023-localOctaves)<<localBits)) // gaps of 10^16 to 1 round to u = 1
}

// localEdge returns the lower edge of a bin.
func localEdge(bin int) float64 {
	if bin == 0 {
		return 0
	}
	octave, sub := bin>>localBits, bin&(1<<localBits-1)
	return math.Ldexp(1+float64(sub)/(1<<localBits), octave-localOctaves)
}

// localModels is the number of models that local tries: each shape with each noise.
const localModels = len(localShapes) * len(localNoise)

// localRatios holds the log-likelihood ratios of a u in each bin: of each shape, with each noise.
// Those of one bin stand together, since a sum that is one of many does not wait for itself.
var localRatios = sync.OnceValue(func() *[localBins][localModels]float64 {
	r := new([localBins][localModels]float64)
	for i, k := range localShapes {
		a, _ := math.Lgamma(k + 0.5)
		b, _ := math.Lgamma(k)
		norm := a - b + math.Log(2/math.Sqrt(math.Pi))
		for bin := range localBins {
			// The mean of the density over the bin, by the midpoint rule.
			const steps = 64
			from, to := localEdge(bin), localEdge(bin+1)
			mean := 0.0
			for j := range steps {
				u := from + (to-from)*(float64(j)+0.5)/steps
				mean += math.Exp(norm+(k-1)*math.Log1p(-u*u)) / steps
			}
			for j, noise := range localNoise {
				r[bin][i*len(localNoise)+j] = math.Log(noise + (1-noise)*mean)
			}
		}
	}
	return r
})

// local is how much better neighbouring gaps agree than at random, as a log-likelihood
// ratio. For two gaps g and h between calls at random times, of whatever rate,
// u = |g-h|/(g+h) is uniform in [0, 1]; for gaps of a gamma distribution of shape k its
// density is proportional to (1-u^2)^(k-1). Pauses, strays and changes of the period disturb
// two pairs each: a share of disturbed pairs is part of the model.
//
// Compare the local variation of Shinomoto, Shima and Tanji (2003).
func (a *Analyzer) local(l *level) (stat float64, n int) {
	off := l.merge
	var hist [localBins]float64
	for i := 1; i < len(l.gaps); i++ {
		g, h := l.gaps[i-1], l.gaps[i]
		if g == 0 || h == 0 {
			continue
		}
		g, h = max(g-off, 1e-3), max(h-off, 1e-3)
		n++
		hist[localBin(math.Abs(g-h)/(g+h))]++
	}
	// Gaps of wide spread that are alike only roughly, as heavy-tailed ones with a least length
	// are, have no timer.
	bound := math.Inf(1)
	if len(l.steady) >= MinCalls-1 {
		bound = float64(n) * max(0, math.Log(exponentialSpread/l.width))
	}
	var filled [localBins]uint8
	count := 0
	for bin, n := range hist {
		if n > 0 {
			filled[count] = uint8(bin)
			count++
		}
	}
	var sums [localModels]float64
	ratios := localRatios()
	for _, bin := range filled[:count] {
		n, of := hist[bin], &ratios[bin]
		for i := range sums {
			sums[i] += n * of[i]
		}
	}
	rough := 0.0 // the best of the models whose gaps are alike only roughly
	for i, sum := range sums {
		if localShapes[i/len(localNoise)] < localSure {
			rough = max(rough, sum)
		} else {
			stat = max(stat, sum)
		}
	}
	if rough > bound && rough > stat {
		bound = max(bound, float64(n)*max(0, math.Log(exponentialSpread/a.stretchWidth(l))))
	}
	stat = max(stat, min(rough, bound))
	if l.heavy && stat > 0 {
		// Gaps of a Pareto distribution have logarithms of ratios with a Laplace distribution.
		logs, norm := 0.0, 0.0
		for _, bin := range filled[:count] {
			logs += hist[bin] * laplaceTerms[bin].log
			norm += hist[bin] * laplaceTerms[bin].norm
		}
		size := float64(n)
		index := min(paretoIndex, size/logs)
		if pareto := size*math.Log(index) - index*logs + norm; pareto > 0 {
			stat = max(0, stat-pareto-clearer)
		}
	}
	return stat, n + 1
}

// A loop that changes its sleep has gaps of a wide spread in all, and of a narrow one in each stretch.
const (
	widthStretches = 5  // an odd number: the median of them is not that of the one or two with a change
	widthGaps      = 24 // of a stretch at least
)

// stretchWidth is the width of the gaps in stretches of l, the median of them; +Inf where there are too few.
func (a *Analyzer) stretchWidth(l *level) float64 {
	var widths [widthStretches]float64
	if len(l.gaps) < widthStretches*widthGaps {
		return math.Inf(1)
	}
	for i := range widths {
		s := a.running[:0]
		for _, g := range l.gaps[i*len(l.gaps)/widthStretches : (i+1)*len(l.gaps)/widthStretches] {
			if g > 0 {
				s = append(s, g)
			}
		}
		a.running = s
		if len(s) < widthGaps/2 {
			return math.Inf(1)
		}
		a.sorter.sort(s)
		widths[i] = l.widthOf(s)
	}
	slices.Sort(widths[:])
	return widths[widthStretches/2]
}

// clearer is how much better than Pareto gaps, in units of the log-likelihood ratio, the best of local's many
// models must do: of gaps that are such, one of them does somewhat better by chance.
const clearer = 3

// laplaceTerms holds what a u in each bin adds to the log-likelihood ratio of Pareto gaps to exponential
// ones: |log(g/h)| = log((1+u)/(1-u)), which is multiplied by the exponent, and the rest.
var laplaceTerms = func() (terms [localBins]struct{ log, norm float64 }) {
	for bin := range terms {
		u := (localEdge(bin) + localEdge(bin+1)) / 2
		terms[bin].log = math.Log((1 + u) / (1 - u))
		terms[bin].norm = math.Log(2 / (1 - u*u))
	}
	return terms
}()

const (
	peakNeighbours = 12  // calls after each that it is paired with
	peakLeastGaps  = 15  // fewer hold no timer among other calls that can be told
	peakCalls      = 256 // newest calls that are looked at
	peakBits       = 5   // sub-bins of an octave, as a power of two
	peakNear       = 3   // lags are about equal in so many bins, as a power of two
	peakOctaves    = 25  // from peakLeast seconds on
	peakLeast      = 0.5
	peakLeastPairs = 5 // of a window
	peakBins       = peakOctaves << peakBits
	peakSide       = 2 + 2*8 + 12 // bins beside the widest window that are looked at
)

// peakWidths are the windows' widths in bins.
var peakWidths = [...]int{1, 3, 8}

// peakBin returns the bin of a lag in seconds.
func peakBin(lag float64) int {
	const first = (1023 - 1) << peakBits // that of peakLeast, 2^-1
	return int(math.Float64bits(lag)>>(52-peakBits)) - first
}

// binEdges holds the lower edge of each bin in seconds, with room for a window's sides at
// both ends.
var binEdges = func() (edges [peakBins + 2*peakSide]float64) {
	for i := range edges {
		bin := i - peakSide
		octave := bin >> peakBits
		edges[i] = peakLeast * math.Ldexp(1+float64(bin-octave<<peakBits)/(1<<peakBits), octave)
	}
	return edges
}()

func binEdge(bin int) float64 { return binEdges[bin+peakSide] }

// peakGaps is the number of gaps that peak looks at.
func (l *level) peakGaps() int { return min(len(l.at), peakCalls) - 1 }

// A peak is a window of bins of lags that holds more pairs of calls than it should.
type peak struct {
	ratio    float64 // log-likelihood ratio of the count
	from, to int     // bins
	seen     float64 // pairs
	expected float64
}

// peak looks for a time that lies between many pairs of calls, neighbours or not, beyond what
// the times around it lead to expect: a timer among other calls, several timers. Its
// statistic is the largest log-likelihood ratio of a Poisson count in a window of lags. The
// calls of two bursts make many pairs that are as far apart as the bursts, so of all pairs
// around the same longest gap about equal lags count once. What does not go beyond a ratio is not told.
func (a *Analyzer) peak(l *level, beyond float64) (p peak, n int) {
	n = l.peakGaps()
	if n < peakLeastGaps {
		return peak{}, 0
	}
	times := l.at[len(l.at)-n-1:]
	if a.hist == nil {
		a.hist, a.across = make([]int32, peakBins), make([]int32, peakBins>>peakNear)
	}
	hist, across := (*[peakBins]int32)(a.hist), (*[peakBins >> peakNear]int32)(a.across)
	clear(hist[:])
	clear(across[:])
	// The bits of numbers that are not negative compare as they do. What chance decides is written so that
	// it takes no jump.
	gaps := a.gaps[:0]
	for i, t := range times[1:] {
		gaps = append(gaps, math.Float64bits(max(0, t-times[i])))
	}
	a.gaps = gaps
	cut := math.Float64bits(l.cut)
	for i, t := range times[:n] {
		longest, at := uint64(0), i
		for j, gap := range gaps[i:min(n, i+peakNeighbours)] {
			if gap > longest {
				at = i + 1 + j
			}
			longest = max(longest, gap)
			if longest > cut { // a night: every day begins after one
				break
			}
			lag := times[i+1+j] - t
			if lag < peakLeast {
				continue
			}
			bin := peakBin(lag)
			if uint(bin) >= peakBins {
				break
			}
			near := &across[bin>>peakNear]
			fresh := int32(0)
			if *near != int32(at) {
				fresh = 1
			}
			*near = int32(at)
			hist[bin] += fresh
		}
	}
	low, high := 0, peakBins-1
	for low < high && hist[low] == 0 {
		low++
	}
	for high > low && hist[high] == 0 {
		high--
	}
	if high <= low {
		return peak{}, 0
	}
	p.ratio = beyond * (1 - 1e-9) // which may be rounded
	sum := a.sums(low, high)
	// A window that holds few pairs is none, and in most places the widest holds few.
	places := slices.Grow(a.places[:0], high-low+1)[:high-low+1]
	const widest = 8
	count := 0
	for from := low; from <= high; from++ {
		at := from - low + peakSide
		places[count] = int32(from)
		next := count + 1
		if sum[at+widest]-sum[at] < peakLeastPairs {
			next = count
		}
		if hist[from] == 0 {
			next = count
		}
		count = next
	}
	a.places = places
	places = places[:count]
	for w, width := range peakWidths {
		side := 2*width + 12
		half := side / 2
		scales := &peakScales[w]
		for _, place := range places { // the others begin with an empty bin: one that begins with the next lag holds as much
			from := int(place)
			if from+width > high+1 {
				break
			}
			to := from + width
			at := from - low + peakSide // place of the window's first edge in sum
			pairs := sum[at+width] - sum[at]
			if pairs < peakLeastPairs {
				continue
			}
			// The bins next to the window may hold its skirts.
			seen, nearBelow, nearAbove := float64(pairs), float64(sum[at-2]-sum[at-2-half]), float64(sum[at+width+2+half]-sum[at+width+2])
			least := max((nearBelow+1)*scales[from].below, (nearAbove+1)*scales[from].above)
			// The ratio is at most (seen - expected)^2 / (2 * expected), and more is expected than the least.
			if seen <= least || (seen-least)*(seen-least) < 1.999*least*p.ratio {
				continue // most windows, without a division or a logarithm
			}
			// Density may rise towards the window without a timer, as that of heavy-tailed gaps
			// does towards the shortest: what the farther half of a side and the nearer one say
			// is carried on to the window. The denser side counts: at an end of the lags the
			// other one is empty.
			density := max(
				rising(nearBelow, binEdge(from-2)-binEdge(from-2-half), float64(sum[at-2-half]-sum[at-2-side]), binEdge(from-2-half)-binEdge(from-2-side)),
				rising(nearAbove, binEdge(to+2+half)-binEdge(to+2), float64(sum[at+width+2+side]-sum[at+width+2+half]), binEdge(to+2+side)-binEdge(to+2+half)),
			)
			if 2*sum[at-2] <= pairs {
				// Few lags are shorter: where gaps have a least length, as with software that waits
				// before it may call again, density falls from about there on steeply, without a timer.
				density *= edgeRise[w]
			}
			expected := density * (binEdge(to) - binEdge(from))
			if seen <= expected || (seen-expected)*(seen-expected) < 1.999*expected*p.ratio {
				continue
			}
			if r := seen*math.Log(seen/expected) - (seen - expected); r > p.ratio {
				p = peak{r, from, to, seen, expected}
			}
		}
	}
	if p.seen == 0 {
		p.ratio = 0
	}
	return p, n
}

// edgeRise holds how much denser, for each of peakWidths, lags may be at their least length than in the
// nearer half of the side above it: as the inverse fourth power of the lag.
var edgeRise = func() (rise [len(peakWidths)]float64) {
	for w, width := range peakWidths {
		apart := float64(width)/2 + 2 + float64(2*width+12)/4 // bins from the middle of one to that of the other
		rise[w] = math.Exp2(4 * apart / (1 << peakBits))
	}
	return rise
}()

// A scale is the width of a window over that of the nearer half of each side.
type scale struct{ below, above float64 }

// peakScales holds the scales of the windows of each of peakWidths, by their first bin.
var peakScales = func() (all [len(peakWidths)][peakBins]scale) {
	for w, width := range peakWidths {
		half := (2*width + 12) / 2
		for from := range peakBins - width {
			to := from + width
			all[w][from] = scale{
				(binEdge(to) - binEdge(from)) / (binEdge(from-2) - binEdge(from-2-half)),
				(binEdge(to) - binEdge(from)) / (binEdge(to+2+half) - binEdge(to+2)),
			}
		}
	}
	return all
}()

// rising returns the density that counts in a nearer and a farther stretch of given widths
// let expect beyond the nearer one: as much more than there as there is more than farther off.
func rising(near, nearWidth, far, farWidth float64) float64 {
	const few = 2 // counts that are taken as seen in each stretch, so that chance makes no slope
	density := (near + 1) / nearWidth
	return density * min(8, max(1, (near+few)/(far+few)*farWidth/nearWidth))
}

// sums returns the running sums of the histogram from low to high, with peakSide more at
// both ends, where nothing is added.
func (a *Analyzer) sums(low, high int) []int32 {
	size := peakSide + 1 + high - low + 1 + peakSide
	s := slices.Grow(a.summed[:0], size)[:size]
	a.summed = s
	clear(s[:peakSide+1])
	total, at := int32(0), peakSide+1
	for i, n := range a.hist[low : high+1] {
		total += n
		s[at+i] = total
	}
	for i := at + high - low + 1; i < size; i++ {
		s[i] = total
	}
	return s
}

// growth looks for the stretch in which every gap is most steadily the one before times one
// factor of 1.15 to 4. Its statistic sums over the stretch how close neighbouring factors are.
func (a *Analyzer) growth(l *level) (stat float64, n int) {
	sum, last := 0.0, 0.0
	for i := 1; i < len(l.gaps); i++ {
		g, h := l.gaps[i-1], l.gaps[i]
		factor := 0.0
		if g > 0 && h > growthLeast*g && h < growthMost*g {
			factor = h / g
		}
		alike := false
		// Most are far apart, which is told without a logarithm.
		if factor > 0 && last > 0 && factor < growthAlike*last && last < growthAlike*factor {
			if apart := math.Abs(math.Log(factor) - math.Log(last)); apart < growthSpread {
				alike = true
				sum -= math.Log(max(apart, 0.005))
				stat = max(stat, sum)
			}
		}
		if !alike {
			sum = 0
		}
		last = factor
	}
	return stat, len(l.gaps)
}

// The factors of growth, and how far the logarithms of two neighbouring ones may differ.
const (
	growthLeast  = 1.15
	growthMost   = 4
	growthSpread = 0.2
	growthAlike  = 1.23 // somewhat more than e^growthSpread
)
