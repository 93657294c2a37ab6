package demo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"github.com/disco-platform/mirrorball/examples/discosdk"
	"github.com/disco-platform/mirrorball/internal/demo/traffic"
	"github.com/disco-platform/mirrorball/sdkinstrumentation"
)

// member is one customer of the fleet: a user with a key and a client of its own.
type member struct {
	user    *traffic.User
	account *account
	connect func(key, version string, more ...discosdk.Option) *discosdk.Client

	mu       sync.Mutex
	client   *discosdk.Client
	version  string
	payments []string // ids of the newest payments that this run made
	notices  []notice // CloudEvents that wait to be sent
	calls    int      // since the last flush
	dropped  int64    // by clients that are closed
}

// perform does what the plan says. Answers like 402 and 404 are part of the plan, not failures.
func (m *member) perform(ctx context.Context, call *traffic.Call, day int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dice := call.Dice()
	ctx = withCaller(ctx, m.user.Addresses[dice.IntN(len(m.user.Addresses))])
	if err := m.upgrade(ctx, m.user.Version(day)); err != nil {
		return err
	}
	m.calls++
	err := m.act(ctx, call.Action, dice)
	var answer *discosdk.Error
	if errors.As(err, &answer) {
		return nil
	}
	return err
}

// upgrade moves to another version of the SDK, as a deployment does: the old client is closed first.
func (m *member) upgrade(ctx context.Context, version string) error {
	if m.version == version {
		return nil
	}
	if m.client != nil {
		if err := m.client.Close(ctx); err != nil {
			return fmt.Errorf("cannot deliver the telemetry of %s: %w", m.user.Email, err)
		}
		m.dropped += dropped(m.client.Telemetry())
	}
	m.client, m.version = m.connect(m.account.Key, version), version
	return nil
}

func (m *member) act(ctx context.Context, action traffic.Action, dice *rand.Rand) error {
	switch c := m.client; action {
	case traffic.CreatePayment:
		return m.pay(ctx, amountOf(dice), dice)
	case traffic.CreateLargePayment:
		return m.pay(ctx, fmt.Sprintf("%d.00", 12_000+dice.IntN(40_000)), dice)
	case traffic.GetPayment, traffic.RefundPayment:
		id, ok := pick(dice, m.payments)
		if !ok {
			return m.pay(ctx, amountOf(dice), dice)
		}
		if action == traffic.RefundPayment {
			return second(c.Payments.Refund(ctx, id))
		}
		return second(c.Payments.Get(ctx, id))
	case traffic.GetLostPayment:
		return second(c.Payments.Get(ctx, fmt.Sprintf("pay_lost%06d", dice.IntN(1_000_000))))
	case traffic.ListPayments:
		return second(c.Payments.List(ctx, 10))
	case traffic.CreateAgent:
		return m.createAgent(ctx, dice)
	case traffic.ListAgents:
		return second(c.Agents.List(ctx, 10))
	case traffic.CreateService:
		return m.createService(ctx, dice)
	case traffic.ListServices:
		return second(c.Services.List(ctx, 10))
	case traffic.Collaborate:
		return m.collaborate(ctx, dice)
	case traffic.UseWrongKey:
		return m.useWrongKey(ctx)
	case traffic.Notify:
		if len(m.notices) < maxNotices { // while the collector is away, live traffic goes on
			m.notices = append(m.notices, newNotice(m.user, now(ctx), dice))
		}
		return nil
	}
	return fmt.Errorf("cannot perform action %d: it is unknown", action)
}

func (m *member) pay(ctx context.Context, amount string, dice *rand.Rand) error {
	params := discosdk.PaymentParams{Amount: amount, Currency: m.user.Currency}
	params.AgentID, _ = pick(dice, m.account.Agents)
	params.ServiceID, _ = pick(dice, m.account.Services)
	payment, err := m.client.Payments.Create(ctx, params)
	if err != nil {
		return err
	}
	m.payments = keepNewest(m.payments, payment.ID)
	return nil
}

func (m *member) createAgent(ctx context.Context, dice *rand.Rand) error {
	agent, err := m.client.Agents.Create(ctx, agentNames[dice.IntN(len(agentNames))])
	if err != nil {
		return err
	}
	m.account.Agents = keepNewest(m.account.Agents, agent.ID)
	return nil
}

func (m *member) createService(ctx context.Context, dice *rand.Rand) error {
	service, err := m.client.Services.Create(ctx, discosdk.ServiceParams{
		Name: serviceNames[dice.IntN(len(serviceNames))], Price: fmt.Sprintf("0.%02d", 1+dice.IntN(99)), Currency: m.user.Currency,
	})
	if err != nil {
		return err
	}
	m.account.Services = keepNewest(m.account.Services, service.ID)
	return nil
}

// collaborate needs two agents; a user without makes one instead.
func (m *member) collaborate(ctx context.Context, dice *rand.Rand) error {
	agents := m.account.Agents
	if len(agents) < 2 {
		return m.createAgent(ctx, dice)
	}
	i := dice.IntN(len(agents) - 1)
	return second(m.client.Agents.Collaborate(ctx, goals[dice.IntN(len(goals))], agents[i], agents[i+1]))
}

// useWrongKey calls with a slip in the key's last letter. Its client reports nothing: the collector would refuse it.
func (m *member) useWrongKey(ctx context.Context) error {
	key := []byte(m.account.Key)
	last := &key[len(key)-1]
	if *last != 'x' {
		*last = 'x'
	} else {
		*last = 'y'
	}
	wrong := m.connect(string(key), m.version, discosdk.WithTelemetry(sdkinstrumentation.WithDisabled()))
	return second(wrong.Payments.List(ctx, 10))
}

var (
	agentNames   = []string{"buyer", "negotiator", "scout", "settler", "translator", "auditor", "courier", "planner"}
	serviceNames = []string{"web search", "translation", "image rendering", "route planning", "credit check", "speech to text"}
	goals        = []string{"find the best offer", "split an invoice", "book a trip", "settle a dispute", "restock a shelf"}
)

// amountOf draws an amount: log-normal, the median is about 33.
func amountOf(dice *rand.Rand) string {
	cents := int64(100 * min(math.Exp(3.5+1.1*dice.NormFloat64()), 9_000))
	cents = max(cents, 50)
	return fmt.Sprintf("%d.%02d", cents/100, cents%100)
}

func pick(dice *rand.Rand, from []string) (string, bool) {
	if len(from) == 0 {
		return "", false
	}
	return from[dice.IntN(len(from))], true
}

// second keeps the error of a call whose answer nobody needs.
func second[T any](_ T, err error) error { return err }
