package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"time"
)

// reads times questions about what is stored, with nothing else to do.
func (r *collecting) reads(ctx context.Context) error {
	usage, err := readUsage(ctx, r.collector.url("API", "/analytics/usage"), r.stream.customers, r.plan.questions())
	if err != nil {
		return err
	}
	r.report.add("usage_p50", milliseconds(usage.quantile(0.5)))
	r.report.add("usage_p99", milliseconds(usage.quantile(0.99)))
	platform, err := readPlatform(ctx, r.collector.url("API", "/analytics/platform"), r.adminKey, max(20, r.plan.questions()/10))
	if err != nil {
		return err
	}
	r.report.add("platform_p50", milliseconds(platform.quantile(0.5)))
	r.report.add("platform_p99", milliseconds(platform.quantile(0.99)))
	log.Printf("usage: p50 %s, p99 %s; platform: p50 %s, p99 %s",
		usage.quantile(0.5), usage.quantile(0.99), platform.quantile(0.5), platform.quantile(0.99))
	return nil
}

// usageAnswer is the part of GET /analytics/usage that matters here.
type usageAnswer struct {
	Overview struct {
		TotalRequests int64 `json:"total_requests"`
	} `json:"overview"`
}

// get asks the analytics API; the time until the whole answer has arrived counts.
func get(ctx context.Context, client *http.Client, url, key string, answer any) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	start := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	took := time.Since(start)
	switch {
	case err != nil:
		return 0, err
	case resp.StatusCode != http.StatusOK:
		return 0, fmt.Errorf("answer %s: %.200q", resp.Status, body)
	}
	return took, json.Unmarshal(body, answer)
}

// readUsage asks for the last 30 days of customers picked at random, one after the other.
func readUsage(ctx context.Context, url string, customers []customer, times int) (durations, error) {
	var all durations
	for i := range times {
		c := &customers[mix(uint64(i))%uint64(len(customers))]
		var answer usageAnswer
		took, err := get(ctx, http.DefaultClient, url, c.key, &answer)
		if err != nil {
			return nil, fmt.Errorf("cannot read a customer's usage: %w", err)
		}
		all = append(all, took)
	}
	return all, nil
}

// readPlatform asks for everybody's last 30 days, again and again.
func readPlatform(ctx context.Context, url, adminKey string, times int) (durations, error) {
	var all durations
	for range times {
		var answer json.RawMessage
		took, err := get(ctx, http.DefaultClient, url, adminKey, &answer)
		if err != nil {
			return nil, fmt.Errorf("cannot read the platform's usage: %w", err)
		}
		all = append(all, took)
	}
	return all, nil
}
