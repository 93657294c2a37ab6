package usageeventsreceiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configmiddleware"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/disco-platform/mirrorball/extension/requestlimitsextension"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/apikey/keyauth"
)

// byName takes the key that is presented for its id.
type byName struct {
	component.StartFunc
	component.ShutdownFunc
}

func (byName) Authenticate(ctx context.Context, sources map[string][]string) (context.Context, error) {
	if len(sources["X-Api-Key"]) == 0 {
		return ctx, errors.New("API key is missing")
	}
	info := client.FromContext(ctx)
	info.Auth = &keyauth.Data{Identity: &apikey.Identity{KeyID: sources["X-Api-Key"][0]}}
	return client.NewContext(ctx, info), nil
}

// Seventy bodies of one key that never end take its share of the places, and no more: others are served.
func TestSlowBodiesOfOneKey(t *testing.T) {
	t.Parallel()
	factory := requestlimitsextension.NewFactory()
	limits, err := factory.Create(context.Background(), extensiontest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig())
	require.NoError(t, err)
	keysID, limitsID := component.MustNewID("keys"), component.MustNewID("request_limits")
	sink := new(consumertest.LogsSink)
	url := start(t, sink, fakeHost{keysID: byName{}, limitsID: limits}, func(c *Config) {
		c.Auth = configoptional.Some(confighttp.AuthConfig{Config: configauth.Config{AuthenticatorID: keysID}})
		c.Middlewares = []configmiddleware.Config{{ID: limitsID}}
	})

	refused := make(chan struct{}, 70)
	for range 70 {
		slow := slowPost(t, url, "greedy")
		go func() {
			text, _ := io.ReadAll(slow) // ends when the test does
			if strings.HasPrefix(string(text), "HTTP/1.1 429 ") {
				assert.Contains(t, string(text), "Retry-After: 1\r\n")
				assert.Contains(t, string(text), `"status":429`)
				refused <- struct{}{}
			}
		}()
	}
	for range 70 - 16 {
		<-refused
	}
	served := func(key string) int {
		return send(t, http.MethodPost, url, map[string]string{"Content-Type": mediaStructured, "X-Api-Key": key}, event("")).status
	}
	require.Equal(t, http.StatusAccepted, served("modest"))
	require.Equal(t, http.StatusTooManyRequests, served("greedy"))
	require.Equal(t, 1, sink.LogRecordCount())
}

// slowPost begins a request whose body is cut off after its first byte; the rest is 300 KiB, more than a server reads of
// a body that it does not want.
func slowPost(t *testing.T, url, key string) net.Conn {
	t.Helper()
	address, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /%s HTTP/1.1\r\nHost: x\r\nX-Api-Key: %s\r\nContent-Type: %s\r\nContent-Length: 307200\r\n\r\n{", path, key, mediaStructured)
	require.NoError(t, err)
	return conn
}
