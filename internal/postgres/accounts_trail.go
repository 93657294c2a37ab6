package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
)

const listTrail = `
SELECT seq, at, actor, action, target, client, details
FROM admin_trail
WHERE ($1 = '' OR actor = $1) AND ($2 = '' OR target = $2) AND ($3 = '' OR action = $3) AND seq < $4
ORDER BY seq DESC LIMIT $5`

// Trail implements accounts.Registry. Who may not see everything finds nothing.
func (g *Registry) Trail(ctx context.Context, by access.Actor, f accounts.TrailFilter, p accounts.Page) (accounts.Listed[access.Entry], error) {
	var found accounts.Listed[access.Entry]
	before := p.After
	if before == 0 {
		before = math.MaxInt64
	}
	err := g.do(ctx, by, func(d *deed) (err error) {
		if !d.all {
			return nil
		}
		if found, err = list(ctx, d, p, listTrail, []any{f.Actor, f.Target, f.Action, before, p.Limit + 1}, scanEntry); err != nil {
			return err
		}
		return d.note(ctx, by.Reads(access.TrailRead, f.Target, filled(map[string]any{"actor": f.Actor, "action": f.Action})))
	})
	if err != nil {
		return found, fmt.Errorf("cannot read the trail: %w", err)
	}
	return found, nil
}

func scanEntry(row pgx.CollectableRow) (access.Entry, int64, error) {
	var e access.Entry
	var client *netip.Addr
	var details []byte
	if err := row.Scan(&e.Seq, &e.At, &e.Actor, &e.Action, &e.Target, &client, &details); err != nil {
		return e, 0, err
	}
	if client != nil {
		e.Client = *client
	}
	e.At = e.At.UTC()
	return e, e.Seq, json.Unmarshal(details, &e.Details)
}
