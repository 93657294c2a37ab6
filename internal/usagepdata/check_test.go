package usagepdata

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// checkEvent checks what every event promises, whatever was sent.
func checkEvent(t testing.TB, e *usage.Event) {
	t.Helper()
	storable := func(name, s string, max int) {
		require.LessOrEqual(t, len(s), max, name)
		require.True(t, utf8.ValidString(s), name)
		require.NotContains(t, s, "\x00", name)
	}
	storable("key", e.KeyID, usage.MaxName)
	storable("method", e.Method, 7)
	storable("route", e.Route, usage.MaxRoute)
	storable("error type", e.ErrorType, usage.MaxName)
	storable("name", e.Name, usage.MaxName)
	storable("operation", e.Operation, usage.MaxName)
	storable("agent", e.AgentID, usage.MaxName)
	storable("service", e.ServiceID, usage.MaxName)
	storable("sdk name", e.SDK.Name, usage.MaxName)
	storable("sdk version", e.SDK.Version, usage.MaxName)
	storable("sdk language", e.SDK.Language, usage.MaxName)
	storable("user agent", e.UserAgent, usage.MaxUserAgent)
	storable("country", e.Country, 2)
	storable("claimed e-mail", e.Claim.Email, usage.MaxEmail)
	storable("claimed organisation", e.Claim.Organization, usage.MaxClaim)
	for _, m := range []map[string]string{e.Attributes, e.Claim.Metadata} {
		require.LessOrEqual(t, len(m), usage.MaxAttributes)
		for k, v := range m {
			storable("attribute name", k, usage.MaxName)
			storable(k, v, usage.MaxAttribute)
		}
	}
	require.True(t, e.Fingerprint == "" || isFingerprint(e.Fingerprint) && e.KeyID == "")
	require.NotEqual(t, usage.ID{}, e.ID)
	require.Equal(t, time.UTC, e.Time.Location())
	require.Zero(t, e.Time.Nanosecond()%1000)
	require.Empty(t, usage.DefaultWindow.Check(e.Time, now))
	require.GreaterOrEqual(t, e.Duration, time.Duration(0))
	require.LessOrEqual(t, e.Duration.Microseconds(), int64(usage.MaxLatency))
	require.True(t, e.Status == 0 || e.Status >= 100 && e.Status <= 999)
	require.Equal(t, e.IsRequest(), e.Vantage != usage.VantageNone)
	require.Equal(t, e.IsRequest(), e.Method != "")
	require.Equal(t, e.Kind == usage.KindCustom, e.Name != "")
	require.False(t, e.Client.Zone() != "" || e.Client.Is4In6())
}

func checkBatch(t testing.TB, b *usage.Batch, records int) {
	t.Helper()
	require.Equal(t, records, b.Len(), "each record ends as exactly one thing")
	for i := range b.Events {
		checkEvent(t, &b.Events[i])
	}
	for _, list := range [][]usage.Rejection{b.Rejections, b.Notes} {
		for _, r := range list {
			require.Positive(t, r.Count)
			require.LessOrEqual(t, len(r.Detail), usage.MaxDetail)
			require.LessOrEqual(t, len(r.Record), usage.MaxRecord)
			require.True(t, utf8.ValidString(r.Detail) && utf8.ValidString(r.Record))
			require.False(t, strings.ContainsRune(r.Detail+r.Record, 0))
		}
	}
	for i := range b.Totals {
		require.Empty(t, usage.DefaultWindow.Check(b.Totals[i].Time, now))
		require.LessOrEqual(t, len(b.Totals[i].Attributes), usage.MaxAttributes)
	}
}
