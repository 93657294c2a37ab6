package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

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
