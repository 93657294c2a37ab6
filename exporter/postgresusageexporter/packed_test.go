package postgresusageexporter

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/internal/packed"
)

// carried are n spans under one that stands for them, as the pipeline brings them.
func carried(t *testing.T, n int) (context.Context, ptrace.Traces) {
	t.Helper()
	body, err := new(ptrace.ProtoMarshaler).MarshalTraces(spans(n))
	require.NoError(t, err)
	sent, err := packed.Read(bytes.NewReader(body), 0)
	require.NoError(t, err)
	r, small, ok := packed.Pack(sent)
	require.True(t, ok)
	td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(small)
	require.NoError(t, err)
	require.Equal(t, 1, td.SpanCount())
	t.Cleanup(r.Close)
	return packed.NewContext(context.Background(), r), td
}

func TestCarriedSpansAreStored(t *testing.T) {
	t.Parallel()
	m := newMemory()
	e, err := NewFactory().CreateTraces(context.Background(), settings(), testConfig())
	require.NoError(t, err)
	run(t, e, hostWith(m))
	ctx, td := carried(t, 700)
	require.NoError(t, e.ConsumeTraces(ctx, td))
	require.Equal(t, 700, m.stored())
}

// Spans that something has parted from their request are refused, and loudly; nobody is told that they are stored.
func TestCarriersWithoutTheirRequestAreRefused(t *testing.T) {
	t.Parallel()
	m := newMemory()
	e, err := NewFactory().CreateTraces(context.Background(), settings(), testConfig())
	require.NoError(t, err)
	run(t, e, hostWith(m))
	_, td := carried(t, 3)
	err = e.ConsumeTraces(context.Background(), td)
	require.ErrorContains(t, err, "`packed_spans`")
	require.True(t, consumererror.IsPermanent(err))
	require.Zero(t, m.stored())
}

// A queue on disk counts its spans, and outlives the request.
func TestCarriedSpansAreUnpackedForADisk(t *testing.T) {
	t.Parallel()
	kept := &disk{files: make(map[string]map[string][]byte)}
	away := newMemory()
	away.set(func() error { return errDown })
	first := onDisk(t, away, kept)
	ctx, td := carried(t, 3)
	require.NoError(t, first.Traces.ConsumeTraces(ctx, td))
	first.stop(t)
	back := &watched{memory: newMemory(), wrote: make(chan int, 10)}
	second := onDisk(t, back, kept)
	require.Equal(t, 3, <-back.wrote)
	second.stop(t)
	require.Equal(t, 3, back.stored())
}
