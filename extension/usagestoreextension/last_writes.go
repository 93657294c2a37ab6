package usagestoreextension

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/extension/extensioncapabilities"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// lastWrites is for how long a collector that is about to end begins or goes on with writing what its senders wait for: what
// one attempt of the exporter may take by default. When the network gives no answer, each batch that waits would otherwise hold
// up the end for as long, one after the other. Nothing is lost: its senders are told to come back, to another collector.
const lastWrites = 10 * time.Second

// endingWriter sets one end to all that is written when the collector is about to end.
type endingWriter struct {
	usage.Writer
	last atomic.Pointer[time.Time] // nil while the collector is to go on
}

// Write implements usage.Writer.
func (w *endingWriter) Write(ctx context.Context, batches ...*usage.Batch) (usage.Receipt, error) {
	if last := w.last.Load(); last != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, *last)
		defer cancel()
	}
	receipt, err := w.Writer.Write(ctx, batches...)
	if err != nil && w.ended() {
		err = fmt.Errorf("%w: %w", usage.ErrEnding, err)
	}
	return receipt, err
}

func (w *endingWriter) ended() bool {
	last := w.last.Load()
	return last != nil && !time.Now().Before(*last)
}

func (w *endingWriter) end() {
	last := time.Now().Add(lastWrites)
	w.last.CompareAndSwap(nil, &last)
}

var _ extensioncapabilities.PipelineWatcher = (*usageStore)(nil)

// Ready implements extensioncapabilities.PipelineWatcher.
func (s *usageStore) Ready() error { return nil }

// NotReady is called before receivers are stopped, which wait for the requests that they have taken.
func (s *usageStore) NotReady() error {
	if s.writer != nil {
		s.writer.end()
	}
	return nil
}
