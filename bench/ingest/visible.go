package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// visible times how long a span takes into the answers of the API, at half the load that the collector can take.
func (r *collecting) visible(ctx context.Context, full float64) error {
	pace := rate.NewLimiter(rate.Limit(full/2/spansPerRequest), 1)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	group, watching := errgroup.WithContext(watching)
	transport := &http.Transport{MaxIdleConnsPerHost: len(r.watched)}
	defer transport.CloseIdleConnections()
	all := make([]*prober, len(r.watched))
	for i := range r.watched {
		all[i] = &prober{
			customer: &r.watched[i], platformKey: r.platformKey, client: &http.Client{Transport: transport},
			tracesURL: r.collector.url("OTLP_HTTP", "/v1/traces"), usageURL: r.collector.url("API", "/analytics/usage"),
		}
		group.Go(func() error { return all[i].run(watching) })
	}
	_, err := r.send(ctx, r.plan.half(full), 1, pace)
	stop()
	if err := errors.Join(err, group.Wait()); err != nil {
		return err
	}
	var delays durations
	for _, p := range all {
		delays = append(delays, p.delays...)
		r.stored += int(p.spans)
	}
	log.Printf("send to visible, %d probes: p50 %s, p99 %s", len(delays), delays.quantile(0.5), delays.quantile(0.99))
	r.report.add("visible_p50", milliseconds(delays.quantile(0.5)))
	r.report.add("visible_p99", milliseconds(delays.quantile(0.99)))
	return r.verify(ctx)
}

// probers is the number of customers, with no other calls than these, whose usage is watched at the same time.
const probers = 4

// prober sends one span at a time and asks for the usage of its customer until the span is counted.
type prober struct {
	customer            *customer
	platformKey         string
	tracesURL, usageURL string
	client              *http.Client

	spans  int64
	delays durations
}

// run probes until ctx ends, which is no failure.
func (p *prober) run(ctx context.Context) error {
	for ctx.Err() == nil {
		// A probe that has begun is finished, so that what was sent is known.
		delay, err := p.probe(context.WithoutCancel(ctx))
		if err != nil {
			return fmt.Errorf("cannot see a span in the usage: %w", err)
		}
		p.delays = append(p.delays, delay)
	}
	return nil
}

func (p *prober) probe(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	start := time.Now()
	body, err := oneSpan(p.customer, start)
	if err != nil {
		return 0, err
	}
	if _, _, err := deliver(ctx, p.client, p.tracesURL, p.platformKey, body); err != nil {
		return 0, err
	}
	p.spans++
	for {
		var answer usageAnswer
		if _, err := get(ctx, p.client, p.usageURL, p.customer.key, &answer); err != nil {
			return 0, err
		}
		if answer.Overview.TotalRequests >= p.spans {
			return time.Since(start), nil
		}
	}
}

// oneSpan is a request with one call that ended just now.
func oneSpan(c *customer, now time.Time) ([]byte, error) {
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	was := call{method: "GET", route: "/v1/payments", operation: "payments.list", status: http.StatusOK}
	was.describe(&profile{address: "91.10.1.2", userAgent: "disco-sdk-go/1.0.0 (go1.26; linux/amd64)"}, span)
	var id [24]byte
	_, _ = rand.Read(id[:]) // never fails, since Go 1.24
	span.SetTraceID(pcommon.TraceID(id[:16]))
	span.SetSpanID(pcommon.SpanID(id[16:]))
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-5 * time.Millisecond)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
	span.Attributes().PutStr(usageconv.ClaimedEmail, c.email)
	span.Attributes().PutStr(usageconv.ClaimedOrganization, c.organization)
	span.Attributes().PutStr(usageconv.APIKeyFingerprint, c.fingerprint)
	return ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
}
