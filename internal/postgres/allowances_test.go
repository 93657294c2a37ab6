package postgres_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/allowance"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// limitedKey registers a user whose key has limits; 0 is none.
func limitedKey(t *testing.T, db *postgres.DB, email string, perHour, perMonth int64) *apikey.Identity {
	t.Helper()
	a, err := postgres.NewRegistry(db, testPepper).Register(t.Context(), access.Operator, accounts.Registration{
		Email: email, Organization: "Org of " + email, Name: "A", Environment: "live",
	})
	require.NoError(t, err)
	setLimits(t, db, a.Key.Key.KeyID, perHour, perMonth)
	ids, err := postgres.NewKeyStore(db, testPepper).LookUp(t.Context(), apikey.FingerprintOf(a.Key.Raw))
	require.NoError(t, err)
	return ids[0]
}

func setLimits(t *testing.T, db *postgres.DB, keyID string, perHour, perMonth int64) {
	t.Helper()
	_, err := db.Pool().Exec(t.Context(), `UPDATE allowances SET requests_per_hour = nullif($2, 0), requests_per_month = nullif($3, 0)
		WHERE seq = (SELECT allowance FROM api_keys WHERE id = $1)`, keyID, perHour, perMonth)
	require.NoError(t, err)
}

func taken(t *testing.T, db *postgres.DB) (n int64) {
	t.Helper()
	require.NoError(t, db.Pool().QueryRow(t.Context(), `SELECT coalesce(sum(taken), 0)::bigint FROM allowance_hours`).Scan(&n))
	return n
}

func TestLease(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	id := limitedKey(t, db, "ada@example.com", 1000, 0)
	at := time.Date(2026, 10, 25, 1, 59, 59, 999_999_000, time.UTC) // clocks in Europe have just been put back
	hour := time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC)
	store := postgres.AllowancesAt(db, usage.VantageServer, at)
	for _, step := range []struct {
		limit, need, piece, left int64
	}{
		{1000, 1, 8, 992}, // a 128th, and one
		{1000, 100, 100, 892},
		{1000, 893, 7, 885}, // more than there is: not all of it is taken for a call that will be refused
		{50, 1, 0, 0},       // lowered below what is taken
		{116, 1, 1, 0},
		{117, 2, 1, 0},
	} {
		setLimits(t, db, id.KeyID, step.limit, 0)
		l, err := store.Lease(t.Context(), id.Allowance.ID, step.need)
		require.NoError(t, err)
		l.Hour, l.Now = l.Hour.UTC(), l.Now.UTC()
		want := allowance.Lease{Piece: allowance.Piece{Allowance: id.Allowance.ID, Hour: hour, Requests: step.piece}, Limit: step.limit, Left: step.left, Now: at}
		require.Equal(t, want, l, "%+v", step)
	}
	next := postgres.AllowancesAt(db, usage.VantageServer, hour.Add(time.Hour))
	l, err := next.Lease(t.Context(), id.Allowance.ID, 117)
	require.NoError(t, err)
	require.EqualValues(t, 117, l.Requests)

	setLimits(t, db, id.KeyID, 0, 0)
	l, err = store.Lease(t.Context(), id.Allowance.ID, 1)
	require.NoError(t, err)
	require.Equal(t, allowance.Lease{}, l, "no limit any more")
}

func TestReturn(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	a, b := limitedKey(t, db, "ada@example.com", 1000, 0), limitedKey(t, db, "bob@example.com", 1000, 0)
	hour := time.Now().UTC().Truncate(time.Hour)
	store := postgres.AllowancesAt(db, usage.VantageServer, hour.Add(time.Minute))
	for _, id := range []*apikey.Identity{a, b} {
		_, err := store.Lease(t.Context(), id.Allowance.ID, 500)
		require.NoError(t, err)
	}
	require.NoError(t, store.Return(t.Context(), []allowance.Piece{
		{Allowance: b.Allowance.ID, Hour: hour, Requests: 10}, {Allowance: a.Allowance.ID, Hour: hour, Requests: 20},
		{Allowance: b.Allowance.ID, Hour: hour, Requests: 5}, {Allowance: a.Allowance.ID, Hour: hour.Add(-time.Hour), Requests: 100},
	}))
	require.EqualValues(t, 1000-35, taken(t, db))
	late := postgres.AllowancesAt(db, usage.VantageServer, hour.Add(time.Hour))
	require.NoError(t, late.Return(t.Context(), []allowance.Piece{{Allowance: a.Allowance.ID, Hour: hour, Requests: 20}}))
	require.EqualValues(t, 1000-35, taken(t, db), "the hour is over")
}

// Pieces are leased and returned side by side, and what is taken is the sum.
func TestLeaseAndReturnTogether(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	ids := []*apikey.Identity{limitedKey(t, db, "ada@example.com", 1_000_000, 0), limitedKey(t, db, "bob@example.com", 1_000_000, 0)}
	store := postgres.AllowancesAt(db, usage.VantageServer, time.Now())
	var kept atomic.Int64
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 50 {
				var pieces []allowance.Piece
				for j := range ids {
					l, err := store.Lease(context.WithoutCancel(t.Context()), ids[(i+j)%2].Allowance.ID, 1)
					if err != nil {
						t.Error(err)
						return
					}
					pieces = append(pieces, l.Piece)
				}
				kept.Add(2)
				pieces[0].Requests--
				pieces[1].Requests--
				if err := store.Return(context.WithoutCancel(t.Context()), pieces); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	require.Equal(t, kept.Load(), taken(t, db))
}

// nodes are collectors with pools of their own, in one hour.
func nodes(t *testing.T, n int) (*postgres.DB, []*allowance.Guard) {
	t.Helper()
	dsn := postgrestest.NewDSN(t)
	var guards []*allowance.Guard
	var db *postgres.DB
	at := time.Now()
	for range n {
		db = postgrestest.Open(t, postgres.Config{DSN: dsn, MaxConns: 3})
		g := allowance.New(postgres.AllowancesAt(db, usage.VantageServer, at))
		t.Cleanup(func() { g.Close(context.WithoutCancel(t.Context())) })
		guards = append(guards, g)
	}
	return db, guards
}

// takeAll lets callers of guards take until each was refused; it returns what was granted.
func takeAll(t *testing.T, guards []*allowance.Guard, id *apikey.Identity, callers []int) int64 {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	var granted atomic.Int64
	var group sync.WaitGroup
	for node, n := range callers {
		for range n {
			group.Go(func() {
				for {
					d, err := guards[node].Take(ctx, id, 1)
					if err != nil {
						t.Error(err)
					}
					if err != nil || d.Refused != "" {
						return
					}
					granted.Add(1)
				}
			})
		}
	}
	group.Wait()
	return granted.Load()
}

func TestThreeNodesShareAnHour(t *testing.T) {
	t.Parallel()
	const limit = 30_000
	for name, callers := range map[string][]int{"even": {4, 4, 4}, "uneven": {18, 2, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, guards := nodes(t, 3)
			id := limitedKey(t, db, "ada@example.com", limit, 0)
			granted := takeAll(t, guards, id, callers)
			require.LessOrEqual(t, granted, int64(limit))
			require.GreaterOrEqual(t, granted, int64(0.98*limit))
			guards[1].Close(t.Context())
			guards[2].Close(t.Context())
			require.Eventually(t, func() bool { // as soon as the first asks again
				granted += takeAll(t, guards, id, []int{1, 0, 0})
				return granted >= limit
			}, 10*time.Second, 10*time.Millisecond)
			require.EqualValues(t, limit, granted)
			require.EqualValues(t, limit, taken(t, db))
		})
	}
}

// lossyStore loses every third answer, after what was asked is done.
type lossyStore struct {
	*postgres.Allowances
	asked atomic.Int64
}

func (s *lossyStore) lose(err error) error {
	if err == nil && s.asked.Add(1)%3 == 0 {
		return errors.New("connection reset")
	}
	return err
}

func (s *lossyStore) Lease(ctx context.Context, a int32, need int64) (allowance.Lease, error) {
	l, err := s.Allowances.Lease(ctx, a, need)
	return l, s.lose(err)
}

func (s *lossyStore) Return(ctx context.Context, pieces []allowance.Piece) error {
	return s.lose(s.Allowances.Return(ctx, pieces))
}

// Collectors whose answers are lost, and which are started anew, never grant more than the limit.
func TestLostAnswersGrantNothingTwice(t *testing.T) {
	t.Parallel()
	const limit = 2000
	db := postgrestest.New(t)
	id := limitedKey(t, db, "ada@example.com", limit, 0)
	store := &lossyStore{Allowances: postgres.AllowancesAt(db, usage.VantageServer, time.Now())}
	ctx := context.WithoutCancel(t.Context())
	var granted, lost atomic.Int64
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			guard := allowance.New(store)
			defer func() { guard.Close(ctx) }()
			for {
				d, err := guard.Take(ctx, id, 1)
				switch {
				case err != nil:
					lost.Add(1)
					guard.Close(ctx)
					guard = allowance.New(store)
				case d.Refused != "":
					return
				default:
					granted.Add(1)
				}
			}
		})
	}
	group.Wait()
	require.LessOrEqual(t, granted.Load(), int64(limit))
	require.LessOrEqual(t, granted.Load(), taken(t, db))
	require.Positive(t, lost.Load())
	require.Greater(t, granted.Load(), int64(limit/2))
}

// What counts against a quota: requests of a UTC month by their own time, of all keys of the allowance.
func TestUsedInMonth(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	now := time.Now().UTC()
	end := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	start := end.AddDate(0, -1, 0)
	own, other := limitedKey(t, db, "ada@example.com", 0, 100), limitedKey(t, db, "bob@example.com", 0, 100)
	rotated := limitedKey(t, db, "cyd@example.com", 0, 100)
	_, err := db.Pool().Exec(t.Context(), `UPDATE api_keys SET allowance = $1 WHERE id = $2`, own.Allowance.ID, rotated.KeyID)
	require.NoError(t, err)

	var events []usage.Event
	add := func(id *apikey.Identity, at time.Time, change func(*usage.Event)) {
		e := request(len(events))
		e.KeyID, e.Time = id.KeyID, at
		if change != nil {
			change(&e)
		}
		events = append(events, e)
	}
	status := func(n int) func(*usage.Event) {
		return func(e *usage.Event) { e.Status, e.Failed = n, true }
	}
	add(own, start, nil)                        // 1
	add(own, start.Add(-time.Microsecond), nil) // the month before
	add(own, end.Add(-time.Microsecond), nil)   // 2
	add(own, end, nil)                          // the month after
	add(own, start.Add(100*time.Hour), nil)     // 3: all are late, received after the month
	add(own, start.Add(100*time.Hour), status(401))
	add(own, start.Add(100*time.Hour), status(429))
	add(own, start.Add(100*time.Hour), status(429))
	add(own, start.Add(100*time.Hour), status(500)) // 4
	add(own, start.Add(100*time.Hour), status(403)) // 5
	add(rotated, start.Add(time.Hour), nil)         // 6
	add(rotated, start.Add(time.Hour), status(429))
	add(other, start.Add(time.Hour), nil)
	for range 3 { // 3 for the client's vantage
		add(own, start.Add(time.Hour), func(e *usage.Event) { e.Vantage = usage.VantageClient })
	}
	add(own, start.Add(time.Hour), func(e *usage.Event) {
		e.Kind, e.Vantage, e.Name, e.Method, e.Route, e.Status = usage.KindCustom, usage.VantageNone, "signed_up", "", "", 0
	})
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	require.Equal(t, usage.Receipt{Stored: len(events)}, write(t, w, events...))
	require.Equal(t, usage.Receipt{Repeated: len(events)}, write(t, w, events...))

	check := func() {
		t.Helper()
		for _, c := range []struct {
			counted usage.Vantage
			at      time.Time
			id      *apikey.Identity
			month   time.Time
			used    int64
		}{
			{usage.VantageServer, start, own, start, 6},
			{usage.VantageServer, end.Add(-time.Microsecond), own, start, 6},
			{usage.VantageServer, end.Add(-time.Microsecond), rotated, start, 0}, // its own allowance has no key any more
			{usage.VantageServer, start.Add(-time.Microsecond), own, start.AddDate(0, -1, 0), 1},
			{usage.VantageServer, end, own, end, 1},
			{usage.VantageClient, start, own, start, 3},
			{usage.VantageServer, start, other, start, 1},
		} {
			u, err := postgres.AllowancesAt(db, c.counted, c.at).Used(t.Context(), c.id.Allowance.ID)
			require.NoError(t, err)
			require.Equal(t, allowance.Usage{Month: c.month, Requests: c.used, Now: c.at}, allowance.Usage{Month: u.Month.UTC(), Requests: u.Requests, Now: u.Now.UTC()})
		}
	}
	check()
	requireEqualToRecount(t, db)
	require.NoError(t, postgres.Compact(t.Context(), db, now.Add(2*time.Hour)))
	check()
	require.NoError(t, postgres.RollUp(t.Context(), db, now.Add(900*day)))
	require.Equal(t, "2", text(t, db, `SELECT string_agg(DISTINCT grain::text, ' ') FROM usage_counts WHERE key > 0`))
	check()
}
