package sdkinstrumentation_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
)

func TestTrack(t *testing.T) {
	t.Parallel()
	when := time.Date(2026, 2, 3, 4, 5, 6, 7000, time.UTC)
	in, collector := start(t, sdkinstrumentation.WithClock(func(context.Context) time.Time { return when }))
	in.Track(context.Background(), "agent_collaboration_started",
		attribute.String("disco.agent.id", "agt_1"), attribute.Int("partners", 3), attribute.Bool("urgent", true))
	in.Track(context.Background(), "agent_collaboration_started")
	in.Track(context.Background(), "", attribute.String("nobody", "knows"))
	flush(t, in)

	logs := collector.Logs()
	require.Len(t, logs, 2, "an event without a name is none")
	require.Equal(t, "agent_collaboration_started", logs[0].EventName)
	require.Equal(t, when, logs[0].Time)
	require.Equal(t, "agt_1", logs[0].Attributes["disco.agent.id"])
	require.Equal(t, int64(3), logs[0].Attributes["partners"])
	require.Equal(t, true, logs[0].Attributes["urgent"])
	require.Len(t, logs[0].Attributes["log.record.uid"], 26)
	require.NotEqual(t, logs[0].Attributes["log.record.uid"], logs[1].Attributes["log.record.uid"])
	require.Equal(t, "ada@example.com", logs[0].Resource["user.email"])
}

// What a caller puts in an event cannot fill the host's memory. 7 attributes of about 1 KiB fit in 8 KiB.
func TestTrackIsBounded(t *testing.T) {
	t.Parallel()
	in, collector := start(t)
	var large, many []attribute.KeyValue
	for i := range 100 {
		large = append(large, attribute.String("k"+strconv.Itoa(i), strings.Repeat("x", 1<<20)))
		many = append(many, attribute.Int("k"+strconv.Itoa(i), i))
	}
	in.Track(context.Background(), "large", large...)
	in.Track(context.Background(), "many", many...)
	flush(t, in)
	logs := collector.Logs()
	require.Len(t, logs[0].Attributes, 7+1, "and log.record.uid")
	require.Len(t, logs[0].Attributes["k0"], 1024)
	require.Len(t, logs[1].Attributes, 64+1)
	require.Equal(t, []sdkinstrumentation.Drop{{Signal: "logs", Reason: "oversized", Count: 93 + 36}}, in.Dropped())
}
