package usageeventsreceiver

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

// The collector's own contract for receivers: what the pipeline refuses for a while is sent again, what it refuses for
// good is not.
func TestConsumeContract(t *testing.T) {
	t.Parallel()
	cfg := createDefaultConfig().(*Config)
	cfg.NetAddr.Endpoint = freeAddress(t)
	receivertest.CheckConsumeContract(receivertest.CheckConsumeContractParams{
		T: t, Factory: NewFactory(), Signal: pipeline.SignalLogs, Config: cfg,
		Generator: &sender{url: "http://" + cfg.NetAddr.Endpoint + cfg.Path}, GenerateCount: 200,
	})
}

// sender repeats each event until the receiver takes it or says that it never will.
type sender struct {
	url  string
	last atomic.Int64
}

func (s *sender) Start() {}
func (s *sender) Stop()  { http.DefaultClient.CloseIdleConnections() }

func (s *sender) Generate() []receivertest.UniqueIDAttrVal {
	id := fmt.Sprint(s.last.Add(1))
	body := fmt.Sprintf(`{"specversion":"1.0","id":"%[1]s","source":"/contract","type":"t","data":{"%[2]s":"%[1]s"}}`, id, receivertest.UniqueIDAttrName)
	for s.post(body) == http.StatusServiceUnavailable {
	}
	return []receivertest.UniqueIDAttrVal{receivertest.UniqueIDAttrVal(id)}
}

func (s *sender) post(body string) int {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", mediaStructured)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}
