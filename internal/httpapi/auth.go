package httpapi

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/allowance"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// bearer is the name of the security scheme in the OpenAPI document.
const bearer = "api_key"

// caller is who makes a request. id is nil without a key, which only a public operation gets to see.
type caller struct {
	id     *apikey.Identity
	client netip.Addr // the zero Addr when it is not known
}

type callerKey struct{}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// actor is the caller as accounts and statistics know it.
func (c caller) actor() access.Actor { return access.ActorOf(c.id, c.client) }

// masked reports whether personal data is kept from the caller.
func (c caller) masked() bool { return c.id != nil && access.Masked(c.id) }

func actorOf(ctx context.Context) access.Actor { return callerOf(ctx).actor() }

// authorize lets a request pass that the rule allows, from an address that its key may be used from, and within the key's
// hourly limit.
func (a *api) authorize(rule access.Rule) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		c := caller{client: a.clientOf(ctx)}
		raw, p := presented(ctx)
		if p == nil && raw != "" {
			var err error
			if c.id, err = a.Keys.VerifyFresh(ctx.Context(), raw); err != nil {
				a.noteRefusal(c, raw, err)
				p = a.problem(ctx.Context(), err)
			}
		}
		if p == nil {
			p = a.check(ctx, c, rule)
		}
		if p != nil {
			refuse(ctx, p)
			return
		}
		next(huma.WithValue(ctx, callerKey{}, c))
	}
}

func (a *api) check(ctx huma.Context, c caller, rule access.Rule) *Problem {
	switch {
	case c.id == nil && rule.Public:
		return nil
	case c.id == nil:
		return newProblem(kindUnauthenticated, "send an API key as Authorization: Bearer dk_…")
	case !rule.Allows(c.id):
		a.NoteRefusal(c.client, c.id, "", apikey.RefusedScope)
		return newProblem(kindForbidden, "the key needs "+rule.Needs())
	case !c.id.MayComeFrom(c.client):
		a.NoteRefusal(c.client, c.id, "", apikey.RefusedAddress)
		return newProblem(kindAddress, "the key may not be used from this address")
	}
	a.NoteUse(c.id)
	return a.take(ctx, c)
}

// take counts the request against the key's hourly limit. The monthly quota is about calls of the platform's API, and no
// reason to keep its owner from seeing that it is used up.
func (a *api) take(ctx huma.Context, c caller) *Problem {
	limited := *c.id
	limited.Allowance.PerMonth = 0
	d, err := a.Limits.Take(ctx.Context(), &limited, 1)
	if err != nil {
		return a.problem(ctx.Context(), err)
	}
	for name, value := range rateHeaders(d.Hour, a.Now()) {
		ctx.SetHeader(name, value)
	}
	if d.Refused == "" {
		return nil
	}
	a.NoteRefusal(c.client, c.id, "", d.Refused)
	return rateProblem(d.Hour, a.Now())
}

func rateProblem(hour *allowance.Meter, now time.Time) *Problem {
	p := newProblem(kindRate, fmt.Sprintf("the key may make %d requests an hour", hour.Limit))
	p.retryAfter = secondsUntil(hour.ResetsAt, now)
	return p
}

// rateHeaders tell what is left of an hourly limit.
func rateHeaders(hour *allowance.Meter, now time.Time) map[string]string {
	if hour == nil {
		return nil
	}
	return map[string]string{
		"RateLimit-Limit":     strconv.FormatInt(hour.Limit, 10),
		"RateLimit-Remaining": strconv.FormatInt(hour.Remaining, 10),
		"RateLimit-Reset":     strconv.Itoa(secondsUntil(hour.ResetsAt, now)),
	}
}

// secondsUntil is at least 1, so that who waits does not come back too early.
func secondsUntil(at, now time.Time) int {
	return max(1, int(math.Ceil(at.Sub(now).Seconds())))
}

// noteRefusal takes note of a key that was refused. An answer that is late says nothing about the key.
func (a *api) noteRefusal(c caller, raw string, err error) {
	switch {
	case errors.Is(err, apikey.ErrUnavailable):
	case errors.Is(err, apikey.ErrUnknown):
		a.NoteRefusal(c.client, nil, apikey.FingerprintOf(raw).String(), apikey.RefusedUnknown)
	default:
		a.NoteRefusal(c.client, c.id, "", apikey.RefusalReason(err))
	}
}

// presented is the key that a request carries; empty when it has no Authorization header at all.
func presented(ctx huma.Context) (string, *Problem) {
	var headers []string
	ctx.EachHeader(func(name, value string) {
		if http.CanonicalHeaderKey(name) == "Authorization" {
			headers = append(headers, value)
		}
	})
	if len(headers) == 0 {
		return "", nil
	}
	scheme, key, _ := strings.Cut(headers[0], " ")
	if len(headers) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return "", newProblem(kindUnauthenticated, "send one API key as Authorization: Bearer dk_…")
	}
	if key = strings.TrimSpace(key); key == "" {
		return "", problemOf(apikey.ErrMalformed)
	}
	return key, nil
}

// clientOf is the caller's address, behind trusted proxies.
func (a *api) clientOf(ctx huma.Context) netip.Addr {
	r, _ := humago.Unwrap(ctx)
	peer, _ := netip.ParseAddrPort(r.RemoteAddr) // a peer on a Unix socket has no address
	return a.TrustedProxies.Client(peer.Addr(), r.Header["X-Forwarded-For"])
}

// refuse ends a request before its handler.
func refuse(ctx huma.Context, p *Problem) {
	for name, values := range p.GetHeaders() {
		ctx.SetHeader(name, values[0])
	}
	ctx.SetHeader("Content-Type", p.ContentType(""))
	ctx.SetStatus(p.Status)
	_ = strictJSON.Marshal(ctx.BodyWriter(), p)
}
