package postgres

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// LedgerReport is what became of all records that were received, and whether what was stored is there.
//
// Stored has to be Events + Totals. Of a key that never was allowed to report calls made with other keys, that holds for
// the key alone: all that it sent is its own. The events of the others do not say which of them sent it, so of each no fewer
// may be booked than it has sent about itself for certain. And what is in quarantine has to be booked as refused.
type LedgerReport struct {
	// Received = Stored + Repeated + all Rejected (by reason), by definition: only senders know how much they sent.
	Received int64            `json:"received"`
	Stored   int64            `json:"stored"`
	Repeated int64            `json:"repeated"`
	Rejected map[string]int64 `json:"rejected"`
	// Events are stored, or were: SealedEvents of them are of sealed days. Totals are metrics that SDKs reported, likewise.
	Events       int64 `json:"events"`
	SealedEvents int64 `json:"sealed_events"`
	Totals       int64 `json:"totals"`
	// Total is the number of differences, of which Differences are the first.
	Total       int                `json:"different"`
	Differences []LedgerDifference `json:"differences"`
}

// LedgerDifference is a figure of the ledger that is not what there is.
type LedgerDifference struct {
	// Key is the public id of the key that the records were sent with; empty when unknown; "every key" for all together.
	Key string `json:"key"`
	// Outcome is "stored", or the reason for which records are in quarantine.
	Outcome string `json:"outcome"`
	// Booked is what the ledger says, and Found how many there are; AtLeast when some may be gone or not be counted.
	Booked  int64 `json:"booked"`
	Found   int64 `json:"found"`
	AtLeast bool  `json:"at_least"`
}

// Equal reports whether nothing differs.
func (l *LedgerReport) Equal() bool { return l.Total == 0 }

// booked is what is known of the records that a key has sent.
type booked struct {
	sent
	totals, stored int64
	speaks         bool // may have reported calls made with other keys
}

const (
	sumLedger   = `SELECT key, outcome, sum(count)::bigint FROM ingest_ledger GROUP BY 1, 2`
	countTotals = `SELECT reporter, count(*) FROM reported_totals GROUP BY 1`
	readBrought = `SELECT key, events, trusted, totals, stored FROM brought_forward`
	// A key that has lost the scope may have used it before; the trail knows of every change.
	findSpeakers = `
SELECT seq FROM api_keys k WHERE $1 = ANY (scopes)
	OR EXISTS (SELECT FROM admin_trail WHERE target = k.id AND action = 'key.change' AND details ? 'scopes')`
	// Hours of which the ledger is gone are left out. A record of the quarantine may stand for several.
	findUnbooked = `
WITH booked AS (
	SELECT key, hour, regexp_replace(outcome, '^note:', '') AS reason, sum(count)::bigint AS n FROM ingest_ledger
	WHERE outcome NOT IN ('stored', 'repeated') GROUP BY 1, 2, 3
), kept AS (
	SELECT key, date_trunc('hour', received_at, 'UTC') AS hour, reason, count(*) AS n FROM quarantine
	WHERE received_at >= (SELECT min(hour) FROM ingest_ledger) GROUP BY 1, 2, 3
)
SELECT k.key, k.reason, coalesce(b.n, 0), k.n FROM kept k LEFT JOIN booked b USING (key, hour, reason)
WHERE k.n > coalesce(b.n, 0) ORDER BY 1, 2, hour`
)

// ledgerComparison is compareLedger at work.
type ledgerComparison struct {
	report *LedgerReport
	keys   map[int32]*booked
	found  []unnamedBooking
}

// unnamedBooking is a difference whose key has no name yet.
type unnamedBooking struct {
	key int32
	LedgerDifference
}

// compareLedger compares the whole ledger with the events that were recounted and with what else it counts.
func (r *reconciliation) compareLedger(ctx context.Context, tx pgx.Tx) error {
	l := &ledgerComparison{report: &LedgerReport{Rejected: map[string]int64{}, Differences: []LedgerDifference{}}, keys: map[int32]*booked{}}
	for key, n := range r.sent {
		l.at(key).sent = n
	}
	for _, read := range []func(context.Context, pgx.Tx) error{l.readLedger, l.readTotals, l.readBrought, l.readSpeakers} {
		if err := read(ctx, tx); err != nil {
			return err
		}
	}
	l.compareStored()
	if err := l.compareQuarantine(ctx, tx); err != nil {
		return err
	}
	r.report.Ledger = l.report
	l.report.Total = len(l.found)
	return l.name(ctx, tx, r.cfg.most())
}

func (l *ledgerComparison) at(key int32) *booked {
	b := l.keys[key]
	if b == nil {
		b = &booked{}
		l.keys[key] = b
	}
	return b
}

func (l *ledgerComparison) readLedger(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, sumLedger)
	if err != nil {
		return err
	}
	var line ledgerLine
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&line.key, &line.outcome, &n}, func() error {
		switch {
		case line.isNote():
			return nil
		case line.outcome == outcomeStored:
			l.at(line.key).stored += n
			l.report.Stored += n
		case line.outcome == outcomeRepeated:
			l.report.Repeated += n
		default:
			l.report.Rejected[line.outcome] += n
		}
		l.report.Received += n
		return nil
	})
	return err
}

func (l *ledgerComparison) readTotals(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, countTotals)
	if err != nil {
		return err
	}
	var key int32
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&key, &n}, func() error { l.at(key).totals += n; return nil })
	return err
}

// readBrought adds what has been dropped by its age.
func (l *ledgerComparison) readBrought(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, readBrought)
	if err != nil {
		return err
	}
	var key int32
	var old booked
	_, err = pgx.ForEachRow(rows, []any{&key, &old.own, &old.trusted, &old.totals, &old.stored}, func() error {
		b := l.at(key)
		b.own += old.own
		b.trusted += old.trusted
		b.totals += old.totals
		b.stored += old.stored
		l.report.SealedEvents += old.own + old.trusted
		l.report.Stored += old.stored
		l.report.Received += old.stored
		return nil
	})
	return err
}

func (l *ledgerComparison) readSpeakers(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, findSpeakers, apikey.ScopeTelemetryWriteAny)
	if err != nil {
		return err
	}
	var key int32
	_, err = pgx.ForEachRow(rows, []any{&key}, func() error { l.at(key).speaks = true; return nil })
	l.at(nobody).speaks = true // what was sent with a key that is not known
	return err
}

// compareStored holds what was booked as stored against what is there.
func (l *ledgerComparison) compareStored() {
	for _, key := range slices.Sorted(maps.Keys(l.keys)) {
		b := l.keys[key]
		l.report.Events += b.own + b.trusted
		l.report.Totals += b.totals
		l.compare(unnamedBooking{key, LedgerDifference{Outcome: outcomeStored, Booked: b.stored, Found: b.own + b.totals, AtLeast: b.speaks}})
	}
	l.compare(unnamedBooking{everyKey, LedgerDifference{Outcome: outcomeStored, Booked: l.report.Stored, Found: l.report.Events + l.report.Totals}})
}

func (l *ledgerComparison) compare(d unnamedBooking) {
	if d.Booked < d.Found || d.Booked > d.Found && !d.AtLeast {
		l.found = append(l.found, d)
	}
}

func (l *ledgerComparison) compareQuarantine(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, findUnbooked)
	if err != nil {
		return err
	}
	d := unnamedBooking{LedgerDifference: LedgerDifference{AtLeast: true}}
	_, err = pgx.ForEachRow(rows, []any{&d.key, &d.Outcome, &d.Booked, &d.Found}, func() error { l.compare(d); return nil })
	return err
}

// everyKey stands for all keys together; no key has it.
const everyKey = everySandboxed - 1

// name puts the differences of all keys together first, and names as many as are reported.
func (l *ledgerComparison) name(ctx context.Context, tx pgx.Tx, most int) error {
	slices.SortStableFunc(l.found, func(a, b unnamedBooking) int { return cmp.Compare(a.key, b.key) })
	l.found = l.found[:min(len(l.found), most)]
	keys := make([]int32, len(l.found))
	for i, d := range l.found {
		keys[i] = d.key
	}
	names := map[int32]string{everyKey: "every key"}
	rows, err := tx.Query(ctx, `SELECT seq, id FROM api_keys WHERE seq = ANY ($1)`, keys)
	if err != nil {
		return err
	}
	var key int32
	var id string
	if _, err := pgx.ForEachRow(rows, []any{&key, &id}, func() error { names[key] = id; return nil }); err != nil {
		return err
	}
	for _, d := range l.found {
		d.Key = names[d.key]
		l.report.Differences = append(l.report.Differences, d.LedgerDifference)
	}
	return nil
}
