package httpapi_test

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/httpapi"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// The whole way with nothing made up: register over HTTP, store events, ask with the key that was given.
func TestWholeWay(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	pepper := postgres.Pepper("pepper of the tests")
	registry := postgres.NewRegistry(db, pepper)
	verifier := apikey.NewVerifier(postgres.NewKeyStore(db, pepper), apikey.Config{})
	t.Cleanup(verifier.Close)
	b := &bundle{TB: t}
	var err error
	b.handler, err = httpapi.New(httpapi.Config{
		Reader: postgres.NewReader(db, usage.VantageServer), Accounts: registry, Keys: verifier,
		Limits: noLimits{}, NoteUse: func(*apikey.Identity) {}, NoteRefusal: func(netip.Addr, *apikey.Identity, string, string) {},
		Registration: httpapi.Registration{Mode: httpapi.RegistrationOpen, PerAddress: 10, PerOrganization: 10}, MaxInFlight: 4, Log: zap.NewNop(),
	})
	require.NoError(t, err)

	ada, adasKey := b.register("ada@example.com")
	_, stranger := b.register("ADA@example.com") // the same address, the same organisation's name

	at := time.Now().UTC().Add(-24 * time.Hour).Truncate(time.Hour)
	event := func(n byte, change func(*usage.Event)) usage.Event {
		e := payment(ada, at, n)
		change(&e)
		return e
	}
	receipt, err := postgres.NewWriter(db, postgres.WriterConfig{CardinalityLimit: 100}).Write(t.Context(), &usage.Batch{Events: []usage.Event{
		event(1, func(*usage.Event) {}),
		event(2, func(e *usage.Event) { e.Duration = 20 * time.Millisecond }),
		event(3, func(e *usage.Event) { e.Status, e.Failed, e.Route = 500, true, "/refunds/{id}" }),
		event(4, func(e *usage.Event) { e.Vantage, e.Trusted = usage.VantageClient, false }), // the same call, seen by the SDK
		event(5, func(e *usage.Event) { e.KeyID = "" }),                                      // nobody's
	}})
	require.NoError(t, err)
	require.Equal(t, 5, receipt.Stored)

	a := b.get(adasKey, "/analytics/usage")
	require.Equal(t, 200, a.status, a.body)
	for _, part := range []string{
		`"overview":{"total_requests":3,"error_count":1,"error_rate":33.33,"unique_agents":2,"agents_created":0,"services_created":0}`,
		`"payments":{"count":2,"volume":25.00,"fees_collected":0.50,"currency":"EUR",`,
		`"claimed":[{"currency":"EUR","count":1,"volume":12.50,"fees_collected":0.25}]`,
		`{"endpoint":"/payments","method":"POST","count":2,"error_count":0,"error_rate":0.00,"avg_response_time_ms":15.000,`,
		`{"endpoint":"/refunds/{id}","method":"POST","count":1,"error_count":1,"error_rate":100.00,`,
		`{"name":"disco-sdk-go","version":"1.0.0","language":"go","count":3,`,
		`"countries":[{"country":"DE","count":3,`, `"operations":[{"operation":"payments.create","count":3,"error_count":1,"error_rate":33.33}]`,
		`{"period":"` + at.Format(time.DateOnly) + `"`,
	} {
		require.Contains(t, a.body, part)
	}
	require.Equal(t, 1, strings.Count(a.body, `"requests":3`))

	a = b.get(stranger, "/analytics/usage")
	require.Contains(t, a.body, `"total_requests":0,`, "the first one's data stay closed")
	a = b.get(adasKey, "/analytics/user-info")
	require.Contains(t, a.body, `"email":"ada@example.com"`)
	require.Contains(t, a.body, `"total_requests":3,`)
	b.problem(b.get(adasKey, "/analytics/platform"), 403, "forbidden")

	_, err = registry.RevokeKey(t.Context(), access.Operator, ada)
	require.NoError(t, err)
	verifier.Close()
	fresh := apikey.NewVerifier(postgres.NewKeyStore(db, pepper), apikey.Config{})
	t.Cleanup(fresh.Close)
	_, err = fresh.VerifyFresh(t.Context(), adasKey)
	require.ErrorIs(t, err, apikey.ErrRevoked)
}

// register opens an account and returns the id of its key, and the key.
func (b *bundle) register(email string) (id, raw string) {
	b.Helper()
	a := b.post("", "/users/register", `{"email":"`+email+`","organization":"Engines","environment":"live"}`)
	require.Equal(b, http.StatusCreated, a.status, a.body)
	var got struct {
		Key    struct{ ID string }
		APIKey string `json:"api_key"`
	}
	require.NoError(b, json.Unmarshal([]byte(a.body), &got))
	return got.Key.ID, got.APIKey
}

// payment is a request of a key that paid, n seconds after a time.
func payment(keyID string, after time.Time, n byte) usage.Event {
	sum := sha256.Sum256([]byte{n})
	return usage.Event{
		ID: usage.ID(sum[:16]), Kind: usage.KindRequest, Vantage: usage.VantageServer, KeyID: keyID, Trusted: true,
		Time: after.Add(time.Duration(n) * time.Second), Method: "POST", Route: "/payments", Status: 201, Duration: 10 * time.Millisecond,
		Operation: "payments.create", AgentID: "agent_" + string('a'+rune(n%2)), Country: "DE",
		SDK:     usage.SDK{Name: "disco-sdk-go", Version: "1.0.0", Language: "go"},
		Payment: &usage.Payment{Amount: decimal.RequireFromString("12.50"), Fee: decimal.RequireFromString("0.25"), Currency: "EUR"},
	}
}
