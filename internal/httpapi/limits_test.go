package httpapi_test

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/allowance"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// Every operation of the document counts against the hour's limit of the key that calls it, as Postgres keeps it: within the limit
// the answer tells what is left, and beyond it nothing is done, which is put on record.
func TestEveryOperationHoldsKeysToTheirLimit(t *testing.T) {
	t.Parallel()
	w := newLimitedWorld(t)
	m := readMatrix(t)
	schemas := compileDocument(t)
	var operations []string
	for id := range schemas.places {
		operations = append(operations, id)
	}
	slices.SortFunc(operations, func(a, b string) int { return strings.Compare(order(a), order(b)) })
	for _, id := range operations {
		tried := 0
		for caller, spec := range map[string]accounts.KeySpec{
			"admin": {Environment: apikey.Live, Scopes: []string{apikey.ScopeAdmin}}, "live": {Environment: apikey.Live, UserID: w.id("bea")},
		} {
			if strings.HasPrefix(m.expected[id][caller], "2") {
				within, over := w.exhaust(id, spec)
				schemas.check(t, id, within)
				schemas.check(t, id, over)
				tried++
			}
		}
		require.NotZero(t, tried, "%s: nobody here may call it", id)
	}
}

// limitedWorld is a world whose keys are held to their limits, and where what is refused is on record.
type limitedWorld struct {
	*world
	refusals apikey.RefusalLog
}

func newLimitedWorld(t *testing.T) *limitedWorld {
	w := &limitedWorld{world: newWorld(t)}
	guard := allowance.New(postgres.NewAllowances(w.db, usage.VantageServer))
	t.Cleanup(func() { guard.Close(context.Background()) })
	w.serve(guard, func(from netip.Addr, id *apikey.Identity, _, reason string) {
		if id != nil { // the rest is not about limits
			w.refusals.NoteKey(time.Now(), from, id, reason)
		}
	})
	return w
}

// exhaust makes a key with one request an hour, has it make the request of an operation, and then once more. Should the hour turn
// between the two, that is tried again.
func (w *limitedWorld) exhaust(operation string, spec accounts.KeySpec) (within, over answer) {
	w.Helper()
	spec.PerHour = 1
	key, err := w.registry.CreateKey(w.Context(), access.Operator, spec)
	require.NoError(w, err)
	w.raw["limited"] = key.Raw
	first, second := samples[operation](w.world), samples[operation](w.world)
	hour := time.Now().Truncate(time.Hour)
	within = w.send("limited", first)
	done := w.count(`SELECT count(*) FROM admin_trail`)
	over = w.send("limited", second)
	if !time.Now().Truncate(time.Hour).Equal(hour) {
		return w.exhaust(operation, spec)
	}
	require.Less(w, within.status, 300, "%s: %s", operation, within.body)
	w.meter(operation, within, hour)
	require.Empty(w, within.header.Get("Retry-After"), operation)

	detail, _ := w.problem(over, http.StatusTooManyRequests, "rate-limited")
	require.Equal(w, "the key may make 1 requests an hour", detail)
	wait, err := strconv.Atoi(over.header.Get("Retry-After"))
	require.NoError(w, err, operation)
	require.InDelta(w, w.meter(operation, over, hour), wait, 1, operation)
	require.Equal(w, done, w.count(`SELECT count(*) FROM admin_trail`), "%s is done all the same", operation)
	require.NoError(w, postgres.WriteRefusals(w.Context(), w.db, &w.refusals))
	require.EqualValues(w, 1, w.count(`SELECT coalesce(sum(r.count), 0) FROM refused_calls r JOIN api_keys k ON k.seq = r.key
		WHERE k.id = $1 AND r.reason = 'rate_limited' AND r.prefix = '192.0.2.1/32'`, key.Key.KeyID), operation)
	return within, over
}

// meter requires the headers of a limit of an hour that is used up, and returns in how many seconds it begins anew.
func (w *limitedWorld) meter(operation string, a answer, hour time.Time) int {
	w.Helper()
	require.Equal(w, []string{"1"}, a.header.Values("RateLimit-Limit"), operation)
	require.Equal(w, []string{"0"}, a.header.Values("RateLimit-Remaining"), operation)
	reset, err := strconv.Atoi(a.header.Get("RateLimit-Reset"))
	require.NoError(w, err, operation)
	require.InDelta(w, time.Until(hour.Add(time.Hour)).Seconds(), reset, 60, "%s: seconds until the hour ends", operation)
	return reset
}

func (w *limitedWorld) count(sql string, args ...any) (n int64) {
	w.Helper()
	require.NoError(w, w.db.Pool().QueryRow(w.Context(), sql, args...).Scan(&n))
	return n
}

// The headers of an answer to a gateway are about the key that it asks about, and about its own where that has no limit.
func TestWhoseLimitAGatewayIsTold(t *testing.T) {
	t.Parallel()
	w := newLimitedWorld(t)
	newKey := func(spec accounts.KeySpec) string {
		spec.Environment = apikey.Live
		key, err := w.registry.CreateKey(t.Context(), access.Operator, spec)
		require.NoError(t, err)
		return key.Raw
	}
	var answers []answer
	for hour := (time.Time{}); !time.Now().Truncate(time.Hour).Equal(hour); { // again, should the hour turn meanwhile
		hour, answers = time.Now().Truncate(time.Hour), nil
		gateway := newKey(accounts.KeySpec{Scopes: []string{apikey.ScopeKeysVerify}, PerHour: 5})
		asked := newKey(accounts.KeySpec{UserID: w.id("bea"), PerHour: 2})
		for _, key := range []string{asked, asked, asked, w.keys["bea live"].Raw, "dk_live_0", asked} {
			answers = append(answers, w.post(gateway, "/keys/verify", `{"key":"`+key+`"}`))
		}
	}
	for i, want := range []struct{ limit, remaining, code string }{
		{"2", "1", "valid"}, {"2", "0", "valid"}, {"2", "0", "rate_limited"}, {"5", "1", "valid"}, {"5", "0", "malformed"},
	} {
		a := answers[i]
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Contains(t, a.body, `"code":"`+want.code+`"`)
		require.Equal(t, []string{want.limit, want.remaining}, []string{a.header.Get("RateLimit-Limit"), a.header.Get("RateLimit-Remaining")}, want.code)
	}
	w.problem(answers[5], http.StatusTooManyRequests, "rate-limited")
}
