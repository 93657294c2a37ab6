package e2e

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

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
