package requestlimitsextension

// message is a kind of OTLP message, as far as nesting and counting go.
type message uint8

const (
	scalar message = iota // not a message: its bytes are passed over
	text                  // one of a list of strings: counted, and passed over
	tracesRequest
	logsRequest
	metricsRequest
	resourceSpans
	resourceLogs
	resourceMetrics
	resource
	entityRef
	scope
	scopeSpans
	scopeLogs
	scopeMetrics
	span
	spanEvent
	spanLink
	logRecord
	metricRecord
	gauge // also sum, and any list of number points
	histogram
	exponentialHistogram
	summary
	numberPoint
	histogramPoint
	exponentialPoint
	summaryPoint
	quantile
	exemplar
	keyValue
	anyValue
	arrayValue
	keyValueList
	messages // how many there are
)

// deprecatedScopes is the number of a field in which old senders put what is now field 2 of resource spans, logs and
// metrics, and which is still decoded.
const deprecatedScopes = 1000

// schema says which fields of a message hold messages, by field number. Messages that hold no others and come once at
// most (Status, Buckets) are scalars here.
var schema = [messages][16]message{
	tracesRequest:        {1: resourceSpans},
	logsRequest:          {1: resourceLogs},
	metricsRequest:       {1: resourceMetrics},
	resourceSpans:        {1: resource, 2: scopeSpans},
	resourceLogs:         {1: resource, 2: scopeLogs},
	resourceMetrics:      {1: resource, 2: scopeMetrics},
	resource:             {1: keyValue, 3: entityRef},
	entityRef:            {3: text, 4: text},
	scope:                {3: keyValue},
	scopeSpans:           {1: scope, 2: span},
	scopeLogs:            {1: scope, 2: logRecord},
	scopeMetrics:         {1: scope, 2: metricRecord},
	span:                 {9: keyValue, 11: spanEvent, 13: spanLink},
	spanEvent:            {3: keyValue},
	spanLink:             {4: keyValue},
	logRecord:            {5: anyValue, 6: keyValue},
	metricRecord:         {5: gauge, 7: gauge, 9: histogram, 10: exponentialHistogram, 11: summary, 12: keyValue},
	gauge:                {1: numberPoint},
	histogram:            {1: histogramPoint},
	exponentialHistogram: {1: exponentialPoint},
	summary:              {1: summaryPoint},
	numberPoint:          {5: exemplar, 7: keyValue},
	histogramPoint:       {8: exemplar, 9: keyValue},
	exponentialPoint:     {1: keyValue, 11: exemplar},
	summaryPoint:         {6: quantile, 7: keyValue},
	exemplar:             {7: keyValue},
	keyValue:             {2: anyValue},
	anyValue:             {5: arrayValue, 6: keyValueList},
	arrayValue:           {1: anyValue},
	keyValueList:         {1: keyValue},
}

// childOf is the kind of message that field number of parent holds.
func childOf(parent message, number int32) message {
	switch {
	case number < 16:
		return schema[parent][number]
	case number == deprecatedScopes && parent >= resourceSpans && parent <= resourceMetrics:
		return schema[parent][2]
	}
	return scalar
}
