package usage

import (
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
	l.add(LatencyCount{Bucket: LatencyBucket(us), Count: 1})
}

// Merge adds the counts of another histogram.
func (l *Latency) Merge(o Latency) {
	for _, c := range o {
		l.add(c)
	}
}

func (l *Latency) add(c LatencyCount) {
	i, end := 0, len(*l) // by hand: this runs once for each event, and calling a function to compare takes half of the time
	for i < end {
		if middle := (i + end) / 2; (*l)[middle].Bucket < c.Bucket {
			i = middle + 1
		} else {
			end = middle
		}
	}
	if i < len(*l) && (*l)[i].Bucket == c.Bucket {
		(*l)[i].Count += c.Count
		return
	}
	*l = slices.Insert(*l, i, c)
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
