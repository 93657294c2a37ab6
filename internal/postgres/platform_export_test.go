package postgres

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// FillTogether writes what all live keys did together in some days and the one that goes on, as merged rows have it: events
// spread evenly over time and over organisations 1 to n.
func FillTogether(ctx context.Context, db *DB, until time.Time, days, organizations, events int) error {
	random := rand.New(rand.NewPCG(1, 2))
	end := until.UnixMicro()
	for day := dayOf(end) - int32(days); day <= dayOf(end); day++ { // a day at a time, so that it gets one row
		s := statistics{}
		for bucket := int64(day) * dayMicros; bucket < min(end, int64(day+1)*dayMicros); bucket += bucketMicros {
			fillPeriods(random, events/(96*days), organizations,
				s.at(period{everyLiveKey, grainQuarter, usage.VantageServer, bucket}),
				s.at(period{everyLiveKey, grainDay, usage.VantageServer, int64(day) * dayMicros}))
		}
		if err := pgx.BeginFunc(ctx, db.ingest, func(tx pgx.Tx) error { return s.write(ctx, tx) }); err != nil {
			return err
		}
	}
	return nil
}

// fillPeriods adds events with 4 % errors, a payment in a fifth of three currencies, five SDKs and ten countries.
func fillPeriods(random *rand.Rand, events, organizations int, to ...*tally) {
	for range events {
		at, organization := random.IntN(100), int32(1+random.IntN(organizations))
		for _, t := range to {
			figures := []*figures{
				t.figures(cell{dimensionTotal, 0}), t.figures(cell{dimensionSDK, int32(10 + at%5)}),
			}
			figures[0].durationMicros += int64(1000 * at)
			figures[0].latency.Add(int64(1000 * at))
			figures = append(figures, t.figures(cell{dimensionCountry, int32(20 + at%10)}), t.figures(cell{dimensionOrganization, organization}))
			for _, f := range figures {
				f.count++
				if at < 4 {
					f.errors++
				}
				if at >= 80 {
					f.payments++
				}
			}
			if at >= 80 {
				money := t.figures(cell{dimensionPayments, int32(30 + at%3)})
				money.count++
				money.volume.add(decimal.New(1250, -2))
			}
		}
	}
}
