package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/disco-platform/mirrorball/examples/discosdk"
	"github.com/disco-platform/mirrorball/internal/demo/traffic"
	"github.com/disco-platform/mirrorball/sdkinstrumentation"
)

// fleet is all customers.
type fleet struct {
	plan       *traffic.Plan
	mirrorball *mirrorball
	members    []*member // as plan.Users
	network    *http.Transport
}

// callers is how many customers call at once in the simulated past. More do not help: two cores are busy with this.
const callers = 8

func newFleet(plan *traffic.Plan, accounts map[string]*account, m *mirrorball, apiURL, otlp string) *fleet {
	network := http.DefaultTransport.(*http.Transport).Clone()
	network.MaxIdleConnsPerHost = 2 * callers
	f := &fleet{plan: plan, mirrorball: m, network: network}
	for i := range plan.Users {
		u := &plan.Users[i]
		f.members = append(f.members, &member{user: u, account: accounts[u.Email], connect: func(key, version string, more ...discosdk.Option) *discosdk.Client {
			return discosdk.New(key, append([]discosdk.Option{
				discosdk.WithBaseURL(apiURL),
				discosdk.WithTransport(timeTravel{fromCaller{network}}),
				discosdk.WithSleep(pause),
				discosdk.WithUser(u.Email, u.Organization),
				discosdk.WithTelemetry(
					sdkinstrumentation.WithEndpoint(otlp),
					sdkinstrumentation.WithSDK("disco-sdk-go", version),
					sdkinstrumentation.WithUserMetadata(map[string]string{"country": u.Country}),
					sdkinstrumentation.WithClock(now),
				),
			}, more...)...)
		}})
	}
	return f
}

// replay performs calls of the past, each user's in order and different users' side by side.
func (f *fleet) replay(ctx context.Context, calls []traffic.Call) error {
	byUser := make([][]traffic.Call, len(f.members))
	for _, c := range calls {
		byUser[c.User] = append(byUser[c.User], c)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(callers)
	for user, list := range byUser {
		if len(list) == 0 {
			continue
		}
		g.Go(func() error {
			for i := range list {
				at := list[i].At
				if err := f.members[user].perform(withClock(ctx, clockAt(at)), &list[i], f.plan.Day(at)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// flush delivers what the members with at least so many calls have queued, and their CloudEvents.
func (f *fleet) flush(ctx context.Context, atLeast int) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, m := range f.members {
		g.Go(func() error {
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.calls == 0 || m.calls < atLeast {
				return nil
			}
			if err := m.client.Telemetry().Flush(ctx); err != nil {
				return fmt.Errorf("cannot deliver the telemetry of %s: %w", m.user.Email, err)
			}
			if len(m.notices) > 0 {
				if err := f.mirrorball.sendNotices(ctx, m.account.Key, m.notices); err != nil {
					return err
				}
			}
			m.calls, m.notices = 0, nil
			return nil
		})
	}
	return g.Wait()
}

// dropped counts the telemetry that the members' SDKs threw away.
func (f *fleet) dropped() (n int64) {
	for _, m := range f.members {
		m.mu.Lock()
		n += m.dropped
		if m.client != nil {
			n += dropped(m.client.Telemetry())
		}
		m.mu.Unlock()
	}
	return n
}

func dropped(in *sdkinstrumentation.Instrumentation) (n int64) {
	for _, d := range in.Dropped() {
		n += d.Count
	}
	return n
}

// still runs do while no member changes.
func (f *fleet) still(do func() error) error {
	for _, m := range f.members {
		m.mu.Lock()
		defer m.mu.Unlock()
	}
	return do()
}

func (f *fleet) close(ctx context.Context) error {
	errs := make([]error, len(f.members))
	var g errgroup.Group
	for i, m := range f.members {
		g.Go(func() error {
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.client != nil {
				errs[i] = m.client.Close(ctx)
			}
			return nil
		})
	}
	_ = g.Wait()
	f.network.CloseIdleConnections() // the platform's server waits for them when it shuts down
	return errors.Join(errs...)
}

// flushLimit is how long a delivery may take before the demo gives up on the collector.
const flushLimit = time.Minute
