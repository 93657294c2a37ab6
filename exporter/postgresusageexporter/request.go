package postgresusageexporter

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"

	"github.com/disco-platform/mirrorball/internal/usage"
	"github.com/disco-platform/mirrorball/internal/usagepdata"
)

// request is what waits in the queue: deliveries, each converted when it came. They are written together and stay apart:
// one that comes again is recognised by the writer, and none is copied. An event takes a fifth of the memory of the span that it
// was made from.
type request struct {
	parts []*usage.Batch
	items int // records in parts
	bytes int // of memory, about
}

var _ xexporterhelper.Request = (*request)(nil)

func newRequest(parts ...*usage.Batch) *request {
	r := &request{parts: parts}
	for _, part := range parts {
		r.items += part.Len()
		r.bytes += part.Size()
	}
	return r
}

// ItemsCount implements xexporterhelper.Request.
func (r *request) ItemsCount() int { return r.items }

// BytesSize implements xexporterhelper.Request. The queue takes a request of no bytes for an empty one.
func (r *request) BytesSize() int { return r.bytes }

// release gives the memory of a request back that will not be written again.
func (r *request) release() {
	for _, part := range r.parts {
		usagepdata.Release(part)
	}
	r.parts = nil
}

var (
	errSizer   = errors.New("batches are sized in items")
	errRequest = errors.New("not a request of this exporter")
)

// MergeSplit implements xexporterhelper.Request. Config.Validate allows no sizer but items.
func (r *request) MergeSplit(_ context.Context, maxItems int, sizer exporterhelper.RequestSizerType, other xexporterhelper.Request) ([]xexporterhelper.Request, error) {
	if sizer != exporterhelper.RequestSizerTypeItems {
		return nil, errSizer
	}
	if other != nil {
		next, ok := other.(*request)
		if !ok {
			return nil, errRequest
		}
		r.parts = append(r.parts, next.parts...)
		r.items, r.bytes = r.items+next.items, r.bytes+next.bytes
	}
	var all []xexporterhelper.Request
	for maxItems > 0 && r.items > maxItems {
		all = append(all, r.take(maxItems))
	}
	return append(all, r), nil
}

// take takes the first n records off r, which has more.
func (r *request) take(n int) *request {
	var taken []*usage.Batch
	for n > 0 {
		first := r.parts[0]
		if k := first.Len(); k <= n {
			taken, r.parts, n = append(taken, first), r.parts[1:], n-k
			continue
		}
		head, tail := usagepdata.Split(first, n)
		taken, r.parts, n = append(taken, head), append([]*usage.Batch{tail}, r.parts[1:]...), 0
	}
	head := newRequest(taken...)
	r.items, r.bytes = r.items-head.items, r.bytes-head.bytes
	return head
}
