package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// requestsPerCopy makes transactions of 8192 rows.
const requestsPerCopy = 8192 / spansPerRequest

// plainTable is how one would store events without further thought.
const plainTable = `
DROP TABLE IF EXISTS plain_events;
CREATE TABLE plain_events (
	time        timestamptz NOT NULL,
	event_id    bytea NOT NULL,    -- trace id and span id
	key         integer NOT NULL,
	endpoint    text NOT NULL,
	user_agent  text NOT NULL,
	sdk_version text NOT NULL,
	country     text NOT NULL,
	client      inet NOT NULL,
	details     jsonb NOT NULL,
	PRIMARY KEY (time, event_id)
);
CREATE INDEX ON plain_events (key, time)`

var plainColumns = []string{"time", "event_id", "key", "endpoint", "user_agent", "sdk_version", "country", "client", "details"}

// written is what a phase that writes has cost.
type written struct {
	events int
	took   time.Duration
	disk   int64 // bytes that the database grew by
	wal    int64 // bytes
}

func (w written) rate() float64         { return float64(w.events) / w.took.Seconds() }
func (w written) diskPerEvent() float64 { return float64(w.disk) / float64(w.events) }
func (w written) walPerEvent() float64  { return float64(w.wal) / float64(w.events) }

// yardstick copies the events of some requests into an empty table, with nothing else to do.
func yardstick(ctx context.Context, s *stream, db *database, requests, connections int) (w written, err error) {
	if err := db.exec(ctx, plainTable); err != nil {
		return w, err
	}
	rows := makePlainRows(s)
	conns := make([]*pgx.Conn, connections)
	for i := range conns {
		if conns[i], err = pgx.Connect(ctx, db.dsn); err != nil {
			return w, fmt.Errorf("cannot connect for the yardstick: %w", err)
		}
		defer conns[i].Close(context.WithoutCancel(ctx))
	}
	meter, err := db.meter(ctx)
	if err != nil {
		return w, err
	}
	var next atomic.Int64
	group, groupCtx := errgroup.WithContext(ctx)
	start := time.Now()
	for _, conn := range conns {
		group.Go(func() error {
			for {
				to := int(next.Add(requestsPerCopy))
				from := to - requestsPerCopy
				if from >= requests {
					return nil
				}
				if err := rows.copy(groupCtx, conn, from, min(to, requests)); err != nil {
					return err
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return w, err
	}
	w.took, w.events = time.Since(start), requests*spansPerRequest
	if err := meter.read(ctx, &w); err != nil {
		return w, err
	}
	return w, db.requireCount(ctx, w.events, "SELECT count(*) FROM plain_events")
}

// plainRows are the columns that depend on the call alone, made beforehand: the yardstick pays for COPY and nothing else.
type plainRows struct {
	stream    *stream
	templates [][spansPerRequest]plainRow
}

type plainRow struct {
	endpoint, userAgent, sdkVersion, country string
	client                                   netip.Addr
	details                                  []byte
}

func makePlainRows(s *stream) *plainRows {
	r := &plainRows{stream: s, templates: make([][spansPerRequest]plainRow, len(s.templates))}
	for i, t := range s.templates {
		for j := range t.calls {
			c, p := &t.calls[j], &t.profiles[j%customersPerRequest]
			r.templates[i][j] = plainRow{
				endpoint: c.method + " " + c.route, userAgent: p.userAgent, sdkVersion: p.sdkVersion, country: p.country,
				client: netip.MustParseAddr(p.address), details: c.details(),
			}
		}
	}
	return r
}

// details is the rest of a call as JSON. It is kept small, so that the yardstick is not an easy one: the operation, which
// follows from the endpoint, and what the caller claims are left out.
func (c *call) details() []byte {
	text, err := json.Marshal(struct {
		Status    int    `json:"status"`
		Micros    int64  `json:"us"`
		ErrorType string `json:"error,omitempty"`
		Agent     string `json:"agent,omitempty"`
		Service   string `json:"service,omitempty"`
		Amount    string `json:"amount,omitempty"`
		Fee       string `json:"fee,omitempty"`
		Currency  string `json:"currency,omitempty"`
	}{c.status, c.took.Microseconds(), c.errorType, c.agent, c.service, c.amount, c.fee, c.currency})
	if err != nil {
		panic(err) // strings and numbers only
	}
	return text
}

func (r *plainRows) copy(ctx context.Context, conn *pgx.Conn, from, to int) error {
	request, j := from, 0
	values := make([]any, len(plainColumns))
	source := pgx.CopyFromFunc(func() ([]any, error) {
		if request == to {
			return nil, nil
		}
		e, row := r.stream.event(request, j), &r.templates[request%len(r.templates)][j]
		id := make([]byte, 0, 24)
		id = append(append(id, e.trace[:]...), e.span[:]...)
		values[0], values[1], values[2] = e.time, id, int32(e.customer)
		values[3], values[4], values[5], values[6] = row.endpoint, row.userAgent, row.sdkVersion, row.country
		values[7], values[8] = row.client, row.details
		if j++; j == spansPerRequest {
			request, j = request+1, 0
		}
		return values, nil
	})
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"plain_events"}, plainColumns, source); err != nil {
		return fmt.Errorf("cannot copy plain rows: %w", err)
	}
	return nil
}
