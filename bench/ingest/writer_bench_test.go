package main

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/usage"
)

const (
	requestsPerDelivery = 16 // as many as the exporter stores together under load
	writers             = 2  // as many as the exporter has
	warmDeliveries      = 64 // name every customer
)

// BenchmarkWriter stores the events of the ingest benchmark without a collector around the writer: what Postgres takes for an
// event, with the settings of the embedded server. An iteration is a delivery of 8192 events; 122 are a million.
func BenchmarkWriter(b *testing.B) {
	server, err := startServer(b.Context(), b.TempDir())
	require.NoError(b, err)
	defer func() { require.NoError(b, server.stop()) }()
	base, err := server.create(b.Context(), "base", "template1")
	require.NoError(b, err)
	openStore(b, base).Close()
	pepper, err := postgres.MakePepper(b.TempDir())
	require.NoError(b, err)
	customers, err := register(b.Context(), base, pepper, 10_001)
	require.NoError(b, err)
	b.Run("deliveries", func(b *testing.B) {
		db, err := server.create(b.Context(), "filled", base.name)
		require.NoError(b, err)
		benchmarkWriter(b, server, db, customers)
	})
}

func openStore(b *testing.B, db *database) *postgres.DB {
	store, err := postgres.Open(b.Context(), postgres.Config{DSN: db.dsn})
	require.NoError(b, err)
	return store
}

func benchmarkWriter(b *testing.B, server *server, db *database, customers []customer) {
	b.StopTimer()
	ctx := b.Context()
	store := openStore(b, db)
	defer store.Close()
	s, err := newStream(customers[1:], (warmDeliveries+b.N)*requestsPerDelivery, time.Now())
	require.NoError(b, err)
	source := &eventSource{stream: s, reporter: customers[0].id}
	w := postgres.NewWriter(store, postgres.WriterConfig{})
	require.NoError(b, writeAll(ctx, w, source.deliveries(0, warmDeliveries)))
	deliveries := source.deliveries(warmDeliveries, b.N)

	postmaster, err := server.pid()
	require.NoError(b, err)
	meter, err := db.meter(ctx)
	require.NoError(b, err)
	before, err := cpuOf(postmaster)
	require.NoError(b, err)
	own := ownCPU()
	b.StartTimer()
	err = writeAll(ctx, w, deliveries)
	b.StopTimer()
	require.NoError(b, err)
	own = ownCPU() - own
	after, err := cpuOf(postmaster)
	require.NoError(b, err)

	cost := written{events: b.N * requestsPerDelivery * spansPerRequest, took: b.Elapsed()}
	require.NoError(b, meter.read(ctx, &cost))
	require.NoError(b, verify(ctx, db, (warmDeliveries+b.N)*requestsPerDelivery*spansPerRequest))
	millions := float64(cost.events) / 1e6
	b.ReportMetric(cost.rate(), "events/s")
	b.ReportMetric((after-before).Seconds()/millions, "postgres-s/M")
	b.ReportMetric(own.Seconds()/millions, "writer-s/M")
	b.ReportMetric(cost.walPerEvent(), "WAL-B/event")
	b.ReportMetric(cost.diskPerEvent(), "disk-B/event")
}

func writeAll(ctx context.Context, w *postgres.Writer, deliveries [][]*usage.Batch) error {
	var next atomic.Int64
	var group errgroup.Group
	for range writers {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(deliveries) {
					return nil
				}
				if _, err := w.Write(ctx, deliveries[i]...); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// eventSource makes of a stream what the collector makes of its requests.
type eventSource struct {
	stream   *stream
	reporter string
}

func (s *eventSource) deliveries(from, n int) [][]*usage.Batch {
	all := make([][]*usage.Batch, n)
	for i := range all {
		for r := range requestsPerDelivery {
			all[i] = append(all[i], s.batch((from+i)*requestsPerDelivery+r))
		}
	}
	return all
}

func (s *eventSource) batch(request int) *usage.Batch {
	events := make([]usage.Event, spansPerRequest)
	for j := range events {
		events[j] = s.event(request, j)
	}
	return &usage.Batch{Events: events}
}

func (s *eventSource) event(request, j int) usage.Event {
	e := s.stream.event(request, j)
	c, owner := e.call, &s.stream.customers[e.customer]
	u := usage.Event{
		ID: usage.SpanID(e.trace, e.span), Kind: usage.KindRequest, Vantage: usage.VantageServer,
		KeyID: owner.id, ReporterID: s.reporter, Trusted: true, Time: e.time.UTC(),
		Method: c.method, Route: c.route, Status: c.status, Failed: c.status >= 400, ErrorType: c.errorType, Duration: c.took,
		Operation: c.operation, AgentID: c.agent, ServiceID: c.service,
		SDK:       usage.SDK{Name: "disco-sdk-go", Version: e.profile.sdkVersion, Language: "go"},
		UserAgent: e.profile.userAgent, Client: netip.MustParseAddr(e.profile.address), Country: e.profile.country,
		Claim: usage.Claim{Email: owner.email, Organization: owner.organization},
	}
	if c.amount != "" {
		u.Payment = &usage.Payment{
			Amount: decimal.RequireFromString(c.amount), Fee: decimal.RequireFromString(c.fee), Currency: c.currency,
		}
	}
	return u
}
