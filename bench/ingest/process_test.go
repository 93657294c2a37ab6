package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProcess(t *testing.T) {
	t.Parallel()
	pid := os.Getpid()
	m, err := memoryOf(pid)
	require.NoError(t, err)
	require.Greater(t, m.now, int64(1<<20))
	require.GreaterOrEqual(t, m.peak, m.now)

	// Both count the same, one in hundredths of a second.
	before := ownCPU()
	cpu, err := cpuOf(pid)
	require.NoError(t, err)
	require.InDelta(t, before.Seconds(), cpu.Seconds(), 0.5)

	_, err = memoryOf(1 << 30)
	require.Error(t, err)
}
