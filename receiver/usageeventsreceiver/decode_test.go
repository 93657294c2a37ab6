package usageeventsreceiver

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/usage"
)

func reasonFor(t *testing.T, body string) string {
	t.Helper()
	d, err := decodeStructured(nil, []byte(body))
	require.NoError(t, err)
	if len(d.rejected) == 0 {
		return ""
	}
	return d.rejected[0].Reason
}

func TestWhatIsWrongWithAnEvent(t *testing.T) {
	t.Parallel()
	replaced := func(old, new string) string { return strings.Replace(event(""), old, new, 1) }
	for name, tc := range map[string]struct{ body, reason string }{
		"nothing":                 {event(""), ""},
		"version 0.3":             {replaced(`"1.0"`, `"0.3"`), "specversion must be 1.0"},
		"version as a number":     {replaced(`"1.0"`, `1.0`), ""}, // its text is 1.0
		"id empty":                {replaced(`"1"`, `""`), "id is missing"},
		"id null":                 {replaced(`"1"`, `null`), "id is missing"},
		"id too long":             {replaced(`"1"`, `"`+strings.Repeat("x", maxID+1)+`"`), "id is longer than 256 bytes"},
		"id as long as may be":    {replaced(`"1"`, `"`+strings.Repeat("x", maxID)+`"`), ""},
		"id an object":            {replaced(`"1"`, `{}`), "id must be a string, a number or a boolean"},
		"NUL in the id":           {replaced(`"1"`, `"\u0000"`), "id has characters that are not allowed"},
		"source no URI":           {replaced(`/shop`, `%zz`), "source is no URI reference"},
		"source a URN":            {replaced(`/shop`, `urn:uuid:018f3c1e-7b2a-7c3d-9e4f-5a6b7c8d9e0f`), ""},
		"type too long":           {replaced(`cart.filled`, strings.Repeat("t", maxName+1)), "type is longer than 128 bytes"},
		"subject too long":        {event(`,"subject":"` + strings.Repeat("s", maxSubject+1) + `"`), "subject is longer than 1024 bytes"},
		"time in lower case":      {event(`,"time":"2026-11-24t08:00:00z"`), ""},
		"time without a zone":     {event(`,"time":"2026-11-24T08:00:00"`), "time is not RFC 3339 such as 2026-11-24T08:30:00Z"},
		"time a number":           {event(`,"time":1764000000`), "time is not RFC 3339 such as 2026-11-24T08:30:00Z"},
		"time zero":               {event(`,"time":"1970-01-01T00:00:00Z"`), "time lies outside the years 1970 to 2262"},
		"time of Caesar":          {event(`,"time":"0044-03-15T12:00:00Z"`), "time lies outside the years 1970 to 2262"},
		"time of Star Trek":       {event(`,"time":"2364-01-01T00:00:00Z"`), "time lies outside the years 1970 to 2262"},
		"extension in capitals":   {event(`,"partitionKey":"x"`), `"partitionKey" is no attribute name: lower-case letters and digits only`},
		"data twice":              {event(`,"data":1,"data_base64":"MQ=="`), "data and data_base64 cannot both be given"},
		"data_base64 a number":    {event(`,"data_base64":1`), "data_base64 must be a string"}, // on which the SDK's reader panics
		"data_base64 rubbish":     {event(`,"data_base64":"%"`), "data_base64 is not Base64"},
		"data_base64 no JSON":     {event(`,"data_base64":"eA=="`), "data: the body is not JSON"},
		"data_base64 too deep":    {event(`,"data_base64":"W1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV0="`), "data: JSON is nested more than 32 deep"},
		"a field named twice":     {event(`,"data":{"agent.id":"a","agent":{"id":"b"}}`), "data names disco.agent.id twice"},
		"a field with both names": {event(`,"data":{"disco.agent.id":"a","agent.id":"b"}`), "data names disco.agent.id twice"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.reason, reasonFor(t, tc.body))
		})
	}
}

func TestKnownTypes(t *testing.T) {
	t.Parallel()
	of := func(eventType, data string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":"1","source":"/s","type":%q,"data":%s}`, eventType, data)
	}
	const badAmount = "payment.amount: amount is not a plain decimal such as 12.50"
	for _, tc := range []struct{ eventType, data, reason string }{
		{"disco.payment.completed", `{"payment.amount":"1","payment.currency":"EUR"}`, ""},
		{"disco.payment.completed", `{"disco.payment.amount":1,"disco":{"payment":{"currency":"EUR"}}}`, ""},
		{"disco.payment.completed", `{}`, "payment.amount is missing\npayment.currency is missing"},
		{"disco.payment.completed", `{"payment":{"amount":-5,"currency":"EUR"}}`, badAmount},
		{"disco.payment.completed", `{"payment":{"amount":1e2,"currency":"EUR"}}`, badAmount},
		{"disco.payment.completed", `{"payment":{"amount":1e400,"currency":"EUR"}}`, badAmount},
		{"disco.payment.completed", `{"payment":{"amount":"10,00","currency":"EUR"}}`, badAmount},
		{"disco.payment.completed", `{"payment":{"amount":true,"currency":"EUR"}}`, badAmount},
		{"disco.payment.completed", `{"payment":{"amount":null,"currency":"EUR"}}`, "payment.amount is missing"},
		{"disco.payment.completed", `{"payment":{"amount":["1"],"currency":"EUR"}}`, badAmount},
		{"disco.payment.completed", `{"payment":{"amount":1,"currency":"eur"}}`, "payment.currency: currency is not an ISO 4217 code such as EUR"},
		{"disco.payment.completed", `{"payment":{"amount":1,"currency":"EUR","fee":"x"}}`, "payment.fee: amount is not a plain decimal such as 12.50"},
		{"disco.payment.refunded", `{}`, ""},
		{"disco.payment.refunded", `{"payment.amount":"NaN"}`, badAmount},
		{"disco.agent.created", `{"agent":{"id":"agt_1"}}`, ""},
		{"disco.agent.created", `{}`, "agent.id is missing"},
		{"disco.agent.created", `{"agent.id":""}`, "agent.id is empty"},
		{"disco.agent.created", `{"agent.id":"` + strings.Repeat("x", maxName+1) + `"}`, "agent.id is longer than 128 bytes"},
		{"disco.agent.created", `{"agent.id":"a\u0007"}`, "agent.id has characters that are not allowed"},
		{"disco.agent.retired", `{}`, ""},
		{"disco.agent.retired", `{"agent.id":""}`, "agent.id is empty"},
		{"disco.service.created", `{}`, "service.id is missing"},
		{"disco.service.created", `{"service.id":"svc_1"}`, ""},
		{"com.shop.order", `{"payment.amount":"NaN"}`, ""},
		{"disco.payments", `{"payment.amount":"NaN"}`, ""},
	} {
		require.Equal(t, tc.reason, reasonFor(t, of(tc.eventType, tc.data)), "%s %s", tc.eventType, tc.data)
	}
}

func TestBinaryHeaders(t *testing.T) {
	t.Parallel()
	header := func(more map[string][]string) http.Header {
		h := http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/s"}, "Ce-Type": {"t"}}
		for k, v := range more {
			h[k] = v
		}
		return h
	}
	for name, tc := range map[string]struct {
		more   map[string][]string
		body   string
		reason string
	}{
		"good":              {nil, "", ""},
		"given twice":       {map[string][]string{"Ce-Id": {"1", "2"}}, "", "header ce-id is given twice"},
		"bad percent":       {map[string][]string{"Ce-Subject": {"100%"}}, "", "header ce-subject has a % that is no percent-encoding"},
		"no UTF-8":          {map[string][]string{"Ce-Id": {"\xff"}}, "", "id has characters that are not allowed"},
		"not JSON":          {map[string][]string{"Content-Type": {"application/json"}}, "{", "data: the body is not JSON"},
		"text not in UTF-8": {map[string][]string{"Content-Type": {"text/plain"}}, "\xff", "data is not UTF-8"},
		"no media type":     {map[string][]string{"Content-Type": {"/"}}, "x", "datacontenttype is no media type"},
	} {
		d, err := decodeBinary(header(tc.more), []byte(tc.body))
		require.NoError(t, err, name)
		if tc.reason == "" {
			require.Len(t, d.events, 1, name)
			continue
		}
		require.Equal(t, tc.reason, d.rejected[0].Reason, name)
	}
}

func TestDataIsBounded(t *testing.T) {
	t.Parallel()
	var data strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&data, `"k%05d":%q,`, i, strings.Repeat("é", 600))
	}
	d, err := decodeStructured(nil, []byte(event(`,"data":{`+data.String()+`"z":1}`)))
	require.NoError(t, err)
	require.Len(t, d.events, 1)
	e := d.events[0]
	require.Len(t, e.data, maxFields)
	require.Equal(t, 10_001-maxFields, e.dropped)
	require.Equal(t, "k00000", e.data[0].name, "the same fields are kept each time")
	require.LessOrEqual(t, len(e.data[0].value.(string)), usage.MaxAttribute)
	require.Equal(t, uint32(10_001-maxFields), toLogs(d.events, "").ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).DroppedAttributesCount())
}

func TestDepth(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int{
		"": 0, "1": 0, "{}": 1, "[[]]": 2, `"[[["`: 0, `"\"[[["`: 0, `{"[":[]}`: 2, "]]][": 0, `"\\"[`: 1,
	} {
		require.Equal(t, want, depth([]byte(in)), in)
	}
}

// FuzzDecode feeds all three modes. Whatever comes, each event is accepted or has a reason, and what is accepted can be
// stored.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		event(""), "[" + event("") + "]", event(`,"data":{"payment":{"amount":1.50}}`), event(`,"data_base64":1`),
		event(`,"time":"2026-11-24T08:00:00Z","subject":"s","data":[[["x"]]]`), `{"":1}`, `[null,7,{}]`,
		`{"specversion":"1.0","id":"1","source":"/s","type":"disco.payment.completed","data":{"payment.amount":"1","payment.currency":"EUR"}}`,
	} {
		f.Add([]byte(seed), "1", "application/json")
	}
	f.Fuzz(func(t *testing.T, body []byte, id, contentType string) {
		header := http.Header{
			"Ce-Specversion": {"1.0"}, "Ce-Id": {id}, "Ce-Source": {"/s"}, "Ce-Type": {"t"}, "Ce-Extra": {id}, "Content-Type": {contentType},
		}
		for _, decode := range []func(http.Header, []byte) (decoded, error){decodeStructured, decodeBatch, decodeBinary} {
			d, err := decode(header, body)
			if err != nil {
				continue
			}
			require.LessOrEqual(t, len(d.events)+len(d.rejected), maxEvents)
			for _, r := range d.rejected {
				require.NotEmpty(t, r.Reason)
				require.LessOrEqual(t, len(r.ID), maxID)
			}
			for i := range d.events {
				e := &d.events[i]
				require.True(t, e.id != "" && e.source != "" && e.eventType != "" && isPlain(e.id+e.source+e.eventType))
				require.LessOrEqual(t, len(e.data), maxFields)
			}
			ld := toLogs(d.events, "")
			require.Equal(t, len(d.events), ld.LogRecordCount())
		}
	})
}
