package e2e

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// Whatever comes in, the answer says what is wrong, the rest of the batch is stored and the process lives.
func TestBadInput(t *testing.T) {
	t.Parallel()
	c := startCollector(t)
	user := c.register("bad@example.com", "=HYPERLINK(\"http://evil\")", "live")
	c.refusesBadRequests(t, user)
	c.storesWhatIsGood(t, user)

	csv := c.text(t, "/analytics/export?format=csv", user.Key)
	for line := range strings.Lines(csv) {
		for cell := range strings.SplitSeq(line, ",") {
			require.NotContains(t, "=+-@\t", cell[:1], "a formula in %q", line)
		}
	}
	require.Contains(t, c.reconcile(), "equal")
}

func (c *collector) refusesBadRequests(t *testing.T, user customer) {
	const protobuf = "application/x-protobuf"
	good, err := ptraceotlp.NewExportRequestFromTraces(traces(span{client, time.Now().Add(-time.Hour), ms(1), nil})).MarshalProto()
	require.NoError(t, err)
	for name, f := range map[string]struct {
		contentType, key string
		body             []byte
		want             int
	}{
		"no key":             {protobuf, "", good, 401},
		"malformed key":      {protobuf, "dk_live_short", good, 401},
		"unknown key":        {protobuf, "dk_live_00000000000000000000000000000000" + "000000", good, 401},
		"too large":          {protobuf, user.Key, make([]byte, 5<<20), 413},
		"cut off":            {protobuf, user.Key, good[:len(good)/2], 400},
		"not protobuf":       {protobuf, user.Key, []byte("hello"), 400},
		"wrong content type": {"text/plain", user.Key, good, 415},
	} {
		status, answer, err := c.post("OTLP_HTTP", "/v1/traces", f.contentType, f.key, f.body)
		if f.want == 413 && (err != nil || status == 400) {
			continue // the receiver answers a body that is too large with 400, or closes the connection
		}
		require.NoError(t, err, name)
		require.Equalf(t, f.want, status, "%s: %s", name, answer)
	}
}

// storesWhatIsGood sends one batch of 13 spans: four are refused, five have a payment that is dropped.
func (c *collector) storesWhatIsGood(t *testing.T, user customer) {
	require.Equal(t, http.StatusOK, c.postTraces(c.key("platform"), traces(badSpans(user.Key)...)))
	a := c.get("/analytics/usage", user.Key)
	equalNumbers(t, a["overview"].(map[string]any), map[string]string{"total_requests": "9", "error_count": "0"})
	equalNumbers(t, a["payments"].(map[string]any), map[string]string{"count": "0"})

	reasons := c.query(t, "SELECT string_agg(reason || '=' || n, ' ' ORDER BY reason) FROM (SELECT reason, count(*) n FROM quarantine GROUP BY reason) q")
	require.Equal(t, "bad_duration=1 bad_payment=5 in_future=1 no_time=1 too_old=1", reasons)
	ledger := c.query(t, "SELECT string_agg(outcome || '=' || n, ' ' ORDER BY outcome) FROM (SELECT outcome, sum(count) n FROM ingest_ledger WHERE outcome NOT LIKE 'note:%' GROUP BY outcome) q")
	require.Equal(t, "bad_duration=1 in_future=1 no_time=1 stored=9 too_old=1", ledger, "received = stored + rejected = 13")
}

func badSpans(key string) []span {
	call := func(at time.Time, took time.Duration, more map[string]any) span {
		a := map[string]any{"http.request.method": "GET", "http.route": "/x", "http.response.status_code": int64(200), "disco.api_key.fingerprint": fingerprint(key)}
		maps.Copy(a, more)
		return span{server, at, took, a}
	}
	pay := func(amount, currency string) map[string]any {
		return map[string]any{"disco.payment.amount": amount, "disco.payment.currency": currency}
	}
	many := map[string]any{}
	for i := range 10_000 {
		many["disco.x."+strings.Repeat("a", i%7)+string(rune('a'+i%26))+time.Duration(i).String()] = "v"
	}
	hour := time.Now().UTC().Add(-time.Hour)
	return []span{
		call(hour, ms(1), nil),
		call(time.Unix(0, 0), ms(1), nil),                             // no time: refused
		call(time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC), ms(1), nil), // too old: refused
		call(time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC), ms(1), nil), // in the future: refused
		call(hour, -ms(5), nil),                                       // negative duration: refused
		call(hour, ms(1), many),
		call(hour, ms(1), map[string]any{"disco.agent.id": "nul\x00nul", "disco.operation": "bad\xff\xfeutf8"}),
		call(hour, ms(1), map[string]any{"user_agent.original": strings.Repeat("u", 1<<20)}),
		call(hour, ms(1), pay("NaN", "EUR")),
		call(hour, ms(1), pay("1e400", "EUR")),
		call(hour, ms(1), pay("-5", "EUR")),
		call(hour, ms(1), pay("10,00", "EUR")),
		call(hour, ms(1), pay("10.00", "XXL")),
	}
}

func (c *collector) text(t *testing.T, path, key string) string {
	t.Helper()
	status, body := c.call(http.MethodGet, path, key, nil)
	require.Equalf(t, http.StatusOK, status, "%s", body)
	return string(body)
}
