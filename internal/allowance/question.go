package allowance

import (
	"context"
	"time"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// question is asked once for all callers that need the answer, and outlives one that gives up.
type question struct {
	done chan struct{}
	err  error
}

func (q *question) wait(ctx context.Context) error {
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
		return apikey.ErrUnavailable
	}
}

func (q *question) answer(err error) {
	q.err = err
	close(q.done)
}

// join asks the store for what is missing, or waits with those who have asked. The account is locked.
func (g *Guard) join(a *account, what missing, c *call) *question {
	if q := a.asking[what]; q != nil {
		return q
	}
	q := &question{done: make(chan struct{})}
	if g.resting() || !g.enter() {
		q.answer(apikey.ErrUnavailable)
		return q
	}
	a.asking[what] = q
	ask := g.askUsage(a)
	if what == piece {
		ask = g.askPiece(a, c)
	}
	go func() {
		defer g.running.Done()
		ctx, cancel := context.WithTimeout(g.closed, askTimeout)
		defer cancel()
		err := ask(ctx)
		g.note(err)
		a.mu.Lock()
		a.asking[what] = nil
		a.mu.Unlock()
		if what == piece {
			g.hands.add(a)
		}
		q.answer(err)
	}()
	return q
}

// askPiece makes the question for a piece. When the limit has changed, what is in hand goes back first: it may be more than
// the new one leaves.
func (g *Guard) askPiece(a *account, c *call) func(context.Context) error {
	asked, named := g.now(), c.limits.PerHour
	need := a.hour.need(c, asked)
	var back Piece
	if a.hour.named != named {
		back = a.hour.surrender(asked, 0)
	}
	return func(ctx context.Context) error {
		if back.Requests > 0 {
			if err := g.store.Return(ctx, []Piece{back}); err != nil {
				return err
			}
		}
		lease, err := g.store.Lease(ctx, a.id, need)
		if err != nil {
			return err
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.hour.learn(&lease, named, asked, g.now())
		return nil
	}
}

func (g *Guard) askUsage(a *account) func(context.Context) error {
	asked := g.now()
	a.month.grantedSince = 0
	return func(ctx context.Context) error {
		used, err := g.store.Used(ctx, a.id)
		if err != nil {
			return err
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.month.learn(&used, asked)
		return nil
	}
}

// enter joins the group that Close waits for, unless the guard is closed.
func (g *Guard) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed.Err() != nil {
		return false
	}
	g.running.Add(1)
	return true
}

func (g *Guard) note(err error) {
	if err == nil {
		g.failedAt.Store(0)
	} else if g.closed.Err() == nil {
		g.failedAt.Store(int64(g.now()))
	}
}

func (g *Guard) resting() bool {
	at := time.Duration(g.failedAt.Load())
	return at != 0 && g.now()-at < retryAfter
}
