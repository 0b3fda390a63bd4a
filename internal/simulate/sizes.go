package simulate

import "math/rand/v2"

// sizes says how many bytes a call sends and gets.
type sizes struct {
	sent, received float64
	noise          float64 // sigma of a log-normal factor on both; 0 is constant
	receivedNoise  float64 // sigma of one more factor on what is received
	padding        float64 // sent and received grow by U[0, padding]
	step           float64 // sizes are multiples of it, as with block ciphers; 0 is none
}

func (s *sizes) draw(r *rand.Rand) (sent, received uint32) {
	a, b := s.sent, s.received
	if s.noise > 0 {
		a = logNormal(r, a, s.noise)
		b = logNormal(r, b, s.noise)
	}
	if s.receivedNoise > 0 {
		b = logNormal(r, b, s.receivedNoise)
	}
	if s.padding > 0 {
		a += r.Float64() * s.padding
		b += r.Float64() * s.padding
	}
	if s.step > 0 {
		a = s.step * float64(int(a/s.step)+1)
		b = s.step * float64(int(b/s.step)+1)
	}
	const most = 2e9
	return uint32(min(max(a, 40), most)), uint32(min(max(b, 40), most))
}

func constant(sent, received float64) sizes { return sizes{sent: sent, received: received} }
func noisy(sent, received, noise float64) sizes {
	return sizes{sent: sent, received: received, noise: noise}
}
func heavySizes(sent, received float64) sizes {
	return sizes{sent: sent, received: received, noise: 0.5, receivedNoise: 1.1}
}

// timerSizes draws the sizes of a program that polls. Implants and benign pollers draw from
// here alike: most answers are nearly constant, some are padded, some vary.
func timerSizes(r *rand.Rand) sizes {
	s := sizes{sent: logBetween(r, 250, 4500), received: logBetween(r, 160, 9000)}
	switch u := r.Float64(); {
	case u < 0.25:
	case u < 0.55:
		s.noise = logBetween(r, 0.002, 0.03)
	case u < 0.70:
		s.noise, s.receivedNoise = 0.02, between(r, 0.05, 0.5)
	case u < 0.80:
		s.padding = logBetween(r, 64, 4096)
	case u < 0.88:
		s.step = oneOf(r, []float64{16, 32, 64})
		s.noise = 0.03
	default:
		s.noise, s.receivedNoise = between(r, 0.05, 0.35), between(r, 0.1, 0.9)
	}
	return s
}
