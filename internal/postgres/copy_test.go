package postgres

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// The driver's own row-wise COPY is the reference: whatever the event, both store the same row.
func CopyIsWhatTheDriverCopies(t *testing.T, db *DB) {
	tx, err := db.ingest.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(t.Context()) }()
	for _, table := range []string{"ours", "theirs"} {
		_, err := tx.Exec(t.Context(), `CREATE TEMP TABLE `+table+` (LIKE audit_logs)`)
		require.NoError(t, err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		records := rapid.SliceOfN(recordGen(), 1, 20).Draw(rt, "records")
		_, err := tx.Exec(t.Context(), `TRUNCATE ours, theirs`)
		require.NoError(rt, err)
		require.NoError(rt, copyInto(t.Context(), tx, "ours", records))
		_, err = tx.CopyFrom(t.Context(), pgx.Identifier{"theirs"}, auditColumns, pgx.CopyFromSlice(len(records), func(i int) ([]any, error) {
			return driverRow(records[i]), nil
		}))
		require.NoError(rt, err)
		var differences int
		err = tx.QueryRow(t.Context(), `SELECT count(*) FROM ((TABLE ours EXCEPT ALL TABLE theirs) UNION ALL (TABLE theirs EXCEPT ALL TABLE ours)) d`).Scan(&differences)
		require.NoError(rt, err)
		require.Zero(rt, differences)
	})
}

func recordGen() *rapid.Generator[*record] {
	text := rapid.StringMatching(`[a-zäß€😀"\\ ]{0,12}`)
	return rapid.Custom(func(t *rapid.T) *record {
		e := &usage.Event{
			Kind:    rapid.SampledFrom([]usage.Kind{usage.KindRequest, usage.KindCustom, usage.KindAuthFailure}).Draw(t, "kind"),
			Vantage: rapid.SampledFrom([]usage.Vantage{usage.VantageNone, usage.VantageServer, usage.VantageClient}).Draw(t, "vantage"), Status: rapid.IntRange(0, 599).Draw(t, "status"),
			Time:     time.UnixMicro(rapid.Int64Range(-1e15, 4e15).Draw(t, "time")),
			Duration: time.Duration(rapid.Int64Range(0, 1e16).Draw(t, "duration")), Failed: rapid.Bool().Draw(t, "failed"),
			Trusted: rapid.Bool().Draw(t, "trusted"), Undated: rapid.Bool().Draw(t, "undated"), AgentID: text.Draw(t, "agent"),
			ResendCount: rapid.IntRange(0, 3).Draw(t, "resends"), Route: text.Draw(t, "route"),
			Attributes: rapid.MapOfN(text, text, 0, 3).Draw(t, "attributes"),
		}
		copy(e.ID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		if b := rapid.SampledFrom([]int{0, 4, 16}).Draw(t, "address"); b > 0 {
			e.Client, _ = netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), b, b).Draw(t, "bytes"))
		}
		if rapid.Bool().Draw(t, "pays") {
			amount := func(label string) decimal.Decimal {
				return decimal.New(rapid.Int64Range(0, 1e17).Draw(t, label), -rapid.Int32Range(0, 18).Draw(t, label+" scale"))
			}
			e.Payment = &usage.Payment{Amount: amount("amount"), Fee: amount("fee"), Currency: "EUR"}
		}
		r := &record{event: e, key: rapid.Int32().Draw(t, "key"), micros: e.Time.UnixMicro()}
		for d := range r.counted {
			r.counted[d] = rapid.OneOf(rapid.Int32Range(1, 2), rapid.Int32Range(1, 1<<30)).Draw(t, "value")
		}
		return r
	})
}

// driverRow is the row in Go's own types.
func driverRow(r *record) []any {
	e := r.event
	row := []any{time.UnixMicro(r.micros), [16]byte(e.ID), r.key, int32(min(e.Duration.Microseconds(), 1<<31-1))}
	for _, d := range []domain{1, 2, 3, 4, 5, 6, 8, 9, 10} {
		if r.counted[d] == 2 { // not known
			row = append(row, nil)
		} else {
			row = append(row, r.counted[d])
		}
	}
	var bits int16
	for i, set := range []bool{e.Failed, e.Trusted, e.Claim.Mismatch, e.Undated} {
		if set {
			bits += 1 << i
		}
	}
	bits += int16(e.Kind)*16 + int16(e.Vantage)*64
	row = append(row, int16(e.Status), bits)
	if e.Payment == nil {
		row = append(row, nil, nil, nil)
	} else {
		row = append(row, r.counted[domainCurrency], e.Payment.Amount, e.Payment.Fee)
	}
	if e.Client.IsValid() {
		row = append(row, e.Client.Unmap())
	} else {
		row = append(row, nil)
	}
	if e.AgentID == "" {
		row = append(row, nil)
	} else {
		row = append(row, e.AgentID)
	}
	d := map[string]any{}
	if e.ResendCount > 0 {
		d["resends"] = e.ResendCount
	}
	if len(e.Attributes) > 0 {
		d["attributes"] = e.Attributes
	}
	over := map[string]string{}
	for _, d := range []domain{1, 2, 3, 4, 5, 6, 8, 9, 10} {
		if r.counted[d] == 1 {
			over[domainNames[d]] = partsOf(e, d).text(d)
		}
	}
	if len(over) > 0 {
		d["uncapped"] = over
	}
	if len(d) == 0 {
		return append(row, nil)
	}
	text, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	return append(row, text)
}
