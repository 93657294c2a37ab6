package apikeyprocessor

import (
	"context"
	"iter"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func (p *apiKeyProcessor) processMetrics(ctx context.Context, md pmetric.Metrics) (pmetric.Metrics, error) {
	r, err := p.begin(ctx, pointFingerprints(md))
	if err != nil {
		return md, err
	}
	for _, rm := range md.ResourceMetrics().All() {
		r.resource(rm.Resource())
		r.text(rm.SchemaUrl(), rm.SetSchemaUrl)
		for _, sm := range rm.ScopeMetrics().All() {
			r.scope(sm.Scope())
			r.text(sm.SchemaUrl(), sm.SetSchemaUrl)
			for _, m := range sm.Metrics().All() {
				r.metric(m)
			}
		}
	}
	p.end(ctx, r)
	return md, nil
}

func (r *request) metric(m pmetric.Metric) {
	r.text(m.Name(), m.SetName)
	r.text(m.Description(), m.SetDescription)
	r.text(m.Unit(), m.SetUnit)
	r.clean(m.Metadata())
	for attributes, exemplars := range points(m) {
		// An attribute more would make another stream of it, so a data point gets nothing but its owner.
		r.identify(attributes)
		for _, exemplar := range exemplars.All() {
			r.clean(exemplar.FilteredAttributes())
		}
	}
}

// points are the attributes and exemplars of all data points, whatever their type.
func points(m pmetric.Metric) iter.Seq2[pcommon.Map, pmetric.ExemplarSlice] {
	return func(yield func(pcommon.Map, pmetric.ExemplarSlice) bool) {
		switch m.Type() {
		case pmetric.MetricTypeGauge:
			numbers(m.Gauge().DataPoints(), yield)
		case pmetric.MetricTypeSum:
			numbers(m.Sum().DataPoints(), yield)
		case pmetric.MetricTypeHistogram:
			for _, dp := range m.Histogram().DataPoints().All() {
				if !yield(dp.Attributes(), dp.Exemplars()) {
					return
				}
			}
		case pmetric.MetricTypeExponentialHistogram:
			for _, dp := range m.ExponentialHistogram().DataPoints().All() {
				if !yield(dp.Attributes(), dp.Exemplars()) {
					return
				}
			}
		case pmetric.MetricTypeSummary: // has no exemplars
			for _, dp := range m.Summary().DataPoints().All() {
				if !yield(dp.Attributes(), pmetric.NewExemplarSlice()) {
					return
				}
			}
		}
	}
}

func numbers(points pmetric.NumberDataPointSlice, yield func(pcommon.Map, pmetric.ExemplarSlice) bool) {
	for _, dp := range points.All() {
		if !yield(dp.Attributes(), dp.Exemplars()) {
			return
		}
	}
}

// pointFingerprints are those that resources and data points name.
func pointFingerprints(md pmetric.Metrics) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, rm := range md.ResourceMetrics().All() {
			if !yieldFingerprint(rm.Resource().Attributes(), yield) {
				return
			}
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					for attributes := range points(m) {
						if !yieldFingerprint(attributes, yield) {
							return
						}
					}
				}
			}
		}
	}
}
