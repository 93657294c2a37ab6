package demo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/disco-platform/mirrorball/examples/discoapi"
	"github.com/disco-platform/mirrorball/internal/demo/traffic"
	"github.com/disco-platform/mirrorball/sdkinstrumentation"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/pipeline"
)

// platform is the Disco API as a process of the platform would run it, on a loopback port.
type platform struct {
	url       string
	server    *http.Server
	telemetry *sdkinstrumentation.Instrumentation
}

// loopback is where the fleet, and whoever tries the API with curl, calls from; it may say in X-Forwarded-For whom for.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func startPlatform(plan *traffic.Plan, otlp, platformKey string, keys map[string]bool) (*platform, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("cannot start the demo's Disco API: %w", err)
	}
	in := sdkinstrumentation.New(
		sdkinstrumentation.WithPipeline(pipeline.OTLP(pipeline.WithQueueSize(platformQueue))),
		sdkinstrumentation.WithAPIKey(platformKey),
		sdkinstrumentation.WithEndpoint(otlp),
		sdkinstrumentation.WithSDK("disco-api", "2026.1"),
		sdkinstrumentation.WithClock(now),
	)
	api := discoapi.New(discoapi.Config{
		Keys:            func(raw string) bool { return keys[raw] },
		Instrumentation: in,
		TrustedProxies:  loopback,
		Now:             now,
		Work:            func(ctx context.Context, operation string) { _ = pause(ctx, workOf(plan.Seed, now(ctx), operation)) },
		Fault:           func(ctx context.Context) int { return faultAt(plan, now(ctx)) },
	})
	p := &platform{
		url:       "http://" + listener.Addr().String(),
		server:    &http.Server{Handler: arriveInTime(api), ReadHeaderTimeout: 5 * time.Second},
		telemetry: in,
	}
	go func() {
		if err := p.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			panic(err) // the listener is ours alone; without it there is no demo
		}
	}()
	return p, nil
}

func (p *platform) close(ctx context.Context) error {
	return errors.Join(p.server.Shutdown(ctx), p.telemetry.Shutdown(ctx))
}

// typicalWork is the median time that the server works on an operation.
var typicalWork = map[string]time.Duration{
	"payments.create":    95 * time.Millisecond, // the payment network is asked
	"payments.refund":    80 * time.Millisecond,
	"payments.list":      38 * time.Millisecond,
	"payments.get":       14 * time.Millisecond,
	"agents.create":      45 * time.Millisecond,
	"agents.list":        22 * time.Millisecond,
	"services.create":    40 * time.Millisecond,
	"services.list":      18 * time.Millisecond,
	"agents.collaborate": 160 * time.Millisecond,
}

// workOf draws a duration with the long tail that servers have: log-normal, the 99th percentile is 3.2 times the median.
func workOf(seed uint64, at time.Time, operation string) time.Duration {
	dice := rand.New(rand.NewPCG(seed, uint64(at.UnixNano())))
	work := float64(typicalWork[operation]) * math.Exp(0.5*dice.NormFloat64())
	return time.Duration(min(work, float64(5*time.Second)))
}

// faultAt breaks six calls in a thousand, and one in five during an outage: for two hours of the demo's day 17, and one
// hour of day 44.
func faultAt(plan *traffic.Plan, at time.Time) int {
	n := rand.New(rand.NewPCG(^plan.Seed, uint64(at.UnixNano()))).IntN(1000)
	day, hour := plan.Day(at), at.UTC().Hour()
	outage := day == 17 && (hour == 14 || hour == 15) || day == 44 && hour == 8
	switch {
	case n < 4, outage && n < 200:
		return http.StatusInternalServerError
	case n < 6:
		return http.StatusServiceUnavailable
	}
	return 0
}
