package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
)

func TestYardstick(t *testing.T) {
	t.Parallel()
	db := &database{name: "test", dsn: postgrestest.NewEmptyDSN(t)}
	const requests = 20 // one COPY and a part of another
	s := testStream(t, 500, requests)
	for _, connections := range []int{1, 2} {
		w, err := yardstick(t.Context(), s, db, requests, connections)
		require.NoError(t, err)
		require.Equal(t, requests*spansPerRequest, w.events)
		require.Positive(t, w.took)
		require.Greater(t, w.diskPerEvent(), 150.0)
		require.Greater(t, w.walPerEvent(), 150.0)
	}
	require.NoError(t, db.requireCount(t.Context(), requests*spansPerRequest, "SELECT count(DISTINCT event_id) FROM plain_events"))
	require.ErrorContains(t, db.requireCount(t.Context(), 7, "SELECT count(*) FROM plain_events"), "instead of 7")

	e := s.event(17, 333)
	require.NoError(t, db.requireCount(t.Context(), 1, `
		SELECT count(*) FROM plain_events
		WHERE time = $1 AND event_id = $2 AND key = $3 AND endpoint = $4 AND country = $5 AND (details ->> 'status')::int = $6`,
		e.time, append(e.trace[:], e.span[:]...), e.customer, e.call.method+" "+e.call.route, e.profile.country, e.call.status))
}
