package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// askers is how many connections ask for verifications at one time: half of what the API answers at one time.
const askers = 32

// verifications measures POST /keys/verify beside the API's front page, a constant that the same server sends: what is
// left of its rate is what the verification costs.
func (r *collecting) verifications(ctx context.Context) error {
	address := strings.TrimPrefix(r.collector.url("API", ""), "http://")
	page := func(int) string { return "GET / HTTP/1.1\r\nHost: bench\r\n\r\n" }
	verify := func(i int) string {
		body := fmt.Sprintf(`{"key":%q,"environment":"live","scope":"usage:read","client_address":"203.0.113.9"}`, r.stream.customers[i%len(r.stream.customers)].key)
		return fmt.Sprintf("POST /keys/verify HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			r.platformKey, len(body), body)
	}
	ctx, cancel := r.collector.whileAlive(ctx)
	defer cancel()
	for round := range r.plan.rounds + 1 {
		plain, err1 := askAll(ctx, address, page, r.plan.askFor(), "<!doctype")
		verified, err2 := askAll(ctx, address, verify, r.plan.askFor(), `{"valid":true,`)
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("cannot measure verifications: %w", err)
		}
		if round == 0 {
			continue // caches and connections are cold
		}
		log.Printf("verifications: %.0f/s, p99 %s; front page: %.0f/s, p99 %s",
			verified.rate(), verified.latencies.quantile(0.99), plain.rate(), plain.latencies.quantile(0.99))
		r.report.add("verify_rate", verified.rate())
		r.report.add("verify_p50", milliseconds(verified.latencies.quantile(0.5)))
		r.report.add("verify_p99", milliseconds(verified.latencies.quantile(0.99)))
		r.report.add("page_rate", plain.rate())
		r.report.add("page_p99", milliseconds(plain.latencies.quantile(0.99)))
		r.report.add("verify_ratio", verified.rate()/plain.rate())
	}
	return nil
}

// asked is what came of asking for some time.
type asked struct {
	latencies durations
	took      time.Duration
}

func (a *asked) rate() float64 { return float64(len(a.latencies)) / a.took.Seconds() }

// askAll has each asker send requests for some time, one after the other over one connection. Every answer has to be 200 and begin
// as it should.
func askAll(ctx context.Context, address string, request func(i int) string, window time.Duration, answer string) (asked, error) {
	var (
		all  asked
		errs []error
		mu   sync.Mutex
		wg   sync.WaitGroup
	)
	began := time.Now()
	for asker := range askers {
		wg.Go(func() {
			latencies, err := ask(ctx, address, func(i int) string { return request(asker + i*askers) }, began.Add(window), answer)
			mu.Lock()
			defer mu.Unlock()
			all.latencies = append(all.latencies, latencies...)
			errs = append(errs, err)
		})
	}
	wg.Wait()
	all.took = time.Since(began)
	return all, errors.Join(errs...)
}

// ask writes requests by hand: http.Client would take more of the processors than the server.
func ask(ctx context.Context, address string, request func(i int) string, until time.Time, answer string) (durations, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var latencies durations
	answers := bufio.NewReader(conn)
	for i := 0; time.Now().Before(until) && ctx.Err() == nil; i++ {
		text := request(i)
		start := time.Now()
		if _, err := io.WriteString(conn, text); err != nil {
			return nil, err
		}
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(resp.Body)
		latencies = append(latencies, time.Since(start))
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(string(body), answer) {
			return nil, fmt.Errorf("answer %s: %.200q: %w", resp.Status, body, err)
		}
	}
	return latencies, context.Cause(ctx)
}
