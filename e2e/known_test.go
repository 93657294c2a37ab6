package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	server = ptrace.SpanKindServer
	client = ptrace.SpanKindClient
)

// known is a small history of two customers, sent over every way in, with its figures worked out by hand below.
//
// day 0 is ten days ago, UTC. Ada's calls, as the platform's servers saw them:
//
//	day 0 10:00  POST /payments       201  120 ms  a1 s1  12.50 EUR fee 0.25   v1.0.0  US
//	day 0 10:05  POST /payments       201   80 ms  a2 s1   7.25 EUR fee 0.15   v1.0.0  US
//	day 0 10:20  POST /payments       402   40 ms  a1      5.00 EUR            v1.0.0  US   (failed: no payment)
//	day 0 11:00  GET  /payments/{id}  200   20 ms  a1                          v1.1.0  GB
//	day 0 23:50  GET  /payments/{id}  500  300 ms                              v1.1.0  GB
//	day 1 00:00  POST /agents         201   60 ms  a3 agents.create            v1.1.0  GB
//	day 1 08:00  POST /payments       201  100 ms  a1    100.00 USD fee 1.00   v1.1.0  GB
//	day 1 09:00  GET  /payments/{id}  401    1 ms                              v1.1.0  GB
//	day 1 10:00  POST /payments       201  100 ms  a1    NaN EUR               v1.1.0  GB   (bad amount: a request, no payment)
//
// and by CloudEvents of the platform, day 1 12:00: a payment of 3.10 EUR fee 0.05 and an agent created (a4).
type known struct {
	c        *collector
	ada      customer
	grace    customer
	sandbox  customer
	day      time.Time
	platform string
}

func (k *known) at(day int, clock string) time.Time {
	d, err := time.ParseDuration(clock)
	if err != nil {
		panic(err)
	}
	return k.day.AddDate(0, 0, day).Add(d)
}

// call is a SERVER span of the platform.
func (k *known) call(key string, at time.Time, method, route string, status int, took time.Duration, more ...string) span {
	a := map[string]any{
		"http.request.method": method, "http.route": route, "http.response.status_code": int64(status),
		"disco.api_key.fingerprint": fingerprint(key),
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

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func (k *known) spans() []span {
	old := []string{"user_agent.original", ua100, "client.address", us}
	recent := []string{"user_agent.original", ua110, "client.address", gb}
	pay := func(amount, currency, fee, agent string) []string {
		p := []string{"disco.operation", "payments.create", "disco.payment.amount", amount, "disco.payment.currency", currency, "disco.agent.id", agent}
		if fee != "" {
			p = append(p, "disco.payment.fee", fee)
		}
		return p
	}
	with := func(parts ...[]string) []string {
		var all []string
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	ada := k.ada.Key
	return []span{
		k.call(ada, k.at(0, "10h"), "POST", "/payments", 201, ms(120), with(old, pay("12.50", "EUR", "0.25", "a1"), []string{"disco.service.id", "s1"})...),
		k.call(ada, k.at(0, "10h5m"), "POST", "/payments", 201, ms(80), with(old, pay("7.25", "EUR", "0.15", "a2"), []string{"disco.service.id", "s1"})...),
		k.call(ada, k.at(0, "10h20m"), "POST", "/payments", 402, ms(40), with(old, pay("5.00", "EUR", "", "a1"))...),
		k.call(ada, k.at(0, "11h"), "GET", "/payments/{id}", 200, ms(20), with(recent, []string{"disco.agent.id", "a1"})...),
		k.call(ada, k.at(0, "23h50m"), "GET", "/payments/{id}", 500, ms(300), recent...),
		k.call(ada, k.at(1, "0h"), "POST", "/agents", 201, ms(60), with(recent, []string{"disco.operation", "agents.create", "disco.agent.id", "a3"})...),
		k.call(ada, k.at(1, "8h"), "POST", "/payments", 201, ms(100), with(recent, pay("100.00", "USD", "1.00", "a1"))...),
		k.call(ada, k.at(1, "9h"), "GET", "/payments/{id}", 401, ms(1), recent...),
		k.call(ada, k.at(1, "10h"), "POST", "/payments", 201, ms(100), with(recent, pay("NaN", "EUR", "", "a1"))...),

		k.call(k.grace.Key, k.at(0, "12h"), "GET", "/services", 200, ms(10), old...),
		k.call(k.grace.Key, k.at(0, "12h30m"), "GET", "/services", 200, ms(10), old...),
		k.call(k.grace.Key, k.at(2, "12h"), "POST", "/services", 201, ms(30), with(old, []string{"disco.operation", "services.create", "disco.service.id", "s9"})...),
		k.call(k.sandbox.Key, k.at(0, "13h"), "GET", "/services", 200, ms(10), old...),
	}
}

func (k *known) send(t *testing.T) {
	c := k.c
	all := traces(k.spans()...)
	require.Equal(t, http.StatusOK, c.postTraces(k.platform, all))
	require.Equal(t, http.StatusOK, c.postTraces(k.platform, all), "the same again changes nothing")
	require.NoError(t, c.grpcTraces(k.platform, all), "nor does it over gRPC")

	// What Ada's own program says: two calls seen from the client's side, one of which never arrived; a forged SERVER
	// span; a forged payment; somebody else's fingerprint.
	sdk := map[string]any{"disco.sdk.name": "disco-sdk-go", "disco.sdk.version": "1.0.0", "http.request.method": "POST", "http.route": "/payments"}
	with := func(more map[string]any) map[string]any {
		out := map[string]any{}
		for _, m := range []map[string]any{sdk, more} {
			for name, value := range m {
				out[name] = value
			}
		}
		return out
	}
	require.NoError(t, c.grpcTraces(k.ada.Key, traces(
		span{client, k.at(0, "10h"), ms(150), with(map[string]any{"http.response.status_code": int64(201)})},
		span{client, k.at(0, "10h30m"), ms(900), with(map[string]any{"error.type": "timeout"})},
		span{server, k.at(0, "10h31m"), ms(1), with(map[string]any{"http.response.status_code": int64(200)})},
		span{client, k.at(0, "10h32m"), ms(100), with(map[string]any{"http.response.status_code": int64(201), "disco.payment.amount": "1000000", "disco.payment.currency": "EUR"})},
		span{client, k.at(0, "10h33m"), ms(1), with(map[string]any{"http.response.status_code": int64(200), "disco.api_key.fingerprint": fingerprint(k.grace.Key)})},
	)))

	c.events(t, k.platform, fmt.Sprintf(`[
		{"specversion":"1.0","id":"p1","source":"/ledger","type":"disco.payment.completed","time":%q,
		 "data":{"api_key.fingerprint":%q,"payment.amount":"3.10","payment.fee":"0.05","payment.currency":"EUR"}},
		{"specversion":"1.0","id":"c1","source":"/agents","type":"disco.agent.created","time":%q,
		 "data":{"disco.api_key.fingerprint":%q,"disco.agent.id":"a4"}}]`,
		k.at(1, "12h").Format(time.RFC3339), fingerprint(k.ada.Key), k.at(1, "12h").Format(time.RFC3339), fingerprint(k.ada.Key)))
	c.events(t, k.ada.Key, fmt.Sprintf(`[{"specversion":"1.0","id":"x1","source":"/app","type":"agent_collaboration_started","time":%q,"data":{"agent.id":"a5"}}]`,
		k.at(1, "13h").Format(time.RFC3339)))

	ld := plog.NewLogs()
	record := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetEventName("agent_collaboration_started")
	record.SetTimestamp(pcommon.NewTimestampFromTime(k.at(1, "14h")))
	record.Attributes().PutStr("log.record.uid", "01J0000000000000000000TEST")
	require.Equal(t, http.StatusOK, c.postLogs(k.ada.Key, ld))
	require.Equal(t, http.StatusOK, c.postLogs(k.ada.Key, ld))

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
	require.Equal(t, http.StatusOK, c.postMetrics(k.ada.Key, md))
}

func TestKnownNumbers(t *testing.T) {
	t.Parallel()
	c := startCollector(t)
	k := &known{c: c, platform: c.key("platform"), day: time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -10)}
	k.ada = c.register("ada@example.com", "Analytical Engines", "live")
	k.grace = c.register("grace@example.com", "Hopper", "live")
	k.sandbox = c.register("linus@example.com", "Kernel", "sandbox")
	k.send(t)

	t.Run("Usage", func(t *testing.T) { k.usage(t) })
	t.Run("UsageInKathmandu", func(t *testing.T) { k.kathmandu(t) })
	t.Run("Platform", func(t *testing.T) { k.platformAnswer(t) })
	t.Run("UserInfo", func(t *testing.T) {
		info, _ := json.Marshal(c.get("/analytics/user-info", k.ada.Key))
		require.Contains(t, string(info), "ada@example.com")
		require.NotContains(t, string(info), "grace@example.com")
	})
	t.Run("Reconcile", func(t *testing.T) { require.Contains(t, c.reconcile(), "equal") })
}

func (k *known) usage(t *testing.T) {
	query := "/analytics/usage?granularity=daily&start_date=" + k.day.Format(time.DateOnly) + "&end_date=" + k.at(2, "0h").Format(time.DateOnly)
	a := k.c.get(query, k.ada.Key)

	overview := a["overview"].(map[string]any)
	equalNumbers(t, overview, map[string]string{
		"total_requests": "9", // all the platform saw
		"error_count":    "3", // 402, 500, 401
		"error_rate":     "33.33",
		"unique_agents":  "5", // a1 a2 a3 on requests, a4 a5 in events
		"agents_created": "2", // POST /agents and the event
	})
	equalNumbers(t, overview, map[string]string{"services_created": "0"})

	payments := a["payments"].(map[string]any)
	// EUR: 12.50 + 7.25 + 3.10, fees 0.25 + 0.15 + 0.05. USD: one.
	equalNumbers(t, payments, map[string]string{"count": "4", "volume": "22.85", "fees_collected": "0.45"})
	require.Equal(t, "EUR", payments["currency"])
	byCurrency := payments["by_currency"].([]any)
	require.Len(t, byCurrency, 2)
	for _, entry := range byCurrency {
		e := entry.(map[string]any)
		switch e["currency"] {
		case "EUR":
			equalNumbers(t, e, map[string]string{"count": "3", "volume": "22.85", "fees_collected": "0.45"})
		case "USD":
			equalNumbers(t, e, map[string]string{"count": "1", "volume": "100.00", "fees_collected": "1.00"})
		default:
			t.Fatalf("unexpected currency %v", e["currency"])
		}
	}

	series := a["time_series"].([]any)
	require.Len(t, series, 3)
	for i, want := range []map[string]string{
		{"requests": "5", "errors": "2", "error_rate": "40"},
		{"requests": "4", "errors": "1", "error_rate": "25"},
		{"requests": "0", "errors": "0", "error_rate": "0"},
	} {
		equalNumbers(t, series[i].(map[string]any), want)
	}

	endpoints := map[string]map[string]any{}
	for _, e := range a["top_endpoints"].([]any) {
		m := e.(map[string]any)
		endpoints[fmt.Sprint(m["method"], " ", m["endpoint"])] = m
	}
	require.Len(t, endpoints, 3)
	equalNumbers(t, endpoints["POST /payments"], map[string]string{"count": "5", "avg_response_time_ms": "88"}) // (120+80+40+100+100)/5
	equalNumbers(t, endpoints["GET /payments/{id}"], map[string]string{"count": "3", "avg_response_time_ms": "107"})
	equalNumbers(t, endpoints["POST /agents"], map[string]string{"count": "1", "avg_response_time_ms": "60"})
	near(t, endpoints["POST /payments"]["p50_ms"], 100)
	near(t, endpoints["POST /payments"]["p99_ms"], 120)

	grace := k.c.get(query, k.grace.Key)
	equalNumbers(t, grace["overview"].(map[string]any), map[string]string{"total_requests": "3", "error_count": "0", "services_created": "1", "unique_agents": "0"})
	require.NotContains(t, fmt.Sprint(grace), "/agents")
	sandbox := k.c.get(query, k.sandbox.Key)
	equalNumbers(t, sandbox["overview"].(map[string]any), map[string]string{"total_requests": "1"})
}

// In Kathmandu, 5 h 45 min ahead, 23:50 and everything after 18:15 UTC belong to the next day.
func (k *known) kathmandu(t *testing.T) {
	a := k.c.get("/analytics/usage?granularity=daily&timezone=Asia/Kathmandu&start_date="+k.day.Format(time.DateOnly)+"&end_date="+k.at(2, "0h").Format(time.DateOnly), k.ada.Key)
	series := a["time_series"].([]any)
	require.Len(t, series, 3)
	equalNumbers(t, series[0].(map[string]any), map[string]string{"requests": "4", "errors": "1"})
	equalNumbers(t, series[1].(map[string]any), map[string]string{"requests": "5", "errors": "2"})
}

func (k *known) platformAnswer(t *testing.T) {
	status, _ := k.c.call(http.MethodGet, "/analytics/platform", k.ada.Key, nil)
	require.Equal(t, http.StatusForbidden, status)

	a := k.c.get("/analytics/platform", k.c.key("admin"))
	text, err := json.Marshal(a)
	require.NoError(t, err)
	t.Logf("%s", text)
	equalNumbers(t, a["overview"].(map[string]any), map[string]string{
		"registered_users": "2", "active_users": "2", // live ones; Linus is in the sandbox
		"total_requests": "12", "error_count": "3", "error_rate": "25",
	})
}

// equalNumbers requires fields to be these numbers, written in any equivalent decimal form but exactly equal.
func equalNumbers(t *testing.T, got map[string]any, want map[string]string) {
	t.Helper()
	for field, number := range want {
		value, ok := got[field].(json.Number)
		require.Truef(t, ok, "%s is %v", field, got[field])
		require.Truef(t, sameNumber(value.String(), number), "%s is %s, want %s", field, value, number)
	}
}

// near requires a percentile to be within its documented 2 %.
func near(t *testing.T, got any, want float64) {
	t.Helper()
	value, err := got.(json.Number).Float64()
	require.NoError(t, err)
	require.InEpsilon(t, want, value, 0.02)
}
