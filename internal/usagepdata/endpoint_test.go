package usagepdata

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/usage"
)

func TestTemplatedPath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/":                              "/",
		"":                               "/",
		"payments":                       "/payments",
		"/payments":                      "/payments",
		"/payments/":                     "/payments/",
		"/v1/payments/42":                "/v1/payments/{id}",
		"/payments/0":                    "/payments/{id}",
		"/payments/pay_123":              "/payments/{id}",
		"/payments/pay_1/refunds/ref-9f": "/payments/{id}/refunds/{id}",
		"/agents/agt_Zk81LqpW":           "/agents/{id}",
		"/users/018f3c1e-7b2a-7c3d-9e4f-5a6b7c8d9e0f": "/users/{id}",
		"/users/018F3C1E7B2A7C3D9E4F5A6B7C8D9E0F":     "/users/{id}",
		"/c/deadbeef1":                      "/c/{id}",
		"/c/deadbeef":                       "/c/deadbeef", // no digit: a word, for all one can tell
		"/c/01ARZ3NDEKTSV4RRFFQ69G5FAV":     "/c/{id}",
		"/c/V1StGXR8_Z5jdHi6B-myT":          "/c/{id}",
		"/c/0ujsszwN8NRY24YaXiTIE2VWDTS":    "/c/{id}",
		"/reports/2026-11-24":               "/reports/{id}",
		"/reports/2026-11-24T10:00:00Z":     "/reports/{id}",
		"/users/bob@example.com":            "/users/{id}",
		"/users/bob%40example.com":          "/users/{id}",
		"/search/caf%C3%A9":                 "/search/{id}",
		"/search/café":                      "/search/{id}",
		"/oauth2/token":                     "/oauth2/token",
		"/api/v12/agents":                   "/api/v12/agents",
		"/webhooks/payment_completed":       "/webhooks/payment_completed",
		"/payments/batch-v2":                "/payments/batch-v2",
		"/.well-known/openid-configuration": "/.well-known/openid-configuration",
		"/agents/{id}/tasks":                "/agents/{id}/tasks",
		"/agents/{agent}":                   "/agents/{agent}",
		"/payments?id=42":                   "/payments",
		"/payments/42#top":                  "/payments/{id}",
		"/a/" + strings.Repeat("x", 41):     "/a/{id}",
		"/a//b":                             "/a//b",
	} {
		require.Equal(t, want, templated(path), path)
	}
}

func TestEndpointPrefersWhatTheSenderNamed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		call httpCall
		want string
	}{
		{httpCall{route: "/a/{x}", template: "/b", path: "/c/1"}, "/a/{x}"},
		{httpCall{route: "GET /a/{x}"}, "/a/{x}"},
		{httpCall{route: "/a b"}, "/a b"},
		{httpCall{route: "/users/42"}, "/users/42"}, // named as a route, so it is one
		{httpCall{route: "/a?token=secret"}, "/a"},
		{httpCall{template: "/b/{id}", path: "/c/1"}, "/b/{id}"},
		{httpCall{path: "/c/1", url: "https://x/d/2"}, "/c/{id}"},
		{httpCall{url: "https://u:p@api.example/d/2?q=1"}, "/d/{id}"},
		{httpCall{url: "https://api.example"}, "/"},
		{httpCall{url: "https://api.example?q=1"}, "/"},
		{httpCall{}, ""},
	} {
		require.Equal(t, tc.want, tc.call.endpoint(), "%+v", tc.call)
	}
}

func TestMethod(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"GET": "GET", "get": "GET", "Patch": "PATCH", "QUERY": "QUERY", "BREW": "_OTHER", "": "_OTHER",
		"GET /": "_OTHER", strings.Repeat("GET", 1000): "_OTHER",
	} {
		require.Equal(t, want, method(in), in)
	}
}

func FuzzTemplated(f *testing.F) {
	for _, seed := range []string{"/payments/42", "/a/pay_1//", "?", "/\xff/%", "/" + strings.Repeat("9/", 600)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got := templated(path)
		require.LessOrEqual(t, len(got), usage.MaxRoute)
		require.True(t, utf8.ValidString(got))
		require.Equal(t, byte('/'), got[0])
		require.Equal(t, -1, strings.IndexAny(got, "?#\x00@%"))
		if len(got) < usage.MaxRoute-4 { // what was cut may look different
			require.Equal(t, got, templated(got), "templating twice changes nothing")
		}
	})
}
