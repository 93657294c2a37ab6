package usagepdata

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// What is kept of refused records is bounded however many requests are stored together; all are counted, also when they are
// gathered again.
func TestGatherKeepsTheBoundOfQuarantine(t *testing.T) {
	t.Parallel()
	request := func() *usage.Batch {
		b := &usage.Batch{}
		for range 70 {
			b.Rejections = append(b.Rejections, usage.Rejection{ReporterID: "k", Reason: usage.ReasonTooOld, Count: 1, Record: "{}"})
		}
		b.Rejections = append(b.Rejections,
			usage.Rejection{ReporterID: "k", Reason: usage.ReasonNotUsage, Count: 5},
			usage.Rejection{ReporterID: "k", Reason: usage.ReasonTooOld, Count: 30, Detail: "further records like the 100 before"},
			usage.Rejection{ReporterID: "j", Reason: usage.ReasonTooOld, Count: 1, Record: "{}"})
		b.Notes = []usage.Rejection{{ReporterID: "k", Reason: usage.ReasonBadPayment, Count: 1, Record: "{}"}}
		return b
	}
	batches := []*usage.Batch{request(), request(), request()}
	Gather(batches)
	Gather(batches)
	require.Zero(t, batches[1].Len()+batches[2].Len())
	joined := batches[0]
	require.Equal(t, 3*106, joined.Len())
	full, counted := 0, map[usage.Rejection]int{}
	for _, r := range joined.Rejections {
		if r.Record != "" && r.ReporterID == "k" {
			full++
		} else {
			counted[usage.Rejection{ReporterID: r.ReporterID, Reason: r.Reason}] += r.Count
		}
	}
	require.Equal(t, 100, full)
	require.Equal(t, map[usage.Rejection]int{
		{ReporterID: "k", Reason: usage.ReasonTooOld}:   3*100 - 100,
		{ReporterID: "k", Reason: usage.ReasonNotUsage}: 15,
		{ReporterID: "j", Reason: usage.ReasonTooOld}:   3,
	}, counted)
	require.Len(t, joined.Rejections, 100+3+1+1, "one rest to each reporter and reason")
	require.Len(t, joined.Notes, 3)
}
