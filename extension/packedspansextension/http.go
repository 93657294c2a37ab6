package packedspansextension

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"

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
				p.pack(w, r, next)
			} else {
				next.ServeHTTP(w, r)
			}
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

// pack reads the body and hands the request on with another: the spans packed or, if they cannot be, as they came. The memory is
// used again once the request is answered.
func (p *packer) pack(w http.ResponseWriter, r *http.Request, next http.Handler) {
	ctx := r.Context()
	sent, err := packed.Read(r.Body, r.ContentLength)
	if err != nil {
		defer sent.Release()
		next.ServeHTTP(w, with(ctx, r, io.MultiReader(bytes.NewReader(sent.Bytes()), failed{err}), r.ContentLength))
		return
	}
	request, body, ok := packed.Pack(sent)
	if !ok {
		defer sent.Release()
		p.telemetry.ExtensionPackedSpansRequests.Add(ctx, 1, formAsSent)
		next.ServeHTTP(w, with(ctx, r, bytes.NewReader(sent.Bytes()), r.ContentLength))
		return
	}
	defer request.Close()
	p.telemetry.ExtensionPackedSpansRequests.Add(ctx, 1, formPacked)
	p.telemetry.ExtensionPackedSpansSpans.Add(ctx, int64(request.Spans()))
	next.ServeHTTP(w, with(packed.NewContext(ctx, request), r, bytes.NewReader(body), int64(len(body))))
}

// with is the request with another body. The one given is left as it is, since its server goes on using it.
func with(ctx context.Context, r *http.Request, b io.Reader, length int64) *http.Request {
	original := r.Body
	r = r.WithContext(ctx)
	r.Body, r.ContentLength = body{b, original}, length
	return r
}

// body is what the receiver reads in place of the original.
type body struct {
	io.Reader
	io.Closer
}

// failed is a reader that nothing can be read of.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }
