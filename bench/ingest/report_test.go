package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReport(t *testing.T) {
	t.Parallel()
	r := newReport()
	r.add("ingest_ratio", 0.7, 1.3, 0.9)
	r.add("wal_ratio", 0.4)
	r.add("usage_p99", 12.345)
	r.add("key_verify_allocations", 0, 0, 0)
	r.add("raw_copy_rate", 123456)

	var table strings.Builder
	require.NoError(t, r.print(&table))
	f := func(want ...string) {
		t.Helper()
		for line := range strings.Lines(table.String()) {
			if strings.Contains(line, want[0]) {
				var cells []string
				for cell := range strings.SplitSeq(strings.Trim(line, "|\n"), "|") {
					cells = append(cells, strings.TrimSpace(cell))
				}
				require.Equal(t, want[1:], cells[1:])
				return
			}
		}
		t.Errorf("no line with %q", want[0])
	}
	f("÷ raw COPY rows/s", "0.8", "1.2", "0.9 (0.7 to 1.3)", "good enough")
	f("WAL bytes per event", "0.65", "0.5", "0.4", "reaches the aim")
	f("GET /analytics/usage, last 30 days", "10 ms", "3 ms", "12.3 ms", "falls short")
	f("GET /analytics/platform on", "50 ms", "15 ms", "-", "not measured")
	f("allocations of it", "0 allocs", "0 allocs", "0 allocs", "reaches the aim")
	f("| raw COPY ", "", "", "123456 rows/s", "")

	path := filepath.Join(t.TempDir(), "results.json")
	require.NoError(t, r.save(path))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), `{"name":"ingest_ratio","value":0.9,"must":0.8,"aim":1.2,"unit":"ratio"},`+"\n")
	require.Contains(t, string(text), `{"name":"platform_p99","value":null,"must":50,"aim":15,"unit":"ms"}`)
	var list []map[string]any
	require.NoError(t, json.Unmarshal(text, &list))
	require.Len(t, list, len(rows))
}

// The database that grows is the last round's: what other rounds did at their beginning is no part of its ratio.
func TestRatioWithMuchStored(t *testing.T) {
	t.Parallel()
	r := newReport()
	opening := sent{events: 60, took: time.Second}
	r.add("ingest_opening_rate", 100, 200, opening.rate())
	grown{sent: sent{events: 45, took: time.Second}, opening: opening}.addTo(r)
	require.Equal(t, []float64{0.75}, r.figure("ingest_stored_ratio").samples)
	require.Equal(t, []float64{45}, r.figure("ingest_stored_rate").samples)
}

func TestMedian(t *testing.T) {
	t.Parallel()
	require.Equal(t, 2.0, median([]float64{3, 1, 2}))
	require.Equal(t, 2.5, median([]float64{4, 1, 2, 3}))
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	var d durations
	require.Zero(t, d.quantile(0.5))
	for i := range 100 {
		d = append(d, time.Duration(100-i))
	}
	require.EqualValues(t, 50, d.quantile(0.5))
	require.EqualValues(t, 99, d.quantile(0.99))
	require.EqualValues(t, 100, d.quantile(1))
	require.EqualValues(t, 1, d.quantile(0))
}
