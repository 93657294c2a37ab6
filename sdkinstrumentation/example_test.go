package sdkinstrumentation_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/internal/otlptest"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/pipeline"
)

// An SDK author wraps the SDK's transport.
func Example() {
	collector := &otlptest.Collector{} // stands in for the platform's
	in := sdkinstrumentation.New(
		sdkinstrumentation.WithAPIKey("dk_test_…"), // default: DISCO_API_KEY
		sdkinstrumentation.WithUserEmail("ada@example.com"),
		sdkinstrumentation.WithOrganization("Analytical Engines"),
		sdkinstrumentation.WithSDK("disco-sdk-go", "1.4.0"),
		sdkinstrumentation.WithAPIHosts(testHost),
		sdkinstrumentation.WithPipeline(pipeline.OTLP(pipeline.WithRoundTripper(collector))))

	client := &http.Client{Transport: in.Transport(&api{})}
	resp, err := client.Get("https://api.disco.example/agents")
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = resp.Body.Close()
	_ = in.Shutdown(context.Background())

	for _, span := range collector.Spans() {
		fmt.Println(span.Name, span.Attributes["http.response.status_code"], "by", span.Resource["user.email"])
	}
	// Output: GET 201 by ada@example.com
}

// An operation names what is done, however many HTTP attempts it takes.
func ExampleInstrumentation_Operation() {
	collector := &otlptest.Collector{}
	in := exampleInstrumentation(collector)
	client := &http.Client{Transport: in.Transport(&api{})}

	ctx, op := in.Operation(context.Background(), "payments.create",
		sdkinstrumentation.WithTemplate("/payments"),
		sdkinstrumentation.WithPayment("12.50", "EUR", "0.10"),
		sdkinstrumentation.WithAgent("agt_1"))
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.disco.example/payments", strings.NewReader("{}"))
	resp, err := client.Do(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	op.End(err)
	_ = in.Shutdown(context.Background())

	span := collector.Spans()[0]
	fmt.Println(span.Name)
	fmt.Println(span.Attributes["disco.operation"], span.Attributes["disco.payment.amount"], span.Attributes["disco.payment.currency"])
	// Output:
	// POST /payments
	// payments.create 12.50 EUR
}

// A custom event has a name and attributes of its own.
func ExampleInstrumentation_Track() {
	collector := &otlptest.Collector{}
	in := exampleInstrumentation(collector)
	in.Track(context.Background(), "agent_collaboration_started", attribute.Int("partners", 3))
	_ = in.Shutdown(context.Background())
	for _, event := range collector.Logs() {
		fmt.Println(event.EventName, event.Attributes["partners"])
	}
	// Output: agent_collaboration_started 3
}

// A platform wraps its API. What only the handler knows, it states with Annotate.
func ExampleInstrumentation_Middleware() {
	collector := &otlptest.Collector{}
	in := exampleInstrumentation(collector)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /payments/{id}/refund", func(w http.ResponseWriter, r *http.Request) {
		sdkinstrumentation.Annotate(r.Context(), sdkinstrumentation.WithOperationName("payments.refund"))
		w.WriteHeader(http.StatusAccepted)
	})
	handler := in.Middleware(
		sdkinstrumentation.WithTrustedProxies(netip.MustParsePrefix("10.0.0.0/8")))(mux)

	r := httptest.NewRequest(http.MethodPost, "/payments/p1/refund", http.NoBody)
	r.RemoteAddr = "10.0.0.1:4711"
	r.Header.Set("X-Forwarded-For", "198.51.100.1")
	handler.ServeHTTP(httptest.NewRecorder(), r)
	_ = in.Shutdown(context.Background())

	attrs := collector.Spans()[0].Attributes
	keys := make([]string, 0, len(attrs))
	for key := range attrs {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		fmt.Println(key, attrs[key])
	}
	// Output:
	// client.address 198.51.100.1
	// disco.operation payments.refund
	// http.request.method POST
	// http.response.status_code 202
	// http.route /payments/{id}/refund
}

// A user who says no gets no telemetry at all, and the SDK's code stays as it is.
func ExampleWithConsent() {
	in := pipeline.Start(sdkinstrumentation.WithConsent(false), sdkinstrumentation.WithAPIHosts(testHost))
	fmt.Println(in.Enabled(), in.Transport(http.DefaultTransport) == http.DefaultTransport)
	// Output: false true
}

func exampleInstrumentation(collector *otlptest.Collector) *sdkinstrumentation.Instrumentation {
	return sdkinstrumentation.New(sdkinstrumentation.WithAPIHosts(testHost),
		sdkinstrumentation.WithPipeline(pipeline.OTLP(pipeline.WithRoundTripper(collector))))
}
