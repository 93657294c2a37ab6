package usagepdata

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/disco-platform/mirrorball/internal/usage"
)

func metrics(t testing.TB, resource attrs, build func(pmetric.MetricSlice)) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	fill(t, rm.Resource().Attributes(), resource)
	build(rm.ScopeMetrics().AppendEmpty().Metrics())
	return md
}

var (
	pointTime  = pcommon.NewTimestampFromTime(now.Add(-time.Minute))
	pointStart = pcommon.NewTimestampFromTime(now.Add(-200 * 24 * time.Hour)) // a process may be old
)

func counter(ms pmetric.MetricSlice, value int64, change func(pmetric.NumberDataPoint)) {
	m := ms.AppendEmpty()
	m.SetName("disco.sdk.dropped")
	m.SetUnit("{item}")
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := sum.DataPoints().AppendEmpty()
	p.SetTimestamp(pointTime)
	p.SetStartTimestamp(pointStart)
	p.SetIntValue(value)
	p.Attributes().PutStr("disco.drop.reason", "queue_full")
	p.Attributes().PutStr("user.email", "alice@example.com")
	if change != nil {
		change(p)
	}
}

func TestEveryKindOfDataPointBecomesATotal(t *testing.T) {
	t.Parallel()
	md := metrics(t, customer, func(ms pmetric.MetricSlice) {
		counter(ms, 3, nil)
		gauge := ms.AppendEmpty()
		gauge.SetName("g")
		g := gauge.SetEmptyGauge().DataPoints().AppendEmpty()
		g.SetTimestamp(pointTime)
		g.SetDoubleValue(1.5)
		histogram := ms.AppendEmpty()
		histogram.SetName("h")
		histogram.SetUnit("s")
		h := histogram.SetEmptyHistogram().DataPoints().AppendEmpty()
		h.SetTimestamp(pointTime)
		h.SetStartTimestamp(pointStart)
		h.SetSum(12.5)
		h.SetCount(7)
		exponential := ms.AppendEmpty()
		exponential.SetName("e")
		x := exponential.SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
		x.SetTimestamp(pointTime)
		x.SetSum(2)
		x.SetCount(4)
		summary := ms.AppendEmpty()
		summary.SetName("q")
		q := summary.SetEmptySummary().DataPoints().AppendEmpty()
		q.SetTimestamp(pointTime)
		q.SetSum(9)
		q.SetCount(3)
	})
	batch := FromMetrics(md, options)
	checkBatch(t, batch, 5)
	at, started, never := now.Add(-time.Minute), now.Add(-200*24*time.Hour), time.Unix(0, 0).UTC()
	want := []usage.ReportedTotal{
		{KeyID: "key_alice", ReporterID: "key_alice", Name: "disco.sdk.dropped", Unit: "{item}", Attributes: map[string]string{"disco.drop.reason": "queue_full"}, Start: started, Time: at, Value: 3},
		{KeyID: "key_alice", ReporterID: "key_alice", Name: "g", Start: never, Time: at, Value: 1.5},
		{KeyID: "key_alice", ReporterID: "key_alice", Name: "h", Unit: "s", Start: started, Time: at, Value: 12.5, Count: 7},
		{KeyID: "key_alice", ReporterID: "key_alice", Name: "e", Start: never, Time: at, Value: 2, Count: 4},
		{KeyID: "key_alice", ReporterID: "key_alice", Name: "q", Start: never, Time: at, Value: 9, Count: 3},
	}
	require.Empty(t, cmp.Diff(want, batch.Totals, cmpopts.IgnoreFields(usage.ReportedTotal{}, "Stream")))
}

func TestDataPointsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(pmetric.NumberDataPoint)
		reason usage.Reason
	}{
		"no time":         {func(p pmetric.NumberDataPoint) { p.SetTimestamp(0) }, usage.ReasonNoTime},
		"too old":         {func(p pmetric.NumberDataPoint) { p.SetStartTimestamp(0); p.SetTimestamp(1) }, usage.ReasonTooOld},
		"in future":       {func(p pmetric.NumberDataPoint) { p.SetTimestamp(1 << 63) }, usage.ReasonInFuture},
		"NaN":             {func(p pmetric.NumberDataPoint) { p.SetDoubleValue(math.NaN()) }, usage.ReasonBadEvent},
		"infinite":        {func(p pmetric.NumberDataPoint) { p.SetDoubleValue(math.Inf(-1)) }, usage.ReasonBadEvent},
		"starts too late": {func(p pmetric.NumberDataPoint) { p.SetStartTimestamp(p.Timestamp() + 1) }, usage.ReasonBadDuration},
		"no value":        {func(p pmetric.NumberDataPoint) { p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true)) }, usage.ReasonNotUsage},
		"another's key":   {func(p pmetric.NumberDataPoint) { p.Attributes().PutBool("mirrorball.foreign_key", true) }, usage.ReasonForeignKey},
	} {
		batch := FromMetrics(metrics(t, customer, func(ms pmetric.MetricSlice) { counter(ms, 1, tc.change) }), options)
		checkBatch(t, batch, 1)
		require.Len(t, batch.Rejections, 1, name)
		require.Equal(t, tc.reason, batch.Rejections[0].Reason, name)
	}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	one := func(resource attrs, change func(pmetric.NumberDataPoint)) usage.ID {
		b := FromMetrics(metrics(t, resource, func(ms pmetric.MetricSlice) { counter(ms, 1, change) }), options)
		require.Len(t, b.Totals, 1)
		return b.Totals[0].Stream
	}
	with := func(name, value string) attrs {
		a := attrs{name: value}
		for k, v := range customer {
			a[k] = v
		}
		return a
	}
	base := one(customer, nil)
	require.Equal(t, base, one(customer, func(p pmetric.NumberDataPoint) { p.SetIntValue(9); p.SetTimestamp(p.Timestamp() + 1) }), "a later value of the same series")
	require.Equal(t, base, one(with("client.address", "198.51.100.9"), nil), "the same process from another address")
	require.NotEqual(t, base, one(with("service.instance.id", "2"), nil), "another process")
	require.NotEqual(t, base, one(customer, func(p pmetric.NumberDataPoint) { p.Attributes().PutStr("disco.drop.reason", "shutdown") }), "other attributes")
	require.Equal(t,
		one(customer, func(p pmetric.NumberDataPoint) { p.Attributes().PutStr("a", "1"); p.Attributes().PutStr("b", "2") }),
		one(customer, func(p pmetric.NumberDataPoint) { p.Attributes().PutStr("b", "2"); p.Attributes().PutStr("a", "1") }), "attributes in another order")
}
