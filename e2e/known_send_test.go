package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// call is a SERVER span of the platform, for the key that it names; nobody's when it names none.
func (k *known) call(key string, at time.Time, method, route string, status int, took time.Duration, more ...string) span {
	a := map[string]any{"http.request.method": method, "http.route": route, "http.response.status_code": int64(status)}
	if key != "" {
		a["disco.api_key.fingerprint"] = fingerprint(key)
	}
	for i := 0; i < len(more); i += 2 {
		a[more[i]] = more[i+1]
	}
	return span{server, at, took, a}
}

const (
	ua100 = "disco-sdk-go/1.0.0 (go1.26; linux/amd64)"
	ua110 = "disco-sdk-go/1.1.0 (go1.26; linux/amd64)"
	us    = "8.8.8.8"
	gb    = "141.1.1.1"
)

var (
	old    = []string{"user_agent.original", ua100, "client.address", us}
	recent = []string{"user_agent.original", ua110, "client.address", gb}
)

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func with(parts ...[]string) []string {
	var all []string
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func pay(amount, currency, fee, agent string) []string {
	p := []string{"disco.operation", "payments.create", "disco.payment.amount", amount, "disco.payment.currency", currency, "disco.agent.id", agent}
	if fee != "" {
		p = append(p, "disco.payment.fee", fee)
	}
	return p
}

// spans are the table above TestKnownNumbers.
func (k *known) spans() []span {
	ada, second, grace := k.ada.Key, k.adaSecond.Key, k.grace.Key
	const unregistered = "a key that nobody registered"
	return []span{
		k.call(ada, k.at(0, "10h"), "POST", "/payments", 201, ms(120), with(old, pay("12.50", "EUR", "0.25", "a1"), []string{"disco.service.id", "s1"})...),
		k.call(ada, k.at(0, "10h5m"), "POST", "/payments", 201, ms(80), with(old, pay("7.25", "EUR", "0.15", "a2"), []string{"disco.service.id", "s1"})...),
		k.call(ada, k.at(0, "10h20m"), "POST", "/payments", 402, ms(40), with(old, pay("5.00", "EUR", "", "a1"))...),
		k.call(second, k.at(0, "11h"), "GET", "/payments/{id}", 200, ms(20), with(recent, []string{"disco.agent.id", "a1"})...),
		k.call(ada, k.at(0, "23h50m"), "GET", "/payments/{id}", 500, ms(300), recent...),
		k.call(ada, k.at(1, "0h"), "POST", "/agents", 201, ms(60), with(recent, []string{"disco.operation", "agents.create", "disco.agent.id", "a3"})...),
		k.call(ada, k.at(1, "8h"), "POST", "/payments", 201, ms(100), with(recent, pay("100.00", "USD", "1.00", "a1"))...),
		k.call(ada, k.at(1, "9h"), "GET", "/payments/{id}", 401, ms(1), recent...),
		k.call(ada, k.at(1, "10h"), "POST", "/payments", 201, ms(100), with(recent, pay("NaN", "EUR", "", "a1"))...),

		k.call(grace, k.at(0, "12h"), "GET", "/services", 200, ms(10), old...),
		k.call(grace, k.at(0, "12h30m"), "GET", "/services", 200, ms(10), old...),
		k.call(grace, k.at(2, "12h"), "POST", "/services", 201, ms(30), with(old, []string{"disco.operation", "services.create", "disco.service.id", "s9"})...),

		k.call(k.mallory.Key, k.at(1, "15h"), "GET", "+route", 200, ms(50), "disco.operation", "@SUM(1+1)", "disco.service.id", "-1+2",
			"disco.sdk.name", "=sdk", "disco.sdk.version", "+1", "disco.sdk.language", "-go"),
		k.call(k.alan.Key, k.daysAgo(80), "GET", "/services", 500, ms(5)),
		k.call(k.alan.Key, k.daysAgo(40), "GET", "/services", 200, ms(5)),

		k.call(k.linus.Key, k.at(0, "13h"), "GET", "/services", 200, ms(10), old...),
		k.call(k.adaSandbox.Key, k.at(2, "7h"), "GET", "/payments/{id}", 404, ms(20), recent...),

		k.call("", k.at(1, "11h"), "GET", "/payments/{id}", 401, ms(2), old...),
		k.call(unregistered, k.at(1, "11h1m"), "GET", "/payments/{id}", 200, ms(2), old...),
		k.call(k.platform, k.at(0, "14h"), "POST", "/payments", 201, ms(9), with(old, pay("999.00", "EUR", "9.00", "a9"))...),
		k.call(k.admin, k.at(0, "14h10m"), "GET", "/payments/{id}", 200, ms(9), recent...),
	}
}

// send tells the collector everything, most of it more than once.
func (k *known) send(t *testing.T) {
	all := traces(k.spans()...)
	require.Equal(t, http.StatusOK, k.c.postTraces(k.platform, all))
	require.Equal(t, http.StatusOK, k.c.postTraces(k.platform, all), "the same again changes nothing")
	require.NoError(t, k.c.grpcTraces(k.platform, all), "nor does it over gRPC")
	k.sendClientSpans(t)
	k.sendCloudEvents(t)
	k.sendLogs(t)
	k.sendMetrics(t)
}

// sendClientSpans is what Ada's own program says: two calls seen from the client's side, one of which never arrived; a
// forged SERVER span; a forged payment; somebody else's fingerprint. It claims to be somebody else's besides. Lin's reports
// a call, Linus's a payment in the sandbox.
func (k *known) sendClientSpans(t *testing.T) {
	sdk := func(more map[string]any) map[string]any {
		a := map[string]any{"disco.sdk.name": "disco-sdk-go", "disco.sdk.version": "1.0.0", "http.request.method": "POST", "http.route": "/payments"}
		maps.Copy(a, more)
		return a
	}
	created := map[string]any{"http.response.status_code": int64(201)}
	td := traces(
		span{client, k.at(0, "10h"), ms(150), sdk(created)},
		span{client, k.at(0, "10h30m"), ms(900), sdk(map[string]any{"error.type": "timeout"})},
		span{server, k.at(0, "10h31m"), ms(1), sdk(created)},
		span{client, k.at(0, "10h32m"), ms(100), sdk(map[string]any{"http.response.status_code": int64(201), "disco.payment.amount": "1000000", "disco.payment.currency": "EUR"})},
		span{client, k.at(0, "10h33m"), ms(1), sdk(map[string]any{"http.response.status_code": int64(200), "disco.api_key.fingerprint": fingerprint(k.grace.Key)})},
	)
	resource(td, map[string]any{"user.email": "grace@example.com", "disco.organization.name": "Hopper", "disco.user.metadata.team": "ledger"})
	require.NoError(t, k.c.grpcTraces(k.ada.Key, td))
	require.NoError(t, k.c.grpcTraces(k.lin.Key, traces(span{client, k.at(0, "10h"), ms(150), sdk(created)})))
	require.NoError(t, k.c.grpcTraces(k.linus.Key, traces(
		span{client, k.at(0, "13h"), ms(12), sdk(map[string]any{"http.response.status_code": int64(201), "disco.payment.amount": "5", "disco.payment.currency": "JPY"})},
	)))
}

func resource(td ptrace.Traces, attributes map[string]any) {
	_ = td.ResourceSpans().At(0).Resource().Attributes().FromRaw(attributes)
}

const formula = `=HYPERLINK("http://evil.example","click, please")`

func (k *known) sendCloudEvents(t *testing.T) {
	clock := func(day int, at string) string { return k.at(day, at).Format(time.RFC3339) }
	k.c.events(t, k.platform, fmt.Sprintf(`[
		{"specversion":"1.0","id":"p1","source":"/ledger","type":"disco.payment.completed","time":%q,
		 "data":{"api_key.fingerprint":%q,"payment.amount":"3.10","payment.fee":"0.05","payment.currency":"EUR"}},
		{"specversion":"1.0","id":"c1","source":"/agents","type":"disco.agent.created","time":%q,
		 "data":{"disco.api_key.fingerprint":%q,"disco.agent.id":"a4"}},
		{"specversion":"1.0","id":"p2","source":"/ledger","type":"disco.payment.completed","time":%q,
		 "data":{"api_key.fingerprint":%q,"payment.amount":"50.5","payment.fee":"0.505","payment.currency":"USD"}},
		{"specversion":"1.0","id":"p3","source":"/ledger","type":"disco.payment.completed","time":%q,
		 "data":{"payment.amount":"777","payment.fee":"7","payment.currency":"EUR"}}]`,
		clock(1, "12h"), fingerprint(k.ada.Key), clock(1, "12h"), fingerprint(k.ada.Key), clock(2, "13h"), fingerprint(k.grace.Key), clock(2, "14h")))
	k.c.events(t, k.ada.Key, fmt.Sprintf(`[{"specversion":"1.0","id":"x1","source":"/app","type":"agent_collaboration_started","time":%q,"data":{"agent.id":"a5"}}]`,
		clock(1, "13h")))
	k.c.events(t, k.mallory.Key, fmt.Sprintf(`[{"specversion":"1.0","id":"x1","source":"/app","type":%q,"time":%q}]`, formula, clock(1, "16h")))
	k.c.events(t, k.eve.Key, fmt.Sprintf(`[{"specversion":"1.0","id":"x1","source":"/app","type":"dashboard_opened","time":%q}]`, clock(1, "17h")))
}

func (k *known) sendLogs(t *testing.T) {
	ld := plog.NewLogs()
	record := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetEventName("agent_collaboration_started")
	record.SetTimestamp(pcommon.NewTimestampFromTime(k.at(1, "14h")))
	record.Attributes().PutStr("log.record.uid", "01J0000000000000000000TEST")
	require.Equal(t, http.StatusOK, k.c.postLogs(k.ada.Key, ld))
	require.Equal(t, http.StatusOK, k.c.postLogs(k.ada.Key, ld))
}

// sendMetrics sends a total that nothing may add up.
func (k *known) sendMetrics(t *testing.T) {
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("disco.sdk.operations")
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	point := sum.DataPoints().AppendEmpty()
	point.SetIntValue(5000)
	point.SetStartTimestamp(pcommon.NewTimestampFromTime(k.at(1, "0h")))
	point.SetTimestamp(pcommon.NewTimestampFromTime(k.at(1, "15h")))
	require.Equal(t, http.StatusOK, k.c.postMetrics(k.ada.Key, md))
}
