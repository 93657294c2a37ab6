package sdkinstrumentation_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/pipeline"
)

func TestOptionsBeatTheEnvironment(t *testing.T) {
	t.Setenv("DISCO_API_KEY", "dk_live_fromenvironment")
	t.Setenv("DISCO_USER_EMAIL", "env@example.com")
	t.Setenv("DISCO_ORGANIZATION", "Env")
	t.Setenv("DISCO_API_HOSTS", "api.disco.example, localhost:8080")

	id := sdkinstrumentation.New().Identity()
	require.Equal(t, "dk_live_fromenvironment", id.APIKey)
	require.Equal(t, "live", id.Environment())
	require.Equal(t, "env@example.com", id.UserEmail)
	require.Equal(t, "Env", id.Organization)
	require.Equal(t, "disco-sdk-go", id.SDKName)

	id = sdkinstrumentation.New(
		sdkinstrumentation.WithAPIKey("dk_test_option"), sdkinstrumentation.WithUserEmail("option@example.com"),
		sdkinstrumentation.WithOrganization("Option"), sdkinstrumentation.WithSDK("other-sdk", "2.0.0")).Identity()
	require.Equal(t, "sandbox", id.Environment())
	require.Equal(t, "option@example.com", id.UserEmail)
	require.Equal(t, "Option", id.Organization)
	require.Equal(t, "other-sdk/2.0.0 option@example.com Option", id.String())
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", id, id, id, id), "dk_test_")
}

func TestSwitchedOff(t *testing.T) {
	for _, test := range []struct {
		variable, value string
		opts            []sdkinstrumentation.Option
		off             bool
	}{
		{off: false},
		{variable: "DISCO_TELEMETRY", value: "off", off: true},
		{variable: "DISCO_TELEMETRY", value: " OFF ", off: true},
		{variable: "DISCO_TELEMETRY", value: "false", off: true},
		{variable: "DISCO_TELEMETRY", value: "on", off: false},
		{variable: "DO_NOT_TRACK", value: "1", off: true},
		{variable: "DO_NOT_TRACK", value: "true", off: true},
		{variable: "DO_NOT_TRACK", value: "0", off: false},
		{variable: "OTEL_SDK_DISABLED", value: "true", off: true},
		{variable: "OTEL_SDK_DISABLED", value: "1", off: false}, // the specification knows only "true"
		{opts: []sdkinstrumentation.Option{sdkinstrumentation.WithDisabled()}, off: true},
		{opts: []sdkinstrumentation.Option{sdkinstrumentation.WithConsent(false)}, off: true},
		{opts: []sdkinstrumentation.Option{sdkinstrumentation.WithConsent(true)}, off: false},
		{variable: "DO_NOT_TRACK", value: "1", opts: []sdkinstrumentation.Option{sdkinstrumentation.WithConsent(true)}, off: true},
	} {
		t.Run(fmt.Sprintf("%s=%s/%d", test.variable, test.value, len(test.opts)), func(t *testing.T) {
			if test.variable != "" {
				t.Setenv(test.variable, test.value)
			}
			started := false
			in := sdkinstrumentation.New(append(test.opts, sdkinstrumentation.WithAPIHosts(testHost),
				sdkinstrumentation.WithPipeline(func(sdkinstrumentation.Identity) sdkinstrumentation.Pipeline {
					started = true
					return nil
				}))...)
			require.Equal(t, !test.off, in.Enabled())
			require.Equal(t, !test.off, started)
		})
	}
}

// Switched off, everything still works, and nothing is added to the caller's way.
func TestSwitchedOffChangesNothing(t *testing.T) {
	t.Parallel()
	in := pipeline.Start(sdkinstrumentation.WithDisabled(), sdkinstrumentation.WithAPIHosts(testHost))
	server := &api{}
	require.Same(t, server, in.Transport(server))
	mux := http.NewServeMux()
	require.Same(t, mux, in.Middleware()(mux))
	ctx, op := in.Operation(context.Background(), "x")
	require.Equal(t, context.Background(), ctx)
	op.Annotate(sdkinstrumentation.WithAgent("a"))
	op.End(nil)
	in.Track(ctx, "event")
	sdkinstrumentation.Annotate(ctx, sdkinstrumentation.WithAgent("a"))
	require.NoError(t, in.Flush(ctx))
	require.NoError(t, in.Shutdown(ctx))
	require.Empty(t, in.Dropped())
}

func TestGlobalsAreNotTouched(t *testing.T) {
	t.Parallel()
	tracers, meters := otel.GetTracerProvider(), otel.GetMeterProvider()
	in, _ := start(t)
	send(t, in.Transport(&api{}), request(t, context.Background(), http.MethodGet, "https://api.disco.example/", ""))
	require.Same(t, tracers, otel.GetTracerProvider())
	require.Same(t, meters, otel.GetMeterProvider())
}

func TestMetadataIsBounded(t *testing.T) {
	t.Parallel()
	metadata := map[string]string{"a\n": strings.Repeat("x", 1000)}
	for i := range 100 {
		metadata[fmt.Sprintf("k%02d", i)] = "v"
	}
	got := sdkinstrumentation.New(sdkinstrumentation.WithUserMetadata(metadata)).Identity().UserMetadata
	require.Len(t, got, 32)
	require.Len(t, got["a"], 256)
	require.Contains(t, got, "k30")
	require.NotContains(t, got, "k31", "the first 32 in order of their keys stay")
}

func FuzzHeaderValues(f *testing.F) {
	for _, seed := range []string{
		"ada@example.com", "Ada\r\nX-Admin: 1", "a\x00b", "Zürich \U0001f600", "\xff\xfe", strings.Repeat("é", 400), " padded ", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		server := &api{}
		in := sdkinstrumentation.New(sdkinstrumentation.WithAPIHosts(testHost),
			sdkinstrumentation.WithUserEmail(value), sdkinstrumentation.WithOrganization(value), sdkinstrumentation.WithSDK(value, value))
		req := request(t, context.Background(), http.MethodGet, "https://api.disco.example/", "")
		resp, err := in.Transport(server).RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		for name, values := range server.requests[0].Header {
			for _, v := range values {
				require.True(t, utf8.ValidString(v), name)
				require.LessOrEqual(t, len(v), 512, name)
				for i := range len(v) {
					require.True(t, v[i] >= ' ' && v[i] != 0x7f, "%s: control character in %q", name, v)
				}
				require.Equal(t, strings.TrimSpace(v), v, name)
			}
		}
	})
}
