package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/disco-platform/mirrorball/internal/demo/traffic"
)

// notice is an event of a customer's own program, as a CloudEvent: for programs that have no OpenTelemetry.
type notice struct {
	SpecVersion string            `json:"specversion"`
	ID          string            `json:"id"`
	Source      string            `json:"source"`
	Type        string            `json:"type"`
	Time        time.Time         `json:"time"`
	Data        map[string]string `json:"data"`
}

// maxNotices bounds what waits for delivery, far above what a stretch of the past brings.
const maxNotices = 2000

var noticeTypes = []string{"invoice.settled", "budget.exhausted", "agent.paused", "webhook.delivered"}

func newNotice(u *traffic.User, at time.Time, dice *rand.Rand) notice {
	return notice{
		SpecVersion: "1.0",
		ID:          fmt.Sprintf("%016x", dice.Uint64()),
		Source:      "/programs/" + u.Email,
		Type:        noticeTypes[dice.IntN(len(noticeTypes))],
		Time:        at.UTC(),
		Data:        map[string]string{"region": u.Country},
	}
}

// sendNotices delivers a batch as the CloudEvents HTTP binding has it.
func (m *mirrorball) sendNotices(ctx context.Context, key string, batch []notice) error {
	body, err := json.Marshal(batch)
	if err != nil {
		return err
	}
	_, err = m.do(ctx, "send CloudEvents", http.MethodPost, m.events+"/events", key, "application/cloudevents-batch+json", body)
	return err
}
