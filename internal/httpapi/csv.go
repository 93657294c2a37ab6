package httpapi

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/disco-platform/mirrorball/internal/analytics"
)

// table is a part of a usage answer that fits a table.
type table struct {
	name    string
	columns []string
	rows    func(*analytics.Usage, func(cells ...string))
}

// tables has what an export can choose from; the first is the default.
var tables = []table{
	{"time_series", []string{"period", "start", "end", "requests", "errors", "error_rate"}, func(u *analytics.Usage, row func(...string)) {
		for _, p := range seriesOf(u) {
			row(p.Period, p.Start.Format(time.RFC3339), p.End.Format(time.RFC3339), count(p.Requests), count(p.Errors), string(p.ErrorRate))
		}
	}},
	{"endpoints", append([]string{"method", "endpoint"}, append(tallyColumns, "avg_response_time_ms", "p50_ms", "p95_ms", "p99_ms")...), func(u *analytics.Usage, row func(...string)) {
		for _, e := range u.Endpoints {
			t := responseTimesOf(e.Response)
			row(append([]string{text(e.Method), text(e.Route)}, append(tallyCells(e.Counts), string(t.Average), string(t.P50), string(t.P95), string(t.P99))...)...)
		}
	}},
	{"payments", []string{"currency", "count", "volume", "fees_collected"}, func(u *analytics.Usage, row func(...string)) {
		for _, m := range u.Payments {
			row(text(m.Currency), count(m.Payments), m.Volume, m.Fees)
		}
	}},
	{"sdk_versions", append([]string{"name", "version", "language"}, tallyColumns...), func(u *analytics.Usage, row func(...string)) {
		for _, s := range u.SDKs {
			row(append([]string{text(s.Name), text(s.Version), text(s.Language)}, tallyCells(s.Counts)...)...)
		}
	}},
	{"countries", append([]string{"country"}, tallyColumns...), named(func(u *analytics.Usage) []analytics.Named { return u.Countries })},
	{"operations", append([]string{"operation"}, tallyColumns...), named(func(u *analytics.Usage) []analytics.Named { return u.Operations })},
	{"services", append(append([]string{"service_id"}, tallyColumns...), "payments"), func(u *analytics.Usage, row func(...string)) {
		for _, s := range u.Services {
			row(append(append([]string{text(s.ID)}, tallyCells(s.Counts)...), count(s.Payments))...)
		}
	}},
	{"features", []string{"event", "count"}, func(u *analytics.Usage, row func(...string)) {
		for _, f := range u.Features {
			row(text(f.Event), count(f.Count))
		}
	}},
}

func tableNames() []string {
	return list(tables, func(t table) string { return t.name })
}

func named(part func(*analytics.Usage) []analytics.Named) func(*analytics.Usage, func(...string)) {
	return func(u *analytics.Usage, row func(...string)) {
		for _, n := range part(u) {
			row(append([]string{text(n.Name)}, tallyCells(n.Counts)...)...)
		}
	}
}

var tallyColumns = []string{"count", "error_count", "error_rate"}

func tallyCells(c analytics.Counts) []string {
	return []string{count(c.Requests), count(c.Errors), string(errorRate(c))}
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

// text keeps a spreadsheet from taking a cell for a formula (OWASP ASVS 5.0, 1.2.10).
func text(s string) string {
	if s != "" && strings.IndexByte("=+-@\t\r\n\x00'", s[0]) >= 0 {
		return "'" + s
	}
	return s
}

// write writes the table as in RFC 4180.
func (t table) write(w io.Writer, u *analytics.Usage) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	err := out.Write(t.columns)
	t.rows(u, func(cells ...string) {
		if err == nil {
			err = out.Write(cells)
		}
	})
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	return err
}
