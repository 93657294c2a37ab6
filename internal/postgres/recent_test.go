package postgres

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/usage"
)

func recordsOf(from, to int) []*record {
	var records []*record
	for n := from; n < to; n++ {
		r := &record{event: &usage.Event{}, key: int32(n % 100), micros: int64(n)}
		binary.BigEndian.PutUint64(r.event.ID[:], uint64(n))
		records = append(records, r)
	}
	return records
}

func portion(c *recent, records []*record) float64 {
	known := 0
	for _, r := range records {
		if c.has(r) {
			known++
		}
	}
	return float64(known) / float64(len(records))
}

// What was committed last is remembered, what never was is not taken for known, and memory does not grow.
func TestRecent(t *testing.T) {
	t.Parallel()
	c := newRecent()
	last := recordsOf(0, 6_000)
	require.Zero(t, portion(c, last))
	c.add(last)
	c.add(last)
	require.Greater(t, portion(c, last), 0.999)
	require.Zero(t, portion(c, recordsOf(100_000, 106_000)))

	for n := range 30 {
		c.add(recordsOf(1_000_000+n*6_000, 1_006_000+n*6_000))
	}
	require.Less(t, portion(c, last), 0.01, "older ones make room")
	require.Greater(t, portion(c, recordsOf(1_174_000, 1_180_000)), 0.999)
}
