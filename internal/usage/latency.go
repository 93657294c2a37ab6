package usage

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// latencyGamma is the ratio of neighbouring bucket bounds. A value is reported as the middle of its bucket, which is
// off by at most (γ-1)/(γ+1) = 1.96 % (Masson et al., DDSketch, VLDB 2019, section 2.1).
const latencyGamma = 1.04

var inverseLogGamma = 1 / math.Log(latencyGamma)

// MaxLatency is the longest duration that is told apart, in microseconds (35 minutes): what an int32 holds.
const MaxLatency = math.MaxInt32

// LatencyBucket is the bucket of a duration in microseconds. Bucket 0 holds up to 1 µs; bucket i holds (γ^(i-1), γ^i].
func LatencyBucket(us int64) int {
	if us <= 1 {
		return 0
	}
	return int(math.Ceil(math.Log(float64(min(us, MaxLatency))) * inverseLogGamma))
}

// latencyValue is the estimate for a bucket, in microseconds.
func latencyValue(bucket int) float64 {
	if bucket == 0 {
		return 1
	}
	return 2 * math.Pow(latencyGamma, float64(bucket)) / (latencyGamma + 1)
}

// Latency is a histogram of durations: counts by bucket, ascending, without zeroes.
type Latency []LatencyCount

// LatencyCount is the number of durations in one bucket.
type LatencyCount struct {
	Bucket int
	Count  uint64
}

// Add counts one duration of us microseconds.
func (l *Latency) Add(us int64) {
	b := LatencyBucket(us)
	i, found := slices.BinarySearchFunc(*l, b, func(c LatencyCount, b int) int { return c.Bucket - b })
	if found {
		(*l)[i].Count++
		return
	}
	*l = slices.Insert(*l, i, LatencyCount{Bucket: b, Count: 1})
}

// Quantile is the duration, in microseconds, below which the share q of all durations lies (nearest rank); 0 when
// the histogram is empty. It is within 2 % of the exact value.
func (l Latency) Quantile(q float64) float64 {
	var total uint64
	for _, c := range l {
		total += c.Count
	}
	if total == 0 {
		return 0
	}
	rank := max(uint64(math.Ceil(q*float64(total))), 1)
	for _, c := range l {
		if rank <= c.Count {
			return latencyValue(c.Bucket)
		}
		rank -= c.Count
	}
	return latencyValue(l[len(l)-1].Bucket)
}

// A histogram is stored as one whole number in which bucket i owns the decimal digits 12i to 12i+11: three digits of
// the base 10,000 that Postgres's numeric is made of. Sums stay exact up to 10^12-1 per bucket.
const (
	numericBase     = 10_000
	digitsPerBucket = 3
)

// AppendNumeric appends the histogram in the binary form of Postgres's numeric (numeric.c, numeric_send).
func (l Latency) AppendNumeric(dst []byte) []byte {
	if len(l) == 0 {
		return append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	lowest := l[0].Bucket * digitsPerBucket
	highest := l[len(l)-1].Bucket*digitsPerBucket + digitsPerBucket - 1
	digits := make([]uint16, highest-lowest+1) // least significant first
	for _, c := range l {
		at := c.Bucket*digitsPerBucket - lowest
		for n := c.Count; n > 0; n /= numericBase {
			digits[at] = uint16(n % numericBase)
			at++
		}
	}
	for digits[len(digits)-1] == 0 { // numeric_recv accepts leading zeroes; leave them out all the same
		digits = digits[:len(digits)-1]
		highest--
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(digits)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(highest)) // weight of the first digit
	dst = append(dst, 0, 0, 0, 0)                             // sign: positive; display scale: 0
	for _, d := range slices.Backward(digits) {
		dst = binary.BigEndian.AppendUint16(dst, d)
	}
	return dst
}

var errNotLatency = errors.New("not a latency histogram")

// ParseLatency reads what [Latency.AppendNumeric] wrote, or a sum of such numbers.
func ParseLatency(src []byte) (Latency, error) {
	if len(src) < 8 {
		return nil, errNotLatency
	}
	n := int(binary.BigEndian.Uint16(src))
	weight := int(int16(binary.BigEndian.Uint16(src[2:])))
	if sign := binary.BigEndian.Uint16(src[4:]); sign != 0 || len(src) != 8+2*n || weight-n+1 < 0 {
		return nil, errNotLatency
	}
	var l Latency
	for i := n - 1; i >= 0; i-- { // from the least significant digit
		d := uint64(binary.BigEndian.Uint16(src[8+2*i:]))
		if d == 0 {
			continue
		}
		position := weight - i
		bucket := position / digitsPerBucket
		for range position % digitsPerBucket {
			d *= numericBase
		}
		if len(l) > 0 && l[len(l)-1].Bucket == bucket {
			l[len(l)-1].Count += d
		} else {
			l = append(l, LatencyCount{Bucket: bucket, Count: d})
		}
	}
	return l, nil
}
