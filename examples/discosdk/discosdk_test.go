package discosdk_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/disco-platform/mirrorball/examples/discoapi"
	"github.com/disco-platform/mirrorball/examples/discosdk"
	"github.com/disco-platform/mirrorball/sdkinstrumentation"
)

const key = "dk_live_0000000000000000000000000000000000000A"

// world is a Disco API and a client of it, both of which report to recorders.
type world struct {
	client        *discosdk.Client
	sdk, platform *tracetest.SpanRecorder
	mu            sync.Mutex
	waited        []time.Duration
	fault         func(attempt int) int
	attempts      int
}

func newWorld(t *testing.T, apiKey string) *world {
	t.Helper()
	w := &world{sdk: tracetest.NewSpanRecorder(), platform: tracetest.NewSpanRecorder(), fault: func(int) int { return 0 }}
	in := sdkinstrumentation.New(sdkinstrumentation.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.platform))))
	server := httptest.NewServer(discoapi.New(discoapi.Config{
		Keys:            func(raw string) bool { return raw == key },
		Instrumentation: in,
		TrustedProxies:  []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Fault: func(context.Context) int {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.attempts++
			return w.fault(w.attempts)
		},
	}))
	t.Cleanup(server.Close)
	collector := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(collector.Close)
	w.client = discosdk.New(apiKey,
		discosdk.WithBaseURL(server.URL+"/"),
		discosdk.WithUser("ada@example.com", "Analytical Engines"),
		discosdk.WithSleep(func(_ context.Context, d time.Duration) error {
			w.waited = append(w.waited, d)
			return nil
		}),
		discosdk.WithTelemetry(
			sdkinstrumentation.WithEndpoint(collector.URL),
			sdkinstrumentation.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.sdk)))))
	t.Cleanup(func() { _ = w.client.Close(context.Background()) })
	return w
}

// attributesOf maps the attributes of the newest span.
func attributesOf(t *testing.T, r *tracetest.SpanRecorder, kind trace.SpanKind) map[attribute.Key]string {
	t.Helper()
	spans := r.Ended()
	require.NotEmpty(t, spans)
	last := spans[len(spans)-1]
	require.Equal(t, kind, last.SpanKind())
	out := map[attribute.Key]string{}
	for _, a := range last.Attributes() {
		out[a.Key] = a.Value.String()
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t, key)
	ctx := context.Background()

	agent, err := w.client.Agents.Create(ctx, "buyer")
	require.NoError(t, err)
	seller, err := w.client.Agents.Create(ctx, "seller")
	require.NoError(t, err)
	agents, err := w.client.Agents.List(ctx, 10)
	require.NoError(t, err)
	require.Equal(t, []string{seller.ID, agent.ID}, []string{agents[0].ID, agents[1].ID})

	service, err := w.client.Services.Create(ctx, discosdk.ServiceParams{Name: "translation", Price: "0.25", Currency: "EUR"})
	require.NoError(t, err)
	services, err := w.client.Services.List(ctx, 10)
	require.NoError(t, err)
	require.Equal(t, "0.25", services[0].Price)

	payment, err := w.client.Payments.Create(ctx, discosdk.PaymentParams{
		Amount: "12.50", Currency: "EUR", AgentID: agent.ID, ServiceID: service.ID,
	})
	require.NoError(t, err)
	require.Equal(t, "0.66", payment.Fee) // 12.50 × 2.9 % = 0.3625, and 0.30

	client := attributesOf(t, w.sdk, trace.SpanKindClient)
	server := attributesOf(t, w.platform, trace.SpanKindServer)
	for _, side := range []map[attribute.Key]string{client, server} {
		require.Equal(t, "/payments", side["http.route"])
		require.Equal(t, "201", side["http.response.status_code"])
		require.Equal(t, "payments.create", side["disco.operation"])
		require.Equal(t, "12.50", side["disco.payment.amount"])
		require.Equal(t, "EUR", side["disco.payment.currency"])
		require.Equal(t, agent.ID, side["disco.agent.id"])
		require.Equal(t, service.ID, side["disco.service.id"])
	}
	require.Empty(t, client["disco.payment.fee"], "the fee is the platform's to state")
	require.Equal(t, "0.66", server["disco.payment.fee"])
	require.Equal(t, "ada@example.com", server["disco.claimed.user.email"])
	require.Equal(t, "live", server["disco.claimed.environment"])
	for name, value := range server {
		require.NotContains(t, value, key, "%s", name)
	}

	got, err := w.client.Payments.Get(ctx, payment.ID)
	require.NoError(t, err)
	require.Equal(t, payment, got)
	require.Equal(t, "/payments/{id}", attributesOf(t, w.platform, trace.SpanKindServer)["http.route"])

	refunded, err := w.client.Payments.Refund(ctx, payment.ID)
	require.NoError(t, err)
	require.Equal(t, "refunded", refunded.Status)
	list, err := w.client.Payments.List(ctx, 5)
	require.NoError(t, err)
	require.Equal(t, "refunded", list[0].Status)

	work, err := w.client.Agents.Collaborate(ctx, "split an invoice", agent.ID, seller.ID)
	require.NoError(t, err)
	require.Equal(t, []string{agent.ID, seller.ID}, work.AgentIDs)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		key    string
		do     func(context.Context, *discosdk.Client) error
		status int
		code   string
	}{
		"unknown key": {"dk_live_typo", func(ctx context.Context, c *discosdk.Client) error { _, err := c.Payments.List(ctx, 1); return err }, 401, "unauthorized"},
		"no such payment": {key, func(ctx context.Context, c *discosdk.Client) error {
			_, err := c.Payments.Get(ctx, "pay_x")
			return err
		}, 404, "not_found"},
		"too much":         {key, pay("10000.01", "EUR"), 402, "insufficient_funds"},
		"comma":            {key, pay("10,00", "EUR"), 400, "invalid_request"},
		"not a number":     {key, pay("NaN", "EUR"), 400, "invalid_request"},
		"negative":         {key, pay("-5", "EUR"), 400, "invalid_request"},
		"nothing":          {key, pay("0.00", "EUR"), 400, "invalid_request"},
		"unknown currency": {key, pay("1.00", "DOGE"), 400, "invalid_request"},
		"lonely agent": {key, func(ctx context.Context, c *discosdk.Client) error {
			_, err := c.Agents.Collaborate(ctx, "x", "agt_1")
			return err
		}, 400, "invalid_request"},
		"nameless agent": {key, func(ctx context.Context, c *discosdk.Client) error { _, err := c.Agents.Create(ctx, ""); return err }, 400, "invalid_request"},
		"bad limit":      {key, func(ctx context.Context, c *discosdk.Client) error { _, err := c.Agents.List(ctx, 0); return err }, 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, test.key)
			err := test.do(context.Background(), w.client)
			var answer *discosdk.Error
			require.ErrorAs(t, err, &answer)
			require.Equal(t, test.status, answer.Status)
			require.Equal(t, test.code, answer.Code)
			require.NotContains(t, err.Error(), test.key)
			require.Len(t, w.sdk.Ended(), 1, "a refusal is not worth another attempt")
		})
	}
}

func pay(amount, currency string) func(context.Context, *discosdk.Client) error {
	return func(ctx context.Context, c *discosdk.Client) error {
		_, err := c.Payments.Create(ctx, discosdk.PaymentParams{Amount: amount, Currency: currency})
		return err
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault    func(attempt int) int
		write    bool
		attempts int
		fails    bool
	}{
		"reading is repeated after 500":        {fault: failures(1, 500), attempts: 2},
		"writing is not repeated after 500":    {fault: failures(1, 500), write: true, attempts: 1, fails: true},
		"writing is repeated after 503":        {fault: failures(2, 503), write: true, attempts: 3},
		"three attempts are all that are made": {fault: failures(9, 503), attempts: 3, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, key)
			w.fault = test.fault
			var err error
			if test.write {
				_, err = w.client.Agents.Create(context.Background(), "x")
			} else {
				_, err = w.client.Agents.List(context.Background(), 1)
			}
			require.Equal(t, test.fails, err != nil, "%v", err)
			require.Len(t, w.sdk.Ended(), test.attempts)
			require.Len(t, w.platform.Ended(), test.attempts)
			if test.attempts > 1 {
				last := attributesOf(t, w.sdk, trace.SpanKindClient)
				require.Equal(t, []string{"", "1", "2"}[test.attempts-1], last["http.request.resend_count"])
			}
			for i := range w.waited[:max(len(w.waited)-1, 0)] {
				require.Equal(t, 2*w.waited[i], w.waited[i+1])
			}
		})
	}
}

func failures(n, status int) func(int) int {
	return func(attempt int) int {
		if attempt <= n {
			return status
		}
		return 0
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, key)
	var answer *discosdk.Error
	for i := 0; i < 100 && !errors.As(w.get(), &answer); i++ {
	}
	require.NotNil(t, answer, "a hundred calls at once are too many")
	require.Equal(t, http.StatusTooManyRequests, answer.Status)
	require.Equal(t, time.Second, w.waited[0], "the server's Retry-After is obeyed")
}

func (w *world) get() error {
	_, err := w.client.Agents.List(context.Background(), 1)
	return err
}

func TestSomebodyElseAnswers(t *testing.T) {
	t.Parallel()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode("go away")
	}))
	t.Cleanup(proxy.Close)
	client := discosdk.New(key, discosdk.WithBaseURL(proxy.URL), discosdk.WithTelemetry(sdkinstrumentation.WithDisabled()))
	_, err := client.Payments.List(context.Background(), 1)
	require.EqualError(t, err, "disco: payments.list: 403 unexpected: Forbidden")
}

func TestACallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(server.Close)
	client := discosdk.New(key, discosdk.WithBaseURL(server.URL), discosdk.WithTelemetry(sdkinstrumentation.WithDisabled()))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := client.Payments.List(ctx, 1)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
