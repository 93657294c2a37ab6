package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
)

// load sends a stream over OTLP/HTTP as the platform's servers do: each sender waits for the answer before it sends
// again, and repeats what was answered as retryable.
type load struct {
	stream  *stream
	url     string
	key     string
	senders int
	copies  int           // how often each request is sent
	pace    *rate.Limiter // requests; nil: as fast as they are answered
}

// sent is what a load experienced.
type sent struct {
	events    int
	took      time.Duration // from the first send to the last answer
	retries   int64
	latencies durations // of answered requests, repeated sends apart
}

func (s sent) rate() float64 { return float64(s.events) / s.took.Seconds() }

// run sends the requests numbered from up to, not including, to.
func (l *load) run(ctx context.Context, from, to int) (sent, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: l.senders, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var next, retries atomic.Int64
	next.Store(int64(from))
	latencies := make([]durations, l.senders)

	group, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for i := range l.senders {
		sender := &sender{load: l, client: client, retries: &retries}
		group.Go(func() error {
			for {
				request := int(next.Add(1)) - 1
				if request >= to {
					latencies[i] = sender.latencies
					return nil
				}
				if err := sender.send(ctx, request); err != nil {
					return err
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return sent{}, fmt.Errorf("cannot send spans: %w", err)
	}
	s := sent{events: (to - from) * spansPerRequest, took: time.Since(start), retries: retries.Load()}
	for _, d := range latencies {
		s.latencies = append(s.latencies, d...)
	}
	return s, nil
}

// sender is one connection.
type sender struct {
	*load
	client    *http.Client
	retries   *atomic.Int64
	latencies durations
	body      []byte
}

func (s *sender) send(ctx context.Context, request int) error {
	if s.pace != nil {
		if err := s.pace.Wait(ctx); err != nil {
			return err
		}
	}
	s.body = s.stream.payload(s.body, request)
	for range max(s.copies, 1) {
		took, retries, err := deliver(ctx, s.client, s.url, s.key, s.body)
		s.retries.Add(retries)
		if err != nil {
			return err
		}
		s.latencies = append(s.latencies, took)
	}
	return nil
}

// maxBackoff is as patient as the OTLP exporters of the SDKs are by default.
const maxBackoff = 5 * time.Second

// deliver posts a request until it is taken, for as long as ctx lasts. It returns how long the successful attempt took.
func deliver(ctx context.Context, client *http.Client, url, key string, body []byte) (took time.Duration, retries int64, err error) {
	for backoff := 100 * time.Millisecond; ; backoff = min(2*backoff, maxBackoff) {
		start := time.Now()
		after, err := post(ctx, client, url, key, body)
		var again retryable
		switch {
		case err == nil:
			return time.Since(start), retries, nil
		case ctx.Err() != nil:
			return 0, retries, context.Cause(ctx)
		case !errors.As(err, &again):
			return 0, retries, err
		}
		retries++
		select {
		case <-ctx.Done():
			return 0, retries, fmt.Errorf("%w; the last answer was: %w", context.Cause(ctx), err)
		case <-time.After(max(after, backoff)):
		}
	}
}

// retryable is a refusal after which the protocol wants the request repeated.
type retryable struct{ error }

// post sends a request of OTLP/HTTP once. After a retryable refusal it returns how long the server asks to wait.
func post(ctx context.Context, client *http.Client, url, key string, body []byte) (after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := client.Do(req)
	if err != nil {
		return 0, retryable{err}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return 0, retryable{err}
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return 0, requireAll(answer)
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // absent or a date: our own backoff
		return time.Duration(seconds) * time.Second, retryable{fmt.Errorf("answer %s", resp.Status)}
	}
	return 0, fmt.Errorf("answer %s: %.200q", resp.Status, answer)
}

// requireAll fails when a success is a partial one.
func requireAll(answer []byte) error {
	r := ptraceotlp.NewExportResponse()
	if err := r.UnmarshalProto(answer); err != nil {
		return fmt.Errorf("cannot read the answer: %w", err)
	}
	if n := r.PartialSuccess().RejectedSpans(); n > 0 {
		return fmt.Errorf("%d spans were rejected: %.200q", n, r.PartialSuccess().ErrorMessage())
	}
	return nil
}
