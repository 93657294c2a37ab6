package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProcess(t *testing.T) {
	t.Parallel()
	pid := os.Getpid()
	m, err := memoryOf(pid)
	require.NoError(t, err)
	require.Greater(t, m.now, int64(1<<20))
	require.GreaterOrEqual(t, m.peak, m.now)

	before := ownCPU()
	cpu, err := cpuOf(pid)
	require.NoError(t, err)
	require.GreaterOrEqual(t, cpu, before-2*time.Second/ticksPerSecond, "user and system time are each cut to a tick")

	_, err = memoryOf(1 << 30)
	require.Error(t, err)
	_, err = cpuOf(1 << 30)
	require.ErrorContains(t, err, "there is none")
}

func TestReadStat(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "stat")
	// Fields 4 and 14 to 17 of proc(5) are 7, 100, 20, 3000 and 400; the name is a nasty one.
	require.NoError(t, os.WriteFile(path, []byte("42 (a ) S (b) R 7 1 2 3 4 5 6 7 8 9 100 20 3000 400 20 0\n"), 0o600))
	s, err := readStat(path)
	require.NoError(t, err)
	require.Equal(t, stat{pid: 42, parent: 7, own: 120, ended: 3400}, s)
}
