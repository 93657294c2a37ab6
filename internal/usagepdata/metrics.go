package usagepdata

import (
	"crypto/sha256"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// FromMetrics turns data points into reported totals, which stand beside the statistics and never add to them.
func FromMetrics(md pmetric.Metrics, opts Options) *usage.Batch {
	c := conversion{opts: opts}
	c.totals = make([]usage.ReportedTotal, 0, md.DataPointCount())
	for _, rm := range md.ResourceMetrics().All() {
		src := readSource(rm.Resource())
		h := contentHash{sha256.New()}
		h.sortedAttributes(rm.Resource().Attributes())
		process := h.id()
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				c.metric(&src, process, sm.Scope().Name(), m)
			}
		}
	}
	return c.batch()
}

// dataPoint is what points of all kinds have in common.
type dataPoint struct {
	attributes  pcommon.Map
	start, time pcommon.Timestamp
	value       float64
	count       uint64
	missing     bool // the sender says that there is no value
}

// stream is what makes two data points parts of the same series.
type stream struct {
	process    usage.ID // of the resource: two processes never share a series
	scope      string
	name, unit string
	kind       string
}

func (c *conversion) metric(src *source, process usage.ID, scope string, m pmetric.Metric) {
	s := stream{process: process, scope: scope, name: usage.Sanitize(m.Name(), usage.MaxName), unit: usage.Sanitize(m.Unit(), usage.MaxName), kind: kindOf(m)}
	switch m.Type() {
	case pmetric.MetricTypeSum:
		c.numbers(src, s, m.Sum().DataPoints())
	case pmetric.MetricTypeGauge:
		c.numbers(src, s, m.Gauge().DataPoints())
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			c.point(src, s, dataPoint{p.Attributes(), p.StartTimestamp(), p.Timestamp(), p.Sum(), p.Count(), p.Flags().NoRecordedValue()})
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			c.point(src, s, dataPoint{p.Attributes(), p.StartTimestamp(), p.Timestamp(), p.Sum(), p.Count(), p.Flags().NoRecordedValue()})
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			c.point(src, s, dataPoint{p.Attributes(), p.StartTimestamp(), p.Timestamp(), p.Sum(), p.Count(), p.Flags().NoRecordedValue()})
		}
	}
}

// kindOf tells streams of one name apart whose numbers mean different things.
func kindOf(m pmetric.Metric) string {
	kind := m.Type().String()
	switch m.Type() {
	case pmetric.MetricTypeSum:
		kind += m.Sum().AggregationTemporality().String()
		if m.Sum().IsMonotonic() {
			kind += "Monotonic"
		}
	case pmetric.MetricTypeHistogram:
		kind += m.Histogram().AggregationTemporality().String()
	case pmetric.MetricTypeExponentialHistogram:
		kind += m.ExponentialHistogram().AggregationTemporality().String()
	}
	return kind
}

func (c *conversion) numbers(src *source, s stream, points pmetric.NumberDataPointSlice) {
	for _, p := range points.All() {
		value := p.DoubleValue()
		if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
			value = float64(p.IntValue())
		}
		c.point(src, s, dataPoint{p.Attributes(), p.StartTimestamp(), p.Timestamp(), value, 0, p.Flags().NoRecordedValue()})
	}
}

func (c *conversion) point(src *source, s stream, p dataPoint) {
	var w who
	w.inherit(src)
	var keep kept
	for key, given := range p.attributes.All() {
		v := valueOf(given)
		if !w.take(key, &v) {
			keep.put(key, &v)
		}
	}
	reason, err := c.checkPoint(&w, s.name, p)
	if reason != "" {
		c.rejections.add(w.reporter, reason, func() string { return err.Error() }, func() string { return pointRecord(s.name, p) })
		return
	}
	keyID, _ := src.owner(&w, false)
	total := usage.ReportedTotal{
		KeyID: keyID, ReporterID: w.reporter, Name: s.name, Unit: s.unit, Attributes: keep.attributes(),
		Start: time.Unix(0, 0).UTC(), Time: micros(p.time),
		Value: p.value, Count: p.count,
	}
	if p.start != 0 {
		total.Start = micros(p.start)
	}
	total.Stream = s.id(p.attributes)
	c.totals = append(c.totals, total)
}

var (
	errNoValue   = errors.New("has no value")
	errNotFinite = errors.New("its value is not a finite number")
	errCount     = errors.New("its count is too large")
	errNoMetric  = errors.New("its metric has no name")
	errBackwards = errors.New("starts after its own time")
)

func (c *conversion) checkPoint(w *who, name string, p dataPoint) (usage.Reason, error) {
	switch {
	case w.foreign:
		return usage.ReasonForeignKey, errForeign
	case p.missing:
		return usage.ReasonNotUsage, errNoValue
	case name == "":
		return usage.ReasonBadEvent, errNoMetric
	case math.IsNaN(p.value) || math.IsInf(p.value, 0):
		return usage.ReasonBadEvent, errNotFinite
	case p.count > math.MaxInt64: // a bigint holds no more
		return usage.ReasonBadEvent, errCount
	case p.time == 0:
		return usage.ReasonNoTime, errNoTime
	case p.start > p.time:
		return usage.ReasonBadDuration, errBackwards
	}
	return c.checkTime(micros(p.time))
}

func (s *stream) id(attributes pcommon.Map) usage.ID {
	h := contentHash{sha256.New()}
	h.Write(s.process[:])
	h.text(s.scope)
	h.text(s.name)
	h.text(s.unit)
	h.text(s.kind)
	h.sortedAttributes(attributes)
	return h.id()
}

// sortedAttributes hashes what the sender wrote in whatever order: a set of attributes names a series.
func (h contentHash) sortedAttributes(m pcommon.Map) {
	var ignored who
	set := make(map[string]string, m.Len())
	for key, given := range m.All() {
		if v := valueOf(given); !ignored.take(key, &v) {
			set[key] = given.AsString()
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(set), strings.Compare) {
		h.text(key)
		h.text(set[key])
	}
	h.text("")
}
