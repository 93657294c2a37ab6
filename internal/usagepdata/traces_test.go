package usagepdata

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/internal/usage"
)

const fingerprint = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func TestServerSpanBecomesARequestOfTheKeyItNames(t *testing.T) {
	t.Parallel()
	td := oneSpan(t, platform, attrs{
		"http.request.method": "POST", "http.route": "/payments/{id}", "http.response.status_code": 201,
		"disco.api_key.fingerprint": fingerprint, "disco.api_key.id": "key_alice",
		"user.email": "alice@example.com", "disco.organization.name": "Wonder",
		"disco.claimed.user.email": " ALICE@example.com", "disco.claimed.organization.name": "Wonder Ltd",
		"disco.operation": "payments.create", "disco.agent.id": "agt_1", "disco.service.id": "svc_1",
		"disco.payment.amount": "12.50", "disco.payment.fee": "0.25", "disco.payment.currency": "EUR",
		"disco.sdk.name": "disco-sdk-go", "disco.sdk.version": "1.2.0", "disco.sdk.language": "go",
		"user_agent.original": "disco-sdk-go/1.2.0", "client.address": "::ffff:203.0.113.7", "geo.country.iso_code": "DE",
		"http.request.resend_count": 2, "server.address": "api.disco.example", "disco.batch": "b1",
	}, ptrace.SpanKindServer, nil)

	batch := FromTraces(td, options)

	sum := sha256.Sum256(append([]byte{'s', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 2, 0, 0, 0, 0, 0, 0, 0))
	want := usage.Event{
		ID: usage.ID(sum[:16]), Kind: usage.KindRequest, Vantage: usage.VantageServer,
		KeyID: "key_alice", ReporterID: "key_platform", Trusted: true,
		Time:   time.Date(2026, 11, 24, 7, 59, 0, 1000, time.UTC),
		Method: "POST", Route: "/payments/{id}", Status: 201, Duration: 250 * time.Millisecond, ResendCount: 2,
		Operation: "payments.create", AgentID: "agt_1", ServiceID: "svc_1",
		Payment:   &usage.Payment{Amount: decimal.RequireFromString("12.50"), Fee: decimal.RequireFromString("0.25"), Currency: "EUR"},
		SDK:       usage.SDK{Name: "disco-sdk-go", Version: "1.2.0", Language: "go"},
		UserAgent: "disco-sdk-go/1.2.0", Client: netip.MustParseAddr("203.0.113.7"), Country: "DE",
		Claim:      usage.Claim{Email: " ALICE@example.com", Organization: "Wonder Ltd", Mismatch: true},
		Attributes: map[string]string{"disco.batch": "b1"},
	}
	require.Empty(t, cmp.Diff(&usage.Batch{Events: []usage.Event{want}}, batch, cmp.Comparer(netipEqual)))
}

func netipEqual(a, b netip.Addr) bool { return a == b }

func TestClientSpanBecomesARequestOfItsSender(t *testing.T) {
	t.Parallel()
	resource := attrs{"disco.user.metadata.team": "blue", "disco.claimed.user.email": "alice@example.com"}
	for k, v := range customer {
		resource[k] = v
	}
	batch := FromTraces(oneSpan(t, resource, attrs{
		"http.request.method": "GET", "url.path": "/agents/42", "error.type": "timeout",
		"disco.api_key.id": "key_bob", // not the reporter's to say
	}, ptrace.SpanKindClient, func(s ptrace.Span) { s.Status().SetCode(ptrace.StatusCodeError) }), options)

	require.Len(t, batch.Events, 1)
	e := batch.Events[0]
	require.Equal(t, usage.VantageClient, e.Vantage)
	require.Equal(t, "key_alice", e.KeyID)
	require.False(t, e.Trusted)
	require.True(t, e.Failed)
	require.Equal(t, 0, e.Status)
	require.Equal(t, "timeout", e.ErrorType)
	require.Equal(t, "/agents/{id}", e.Route)
	require.Equal(t, usage.Claim{Email: "alice@example.com", Metadata: map[string]string{"team": "blue"}}, e.Claim)
	require.Nil(t, e.Attributes)
}

func TestWhoseCallItIs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		resource, record attrs
		kind             ptrace.SpanKind
		keyID            string
		fingerprint      string
	}{
		"a call without any key is nobody's":         {platform, attrs{}, ptrace.SpanKindServer, "", ""},
		"a key that nobody registered":               {platform, attrs{"disco.api_key.fingerprint": fingerprint}, ptrace.SpanKindServer, "", fingerprint},
		"what is no fingerprint is not kept":         {platform, attrs{"disco.api_key.fingerprint": "dk_live_x"}, ptrace.SpanKindServer, "", ""},
		"a registered key":                           {platform, attrs{"disco.api_key.id": "key_bob", "disco.api_key.fingerprint": fingerprint}, ptrace.SpanKindServer, "key_bob", ""},
		"the platform calling itself":                {platform, attrs{"disco.api_key.id": "key_platform", "disco.api_key.fingerprint": fingerprint}, ptrace.SpanKindServer, "key_platform", ""},
		"a key named by the resource":                {attrs{"mirrorball.reporter": "key_platform", "mirrorball.trusted": true, "disco.api_key.id": "key_bob"}, attrs{}, ptrace.SpanKindServer, "key_bob", ""},
		"the platform's own SDK":                     {platform, attrs{"disco.sdk.name": "x"}, ptrace.SpanKindClient, "key_platform", ""},
		"an untrusted sender cannot name a key":      {customer, attrs{"disco.api_key.id": "key_bob", "disco.api_key.fingerprint": fingerprint}, ptrace.SpanKindClient, "key_alice", ""},
		"a string is not the boolean that we stamp":  {attrs{"mirrorball.reporter": "key_eve", "mirrorball.trusted": "true", "disco.sdk.name": "x"}, attrs{"disco.api_key.id": "key_bob"}, ptrace.SpanKindClient, "key_eve", ""},
		"without the processor nothing is anybody's": {attrs{"disco.api_key.id": "key_bob", "disco.sdk.name": "x"}, attrs{}, ptrace.SpanKindClient, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.record["http.request.method"] = "GET"
			batch := FromTraces(oneSpan(t, tc.resource, tc.record, tc.kind, nil), options)
			require.Len(t, batch.Events, 1)
			require.Equal(t, tc.keyID, batch.Events[0].KeyID)
			require.Equal(t, tc.fingerprint, batch.Events[0].Fingerprint)
		})
	}
}

// A platform's server may itself be a user of the SDK; that says nothing of who calls it.
func TestTheReporterIsNotTheCaller(t *testing.T) {
	t.Parallel()
	resource := attrs{
		"disco.claimed.user.email": "ops@platform.example", "disco.claimed.organization.name": "Platform", "disco.user.metadata.team": "ops",
		"disco.sdk.name": "disco-sdk-go", "disco.sdk.version": "9.9.9", "user_agent.original": "ops", "client.address": "192.0.2.1", "geo.country.iso_code": "US",
	}
	for k, v := range platform {
		resource[k] = v
	}
	record := attrs{"http.request.method": "GET", "disco.api_key.fingerprint": fingerprint, "disco.api_key.id": "key_alice", "user.email": "alice@example.com"}
	stranger := attrs{"http.request.method": "GET"}
	for name, batch := range map[string]*usage.Batch{
		"a call with a key":    FromTraces(oneSpan(t, resource, record, ptrace.SpanKindServer, nil), options),
		"a call without a key": FromTraces(oneSpan(t, resource, stranger, ptrace.SpanKindServer, nil), options),
		"an event of a key":    FromLogs(oneLog(t, resource, record, named("x")), options),
	} {
		require.Len(t, batch.Events, 1, name)
		e := batch.Events[0]
		require.Equal(t, usage.Claim{}, e.Claim, name)
		require.Equal(t, usage.SDK{}, e.SDK, name)
		require.Empty(t, e.UserAgent+e.Country, name)
		require.False(t, e.Client.IsValid(), name)
	}
	own := FromLogs(oneLog(t, resource, attrs{}, named("x")), options).Events[0]
	require.Equal(t, "ops@platform.example", own.Claim.Email)
	require.Equal(t, "9.9.9", own.SDK.Version)
	require.Equal(t, "key_platform", own.KeyID)

	resource["disco.api_key.fingerprint"] = fingerprint // the resource is a customer's
	delete(record, "disco.api_key.fingerprint")
	theirs := FromTraces(oneSpan(t, resource, record, ptrace.SpanKindServer, nil), options).Events[0]
	require.Equal(t, "key_alice", theirs.KeyID)
	require.Equal(t, "ops@platform.example", theirs.Claim.Email)
	require.True(t, theirs.Claim.Mismatch)
}

func TestWhatCountsAsFailed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status any
		code   ptrace.StatusCode
		want   int
		failed bool
		kind   usage.Kind
	}{
		"200":              {200, ptrace.StatusCodeUnset, 200, false, usage.KindRequest},
		"399":              {399, ptrace.StatusCodeOk, 399, false, usage.KindRequest},
		"400":              {400, ptrace.StatusCodeUnset, 400, true, usage.KindRequest},
		"401":              {401, ptrace.StatusCodeUnset, 401, true, usage.KindAuthFailure},
		"503 as text":      {"503", ptrace.StatusCodeUnset, 503, true, usage.KindRequest},
		"200 but Error":    {200, ptrace.StatusCodeError, 200, true, usage.KindRequest},
		"no status, Error": {"", ptrace.StatusCodeError, 0, true, usage.KindRequest},
		"out of range":     {70000, ptrace.StatusCodeUnset, 0, false, usage.KindRequest},
		"negative":         {-404, ptrace.StatusCodeUnset, 0, false, usage.KindRequest},
		"404.0":            {404.0, ptrace.StatusCodeUnset, 404, true, usage.KindRequest},
		"404.5":            {404.5, ptrace.StatusCodeUnset, 0, false, usage.KindRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			batch := FromTraces(oneSpan(t, platform, attrs{"http.request.method": "GET", "http.response.status_code": tc.status},
				ptrace.SpanKindServer, func(s ptrace.Span) { s.Status().SetCode(tc.code) }), options)
			require.Len(t, batch.Events, 1)
			require.Equal(t, tc.want, batch.Events[0].Status)
			require.Equal(t, tc.failed, batch.Events[0].Failed)
			require.Equal(t, tc.kind, batch.Events[0].Kind)
		})
	}
	t.Run("a client's 401 is an ordinary request", func(t *testing.T) {
		t.Parallel()
		batch := FromTraces(oneSpan(t, customer, attrs{"http.request.method": "GET", "http.response.status_code": 401}, ptrace.SpanKindClient, nil), options)
		require.Equal(t, usage.KindRequest, batch.Events[0].Kind)
	})
}

func TestSpansThatAreRefused(t *testing.T) {
	t.Parallel()
	get := attrs{"http.request.method": "GET"}
	at := func(ts uint64) func(ptrace.Span) {
		return func(s ptrace.Span) {
			s.SetStartTimestamp(pcommon.Timestamp(ts))
			s.SetEndTimestamp(pcommon.Timestamp(ts))
		}
	}
	nanos := func(d time.Duration) uint64 { return uint64(now.Add(d).UnixNano()) }
	const day = 24 * time.Hour
	for name, tc := range map[string]struct {
		resource, record attrs
		kind             ptrace.SpanKind
		change           func(ptrace.Span)
		reason           usage.Reason
	}{
		"a customer's SERVER span":         {customer, get, ptrace.SpanKindServer, nil, usage.ReasonNotUsage},
		"an INTERNAL span":                 {customer, get, ptrace.SpanKindInternal, nil, usage.ReasonNotUsage},
		"the platform's INTERNAL span":     {platform, get, ptrace.SpanKindInternal, nil, usage.ReasonNotUsage},
		"the platform's plain CLIENT":      {platform, get, ptrace.SpanKindClient, nil, usage.ReasonNotUsage},
		"no method":                        {platform, attrs{"http.route": "/"}, ptrace.SpanKindServer, nil, usage.ReasonNotUsage},
		"another's key":                    {customer, attrs{"http.request.method": "GET", "mirrorball.foreign_key": true}, ptrace.SpanKindServer, nil, usage.ReasonForeignKey},
		"another's key, on anything":       {customer, attrs{"mirrorball.foreign_key": true}, ptrace.SpanKindInternal, nil, usage.ReasonForeignKey},
		"zero trace id":                    {platform, get, ptrace.SpanKindServer, func(s ptrace.Span) { s.SetTraceID(pcommon.TraceID{}) }, usage.ReasonNoID},
		"zero span id":                     {platform, get, ptrace.SpanKindServer, func(s ptrace.Span) { s.SetSpanID(pcommon.SpanID{}) }, usage.ReasonNoID},
		"no times":                         {platform, get, ptrace.SpanKindServer, at(0), usage.ReasonNoTime},
		"no start":                         {platform, get, ptrace.SpanKindServer, func(s ptrace.Span) { s.SetStartTimestamp(0) }, usage.ReasonNoTime},
		"no end":                           {platform, get, ptrace.SpanKindServer, func(s ptrace.Span) { s.SetEndTimestamp(0) }, usage.ReasonBadDuration},
		"ends one nanosecond too early":    {platform, get, ptrace.SpanKindServer, func(s ptrace.Span) { s.SetEndTimestamp(s.StartTimestamp() - 1) }, usage.ReasonBadDuration},
		"1970":                             {platform, get, ptrace.SpanKindServer, at(1), usage.ReasonTooOld},
		"2090":                             {platform, get, ptrace.SpanKindServer, at(uint64(time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())), usage.ReasonInFuture},
		"the end of time":                  {platform, get, ptrace.SpanKindServer, at(math.MaxUint64), usage.ReasonInFuture},
		"a microsecond older than 90 days": {platform, get, ptrace.SpanKindServer, at(nanos(-90*day - time.Microsecond)), usage.ReasonTooOld},
		"exactly 90 days":                  {platform, get, ptrace.SpanKindServer, at(nanos(-90 * day)), ""},
		"exactly an hour ahead":            {platform, get, ptrace.SpanKindServer, at(nanos(time.Hour)), ""},
		"an hour and a microsecond ahead":  {platform, get, ptrace.SpanKindServer, at(nanos(time.Hour + time.Microsecond)), usage.ReasonInFuture},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			batch := FromTraces(oneSpan(t, tc.resource, tc.record, tc.kind, tc.change), options)
			require.Equal(t, 1, batch.Len())
			if tc.reason == "" {
				require.Len(t, batch.Events, 1)
				return
			}
			require.Len(t, batch.Rejections, 1)
			r := batch.Rejections[0]
			require.Equal(t, tc.reason, r.Reason)
			require.Equal(t, tc.resource["mirrorball.reporter"], r.ReporterID)
			if tc.reason.Kept() {
				require.NotEmpty(t, r.Detail)
				require.True(t, json.Valid([]byte(r.Record)), r.Record)
			} else {
				require.Empty(t, r.Record)
			}
		})
	}
}

func TestOneBadSpanDoesNotTouchTheOthers(t *testing.T) {
	t.Parallel()
	td := ptrace.NewTraces()
	for i := range 300 {
		change := func(s ptrace.Span) { s.SetSpanID(pcommon.SpanID{byte(i), byte(i >> 8), 1}) }
		kind := ptrace.SpanKindServer
		switch {
		case i%3 == 1:
			kind = ptrace.SpanKindInternal
		case i%3 == 2:
			change = func(s ptrace.Span) { s.SetSpanID(pcommon.SpanID{}) }
		}
		oneSpan(t, platform, attrs{"http.request.method": "GET"}, kind, change).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	}
	batch := FromTraces(td, options)
	require.Equal(t, 300, batch.Len())
	require.Len(t, batch.Events, 100)
	require.Len(t, batch.Rejections, 101) // 100 without an id in full, and one for all INTERNAL spans
	for _, r := range batch.Rejections {
		if r.Reason == usage.ReasonNotUsage {
			require.Equal(t, 100, r.Count)
		}
	}
}

func TestQuarantineIsBounded(t *testing.T) {
	t.Parallel()
	td := ptrace.NewTraces()
	for range 1000 {
		oneSpan(t, platform, attrs{"http.request.method": "GET", "disco.note": strings.Repeat("\x01", 5000)}, ptrace.SpanKindServer,
			func(s ptrace.Span) { s.SetSpanID(pcommon.SpanID{}) }).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	}
	batch := FromTraces(td, options)
	require.Equal(t, 1000, batch.Len())
	require.Len(t, batch.Rejections, 101)
	require.Equal(t, 900, batch.Rejections[100].Count)
	for _, r := range batch.Rejections {
		require.LessOrEqual(t, len(r.Record), usage.MaxRecord)
	}
}

func TestPayments(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		record attrs
		want   string // amount fee currency; "" for none
		note   string
	}{
		"none":                {attrs{}, "", ""},
		"currency alone":      {attrs{"disco.payment.currency": "EUR"}, "", ""},
		"exact":               {attrs{"disco.payment.amount": "0.10", "disco.payment.currency": "USD"}, "0.1 0 USD", ""},
		"eighteen decimals":   {attrs{"disco.payment.amount": "999999999999999.000000000000000001", "disco.payment.currency": "USD"}, "999999999999999.000000000000000001 0 USD", ""},
		"whole number":        {attrs{"disco.payment.amount": 7, "disco.payment.fee": 1, "disco.payment.currency": "JPY"}, "7 1 JPY", ""},
		"float":               {attrs{"disco.payment.amount": 0.1, "disco.payment.currency": "USD"}, "", "floating-point"},
		"float fee":           {attrs{"disco.payment.amount": "1", "disco.payment.fee": 0.1, "disco.payment.currency": "USD"}, "", "floating-point"},
		"NaN":                 {attrs{"disco.payment.amount": "NaN", "disco.payment.currency": "USD"}, "", "plain decimal"},
		"1e400":               {attrs{"disco.payment.amount": "1e400", "disco.payment.currency": "USD"}, "", "plain decimal"},
		"negative":            {attrs{"disco.payment.amount": "-5", "disco.payment.currency": "USD"}, "", "plain decimal"},
		"negative number":     {attrs{"disco.payment.amount": -5, "disco.payment.currency": "USD"}, "", "plain decimal"},
		"comma":               {attrs{"disco.payment.amount": "10,00", "disco.payment.currency": "USD"}, "", "plain decimal"},
		"a megabyte of ones":  {attrs{"disco.payment.amount": strings.Repeat("1", 1<<20), "disco.payment.currency": "USD"}, "", "plain decimal"},
		"unknown currency":    {attrs{"disco.payment.amount": "5", "disco.payment.currency": "XYZ"}, "", "ISO 4217"},
		"lower-case currency": {attrs{"disco.payment.amount": "5", "disco.payment.currency": "usd"}, "", "ISO 4217"},
		"no currency":         {attrs{"disco.payment.amount": "5"}, "", "ISO 4217"},
		"fee without amount":  {attrs{"disco.payment.fee": "5", "disco.payment.currency": "USD"}, "", "missing"},
		"bad fee":             {attrs{"disco.payment.amount": "5", "disco.payment.fee": "x", "disco.payment.currency": "USD"}, "", "fee"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.record["http.request.method"] = "POST"
			batch := FromTraces(oneSpan(t, platform, tc.record, ptrace.SpanKindServer, nil), options)
			require.Len(t, batch.Events, 1, "the request counts whatever its payment is")
			require.Equal(t, 1, batch.Len(), "a note is no record")
			got := ""
			if p := batch.Events[0].Payment; p != nil {
				got = fmt.Sprintf("%s %s %s", p.Amount, p.Fee, p.Currency)
			}
			require.Equal(t, tc.want, got)
			if tc.note == "" {
				require.Empty(t, batch.Notes)
				return
			}
			require.Len(t, batch.Notes, 1)
			require.Equal(t, usage.ReasonBadPayment, batch.Notes[0].Reason)
			require.Equal(t, "key_platform", batch.Notes[0].ReporterID)
			require.Contains(t, batch.Notes[0].Detail, tc.note)
		})
	}
}

func TestLongDurationsAreClamped(t *testing.T) {
	t.Parallel()
	batch := FromTraces(oneSpan(t, platform, attrs{"http.request.method": "GET"}, ptrace.SpanKindServer, func(s ptrace.Span) {
		s.SetEndTimestamp(math.MaxUint64)
	}), options)
	require.Equal(t, time.Duration(usage.MaxLatency)*time.Microsecond, batch.Events[0].Duration)
}

func TestHostileStringsAreBounded(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("a\x00\xff", 400_000)
	record := attrs{"http.request.method": huge, "http.route": huge, "user_agent.original": huge, "disco.agent.id": huge, "error.type": huge}
	for i := range 10_000 {
		record[fmt.Sprintf("disco.extra.%d", i)] = "x"
	}
	batch := FromTraces(oneSpan(t, platform, record, ptrace.SpanKindServer, nil), options)
	require.Len(t, batch.Events, 1)
	checkEvent(t, &batch.Events[0])
	e := batch.Events[0]
	require.Equal(t, "_OTHER", e.Method)
	require.Len(t, e.Attributes, usage.MaxAttributes)
	require.Equal(t, "9937", e.Attributes["otel.dropped_attributes_count"])
}

func TestNoKeyInClearIsKept(t *testing.T) {
	t.Parallel()
	const key = "dk_live_0123456789abcdefghijABCDEFGHIJ01234567"
	record := attrs{"http.request.method": "GET", "disco.note": "Bearer " + key, "disco.payment.amount": key}
	batch := FromTraces(oneSpan(t, platform, record, ptrace.SpanKindServer, nil), options)
	require.NotContains(t, fmt.Sprintf("%+v", batch), key)
	require.Equal(t, "Bearer [api key]", batch.Events[0].Attributes["disco.note"], "in the words of the api_key processor")
	batch = FromTraces(oneSpan(t, platform, record, ptrace.SpanKindServer, func(s ptrace.Span) { s.SetSpanID(pcommon.SpanID{}) }), options)
	require.Len(t, batch.Rejections, 1)
	require.NotContains(t, fmt.Sprintf("%+v", batch), key)
}

// The environment is that of the key. What a caller claims is kept where it says something else.
func TestClaimedEnvironment(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		resource, record attrs
		kind             ptrace.SpanKind
		want             map[string]string
		mismatch         bool
	}{
		"the key's own":   {platform, attrs{"disco.environment": "live", "disco.claimed.environment": "Live"}, ptrace.SpanKindServer, nil, false},
		"another":         {platform, attrs{"disco.environment": "sandbox", "disco.claimed.environment": "live"}, ptrace.SpanKindServer, attributes("disco.claimed.environment", "live"), true},
		"no key":          {platform, attrs{"disco.claimed.environment": "live"}, ptrace.SpanKindServer, nil, false},
		"by the resource": {claiming(customer, "sandbox", "live"), attrs{}, ptrace.SpanKindClient, attributes("disco.claimed.environment", "live"), true},
		"of the reporter": {claiming(platform, "sandbox", "live"), attrs{}, ptrace.SpanKindServer, nil, false},
		"a key in it":     {platform, attrs{"disco.environment": "live", "disco.claimed.environment": "dk_live_12345678"}, ptrace.SpanKindServer, attributes("disco.claimed.environment", "[api key]"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.record["http.request.method"] = "GET"
			batch := FromTraces(oneSpan(t, tc.resource, tc.record, tc.kind, nil), options)
			require.Len(t, batch.Events, 1)
			require.Equal(t, tc.want, batch.Events[0].Attributes)
			require.Equal(t, tc.mismatch, batch.Events[0].Claim.Mismatch)
		})
	}
	record := attrs{"disco.environment": "sandbox", "disco.claimed.environment": "live"}
	batch := FromLogs(oneLog(t, customer, record, func(r plog.LogRecord) { r.SetEventName("x") }), options)
	require.Len(t, batch.Events, 1)
	require.Equal(t, "live", batch.Events[0].Attributes["disco.claimed.environment"])
	require.True(t, batch.Events[0].Claim.Mismatch)
}

func attributes(name, value string) map[string]string { return map[string]string{name: value} }

func claiming(resource attrs, verified, claimed string) attrs {
	out := maps.Clone(resource)
	out["disco.environment"], out["disco.claimed.environment"] = verified, claimed
	return out
}

func TestMismatch(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		claimed, verified string
		want              bool
	}{
		{"", "a@b.c", false}, {"a@b.c", "", false}, {"a@b.c", "a@b.c", false}, {" A@B.C\t", "a@b.c", false},
		{"ａ@b.c", "a@b.c", false}, // full-width a, the same under NFKC
		{"а@b.c", "a@b.c", true},  // Cyrillic a
		{"a@b.c", "x@b.c", true}, {"ÄRGER", "ärger", false},
	} {
		require.Equal(t, tc.want, differs(tc.claimed, tc.verified), "%q and %q", tc.claimed, tc.verified)
	}
}
