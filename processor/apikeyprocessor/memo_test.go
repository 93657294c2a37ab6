package apikeyprocessor

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// What is remembered within a request changes nothing: its spans come out as each does in a request of its own.
func TestSpansComeOutAsTheyDoAlone(t *testing.T) {
	t.Parallel()
	spans := []map[string]any{
		{"http.request.method": "GET"},
		{"authorization": "x"},
		{"user.email": "eve@example.com"},
		{"disco.api_key.fingerprint": aliceKey.Fingerprint.String(), "client.address": "8.8.8.8", "user_agent.original": "disco-sdk-go/1.2.3"},
		{"disco.api_key.fingerprint": bobKey.Fingerprint.String(), "client.address": "1.1.1.1", "user_agent.original": "disco-sdk-py/2.0.0"},
		{"disco.api_key.fingerprint": "no fingerprint", "client.address": "no address", "user_agent.original": "curl/8"},
		{"dk_live_0123456789": "a key in a name"},
		{"mirrorball.reporter": "forged"},
		{"disco.api_key.fingerprint": aliceKey.Fingerprint.String(), "client.address": "8.8.8.8", "user_agent.original": "disco-sdk-go/1.2.3"},
		{"disco.sdk.name": "own", "user_agent.original": "disco-sdk-go/1.2.3"},
		{"geo.country.iso_code": "FR", "client.address": "8.8.8.8"},
	}
	for name, sender := range senders {
		together := ptrace.NewTraces()
		list := together.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		for _, attributes := range spans {
			require.NoError(t, list.AppendEmpty().Attributes().FromRaw(attributes))
		}
		p := started(t, newKeyStore(), nopSettings())
		out, err := p.processTraces(sender(), together)
		require.NoError(t, err)
		for i, attributes := range spans {
			alone := ptrace.NewTraces()
			require.NoError(t, alone.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().Attributes().FromRaw(attributes))
			want, err := p.processTraces(sender(), alone)
			require.NoError(t, err)
			require.Equal(t,
				want.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw(),
				out.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(i).Attributes().AsRaw(), "%s, span %d", name, i)
		}
	}
}
