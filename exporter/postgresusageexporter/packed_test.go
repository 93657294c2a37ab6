package postgresusageexporter

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/internal/packed"
)

// carried are n spans under one that carries them, as the pipeline brings them.
func carried(t *testing.T, n int) ptrace.Traces {
	t.Helper()
	body, err := new(ptrace.ProtoMarshaler).MarshalTraces(spans(n))
	require.NoError(t, err)
	pieces, packedSpans, ok := packed.Pack(body)
	require.True(t, ok)
	require.Equal(t, n, packedSpans)
	td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(slices.Concat(pieces...))
	require.NoError(t, err)
	require.Equal(t, 1, td.SpanCount())
	return td
}

func TestCarriedSpansAreStored(t *testing.T) {
	t.Parallel()
	ctx, m := context.Background(), newMemory()
	e, err := NewFactory().CreateTraces(ctx, settings(), testConfig())
	require.NoError(t, err)
	run(t, e, hostWith(m))
	require.NoError(t, e.ConsumeTraces(ctx, carried(t, 700)))
	require.Equal(t, 700, m.stored())
}

// A queue on disk counts its spans, and holds what any version can read.
func TestCarriedSpansAreUnpackedForADisk(t *testing.T) {
	t.Parallel()
	ctx, kept := context.Background(), &disk{files: make(map[string]map[string][]byte)}
	away := newMemory()
	away.set(func() error { return errDown })
	first := onDisk(t, away, kept)
	require.NoError(t, first.Traces.ConsumeTraces(ctx, carried(t, 3)))
	first.stop(t)
	for _, file := range kept.files {
		for _, item := range file {
			require.False(t, bytes.Contains(item, []byte("mirrorball.packed")))
		}
	}
	back := &watched{memory: newMemory(), wrote: make(chan int, 10)}
	second := onDisk(t, back, kept)
	require.Equal(t, 3, <-back.wrote)
	second.stop(t)
	require.Equal(t, 3, back.stored())
}
