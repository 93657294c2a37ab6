package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// naming gathers differences, and names those that are reported at the end.
type naming struct {
	report *Report
	most   int
	kept   []unnamed
}

func (n *naming) note(list []unnamed) {
	n.report.Total += len(list)
	n.kept = append(n.kept, list[:min(len(list), n.most-len(n.kept))]...)
}

func (n *naming) resolve(ctx context.Context, tx pgx.Tx) error {
	var keys, values, organizations []int32
	for _, d := range n.kept {
		keys = append(keys, d.key)
		if d.dimension == dimensionOrganization {
			organizations = append(organizations, d.value)
		} else {
			values = append(values, d.value)
		}
	}
	names := [3]map[int32]string{}
	for i, ask := range []struct {
		sql string
		ids []int32
	}{
		{`SELECT seq, id FROM api_keys WHERE seq = ANY ($1)`, keys},
		{`SELECT id, value FROM dictionary WHERE id = ANY ($1)`, values},
		{`SELECT seq, id FROM organizations WHERE seq = ANY ($1)`, organizations},
	} {
		rows, err := tx.Query(ctx, ask.sql, ask.ids)
		if err != nil {
			return err
		}
		names[i] = map[int32]string{everyLiveKey: "every live key", everySandboxed: "every sandbox key"}
		var id int32
		var name string
		if _, err := pgx.ForEachRow(rows, []any{&id, &name}, func() error { names[i][id] = name; return nil }); err != nil {
			return err
		}
	}
	for _, d := range n.kept {
		n.report.Differences = append(n.report.Differences, d.named(names[0], names[1], names[2]))
	}
	return nil
}

func (d *unnamed) named(keys, values, organizations map[int32]string) Difference {
	out := d.Difference
	out.Key, out.Bucket, out.Vantage = keys[d.key], time.UnixMicro(d.bucket).UTC(), d.vantage
	out.Dimension = dimensionNames[min(max(int(d.dimension)+1, 0), len(dimensionNames)-1)]
	switch d.dimension {
	case dimensionOrganization:
		out.Value = organizations[d.value]
	case dimensionAgent, dimensionTotal, dimensionRefused, dimensionLastSeen:
	default:
		out.Value = values[d.value]
	}
	return out
}
