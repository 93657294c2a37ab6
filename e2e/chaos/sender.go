//go:build linux

package chaos

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/disco-platform/mirrorball/internal/history"
)

// load is what senders have in common.
type load struct {
	history     *history.History
	collectors  []*Collector
	client      *http.Client
	connections map[*Collector]*grpc.ClientConn

	taken   atomic.Int64 // acknowledged requests
	retries atomic.Int64
	answers tally // by status

	mu         sync.Mutex
	complaints []string
}

// answerTimeout is how long a usual OTLP exporter waits for an answer.
const answerTimeout = 10 * time.Second

func newLoad(h *history.History, collectors []*Collector) (*load, error) {
	l := &load{
		history: h, collectors: collectors,
		client:      &http.Client{Timeout: answerTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
		connections: map[*Collector]*grpc.ClientConn{},
	}
	for _, c := range collectors {
		var err error
		if l.connections[c], err = dial(c); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *load) close() {
	for _, c := range l.connections {
		_ = c.Close()
	}
	l.client.CloseIdleConnections()
}

// maxComplaints are kept: the first say enough.
const maxComplaints = 20

func (l *load) complain(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.complaints) < maxComplaints {
		l.complaints = append(l.complaints, fmt.Sprintf(format, args...))
	}
}

// send makes and delivers batches until stop is closed; what has been begun is then brought to an end.
func (l *load) send(ctx context.Context, stop <-chan struct{}, f *factory) {
	for {
		select {
		case <-stop:
			return
		case <-ctx.Done():
			return
		default:
		}
		b, err := f.next()
		if err != nil {
			l.complain("cannot make a batch: %v", err)
			return
		}
		l.deliverOften(ctx, b, f.rng)
		pause(ctx, between(f.rng, 0, 30*time.Millisecond))
	}
}

// deliverOften sends a batch once, twice in a row, or to two collectors at the same time.
func (l *load) deliverOften(ctx context.Context, b *batch, rng *rand.Rand) {
	first := &delivery{load: l, batch: b, rng: split(rng)}
	again := &delivery{load: l, batch: b, rng: split(rng)}
	switch rng.IntN(3) {
	case 0:
		first.run(ctx)
	case 1:
		first.run(ctx)
		again.run(ctx)
	case 2:
		var wg sync.WaitGroup
		wg.Go(func() { first.run(ctx) })
		again.run(ctx)
		wg.Wait()
	}
}

// split makes a source of its own for another goroutine, which follows from the same seed.
func split(rng *rand.Rand) *rand.Rand { return rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64())) }

// delivery is a client that delivers one batch.
type delivery struct {
	*load
	batch *batch
	rng   *rand.Rand
}

// run repeats the batch as an OTLP client does: until it is taken or refused for good. Behind a load balancer a retry may
// reach another collector.
func (d *delivery) run(ctx context.Context) {
	target := d.collector()
	attemptOver := d.post
	if d.batch.path == "/v1/traces" && !d.batch.broken && d.rng.IntN(3) == 0 {
		attemptOver = d.export
	}
	for attempt := 1; ; attempt++ {
		invoked := time.Now()
		outcome, answer := attemptOver(ctx, target)
		answered := time.Now()
		for _, e := range d.batch.events {
			d.history.Add(history.Attempt{Event: e, Attempt: attempt, Invoked: invoked, Answered: answered, Outcome: outcome})
		}
		if outcome == history.OK {
			d.taken.Add(1)
		}
		switch {
		case outcome == history.OK && d.batch.broken:
			d.complain("a broken request was taken")
			return
		case outcome == history.Failed && !d.batch.broken:
			d.complain("%s refused a good request for good, and its %d events with it: %s", target.name, len(d.batch.events), answer)
			return
		case outcome != history.Unknown:
			return
		}
		d.retries.Add(1)
		if !pause(ctx, between(d.rng, 20*time.Millisecond, 300*time.Millisecond)) {
			d.complain("%d events were not taken by the end: %s", len(d.batch.events), answer)
			return
		}
		if d.rng.IntN(3) == 0 {
			target = d.collector()
		}
	}
}

func (d *delivery) collector() *Collector { return d.collectors[d.rng.IntN(len(d.collectors))] }

// post is one attempt over HTTP. What OTLP calls retryable, and no answer at all, leave the outcome open.
func (d *delivery) post(ctx context.Context, target *Collector) (history.Outcome, string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.url("OTLP_HTTP", d.batch.path), bytes.NewReader(d.batch.body))
	if err != nil {
		return history.Unknown, err.Error()
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Authorization", "Bearer "+d.batch.key)
	resp, err := d.client.Do(req)
	if err != nil {
		d.answers.add("none", 1)
		return history.Unknown, err.Error()
	}
	d.answers.add(strconv.Itoa(resp.StatusCode), 1)
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	answer := fmt.Sprintf("%d %q", resp.StatusCode, text)
	switch resp.StatusCode {
	case http.StatusOK:
		return history.OK, answer
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return history.Unknown, answer
	}
	return history.Failed, answer
}
