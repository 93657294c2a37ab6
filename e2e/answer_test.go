package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// readJSON keeps numbers as they are written, so that 22.850 is not 22.85 and no digit of an amount is lost.
func readJSON(t *testing.T, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var value any
	require.NoErrorf(t, d.Decode(&value), "%s", text)
	return value
}

// expected reads an answer that a test writes down, with $names in place of ids and dates.
func expected(t *testing.T, names map[string]string, text string) map[string]any {
	t.Helper()
	return readJSON(t, fillIn(t, names, text)).(map[string]any)
}

func fillIn(t *testing.T, names map[string]string, text string) string {
	t.Helper()
	return os.Expand(text, func(name string) string {
		value, ok := names[name]
		require.True(t, ok, "nothing is called $%s", name)
		return value
	})
}

// equalAnswer compares a whole answer: what is missing, what differs and what nobody has written down fail alike. All is
// equal to the last digit but the quantiles of response times, which are estimates.
func equalAnswer(t *testing.T, want, got any) {
	t.Helper()
	if difference := cmp.Diff(want, got, cmp.FilterPath(isQuantile, cmp.Comparer(sameQuantile))); difference != "" {
		t.Errorf("- wanted, + answered:\n%s", difference)
	}
}

func isQuantile(p cmp.Path) bool {
	member, ok := p.Last().(cmp.MapIndex)
	return ok && member.Key().Kind() == reflect.String && strings.HasPrefix(member.Key().String(), "p") && strings.HasSuffix(member.Key().String(), "_ms")
}

// sameQuantile allows the documented 2 % (of the mean: neither side is known to be the exact one here).
func sameQuantile(a, b any) bool {
	x, errX := strconv.ParseFloat(fmt.Sprint(a), 64)
	y, errY := strconv.ParseFloat(fmt.Sprint(b), 64)
	return errX == nil && errY == nil && math.Abs(x-y) <= 0.02*(x+y)/2
}

// call says when a request was made and whether it failed: all that a time series is made of.
type call struct {
	at     time.Time
	failed bool
}

// periodName is how the API names the period that a local time lies in.
var periodName = map[string]func(time.Time) string{
	"hourly": func(t time.Time) string { return t.Format("2006-01-02T15:00:00Z07:00") },
	"daily":  func(t time.Time) string { return t.Format(time.DateOnly) },
	"weekly": func(t time.Time) string {
		year, week := t.ISOWeek()
		return fmt.Sprintf("%d-W%02d", year, week)
	},
	"monthly": func(t time.Time) string { return t.Format("2006-01") },
}

// timeSeries counts calls by period, in the plainest way there is: it goes through the window minute by minute, and
// where the name changes, a period begins. It returns what the API should answer, and, to be compared with figures
// made by hand, the periods that are not empty as requests/errors.
func timeSeries(calls []call, from, to time.Time, granularity string) (series []any, busy string) {
	var begins []time.Time
	for t, last := from, ""; t.Before(to); t = t.Add(time.Minute) {
		if name := periodName[granularity](t); name != last {
			begins, last = append(begins, t), name
		}
	}
	for i, begin := range begins {
		end := to
		if i+1 < len(begins) {
			end = begins[i+1]
		}
		requests, errors := 0, 0
		for _, c := range calls {
			if c.at.Before(begin) || !c.at.Before(end) {
				continue
			}
			requests++
			if c.failed {
				errors++
			}
		}
		if requests > 0 {
			busy += fmt.Sprintf(" %d/%d", requests, errors)
		}
		series = append(series, map[string]any{
			"period": periodName[granularity](begin), "start": begin.Format(time.RFC3339), "end": end.Format(time.RFC3339),
			"requests": number(requests), "errors": number(errors), "error_rate": share(errors, requests),
		})
	}
	return series, strings.TrimSpace(busy)
}

func number(n int) json.Number { return json.Number(strconv.Itoa(n)) }

// share is a part in percent with two decimals, as the API writes it.
func share(part, whole int) json.Number {
	if whole == 0 {
		return "0.00"
	}
	return json.Number(fmt.Sprintf("%.2f", 100*float64(part)/float64(whole)))
}

// equalNumbers requires some fields to be these numbers, written in any equivalent decimal form but exactly equal.
func equalNumbers(t *testing.T, got map[string]any, want map[string]string) {
	t.Helper()
	for field, number := range want {
		value, ok := got[field].(json.Number)
		require.Truef(t, ok, "%s is %v", field, got[field])
		require.Truef(t, sameNumber(value.String(), number), "%s is %s, want %s", field, value, number)
	}
}
