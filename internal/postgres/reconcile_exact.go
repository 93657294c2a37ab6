package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// exact is a sink that keeps every cell.
type exact struct{ statistics }

func (x exact) add(p period, s *addition) {
	f := x.at(p).figures(s.cell)
	f.merge(&figures{
		count: s.n[shareCount], errors: s.n[shareErrors], durationMicros: s.n[shareDuration], payments: s.n[sharePayments],
		agents: s.n[shareAgents], services: s.n[shareServices], volume: amountOf(s.volume.decimal()), fees: amountOf(s.fees.decimal()),
	})
}

func (x exact) addLatency(p period, c cell, slot int, n int64) {
	x.at(p).figures(c).latency.Merge(usage.Latency{{Bucket: slot, Count: uint64(n)}})
}

func (x exact) see(p period, agent int64) { x.at(p).seen[agent] = struct{}{} }

// exactly is what the statistics of a key and day should be, and are.
func (r *reconciliation) exactly(ctx context.Context, tx pgx.Tx, at keyDay) (counted, stored statistics, err error) {
	counted, stored = statistics{}, statistics{}
	day := allowance(at).date()
	next, own := day.AddDate(0, 0, 1), fmt.Sprintf("AND key = %d", at.key)
	if err := copyRows(ctx, tx, rowsIn(day, next, own), (&countsReader{stored: exact{stored}}).row); err != nil {
		return nil, nil, err
	}
	if at.key >= nobody {
		events := newRecounter(r.meanings)
		err := copyRows(ctx, tx, eventsIn(day, next, own), func(fields [][]byte) error { return events.event(fields, exact{counted}) })
		return counted, stored, err
	}
	view, err := admittedTogether(ctx, tx, day, next)
	if err != nil {
		return nil, nil, err
	}
	holders := map[int32]holder{}
	for key, h := range r.holders {
		if h.everybody == at.key {
			holders[key] = h
		}
	}
	single := &countsReader{stored: nothing{}, together: &gatherer{counted: exact{counted}, holders: holders, admitted: view}}
	return counted, stored, copyRows(ctx, tx, rowsIn(day, next, "AND key > 0"), single.row)
}

// nothing is a sink for what is not asked.
type nothing struct{}

func (nothing) add(period, *addition)               {}
func (nothing) addLatency(period, cell, int, int64) {}
func (nothing) see(period, int64)                   {}

// unnamed is a difference whose key and value have no names yet.
type unnamed struct {
	period
	cell
	Difference
}

// The dimensions of differences beside those of the statistics.
const (
	dimensionAgent    = dimensionRefused + 1
	dimensionLastSeen = dimensionRefused + 2
)

// dimensionNames, from -1 on.
var dimensionNames = []string{
	"unknown", "total", "endpoint", "sdk", "country", "operation", "event_name", "service", "payments", "claimed_payments",
	"organization", "refused", "agent", "last_seen",
}

// compareStatistics lists what differs, in order.
func compareStatistics(counted, stored statistics) []unnamed {
	var list []unnamed
	for p := range union(counted, stored) {
		c, s := counted.look(p), stored.look(p)
		for _, at := range c.names {
			list = appendDifferences(list, p, c.find(at), s.find(at))
		}
		for _, at := range s.names {
			if c.find(at) == nil {
				list = appendDifferences(list, p, nil, s.find(at))
			}
		}
		for agent := range union(c.seen, s.seen) {
			_, isCounted := c.seen[agent]
			_, isStored := s.seen[agent]
			if isCounted != isStored {
				list = append(list, unnamed{p, cell{dimension: dimensionAgent}, Difference{
					Value: strconv.FormatInt(agent, 10), Column: "seen", Stored: trueOrEmpty(isStored), Counted: trueOrEmpty(isCounted),
				}})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b unnamed) int {
		return cmp.Or(a.period.compare(b.period), cmp.Compare(a.dimension, b.dimension), cmp.Compare(a.value, b.value), cmp.Compare(a.Value, b.Value))
	})
	return list
}

// union of the keys of two maps.
func union[K comparable, A, B any](a map[K]A, b map[K]B) map[K]struct{} {
	keys := make(map[K]struct{}, len(a))
	for k := range a {
		keys[k] = struct{}{}
	}
	for k := range b {
		keys[k] = struct{}{}
	}
	return keys
}

// look is an empty tally where there is none.
func (s statistics) look(p period) *tally { return cmp.Or(s[p], &tally{}) }

func (t *tally) find(c cell) *figures {
	if i := t.place(c); i >= 0 {
		return &t.cells[i]
	}
	return nil
}

var statisticsColumns = []string{"count", "errors", "duration_us", "payments", "agents", "services", "volume", "fees", "latency"}

// appendDifferences compares one cell, of which either side may be missing.
func appendDifferences(list []unnamed, p period, counted, stored *figures) []unnamed {
	c, s := counted.texts(), stored.texts()
	at := cell{}
	if counted != nil {
		at = counted.cell
	} else {
		at = stored.cell
	}
	for i, column := range statisticsColumns {
		if c[i] != s[i] {
			list = append(list, unnamed{p, at, Difference{Column: column, Stored: s[i], Counted: c[i]}})
		}
	}
	return list
}

// texts are empty for a cell that is missing.
func (f *figures) texts() (texts [9]string) {
	if f == nil {
		return texts
	}
	for i, n := range [...]int64{f.count, f.errors, f.durationMicros, f.payments, f.agents, f.services} {
		texts[i] = strconv.FormatInt(n, 10)
	}
	if f.dimension == dimensionPayments || f.dimension == dimensionClaimed {
		texts[6], texts[7] = f.volume.decimal().String(), f.fees.decimal().String()
	}
	var slots []string
	for _, l := range f.latency {
		slots = append(slots, fmt.Sprintf("%d:%d", l.Bucket, l.Count))
	}
	texts[8] = strings.Join(slots, ",")
	return texts
}

func trueOrEmpty(b bool) string {
	if b {
		return "true"
	}
	return ""
}
