package postgresusageexporter

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
)

func load(t *testing.T, name string) *Config {
	t.Helper()
	all, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	sub, err := all.Sub(name)
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, sub.Unmarshal(cfg))
	return cfg
}

func TestConfig(t *testing.T) {
	t.Parallel()
	smallest := load(t, "postgres_usage")
	require.NoError(t, confmap.Validate(smallest))
	want := createDefaultConfig().(*Config)
	want.Store = storeID
	require.Equal(t, want, smallest)
	require.Equal(t, 5*time.Second, smallest.RetryConfig.MaxElapsedTime)
	require.True(t, smallest.QueueConfig.Get().WaitForResult)

	full := load(t, "postgres_usage/full")
	require.NoError(t, confmap.Validate(full))
	require.Equal(t, component.MustNewIDWithName("usage_store", "second"), full.Store)
	require.Equal(t, 20*time.Second, full.TimeoutConfig.Timeout)
	require.Equal(t, int64(64<<20), full.QueueConfig.Get().QueueSize)
	require.Equal(t, int64(4096), full.QueueConfig.Get().Batch.Get().MinSize)

	require.NoError(t, confmap.Validate(load(t, "postgres_usage/disk")))
	direct := load(t, "postgres_usage/direct")
	require.NoError(t, confmap.Validate(direct))
	require.False(t, direct.QueueConfig.HasValue())
}

func TestValidateRefusesWhatLosesData(t *testing.T) {
	t.Parallel()
	disk := component.MustNewID("file_storage")
	for want, change := range map[string]func(*Config, *exporterhelper.QueueBatchConfig){
		"`store` is required":                           func(c *Config, _ *exporterhelper.QueueBatchConfig) { c.Store = component.ID{} },
		"`sending_queue::block_on_overflow` must":       func(_ *Config, q *exporterhelper.QueueBatchConfig) { q.BlockOnOverflow = true },
		"`sending_queue::wait_for_result` must be true": func(_ *Config, q *exporterhelper.QueueBatchConfig) { q.WaitForResult = false },
		"`sending_queue::wait_for_result` must be false": func(c *Config, q *exporterhelper.QueueBatchConfig) {
			c.RetryConfig.MaxElapsedTime = 0
			q.StorageID = &disk
		},
		"`max_elapsed_time: 0`": func(_ *Config, q *exporterhelper.QueueBatchConfig) { q.StorageID, q.WaitForResult = &disk, false },
		"`retry_on_failure` must be enabled": func(c *Config, q *exporterhelper.QueueBatchConfig) {
			q.StorageID, q.WaitForResult = &disk, false
			c.RetryConfig.Enabled, c.RetryConfig.MaxElapsedTime = false, 0
		},
		"metadata_keys` must be empty": func(_ *Config, q *exporterhelper.QueueBatchConfig) {
			q.Batch.Get().Partition.MetadataKeys = []string{"tenant"}
		},
		"`sending_queue::batch::sizer` must be items": func(_ *Config, q *exporterhelper.QueueBatchConfig) {
			q.Batch.Get().Sizer = exporterhelper.RequestSizerTypeBytes
		},
	} {
		cfg := testConfig()
		change(cfg, cfg.QueueConfig.Get())
		require.ErrorContains(t, confmap.Validate(cfg), want)
	}
	both := testConfig()
	both.Store = component.ID{}
	both.QueueConfig.Get().BlockOnOverflow = true
	err := confmap.Validate(both)
	require.ErrorContains(t, err, "`store`")
	require.ErrorContains(t, err, "block_on_overflow", "all that is wrong at once")
}
