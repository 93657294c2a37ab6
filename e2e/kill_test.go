package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// Senders that retry until they are answered lose nothing and count nothing twice, whatever moment the collector and its
// Postgres are killed at.
func TestKilledMidLoad(t *testing.T) {
	t.Parallel()
	c := startCollector(t)
	user := c.register("kill@example.com", "Kill", "live")
	platform := c.key("platform")
	k := &known{c: c, day: time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -3)}

	const senders, batches, size, kills = 4, 60, 50, 3
	var answered atomic.Int64
	reached := make(chan struct{}, senders*batches)
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for b := range batches {
				spans := make([]span, size)
				for i := range spans {
					spans[i] = k.call(user.Key, k.at(0, fmt.Sprintf("%dm", (s*batches+b+i)%1440)), "GET", "/services", 200, ms(i))
				}
				body, err := ptraceotlp.NewExportRequestFromTraces(traces(spans...)).MarshalProto()
				if err != nil {
					t.Error(err)
					return
				}
				if !c.sendUntilTaken(t, platform, body) {
					return
				}
				answered.Add(size)
				reached <- struct{}{}
			}
		})
	}

	for i := range kills {
		for range senders * batches / (kills + 1) { // the kill falls after a share of the load, at no chosen moment within a batch
			<-reached
		}
		c.kill()
		c.start()
		c.waitReady()
		t.Logf("kill %d after %d acknowledged spans", i+1, answered.Load())
	}
	wg.Wait()
	require.EqualValues(t, senders*batches*size, answered.Load())

	a := c.get("/analytics/usage", user.Key)
	require.Equal(t, json.Number(fmt.Sprint(senders*batches*size)), a["overview"].(map[string]any)["total_requests"])
	require.Contains(t, c.reconcile(), "equal")
}

// sendUntilTaken repeats a request as an OTLP client does: on no answer and on 429, 502, 503 and 504.
func (c *collector) sendUntilTaken(t *testing.T, key string, body []byte) bool {
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		status, answer, err := c.postOTLP("/v1/traces", key, body)
		switch {
		case err == nil && status == http.StatusOK:
			return true
		case err != nil || status == 429 || status == 502 || status == 503 || status == 504:
			time.Sleep(50 * time.Millisecond) // the back-off of a client, not a wait of the test
		default:
			t.Errorf("answered %d: %s", status, answer)
			return false
		}
	}
	t.Error("not taken within 2 minutes")
	return false
}
