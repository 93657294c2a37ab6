package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBenchmarksAreRead(t *testing.T) {
	t.Parallel()
	b := benchmarks{}
	require.NoError(t, b.read(strings.NewReader(`goos: linux
pkg: example.com/sdk
BenchmarkTransport/plain-2         	  400000	      3000 ns/op	    2184 B/op	      20 allocs/op
BenchmarkTransport/otelhttp-2      	   60000	     19000 ns/op	    9357 B/op	      70 allocs/op
BenchmarkTransport/mirrorball-2    	  150000	      7000 ns/op	    3000 B/op	      30 allocs/op
BenchmarkTransport/mirrorball-2    	  150000	     11000 ns/op	    3000 B/op	      30 allocs/op
BenchmarkTransport/mirrorball_operation-2   	  150000	      9000 ns/op	    3000 B/op	      40 allocs/op
PASS
`)))
	allocs, err := b.of("Transport/mirrorball", allocations)
	require.NoError(t, err)
	require.Equal(t, []float64{30, 30}, allocs)

	times, err := b.added("Transport", "mirrorball", "otelhttp", seconds)
	require.NoError(t, err)
	require.InDeltaSlice(t, []float64{0.25}, times, 1e-9)
	_, err = b.added("Handler", "mirrorball", "otelhttp", seconds)
	require.ErrorContains(t, err, "no benchmark Handler/plain with sec/op")
}
