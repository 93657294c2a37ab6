package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// noon is a moment well within the accepted window.
var noon = time.Now().UTC().Truncate(24 * time.Hour).Add(-36 * time.Hour)

func payment(amount, currency string) *usage.Payment {
	p, err := usage.ParsePayment(amount, "0.05", currency)
	if err != nil {
		panic(err)
	}
	return p
}

func request(n int) usage.Event {
	return usage.Event{
		ID: usage.NamedID('t', fmt.Sprint(n)), Kind: usage.KindRequest, Vantage: usage.VantageServer, Trusted: true,
		Time: noon.Add(time.Duration(n) * time.Second), Method: "POST", Route: "/payments", Status: 201,
		Duration: 1500 * time.Microsecond, Country: "DE", SDK: usage.SDK{Name: "disco-sdk-go", Version: "1.0.0", Language: "go"},
	}
}

// contextOf is the context of a test, or of one run of a property.
func contextOf(t require.TestingT) context.Context {
	if c, ok := t.(interface{ Context() context.Context }); ok {
		return c.Context()
	}
	return context.Background()
}

func write(t require.TestingT, w *postgres.Writer, events ...usage.Event) usage.Receipt {
	receipt, err := w.Write(contextOf(t), &usage.Batch{Events: events})
	require.NoError(t, err)
	return receipt
}

func TestWriteCounts(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})

	paid, failed, custom, claimedPayment := request(1), request(2), request(3), request(4)
	paid.Payment, paid.ServiceID, paid.AgentID = payment("12.50", "EUR"), "svc", "a1"
	failed.Failed, failed.Status, failed.Payment = true, 500, payment("7", "EUR")
	custom.Kind, custom.Vantage, custom.Name, custom.Method, custom.Route = usage.KindCustom, usage.VantageNone, "disco.payment.completed", "", ""
	custom.Payment = payment("1.25", "EUR")
	claimedPayment.Trusted, claimedPayment.Payment = false, payment("3", "USD")
	batch := &usage.Batch{
		Events:     []usage.Event{paid, failed, custom, claimedPayment, paid},
		Rejections: []usage.Rejection{{Reason: usage.ReasonNotUsage, Count: 3}, {Reason: usage.ReasonTooOld, Count: 1, Detail: "old", Record: "{}"}},
		Notes:      []usage.Rejection{{Reason: usage.ReasonBadPayment, Count: 1, Detail: "10,00"}},
	}
	receipt, err := w.Write(t.Context(), batch)
	require.NoError(t, err)
	require.Equal(t, usage.Receipt{Stored: 4, Repeated: 1, Rejected: 4}, receipt)

	receipt, err = w.Write(t.Context(), &usage.Batch{Events: batch.Events[:4]})
	require.NoError(t, err)
	require.Equal(t, usage.Receipt{Repeated: 4}, receipt)

	var count, errors, payments, duration int64
	row := db.Pool().QueryRow(t.Context(), `SELECT sum(count), sum(errors), sum(payments), sum(duration_us)::bigint FROM usage_statistics WHERE dimension = 0`)
	require.NoError(t, row.Scan(&count, &errors, &payments, &duration))
	require.Equal(t, []int64{3, 1, 2, 4500}, []int64{count, errors, payments, duration})

	var volume, fees decimal.Decimal
	row = db.Pool().QueryRow(t.Context(), `SELECT sum(volume), sum(fees) FROM usage_statistics WHERE dimension = 7`)
	require.NoError(t, row.Scan(&volume, &fees))
	require.Equal(t, "13.75 0.1", volume.String()+" "+fees.String())

	var lines int
	require.NoError(t, db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM quarantine`).Scan(&lines))
	require.Equal(t, 2, lines)
	requireEqualToRecount(t, db)
}

// A claim is kept with an event when it contradicts the key's owner, or when there is no key that could say more.
func TestWriteKeepsClaimsThatSaySomethingNew(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	key := newKey(t, db)
	events := make([]usage.Event, 3)
	for i := range events {
		events[i] = request(i)
		events[i].Claim = usage.Claim{Email: fmt.Sprintf("%d@example.com", i), Organization: "Ltd"}
	}
	events[0].KeyID, events[1].KeyID = key, key
	events[1].Claim.Mismatch = true
	write(t, w, events...)
	require.Equal(t, "1@example.com\tLtd 2@example.com\tLtd", text(t, db,
		`SELECT string_agg(d.value, ' ' ORDER BY d.value) FROM audit_logs a JOIN dictionary d ON d.id = a.claim`))
	require.Equal(t, "true", text(t, db, `SELECT bool_and((flags & 4 <> 0) = (time = $1)) FROM audit_logs`, events[1].Time), "bit 2 says that it contradicts")
	requireEqualToRecount(t, db)
}
