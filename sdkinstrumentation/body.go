package sdkinstrumentation

import (
	"context"
	"io"
	"net/http"

	"go.opentelemetry.io/otel/metric"
)

// countBody measures a response whose length was not announced, as it is read.
func (in *Instrumentation) countBody(resp *http.Response, opts []metric.RecordOption) {
	if resp.ContentLength >= 0 || resp.Body == nil || resp.Body == http.NoBody {
		return
	}
	if _, upgraded := resp.Body.(io.Writer); upgraded {
		return // after 101 the body is a connection
	}
	resp.Body = &countedBody{ReadCloser: resp.Body, in: in, opts: opts}
}

type countedBody struct {
	io.ReadCloser
	in    *Instrumentation
	opts  []metric.RecordOption
	bytes int64
	done  bool
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.bytes += int64(n)
	if err != nil {
		b.finish()
	}
	return n, err
}

func (b *countedBody) Close() error {
	b.finish()
	return b.ReadCloser.Close()
}

func (b *countedBody) finish() {
	if b.done {
		return
	}
	b.done = true
	b.in.each(func(i *instruments) { i.responseSize.Record(context.Background(), b.bytes, b.opts...) })
}
