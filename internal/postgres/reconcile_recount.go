package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/usage"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// The recount reads events from audit_logs and says once more what each adds to the statistics, in code of its own: a mistake
// in statistics.go shows. The SQL in reconcile_sql_test.go says it a third time, for tests.

// sink is what figures are added to: [sums], to see whether all are equal, or [exact], to see which are not.
type sink interface {
	add(period, *addition)
	addLatency(p period, c cell, slot int, n int64)
	see(p period, agent int64)
}

// The figures of a share.
const (
	shareCount = iota
	shareErrors
	shareDuration
	sharePayments
	shareAgents
	shareServices
	shareFigures
)

// addition is what is added to one cell.
type addition struct {
	cell
	n            [shareFigures]int64
	volume, fees number
}

// recountedColumns are the columns of audit_logs in the order of recounter.event.
const recountedColumns = `time, key, flags, duration_us, endpoint, sdk, country, operation, event_name, service,
	currency, amount, fee, agent, CASE WHEN operation = 1 OR event_name = 1 THEN details -> 'uncapped' END, status`

// recounter adds events to a sink.
type recounter struct {
	meanings names
	bounds   []int32          // of latency buckets
	agents   map[string]int64 // hashes by id, as many as fit
	events   int64
	sent     map[int32]*sent // by key
	last     *sent           // of lastKey: events of a key come in runs
	lastKey  int32
	addition addition // in the making
}

// sent is how many events of a key there are, by who sent them.
type sent struct{ own, trusted int64 }

// names are the dictionary ids of the names that count for something. A name that the dictionary does not have gets a
// negative one: an event that was counted under "other" may still have it.
type names struct{ paymentCompleted, createAgent, agentCreated, createService, serviceCreated int32 }

var meaningful = [...]term{
	{domainEventName, usageconv.EventPaymentCompleted},
	{domainOperation, usageconv.OperationAgentsCreate}, {domainEventName, usageconv.EventAgentCreated},
	{domainOperation, usageconv.OperationServicesCreate}, {domainEventName, usageconv.EventServiceCreated},
}

func findMeanings(ctx context.Context, tx pgx.Tx) (m names, err error) {
	for i, id := range [...]*int32{&m.paymentCompleted, &m.createAgent, &m.agentCreated, &m.createService, &m.serviceCreated} {
		const find = `SELECT coalesce(min(id), $3) FROM dictionary WHERE domain = $1 AND value = $2`
		if err := tx.QueryRow(ctx, find, meaningful[i].domain, meaningful[i].value, -1-i).Scan(id); err != nil {
			return m, err
		}
	}
	return m, nil
}

// id of a name that an event was not counted under.
func (m *names) id(d domain, value string) int32 {
	for i, id := range [...]int32{m.paymentCompleted, m.createAgent, m.agentCreated, m.createService, m.serviceCreated} {
		if meaningful[i] == (term{d, value}) {
			return id
		}
	}
	return idUnknown
}

func newRecounter(m names) *recounter {
	return &recounter{meanings: m, bounds: latencyBounds(), agents: map[string]int64{}, sent: map[int32]*sent{}}
}

// count notes who sent an event: only a trusted sender can be another than the key itself.
func (r *recounter) count(key int32, flags int16) {
	if r.last == nil || r.lastKey != key {
		if r.sent[key] == nil {
			r.sent[key] = &sent{}
		}
		r.last, r.lastKey = r.sent[key], key
	}
	if flags&flagTrusted != 0 {
		r.last.trusted++
	} else {
		r.last.own++
	}
}

// event adds one event.
func (r *recounter) event(f [][]byte, to sink) error {
	r.events++
	micros := microsOf(f[0])
	flags := int2Of(f[2])
	key := int4Of(f[1], 0)
	r.count(key, flags)
	p := period{key: key, vantage: usage.Vantage(flags >> vantageShift & twoBits), bucket: micros - mod(micros, bucketMicros)}
	if f[13] != nil {
		to.see(p, r.agent(f[13]))
	}
	operation, name := int4Of(f[7], idUnknown), int4Of(f[8], idUnknown)
	own, ownName := operation, name // the event's own, where it was counted under another
	if f[14] != nil {
		var err error
		if own, ownName, err = r.uncapped(f[14], operation, name); err != nil {
			return err
		}
	}
	request := usage.Kind(flags>>kindShift&twoBits) != usage.KindCustom
	trusted, failed := flags&flagTrusted != 0, flags&flagFailed != 0
	s := &r.addition
	*s = addition{}
	if request {
		s.n[shareCount], s.n[shareErrors] = 1, int64(flags&flagFailed)
		r.request(p, f, operation, to)
	} else {
		*s = addition{cell: cell{dimensionEvent, name}}
		s.n[shareCount], s.n[shareErrors] = 1, int64(flags&flagFailed)
		to.add(p, s)
	}
	if failed {
		return nil
	}
	if f[10] != nil && (request || ownName == r.meanings.paymentCompleted) {
		if err := r.payment(p, f, trusted, to); err != nil {
			return err
		}
	}
	if trusted {
		r.created(p, request, own, ownName, to)
	}
	return nil
}

// request adds what a call counts for beside money.
func (r *recounter) request(p period, f [][]byte, operation int32, to sink) {
	s := &r.addition
	duration := int4Of(f[3], 0)
	s.n[shareDuration] = int64(duration)
	s.cell = cell{dimensionTotal, 0}
	to.add(p, s)
	s.cell = cell{dimensionEndpoint, int4Of(f[4], idUnknown)}
	to.add(p, s)
	to.addLatency(p, s.cell, latencySlot(r.bounds, duration), 1)
	s.n[shareDuration] = 0
	s.cell = cell{dimensionSDK, int4Of(f[5], idUnknown)}
	to.add(p, s)
	s.cell = cell{dimensionCountry, int4Of(f[6], idUnknown)}
	to.add(p, s)
	if operation != idUnknown {
		s.cell = cell{dimensionOperation, operation}
		to.add(p, s)
	}
	if service := int4Of(f[9], idUnknown); service != idUnknown {
		s.cell = cell{dimensionService, service}
		to.add(p, s)
	}
	if status := int2Of(f[15]); status == http.StatusUnauthorized || status == http.StatusTooManyRequests {
		*s = addition{cell: cell{dimensionRefused, 0}}
		s.n[shareCount] = 1
		to.add(p, s)
	}
}

// payment adds the payment of an event that succeeded.
func (r *recounter) payment(p period, f [][]byte, trusted bool, to sink) (err error) {
	s := &r.addition
	*s = addition{cell: cell{dimensionClaimed, int4Of(f[10], 0)}}
	if trusted {
		s.dimension = dimensionPayments
	}
	s.n[shareCount] = 1
	if s.volume, err = numberOf(f[11]); err != nil {
		return err
	}
	if s.fees, err = numberOf(f[12]); err != nil {
		return err
	}
	to.add(p, s)
	if !trusted {
		return nil
	}
	*s = addition{}
	s.n[sharePayments] = 1
	to.add(p, s)
	if service := int4Of(f[9], idUnknown); service != idUnknown {
		s.cell = cell{dimensionService, service}
		to.add(p, s)
	}
	return nil
}

// created adds the creation of an agent or a service.
func (r *recounter) created(p period, request bool, operation, name int32, to sink) {
	what, agent, service := name, r.meanings.agentCreated, r.meanings.serviceCreated
	if request {
		what, agent, service = operation, r.meanings.createAgent, r.meanings.createService
	}
	s := &r.addition
	*s = addition{}
	switch what {
	case agent:
		s.n[shareAgents] = 1
	case service:
		s.n[shareServices] = 1
	default:
		return
	}
	to.add(p, s)
}

// uncapped are an event's operation and name where it was counted under "other".
func (r *recounter) uncapped(details []byte, operation, name int32) (ownOperation, ownName int32, err error) {
	const version = 1 // of jsonb's binary form
	var values map[string]string
	if len(details) < 1 || details[0] != version || json.Unmarshal(details[1:], &values) != nil {
		return 0, 0, fmt.Errorf("cannot read the details of an event")
	}
	if operation == idOther {
		operation = r.meanings.id(domainOperation, values[domainNames[domainOperation]])
	}
	if name == idOther {
		name = r.meanings.id(domainEventName, values[domainNames[domainEventName]])
	}
	return operation, name, nil
}

// maxAgentHashes bounds the memory of a recounter.
const maxAgentHashes = 1 << 16

func (r *recounter) agent(id []byte) int64 {
	hash, ok := r.agents[string(id)]
	if !ok {
		if len(r.agents) == maxAgentHashes {
			clear(r.agents)
		}
		hash = agentHash(string(id))
		r.agents[string(id)] = hash
	}
	return hash
}

// eventsIn is the statement that reads events of a span of time; more narrows it further.
func eventsIn(from, to time.Time, more string) string {
	return fmt.Sprintf(`COPY (SELECT %s FROM audit_logs WHERE time >= '%s' AND time < '%s' %s) TO STDOUT (FORMAT binary)`,
		recountedColumns, from.Format(time.RFC3339), to.Format(time.RFC3339), more)
}
