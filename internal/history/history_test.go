package history

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestMain has rapid try a thousand histories in place of its hundred.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("rapid.checks", "1000"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

var modelOptions = Options{BucketWidth: modelWidth, Other: modelOther}

// A store without a bug is never accused, whatever happens to it.
func TestCleanHistoriesPass(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		faults := rapid.SampledFrom([]float64{0, 0.1, 0.5, 1}).Draw(t, "faults")
		m := newModel(rapid.Uint64().Draw(t, "seed"), "", rapid.IntRange(1, 4).Draw(t, "collectors"), faults)
		h := New(nil)
		m.run(h, rapid.IntRange(0, 60).Draw(t, "batches"))
		options := modelOptions
		options.Calm = faults == 0
		report, err := Check(h, m, options)
		if err != nil {
			t.Fatal(err)
		}
		if !report.OK() {
			t.Fatal(report)
		}
		if faults == 0 && report.Acknowledged != report.Present {
			t.Fatalf("acknowledged and present differ without any fault: %s", report)
		}
	})
}

// Each planted bug is caught, with each of several seeds, and called by its class.
func TestPlantedBugsAreCaught(t *testing.T) {
	t.Parallel()
	for bug, classes := range map[string][]Class{
		"acknowledged before commit":                         {Lost},
		"half a batch committed":                             {Lost},
		"dropped at shutdown":                                {Lost},
		"id remembered before commit":                        {Lost},
		"dedupe off":                                         {Doubled},
		"retry without id":                                   {Doubled},
		"event without time deduplicated by time of receipt": {Doubled},
		"repeats looked for in the batch only":               {Doubled, Miscounted},
		"statistics from all rows instead of inserted ones":  {Doubled, Miscounted},
		"statistics committed before events":                 {Doubled, Miscounted},
		"events committed before statistics":                 {Miscounted},
		"statistics forgotten now and then":                  {Miscounted},
		"event of a refused batch stored":                    {Forged},
		"accepted window not checked":                        {Forged, Unbalanced},
		"wrong key":                                          {Forged},
		"stale dictionary":                                   {Forged, Miscounted},
		"cap applied to statistics alone":                    {Miscounted},
		"cap applied to the event alone":                     {Miscounted},
		"bucket from the batch's first record":               {Late, Miscounted},
		"statistics of a local day":                          {Late, Miscounted},
		"time read without its zone":                         {Late},
		"time of receipt":                                    {Late},
		"errors not counted":                                 {Miscounted},
		"amount through a float32":                           {Miscounted},
		"vantages added up":                                  {Miscounted},
		"ledger outside the transaction":                     {Unbalanced},
	} {
		t.Run(bug, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(5) {
				m := newModel(seed, bug, 2, 0.4)
				h := New(nil)
				m.run(h, 150)
				report, err := Check(h, m, modelOptions)
				require.NoError(t, err)
				for _, class := range classes {
					require.Positivef(t, report.Found[class], "seed %d: no %s in %s", seed, class, report)
				}
			}
		})
	}
}

// Without any fault the ledger is exact, so one record too many in it is seen.
func TestCalmLedgerIsExact(t *testing.T) {
	t.Parallel()
	m := newModel(1, "", 1, 0)
	h := New(nil)
	m.run(h, 20)
	for id := range m.ledgers {
		if id.outcome == Repeated {
			m.ledgers[id]++
			break
		}
	}
	report, err := Check(h, m, modelOptions)
	require.NoError(t, err)
	require.True(t, report.OK(), report)

	calm := modelOptions
	calm.Calm = true
	report, err = Check(h, m, calm)
	require.NoError(t, err)
	require.Equal(t, map[Class]int64{Unbalanced: 1}, report.Found)
}

// An attempt without an answer may have gone either way, a refused one only one way, and never twice.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 14, 10, 0, 0, 0, time.UTC)
	event := Event{ID: "e", LedgerKey: "r", Key: "k", Vantage: "server", Time: at, Facts: Facts{Endpoint: "GET /"}}
	for name, f := range map[string]struct {
		outcomes []Outcome
		copies   int
		want     map[Class]int64
	}{
		"acknowledged, there":          {[]Outcome{OK}, 1, map[Class]int64{}},
		"acknowledged, missing":        {[]Outcome{OK}, 0, map[Class]int64{Lost: 1, Unbalanced: 1}},
		"acknowledged once of three":   {[]Outcome{Unknown, OK, Unknown}, 0, map[Class]int64{Lost: 1, Unbalanced: 1}},
		"no answer, missing":           {[]Outcome{Unknown}, 0, map[Class]int64{}},
		"no answer, there":             {[]Outcome{Unknown}, 1, map[Class]int64{}},
		"no answer, twice":             {[]Outcome{Unknown, Unknown}, 2, map[Class]int64{Doubled: 1}},
		"refused, missing":             {[]Outcome{Failed}, 0, map[Class]int64{}},
		"refused, there":               {[]Outcome{Failed, Failed}, 1, map[Class]int64{Forged: 1, Unbalanced: 1}},
		"refused after no answer":      {[]Outcome{Unknown, Failed}, 1, map[Class]int64{}},
		"never sent, there":            {nil, 1, map[Class]int64{Forged: 1, Unbalanced: 1}},
		"acknowledged, there 3 times":  {[]Outcome{OK}, 3, map[Class]int64{Doubled: 2}},
		"acknowledged twice, one copy": {[]Outcome{OK, OK}, 1, map[Class]int64{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := New(nil)
			received := int64(0)
			for i, outcome := range f.outcomes {
				if outcome != Failed {
					received++
				}
				h.Add(Attempt{Event: event, Attempt: i + 1, Invoked: at, Answered: at, Outcome: outcome})
			}
			var o Observed
			for range f.copies {
				o.Rows = append(o.Rows, Row{ID: "e", Key: "k", Vantage: "server", Time: at, Facts: event.Facts})
			}
			if n := int64(f.copies); n > 0 {
				cell := CellID{Key: "k", Vantage: "server", Bucket: at, Dimension: Total}
				o.Statistics = []Cell{{cell, Sums{Count: n}}}
				cell.Dimension, cell.Value = ByEndpoint, "GET /"
				o.Statistics = append(o.Statistics, Cell{cell, Sums{Count: n}})
				o.Ledger = []LedgerRow{{"r", at, Stored, n}}
				if repeated := received - n; repeated > 0 {
					o.Ledger = append(o.Ledger, LedgerRow{"r", at, Repeated, repeated})
				}
			}
			report, err := Check(h, observed{o}, Options{BucketWidth: modelWidth, Calm: received == 0})
			require.NoError(t, err)
			require.Equal(t, f.want, report.Found, report)
		})
	}
}

type observed struct{ Observed }

func (o observed) Observe() (Observed, error) { return o.Observed, nil }

func TestReplayGivesTheSameReport(t *testing.T) {
	t.Parallel()
	var written bytes.Buffer
	m := newModel(3, "statistics committed before events", 2, 0.4)
	h := New(&written)
	m.run(h, 40)
	report, err := Check(h, m, modelOptions)
	require.NoError(t, err)
	require.False(t, report.OK())

	again, err := Replay(bytes.NewReader(written.Bytes()))
	require.NoError(t, err)
	require.Equal(t, report.String(), again.String())
	require.Equal(t, len(report.Findings), strings.Count(written.String(), `{"finding":`))

	_, err = Replay(strings.NewReader(`{"attempt":`))
	require.ErrorContains(t, err, "cannot read the history")
}

// A sender that gives one id to two events has a bug of its own, which a check must not hide.
func TestOneIDForTwoEvents(t *testing.T) {
	t.Parallel()
	h := New(nil)
	h.Add(Attempt{Event: Event{ID: "e", Key: "k"}, Outcome: OK})
	h.Add(Attempt{Event: Event{ID: "e", Key: "l"}, Outcome: OK})
	_, err := Check(h, observed{}, modelOptions)
	require.ErrorContains(t, err, `two different events were sent as "e"`)
}

type broken struct{}

func (broken) Observe() (Observed, error) { return Observed{}, errors.New("no answer") }

func TestDatabaseThatCannotBeRead(t *testing.T) {
	t.Parallel()
	_, err := Check(New(nil), broken{}, modelOptions)
	require.EqualError(t, err, "cannot read what the database holds: no answer")
}
