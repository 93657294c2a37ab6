package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	p := plan{events: 8_000_000, keys: 10_000, senders: 64, rounds: 3}
	require.NoError(t, p.check())
	require.Equal(t, 15_625, p.run())
	require.Equal(t, 3_907, p.opening(), "2 million events, rounded up to a request")
	require.Equal(t, 39_063, p.stored(), "20 million events")
	require.Equal(t, 1_954, p.half(100_000), "20 seconds at 50,000 events a second")
	require.Equal(t, 3_907, p.half(1e9), "a quarter of a run at most")

	for _, wrong := range []plan{
		{events: 100, keys: 10_000, senders: 64, rounds: 3},
		{events: 50_000, keys: 99, senders: 64, rounds: 3},
		{events: 50_000, keys: 100, senders: 0, rounds: 3},
		{events: 50_000, keys: 100, senders: 1, rounds: 0},
	} {
		require.Error(t, wrong.check(), "%+v", wrong)
	}
}
