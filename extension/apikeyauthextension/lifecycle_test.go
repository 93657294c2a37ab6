package apikeyauthextension

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/disco-platform/mirrorball/extension/apikeyauthextension/internal/metadata"
)

func TestLifecycle(t *testing.T) {
	t.Parallel()
	cfg := createDefaultConfig().(*Config)
	cfg.Store = storeID
	create := func() *authenticator {
		ext, err := NewFactory().Create(context.Background(), extensiontest.NewNopSettings(metadata.Type), cfg)
		require.NoError(t, err)
		return ext.(*authenticator)
	}
	ext := create()
	require.Equal(t, []component.ID{storeID}, ext.Dependencies())
	require.NoError(t, ext.Shutdown(context.Background()), "without Start")
	require.NoError(t, ext.Shutdown(context.Background()), "and again")

	require.ErrorContains(t, create().Start(context.Background(), componenttest.NewNopHost()), `there is no extension "usage_store"`)
	require.ErrorContains(t, create().Start(context.Background(), fakeHost{storeID: create()}), `"usage_store" is no usage_store`)
}
