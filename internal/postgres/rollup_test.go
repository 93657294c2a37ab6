package postgres_test

import (
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// Whatever lies now in the accepted window is kept by the hour in 500 days, and by the day in 900.
const inHours, inDays = 500 * day, 900 * day

// sumsOf are all figures of all keys by the hour, or by the day, as text. The rows of everybody's days are apart.
func sumsOf(t require.TestingT, db *postgres.DB, by string) []string {
	const query = `
		WITH cells AS (SELECT *, date_trunc($1, bucket, 'UTC') AS begin, key < 0 AND grain = 2 AS day FROM usage_cells),
		rows AS (SELECT *, date_trunc($1, bucket, 'UTC') AS begin, key < 0 AND grain = 2 AS day FROM usage_counts)
		SELECT format('%s %s %s %s %s %s | %s %s %s %s %s %s %s %s', key, day, begin, vantage, dimension, value, sum(count), sum(errors), sum(duration_us),
			sum(payments), sum(agents), sum(services), trim_scale(sum(volume)), trim_scale(sum(fees)))
		FROM cells GROUP BY key, day, begin, vantage, dimension, value
		UNION ALL SELECT format('latency %s %s %s %s %s %s %s', key, day, begin, vantage, value[l >> 23], l >> 13 & 1023, sum(l & 8191))
			FROM rows CROSS JOIN LATERAL unnest(latency) AS l GROUP BY key, day, begin, vantage, value[l >> 23], l >> 13 & 1023
		UNION ALL SELECT DISTINCT format('agent %s %s %s %s', key, begin, vantage, agent) FROM rows CROSS JOIN LATERAL unnest(seen) AS agent
		ORDER BY 1`
	rows, err := db.Pool().Query(contextOf(t), query, by)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return lines
}

func textOf(t require.TestingT, db *postgres.DB, sql string) (s string) {
	require.NoError(t, db.Pool().QueryRow(contextOf(t), `SELECT (`+sql+`)::text`).Scan(&s))
	return s
}

const (
	grains       = `SELECT coalesce(string_agg(DISTINCT grain::text, ' ' ORDER BY grain::text), '') FROM usage_counts WHERE key `
	splitPeriods = `SELECT count(*) - count(DISTINCT (key, grain, vantage, bucket)) FROM usage_counts WHERE NOT (key < 0 AND grain = 2)`
)

// Any set of events has the same sums by the hour and by the day after it was rolled up.
func TestRollingUpChangesNoSum(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	keys := []string{newKey(t, db), newKey(t, db), ""}
	now := time.Now()
	rapid.Check(t, func(t *rapid.T) {
		ctx := contextOf(t)
		_, err := db.Pool().Exec(ctx, `TRUNCATE usage_counts, audit_logs, undated_events, retention; INSERT INTO retention DEFAULT VALUES`)
		require.NoError(t, err)
		for range rapid.IntRange(1, 4).Draw(t, "batches") {
			events := withoutClashes(oneContentPerID(rapid.SliceOfN(eventGen(), 1, 30).Draw(t, "events")))
			write(t, w, ofKey(events, rapid.SampledFrom(keys).Draw(t, "key"))...)
		}
		hours, days := sumsOf(t, db, "hour"), sumsOf(t, db, "day")
		if rapid.Bool().Draw(t, "merged before") {
			require.NoError(t, postgres.Compact(ctx, db, now.Add(2*time.Hour)))
		}
		if rapid.Bool().Draw(t, "by the hour first") {
			for range 2 {
				require.NoError(t, postgres.RollUp(ctx, db, now.Add(inHours)))
				require.Equal(t, hours, sumsOf(t, db, "hour"))
				require.Equal(t, "1", textOf(t, db, grains+`>= 0`))
				require.Contains(t, []string{"1 2", ""}, textOf(t, db, grains+`< 0`))
				require.Equal(t, "0", textOf(t, db, splitPeriods))
			}
		}
		for range 2 {
			require.NoError(t, postgres.RollUp(ctx, db, now.Add(inDays)))
			require.Equal(t, days, withEverybodysHours(days, sumsOf(t, db, "day")))
			require.Equal(t, "2", textOf(t, db, grains+`>= 0`))
			require.Contains(t, []string{"2", ""}, textOf(t, db, grains+`< 0`))
			require.Equal(t, "0", textOf(t, db, splitPeriods))
		}
	})
}

// withEverybodysHours puts back what is deleted: the finer rows of what is counted by the day too.
func withEverybodysHours(before, after []string) []string {
	kept := map[string]bool{}
	for _, line := range after {
		kept[line] = true
	}
	var all []string
	for _, line := range before {
		switch {
		case kept[line]:
			all = append(all, line)
			delete(kept, line)
		case finerOfEverybody.MatchString(line):
			all = append(all, line)
		}
	}
	for line := range kept {
		all = append(all, "new: "+line)
	}
	return all
}

var finerOfEverybody = regexp.MustCompile(`^(latency )?-[12] f `)

// A job that is killed in the middle leaves every sum as it was, and is taken up again.
func TestRollingUpIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	key, now := newKey(t, db), time.Now()
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	for n := range 30 {
		e := request(n)
		e.KeyID, e.Time = key, now.Add(-time.Duration(n)*7*time.Hour)
		write(t, w, e)
	}
	hours := sumsOf(t, db, "hour")
	exec := func(sql string) {
		_, err := db.Pool().Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	exec(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE division_by_zero; END $$`)
	exec(`CREATE TRIGGER fail BEFORE INSERT ON usage_counts FOR EACH ROW WHEN (NEW.key < 0 AND NEW.bucket BETWEEN now() - interval '5 days' AND now() - interval '4 days') EXECUTE FUNCTION fail()`)
	require.ErrorContains(t, postgres.RollUp(t.Context(), db, now.Add(inHours)), "22012")
	require.Equal(t, "0 1", textOf(t, db, grains+`>= 0`), "half done")
	require.Equal(t, hours, sumsOf(t, db, "hour"))
	require.Equal(t, "true", textOf(t, db, `SELECT quarters_rolled < quarters_from FROM retention`))

	exec(`DROP TRIGGER fail ON usage_counts`)
	require.NoError(t, postgres.RollUp(t.Context(), db, now.Add(inHours)))
	require.Equal(t, "1", textOf(t, db, grains+`>= 0`))
	require.Equal(t, hours, sumsOf(t, db, "hour"))
	require.Equal(t, "true", textOf(t, db, `SELECT quarters_rolled = quarters_from FROM retention`))
}

// rolledUp is a database with a request in each quarter of an hour of three weeks, of which the first part is rolled up.
type rolledUp struct {
	*readTest
	subject analytics.Subject
	border  time.Time // what is before is kept by the hour, or the day
}

// askBoth asks for usage and for the platform.
func (x *rolledUp) askBoth(start, end, granularity, zone string) (*analytics.Usage, *analytics.Platform, error) {
	w := x.window(start, end, granularity, zone)
	r := postgres.NewReader(x.db, server)
	u, err := r.Usage(x.Context(), analytics.UsageQuestion{By: access.Operator, Subject: x.subject, Window: w, Top: 9})
	p, platformErr := r.Platform(x.Context(), analytics.PlatformQuestion{By: access.Operator, Environment: "live", Window: w, Top: 9})
	require.Equal(x, err == nil, platformErr == nil, "both are refused, or none: %v, %v", err, platformErr)
	return u, p, err
}

func newRolledUp(t *testing.T, border string, in time.Duration) (x *rolledUp, roll func()) {
	x = &rolledUp{readTest: newReadTest(t)}
	ada, key := x.register("ada@example.com", "live")
	x.subject = analytics.Subject{UserID: ada.ID, Environment: "live"}
	today := x.now.Truncate(day)
	for d := -21; d < 0; d++ {
		at := today.Add(time.Duration(d) * day)
		x.exec(`INSERT INTO usage_counts (key, grain, bucket, vantage, dimension, value, count, latency, seen)
			SELECT key, 0, $1::timestamptz + q * interval '15 minutes', 1, '{0,1}', '{0,2}', '{1,1}', ARRAY[((CASE key WHEN $2 THEN 2 ELSE 1 END) << 23) | (100 << 13) | 1], CASE key WHEN $2 THEN ARRAY[q] END
			FROM generate_series(0, 95) AS q, unnest(ARRAY[$2, -1]) AS key`, at, key)
		x.exec(`INSERT INTO usage_counts (key, grain, bucket, vantage, dimension, value, count, latency) VALUES (-1, 2, $1, 1, '{0}', '{0}', '{96}', ARRAY[(1 << 23) | (100 << 13) | 96])`, at)
	}
	return x, func() {
		require.NoError(t, postgres.RollUp(t.Context(), x.db, time.Now().Add(in)))
		require.NoError(t, x.db.Pool().QueryRow(t.Context(), `SELECT `+border+` FROM retention`).Scan(&x.border))
		require.True(t, x.border.After(today.Add(-20*day)) && x.border.Before(today.Add(-2*day)), "the border is among the data: %s", x.border)
	}
}

// Answers over the border are what they were, where coarser rows fit; elsewhere they are refused.
func TestReadingOverTheBorder(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		border string
		in     time.Duration
		fits   []string // zones whose days consist of the longer periods
	}{
		"Hours": {"quarters_from", 401*day - 9*day, []string{"UTC", "Asia/Tokyo"}},
		"Days":  {"hours_from", 800*day - 9*day, []string{"UTC"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, roll := newRolledUp(t, tt.border, tt.in)
			type answer struct {
				usage    *analytics.Usage
				platform *analytics.Platform
			}
			first, last := x.now.Add(-19*day).Format(time.DateOnly), x.now.Add(-day).Format(time.DateOnly)
			ask := func(start, granularity, zone string) (answer, error) {
				u, p, err := x.askBoth(start, last, granularity, zone)
				return answer{u, p}, err
			}
			before := map[string]answer{}
			for _, zone := range tt.fits {
				a, err := ask(first, "daily", zone)
				require.NoError(t, err)
				require.EqualValues(t, 96, a.usage.Series[3].Requests)
				before[zone] = a
			}
			roll()
			for _, zone := range tt.fits {
				a, err := ask(first, "daily", zone)
				require.NoError(t, err)
				require.Equal(t, before[zone], a, zone)
			}
			var refused *analytics.ParameterError
			_, err := ask(first, "daily", "Asia/Kathmandu")
			require.ErrorAs(t, err, &refused)
			require.Equal(t, "start_date", refused.Parameter)
			// A day in Nepal begins 5¾ hours before the day in UTC, which is before the border of the same day. By then quarters
			// of an hour are there to be asked for in the first case alone.
			next := x.border.Add(day).UTC().Format(time.DateOnly)
			if name == "Hours" {
				require.ErrorContains(t, err, "start at "+next+" or later")
				a, err := ask(next, "daily", "Asia/Kathmandu")
				require.NoError(t, err)
				require.EqualValues(t, 96, a.usage.Series[0].Requests)
			}
			_, err = ask(x.border.Add(-30*time.Minute).UTC().Format(time.RFC3339), "daily", "UTC")
			require.ErrorContains(t, err, "start at "+x.border.UTC().Format(time.DateOnly)+" or later")
		})
	}
}

// A late event of a day that is rolled up counts, and is merged with the rest when that is next rolled up.
func TestLateRowsAreRolledUp(t *testing.T) {
	t.Parallel()
	x, roll := newRolledUp(t, "quarters_from", 401*day-9*day)
	roll()
	at := x.border.Add(-day)
	key := x.seqOf(text(t, x.db, `SELECT id FROM api_keys WHERE user_seq IS NOT NULL`))
	x.insertCell(row{vantage: usage.VantageServer, count: 5}, key, 0, at, 0)
	u, _, err := x.askBoth(at.Format(time.DateOnly), at.Format(time.DateOnly), "daily", "UTC")
	require.NoError(t, err)
	require.EqualValues(t, 96+5, u.Requests)
	// A job that was killed before it noted the day rolls it up again, over the hours that are there.
	x.exec(`UPDATE retention SET quarters_rolled = hours_rolled`)
	roll()
	require.Equal(t, "0", text(t, x.db, splitPeriods))
	require.Equal(t, "9", text(t, x.db, `SELECT count FROM usage_statistics WHERE key > 0 AND dimension = 0 AND width = '1 hour' AND bucket = $1`, at))
	require.NoError(t, postgres.RollUp(t.Context(), x.db, time.Now().Add(inDays)))
	require.Equal(t, strconv.Itoa(96+5), text(t, x.db, `SELECT count FROM usage_statistics WHERE key > 0 AND dimension = 0 AND width = '1 day' AND bucket = $1`, at))
}
