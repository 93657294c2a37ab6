package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// shortRetention is laid over examples/local.yaml. Statistics cannot be kept for less than 400 days.
const shortRetention = `
extensions:
  usage_store:
    accepted_window: { past: 24h }
    retention: { events: 48h, quarter_hours: 9600h, hours: 9600h }
`

// Old events are sealed and dropped by the collector's own jobs while senders go on and are all taken. What was counted of them
// stays, they do not come back, and a recount is equal.
func TestRetentionWhileIngesting(t *testing.T) {
	t.Parallel()
	const past = 40
	c := startCollector(t)
	user, platform := c.register("retention@example.com", "Retention", "live"), c.key("platform")
	k := &known{c: c, day: time.Now().UTC().Truncate(24 * time.Hour)}
	spans := make([]span, past)
	for i := range spans {
		spans[i] = k.call(user.Key, k.at(0, "12h").AddDate(0, 0, -60+i/2), "GET", "/services", 200, ms(i))
	}
	before := traces(spans...)
	require.Equal(t, http.StatusOK, c.postTraces(platform, before))
	require.Equal(t, fmt.Sprint(past), c.query(t, `SELECT count(*)::text FROM audit_logs`))
	require.Contains(t, c.reconcile(), fmt.Sprintf("equal: %d events", past))

	overlay := filepath.Join(c.data, "retention.yaml")
	require.NoError(t, os.WriteFile(overlay, []byte(shortRetention), 0o644))
	c.stop()
	c.overlay = overlay
	c.start()
	c.waitReady()

	var taken atomic.Int64
	stop := c.sendOn(platform, func() span { return k.call(user.Key, time.Now(), "GET", "/services", 200, ms(1)) }, &taken)
	defer stop()
	const dropped = `SELECT (sealed_before > now() - interval '10 days' AND NOT EXISTS (SELECT FROM pg_class
		WHERE relkind = 'r' AND relname ~ '^audit_logs_\d' AND relname < to_char(sealed_before, '"audit_logs_"IYYY"w"IW')))::text FROM retention`
	require.EventuallyWithT(t, func(collect *assert.CollectT) { assert.Equal(collect, "true", c.query(t, dropped)) }, time.Minute, 50*time.Millisecond)
	since := taken.Load()
	require.Eventually(t, func() bool { return taken.Load() > since }, time.Minute, time.Millisecond, "senders go on after it, too")
	report := c.reconcile() // while they write
	stop()
	t.Logf("%d calls were taken until the events were dropped, %d until the end", since, taken.Load())
	require.Contains(t, report, fmt.Sprintf("left out: %d days whose events have been dropped\nequal: ", past/2))
	require.Contains(t, report, "ledger equal: ")

	// An event that has been dropped is refused, and does not count twice.
	require.Equal(t, http.StatusOK, c.postTraces(platform, before))
	require.Equal(t, fmt.Sprint(taken.Load()), c.query(t, `SELECT count(*)::text FROM audit_logs`))
	report = c.reconcile()
	require.Contains(t, report, fmt.Sprintf("equal: %d events", taken.Load()))
	require.Contains(t, report, fmt.Sprintf("ledger equal: %d received = %d stored + 0 repeated + %d rejected (%d too_old); %d stored = %d events (%d of sealed days) + 0 reported totals",
		2*past+taken.Load(), past+taken.Load(), past, past, past+taken.Load(), past+taken.Load(), past))
	usage := c.get("/analytics/usage?start_date="+k.day.AddDate(0, 0, -70).Format(time.DateOnly), user.Key)
	require.Equal(t, json.Number(fmt.Sprint(past+taken.Load())), usage["overview"].(map[string]any)["total_requests"])
}

// sendOn sends one call after the other and counts those that were taken, until it is stopped.
func (c *collector) sendOn(key string, next func() span, taken *atomic.Int64) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			default:
			}
			body, err := ptraceotlp.NewExportRequestFromTraces(traces(next())).MarshalProto()
			if err != nil {
				c.t.Error(err)
				return
			}
			status, answer, err := c.postOTLP("/v1/traces", key, body)
			if err != nil || status != http.StatusOK {
				c.t.Errorf("answered %d: %s (%v)", status, answer, err)
				return
			}
			taken.Add(1)
		}
	}()
	return sync.OnceFunc(func() { close(done); <-ended })
}
