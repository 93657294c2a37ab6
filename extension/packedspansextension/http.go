package packedspansextension

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/apikey/keyauth"
	"github.com/disco-platform/mirrorball/internal/packed"
)

var (
	formPacked = metric.WithAttributeSet(attribute.NewSet(attribute.String("form", "packed")))
	formAsSent = metric.WithAttributeSet(attribute.NewSet(attribute.String("form", "as_sent")))
)

// GetHTTPHandler wraps the handler of a server. confighttp runs it behind authentication and decompression.
func (p *packer) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if mayBePacked(r) {
				r = p.pack(r)
			}
			next.ServeHTTP(w, r)
		}), nil
	}, nil
}

// mayBePacked is for trace requests in protobuf by the platform's own servers.
func mayBePacked(r *http.Request) bool {
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if r.Method != http.MethodPost || !strings.EqualFold(strings.TrimSpace(mediaType), "application/x-protobuf") || !strings.HasSuffix(r.URL.Path, "/traces") {
		return false
	}
	data := keyauth.FromContext(r.Context())
	return data != nil && data.Identity != nil && data.Identity.Has(apikey.ScopeTelemetryWriteAny)
}

// pack reads the body and returns the request with another: the spans packed or, if they cannot be, as they came.
func (p *packer) pack(r *http.Request) *http.Request {
	buf := buffers.Get().(*bytes.Buffer)
	if n := r.ContentLength; n > 0 {
		buf.Grow(int(min(n, maxKept)) + bytes.MinRead)
	}
	sent := &body{original: r.Body, buf: buf}
	if _, err := buf.ReadFrom(r.Body); err != nil {
		sent.Reader = io.MultiReader(bytes.NewReader(buf.Bytes()), failed{err})
		return with(r.Context(), r, sent, r.ContentLength)
	}
	pieces, spans, ok := packed.Pack(buf.Bytes())
	if !ok {
		p.telemetry.ExtensionPackedSpansRequests.Add(r.Context(), 1, formAsSent)
		sent.Reader = bytes.NewReader(buf.Bytes())
		return with(r.Context(), r, sent, r.ContentLength)
	}
	p.telemetry.ExtensionPackedSpansRequests.Add(r.Context(), 1, formPacked)
	p.telemetry.ExtensionPackedSpansSpans.Add(r.Context(), int64(spans))
	var length int64
	readers := make([]io.Reader, len(pieces))
	for i, piece := range pieces {
		readers[i] = bytes.NewReader(piece)
		length += int64(len(piece))
	}
	sent.Reader = io.MultiReader(readers...)
	return with(packed.NewContext(r.Context()), r, sent, length)
}

// with is the request with another body. The one given is left as it is, since its server goes on using it.
func with(ctx context.Context, r *http.Request, b io.ReadCloser, length int64) *http.Request {
	r = r.WithContext(ctx)
	r.Body, r.ContentLength = b, length
	return r
}

// maxKept is the largest buffer that is kept for requests to come: some 1,800 spans.
const maxKept = 1 << 20

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// body is what the receiver reads in place of the original.
type body struct {
	io.Reader
	original io.ReadCloser
	buf      *bytes.Buffer // has all that Reader reads
}

// Close gives the buffer back. Nothing can be read after it.
func (b *body) Close() error {
	if buf := b.buf; buf != nil {
		b.Reader, b.buf = failed{http.ErrBodyReadAfterClose}, nil
		if buf.Cap() <= maxKept {
			buf.Reset()
			buffers.Put(buf)
		}
	}
	return b.original.Close()
}

// failed is a reader that nothing can be read of.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }
