package requestlimitsextension

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
)

// runtimeSettings are GOGC and GOMEMLIMIT as the runtime has them.
func runtimeSettings() (percent int, limit int64) {
	percent = debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	return percent, debug.SetMemoryLimit(-1)
}

// The runtime's settings are those of the whole process, so nothing runs beside this.
func TestHeapGrowsWhileTheExtensionRuns(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	percent, limit := runtimeSettings()
	run := func(cfg *Config) (int, int64) {
		l, err := newLimits(cfg, componenttest.NewNopTelemetrySettings())
		require.NoError(t, err)
		require.NoError(t, l.Start(t.Context(), componenttest.NewNopHost()))
		p, m := runtimeSettings()
		require.NoError(t, l.Shutdown(t.Context()))
		require.NoError(t, l.Shutdown(t.Context()), "again")
		return p, m
	}
	cfg := createDefaultConfig().(*Config)
	p, m := run(cfg)
	require.Equal(t, 400, p)
	require.Equal(t, int64(192<<20), m)

	unchanged := func(p int, m int64) {
		t.Helper()
		require.Equal(t, percent, p)
		require.Equal(t, limit, m)
	}
	unchanged(runtimeSettings())
	t.Setenv("GOGC", "150")
	unchanged(run(cfg))
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "1GiB")
	unchanged(run(cfg))
	t.Setenv("GOMEMLIMIT", "")
	cfg.HeapMiB = 0
	unchanged(run(cfg))
}

// Where more is alive than leaves room for garbage, the heap gets half as much again.
func TestHeapLimit(t *testing.T) {
	t.Parallel()
	h := &heap{target: 192 << 20}
	for live, want := range map[int64]int64{0: 192, 40: 192, 106: 192, 108: 194, 500: 782} {
		require.Equal(t, want<<20, h.limitFor(live<<20), live)
	}
}
