package apikeyprocessor

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/processor/apikeyprocessor/internal/metadata"
)

func TestLifecycle(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	keys := apikey.NewVerifier(newKeyStore(), apikey.Config{})
	t.Cleanup(keys.Close)
	host := fakeHost{storeID: &usageStore{keys: keys}}
	create := map[string]func(*Config) component.Component{
		"traces": func(cfg *Config) component.Component {
			p, err := NewFactory().CreateTraces(ctx, processortest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
			require.NoError(t, err)
			require.True(t, p.Capabilities().MutatesData)
			return p
		},
		"logs": func(cfg *Config) component.Component {
			p, err := NewFactory().CreateLogs(ctx, processortest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
			require.NoError(t, err)
			return p
		},
		"metrics": func(cfg *Config) component.Component {
			p, err := NewFactory().CreateMetrics(ctx, processortest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
			require.NoError(t, err)
			return p
		},
	}
	for signal, create := range create {
		t.Run(signal, func(t *testing.T) {
			t.Parallel()
			p := create(&Config{Store: storeID})
			require.NoError(t, p.Shutdown(ctx), "without Start")

			p = create(&Config{Store: storeID})
			require.NoError(t, p.Start(ctx, host))
			require.NoError(t, p.Shutdown(ctx))
			require.NoError(t, p.Shutdown(ctx), "and again")

			p = create(&Config{Store: storeID})
			require.ErrorContains(t, p.Start(ctx, componenttest.NewNopHost()), `there is no extension "usage_store"`)
			require.ErrorContains(t, p.Start(ctx, fakeHost{storeID: p}), `"usage_store" is no usage_store`)

			p = create(&Config{Store: storeID, Geo: GeoConfig{MMDB: "testdata/config.yaml"}})
			require.ErrorContains(t, p.Start(ctx, host), "`geo::mmdb`")
		})
	}
}
