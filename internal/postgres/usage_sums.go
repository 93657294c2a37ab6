package postgres

import (
	"sort"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// usageSums is a sink that sums up what an answer about keys shows. Payments, agents and services come from the counted
// vantage and from custom events, requests from the counted vantage alone.
type usageSums struct {
	counted   usage.Vantage
	window    analytics.Window
	series    []analytics.Counts
	total     addition
	cells     cellSums
	latencies map[int32]*usage.Latency // by endpoint
	agents    map[int64]struct{}
	failed    error
}

var _ sink = (*usageSums)(nil)

func newUsageSums(counted usage.Vantage, w analytics.Window) *usageSums {
	return &usageSums{
		counted: counted, window: w, series: make([]analytics.Counts, len(w.Periods)),
		cells: cellSums{}, latencies: map[int32]*usage.Latency{}, agents: map[int64]struct{}{},
	}
}

// addRows reads the result of usageRows, whose columns are in binary form.
func (u *usageSums) addRows(rows pgx.Rows) error {
	reader := countsReader{stored: u}
	for rows.Next() {
		err := reader.row(rows.RawValues())
		if err == nil {
			err = u.failed
		}
		if err != nil {
			rows.Close()
			return err
		}
	}
	return rows.Err()
}

// counts reports whether requests that a vantage saw count, and whether what goes beyond requests does.
func (u *usageSums) counts(v usage.Vantage) (requests, others bool) {
	return v == u.counted, v == u.counted || v == usage.VantageNone
}

func (u *usageSums) add(p period, by *addition) {
	requests, others := u.counts(p.vantage)
	switch {
	case by.dimension == dimensionClaimed || by.dimension == dimensionPayments && others:
		if err := u.cells.at(by.cell).pay(by.n[shareCount], by.volume, by.fees); err != nil {
			u.failed = err
		}
	case !others || by.dimension > dimensionClaimed:
	case by.dimension == dimensionTotal:
		u.addTotal(p, by, requests)
	case requests || by.dimension == dimensionEvent:
		u.cells.at(by.cell).add(&sum{
			counts:   analytics.Counts{Requests: by.n[shareCount], Errors: by.n[shareErrors]},
			payments: by.n[sharePayments], durationMicros: by.n[shareDuration],
		})
	default:
		u.cells.at(by.cell).payments += by.n[sharePayments]
	}
}

func (u *usageSums) addTotal(p period, by *addition, requests bool) {
	u.total.n[shareAgents] += by.n[shareAgents]
	u.total.n[shareServices] += by.n[shareServices]
	if !requests {
		return
	}
	at := time.UnixMicro(p.bucket)
	next := sort.Search(len(u.window.Periods), func(i int) bool { return u.window.Periods[i].After(at) })
	s := &u.series[next-1] // the first period begins with the window
	s.Requests += by.n[shareCount]
	s.Errors += by.n[shareErrors]
	u.total.n[shareCount] += by.n[shareCount]
	u.total.n[shareErrors] += by.n[shareErrors]
}

func (u *usageSums) addLatency(p period, c cell, slot int, n int64) {
	if requests, _ := u.counts(p.vantage); !requests || c.dimension != dimensionEndpoint {
		return
	}
	l := u.latencies[c.value]
	if l == nil {
		l = &usage.Latency{}
		u.latencies[c.value] = l
	}
	l.Merge(usage.Latency{{Bucket: slot, Count: uint64(n)}})
}

func (u *usageSums) see(p period, agent int64) {
	if _, others := u.counts(p.vantage); others {
		u.agents[agent] = struct{}{}
	}
}

// answer names what was summed up, and ends each list that is not a time series, nor about money, where the question says.
func (u *usageSums) answer(names map[int32]string, q analytics.UsageQuestion) *analytics.Usage {
	a := &analytics.Usage{
		Window: q.Window, Series: u.series, UniqueAgents: int64(len(u.agents)),
		Counts:        analytics.Counts{Requests: u.total.n[shareCount], Errors: u.total.n[shareErrors]},
		AgentsCreated: u.total.n[shareAgents], ServicesCreated: u.total.n[shareServices],
	}
	for _, s := range u.cells.rank(dimensionEndpoint, names, q.Top) {
		a.Endpoints = append(a.Endpoints, u.endpoint(s))
	}
	for _, s := range u.cells.rank(dimensionSDK, names, q.Top) {
		a.SDKs = append(a.SDKs, sdkOf(s.name, s.counts))
	}
	for _, s := range u.cells.rank(dimensionCountry, names, q.Top) {
		a.Countries = append(a.Countries, analytics.Named{Name: s.name, Counts: s.counts})
	}
	for _, s := range u.cells.rank(dimensionOperation, names, q.Top) {
		a.Operations = append(a.Operations, analytics.Named{Name: s.name, Counts: s.counts})
	}
	for _, s := range u.cells.rank(dimensionEvent, names, q.Top) {
		a.Features = append(a.Features, analytics.Feature{Event: s.name, Count: s.counts.Requests})
	}
	for _, s := range u.cells.rank(dimensionService, names, q.Top) {
		a.Services = append(a.Services, analytics.Service{ID: s.name, Counts: s.counts, Payments: s.payments})
	}
	for _, s := range u.cells.rank(dimensionPayments, names, -1) {
		a.Payments = append(a.Payments, s.money())
	}
	for _, s := range u.cells.rank(dimensionClaimed, names, -1) {
		a.Claimed = append(a.Claimed, s.money())
	}
	return a
}

func (u *usageSums) endpoint(s *sum) analytics.Endpoint {
	method, route := splitEndpoint(s.name)
	e := analytics.Endpoint{Method: method, Route: route, Counts: s.counts, Response: analytics.Response{Average: s.average()}}
	if l := u.latencies[s.value]; l != nil {
		e.Latency = *l
	}
	return e
}
