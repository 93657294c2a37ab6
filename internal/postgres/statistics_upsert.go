package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

const upsertStatistics = `
INSERT INTO usage_statistics AS s (key, bucket, vantage, dimension, value, count, errors, duration_us,
	payments, agents, services, volume, fees, latency)
SELECT * FROM unnest($1::int[], $2::timestamptz[], $3::smallint[], $4::smallint[], $5::int[], $6::bigint[], $7::bigint[],
	$8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::numeric[], $13::numeric[], $14::numeric[])
ON CONFLICT (key, bucket, vantage, dimension, value) DO UPDATE SET
	count = s.count + excluded.count,
	errors = s.errors + excluded.errors,
	duration_us = s.duration_us + excluded.duration_us,
	payments = s.payments + excluded.payments,
	agents = s.agents + excluded.agents,
	services = s.services + excluded.services,
	volume = s.volume + excluded.volume,
	fees = s.fees + excluded.fees,
	latency = s.latency + excluded.latency`

// A row has volume and fees, or has not, by its dimension alone, and latency likewise; so a sum of NULL and a number
// does not occur.

// write adds to the statistics, in the order of their primary keys: every writer takes its locks in that order.
func (s *statistics) write(ctx context.Context, tx pgx.Tx) error {
	if err := s.writeCells(ctx, tx); err != nil {
		return err
	}
	return s.writeAgents(ctx, tx)
}

func (s *statistics) writeCells(ctx context.Context, tx pgx.Tx) error {
	cells := make([]cell, 0, len(s.cells))
	for c := range s.cells {
		cells = append(cells, c)
	}
	slices.SortFunc(cells, cell.compare)
	p := newParameters(pgtype.Int4OID, pgtype.TimestamptzOID, pgtype.Int2OID, pgtype.Int2OID, pgtype.Int4OID,
		pgtype.Int8OID, pgtype.Int8OID, pgtype.Int8OID, pgtype.Int8OID, pgtype.Int8OID, pgtype.Int8OID,
		pgtype.NumericOID, pgtype.NumericOID, pgtype.NumericOID)
	for _, c := range cells {
		p.appendCell(c, s.cells[c])
	}
	return p.exec(ctx, tx, upsertStatistics)
}

func (p parameters) appendCell(c cell, f *figures) {
	p[0].int4(c.key)
	p[1].int8(c.bucket - postgresEpochMicros)
	p[2].int2(int16(c.vantage))
	p[3].int2(c.dimension)
	p[4].int4(c.value)
	for i, n := range [...]int64{f.count, f.errors, f.durationMicros, f.payments, f.agents, f.services} {
		p[5+i].int8(n)
	}
	if c.dimension == dimensionPayments || c.dimension == dimensionClaimed {
		p[11].decimal(f.volume)
		p[12].decimal(f.fees)
	} else {
		p[11].null()
		p[12].null()
	}
	if c.dimension == dimensionEndpoint {
		p[13].bytes(f.latency.AppendNumeric(nil))
	} else {
		p[13].null()
	}
}

const upsertAgents = `
INSERT INTO agent_activity AS a (key, day, vantage, agent, slots)
SELECT * FROM unnest($1::int[], $2::date[], $3::smallint[], $4::bigint[], $5::bit(96)[])
ON CONFLICT (key, day, vantage, agent) DO UPDATE SET slots = a.slots | excluded.slots`

func (s *statistics) writeAgents(ctx context.Context, tx pgx.Tx) error {
	if len(s.agents) == 0 {
		return nil
	}
	rows := make([]presence, 0, len(s.agents))
	for a := range s.agents {
		rows = append(rows, a)
	}
	slices.SortFunc(rows, presence.compare)
	p := newParameters(pgtype.Int4OID, pgtype.DateOID, pgtype.Int2OID, pgtype.Int8OID, pgtype.BitOID)
	for _, row := range rows {
		p[0].int4(row.key)
		p[1].date(row.day)
		p[2].int2(int16(row.vantage))
		p[3].int8(row.agent)
		p[4].bits(s.agents[row][:])
	}
	return p.exec(ctx, tx, upsertAgents)
}
