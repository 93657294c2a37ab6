package postgresusageexporter

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"pgregory.net/rapid"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// Whatever requests a batch is gathered from and cut into: nothing is lost, doubled or moved, and no part is too large.
func TestMergeSplit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(0, 12).Draw(t, "limit")
		var current *request
		var sent, got usage.Batch
		finish := func(r *request) {
			items := 0
			for _, b := range r.parts {
				items += b.Len()
				got.Events, got.Totals = append(got.Events, b.Events...), append(got.Totals, b.Totals...)
				got.Rejections, got.Notes = append(got.Rejections, b.Rejections...), append(got.Notes, b.Notes...)
			}
			require.Equal(t, r.ItemsCount(), items)
		}
		for i := range rapid.IntRange(1, 6).Draw(t, "requests") {
			b := drawBatch(t, i)
			sent.Events, sent.Totals = append(sent.Events, b.Events...), append(sent.Totals, b.Totals...)
			sent.Rejections, sent.Notes = append(sent.Rejections, b.Rejections...), append(sent.Notes, b.Notes...)
			next := newRequest(b)
			var all []xexporterhelper.Request
			var err error
			if current == nil {
				all, err = next.MergeSplit(context.Background(), limit, exporterhelper.RequestSizerTypeItems, nil)
			} else {
				all, err = current.MergeSplit(context.Background(), limit, exporterhelper.RequestSizerTypeItems, next)
			}
			require.NoError(t, err)
			require.NotEmpty(t, all)
			for _, r := range all[:len(all)-1] {
				require.Equal(t, limit, r.ItemsCount())
				finish(r.(*request))
			}
			current = all[len(all)-1].(*request)
			require.True(t, limit == 0 || current.ItemsCount() <= limit)
		}
		finish(current)
		require.Equal(t, sent.Len(), got.Len())
		require.Equal(t, ids(sent.Events), ids(got.Events))
		require.Equal(t, sent.Totals, got.Totals)
		require.Equal(t, refusedByReason(sent.Rejections), refusedByReason(got.Rejections))
		require.Equal(t, refusedByReason(sent.Notes), refusedByReason(got.Notes))
	})
}

// drawBatch makes a batch of up to five events, three totals, and refusals of both kinds.
func drawBatch(t *rapid.T, n int) *usage.Batch {
	b := &usage.Batch{}
	for i := range rapid.IntRange(0, 5).Draw(t, "events") {
		b.Events = append(b.Events, usage.Event{ID: usage.ID{byte(n), byte(i)}, Name: "e"})
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "totals") {
		b.Totals = append(b.Totals, usage.ReportedTotal{Name: fmt.Sprint(n, i)})
	}
	for range rapid.IntRange(0, 3).Draw(t, "bad records") {
		b.Rejections = append(b.Rejections, usage.Rejection{ReporterID: "k", Reason: usage.ReasonTooOld, Count: 1, Record: "{}"})
	}
	if k := rapid.IntRange(0, 20).Draw(t, "no usage"); k > 0 {
		b.Rejections = append(b.Rejections, usage.Rejection{ReporterID: "k", Reason: usage.ReasonNotUsage, Count: k})
	}
	for range rapid.IntRange(0, 2).Draw(t, "notes") {
		b.Notes = append(b.Notes, usage.Rejection{ReporterID: "k", Reason: usage.ReasonBadPayment, Count: 1, Record: "{}"})
	}
	return b
}

func ids(events []usage.Event) []usage.ID {
	list := make([]usage.ID, 0, len(events))
	for i := range events {
		list = append(list, events[i].ID)
	}
	return list
}

func refusedByReason(list []usage.Rejection) map[string]int {
	counts := make(map[string]int)
	for _, r := range list {
		counts[fmt.Sprint(r.ReporterID, r.Reason, r.Record != "")] += r.Count
	}
	return counts
}

func TestMergeSplitRefuses(t *testing.T) {
	t.Parallel()
	r := newRequest(&usage.Batch{Events: make([]usage.Event, 3)})
	_, err := r.MergeSplit(context.Background(), 1, exporterhelper.RequestSizerTypeBytes, newRequest(&usage.Batch{}))
	require.ErrorIs(t, err, errSizer)
	_, err = r.MergeSplit(context.Background(), 1, exporterhelper.RequestSizerTypeItems, strange{})
	require.ErrorIs(t, err, errRequest)
	require.Equal(t, 3, r.ItemsCount(), "as it was")
}

type strange struct{ xexporterhelper.Request }

// The queue takes a request of no bytes for an empty one and answers it at once.
func TestOnlyEmptyRequestsHaveNoBytes(t *testing.T) {
	t.Parallel()
	require.Zero(t, newRequest(&usage.Batch{}).BytesSize())
	for _, b := range []*usage.Batch{
		{Events: make([]usage.Event, 1)}, {Totals: make([]usage.ReportedTotal, 1)},
		{Rejections: []usage.Rejection{{Reason: usage.ReasonNotUsage, Count: 1}}},
	} {
		require.Positive(t, newRequest(b).BytesSize())
	}
}
