package apikeyprocessor

import (
	"context"
	"iter"

	"go.opentelemetry.io/collector/pdata/plog"
)

func (p *apiKeyProcessor) processLogs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	r, err := p.begin(ctx, logFingerprints(ld))
	if err != nil {
		return ld, err
	}
	for _, rl := range ld.ResourceLogs().All() {
		r.resource(rl.Resource())
		r.text(rl.SchemaUrl(), rl.SetSchemaUrl)
		for _, sl := range rl.ScopeLogs().All() {
			r.scope(sl.Scope())
			r.text(sl.SchemaUrl(), sl.SetSchemaUrl)
			for _, record := range sl.LogRecords().All() {
				r.record(record.Attributes())
				r.value(record.Body(), 0)
				r.text(record.EventName(), record.SetEventName)
				r.text(record.SeverityText(), record.SetSeverityText)
			}
		}
	}
	p.end(ctx, r)
	return ld, nil
}

// logFingerprints are those that resources and records name.
func logFingerprints(ld plog.Logs) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, rl := range ld.ResourceLogs().All() {
			if !yieldFingerprint(rl.Resource().Attributes(), yield) {
				return
			}
			for _, sl := range rl.ScopeLogs().All() {
				for _, record := range sl.LogRecords().All() {
					if !yieldFingerprint(record.Attributes(), yield) {
						return
					}
				}
			}
		}
	}
}
