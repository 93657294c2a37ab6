package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/allowance"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// VerifyInput is a gateway's question.
type VerifyInput struct{ Body VerifyBody }

// VerifyBody is about the calls that a gateway is about to let through.
type VerifyBody struct {
	Key         string `json:"key" doc:"The key as it was presented to the gateway." example:"dk_live_4fX0gYkPz1Qm7tRw2Lbd9sLq2vZt6Ny31EdJ63"`
	Environment string `json:"environment" required:"false" doc:"What the calls are for: sandbox or live. Not checked if not given." example:"live"`
	Scope       string `json:"scope" required:"false" doc:"What the key has to have. Not checked if not given." example:"telemetry:write"`
	Address     string `json:"client_address" required:"false" doc:"Where the calls come from. Without it a key that is held to some addresses is refused." example:"203.0.113.9"`
	Calls       int64  `json:"calls" required:"false" doc:"How many calls to count against the limits, 1 to 10000, all or none; 1 if not given. A gateway that remembers an answer for a moment counts what it let through meanwhile." example:"1"`
}

// VerifyOutput is the answer.
type VerifyOutput struct {
	Limit      string `header:"RateLimit-Limit"`
	Remaining  string `header:"RateLimit-Remaining"`
	Reset      string `header:"RateLimit-Reset"`
	RetryAfter string `header:"Retry-After"`
	Body       Verified
}

// Verified says whether calls may be let through.
type Verified struct {
	Valid          bool       `json:"valid"`
	Code           string     `json:"code" enum:"valid,malformed,unknown,revoked,expired,environment,scope,address,rate_limited,over_quota" doc:"valid, or why not."`
	KeyID          string     `json:"key_id,omitempty" doc:"Missing for what is no registered key." example:"key_1aB3cD5eF7gH9iJ1kL3m"`
	UserID         string     `json:"user_id,omitempty" example:"usr_4fX0gYkPz1Qm7tRw2Lbd"`
	OrganizationID string     `json:"organization_id,omitempty" example:"org_9sLq2vZt6Ny3HcEw8Kpa"`
	Environment    string     `json:"environment,omitempty" enum:"sandbox,live"`
	Scopes         []string   `json:"scopes,omitempty" example:"[\"telemetry:write\",\"usage:read\"]"`
	ExpiresAt      *time.Time `json:"expires_at,omitempty"`
	RateLimit      *Meter     `json:"rate_limit,omitempty" doc:"Of the UTC hour; missing when there is no limit."`
	Quota          *Meter     `json:"quota,omitempty" doc:"Of the UTC month; missing when there is no quota."`
}

// Meter is what is left of a limit.
type Meter struct {
	Limit     int64     `json:"limit" example:"10000"`
	Remaining int64     `json:"remaining" example:"9120"`
	ResetsAt  time.Time `json:"resets_at"`
}

// codeValid is the code of a key that is good; other codes are the reasons of apikey.
const codeValid = "valid"

func (a *api) registerVerify(h huma.API) {
	register(a, h, huma.Operation{
		OperationID: "verify-key", Method: http.MethodPost, Path: "/keys/verify", Summary: "Ask whether a key is good",
		Description: "For API gateways: whether calls with a key may be let through, and if not, why. The calls are counted against the key's limits if they may. Both are 200; 503 means that it cannot be told at the moment.",
	}, func(ctx context.Context, in *VerifyInput) (*VerifyOutput, error) {
		from, err := in.Body.check()
		if err != nil {
			return nil, err
		}
		return a.verify(ctx, &in.Body, from)
	})
}

func (b *VerifyBody) check() (netip.Addr, error) {
	var errs []error
	if b.Environment != "" && !slices.Contains(accounts.Environments, b.Environment) {
		errs = append(errs, &accounts.FieldError{Field: "environment", Message: "must be one of " + strings.Join(accounts.Environments, ", ")})
	}
	if b.Scope != "" {
		errs = append(errs, accounts.CheckScope(b.Scope))
	}
	if b.Calls == 0 {
		b.Calls = 1
	}
	if b.Calls < 1 || b.Calls > allowance.MaxTake {
		errs = append(errs, &accounts.FieldError{Field: "calls", Message: fmt.Sprintf("must be from 1 to %d", allowance.MaxTake)})
	}
	var from netip.Addr
	if b.Address != "" {
		var err error
		if from, err = netip.ParseAddr(b.Address); err != nil {
			errs = append(errs, &accounts.FieldError{Field: "client_address", Message: "must be an address such as 203.0.113.9"})
		}
	}
	return from, errors.Join(errs...)
}

func (a *api) verify(ctx context.Context, b *VerifyBody, from netip.Addr) (*VerifyOutput, error) {
	id, err := a.Keys.VerifyFresh(ctx, b.Key)
	if errors.Is(err, apikey.ErrUnavailable) {
		return nil, err
	}
	var d allowance.Decision
	reason := b.refusal(id, err, from)
	if reason == "" {
		if d, err = a.Limits.Take(ctx, id, b.Calls); err != nil {
			return nil, err
		}
		reason = d.Refused
	}
	if reason == "" {
		a.NoteUse(id)
	} else {
		fingerprint := ""
		if reason == apikey.RefusedUnknown {
			fingerprint = apikey.FingerprintOf(b.Key).String()
		}
		a.NoteRefusal(from, id, fingerprint, reason)
	}
	return verifiedOf(id, d, reason, a.Now()), nil
}

// refusal is the reason why the key is not good, limits apart.
func (b *VerifyBody) refusal(id *apikey.Identity, err error, from netip.Addr) string {
	switch {
	case err != nil:
		return apikey.RefusalReason(err)
	case b.Environment != "" && b.Environment != id.Environment:
		return apikey.RefusedEnvironment
	case b.Scope != "" && !id.Has(b.Scope):
		return apikey.RefusedScope
	case !id.MayComeFrom(from):
		return apikey.RefusedAddress
	}
	return ""
}

func verifiedOf(id *apikey.Identity, d allowance.Decision, reason string, now time.Time) *VerifyOutput {
	out := &VerifyOutput{Body: Verified{Valid: reason == "", Code: reason, RateLimit: meterOf(d.Hour), Quota: meterOf(d.Month)}}
	if reason == "" {
		out.Body.Code = codeValid
	}
	if id != nil {
		b := &out.Body
		b.KeyID, b.UserID, b.OrganizationID, b.Environment = id.KeyID, id.UserID, id.OrganizationID, id.Environment
		b.Scopes, b.ExpiresAt = id.Scopes, orMissing(id.ExpiresAt)
	}
	headers := rateHeaders(d.Hour, now)
	out.Limit, out.Remaining, out.Reset = headers["RateLimit-Limit"], headers["RateLimit-Remaining"], headers["RateLimit-Reset"]
	switch reason {
	case apikey.RefusedRateLimited:
		out.RetryAfter = headers["RateLimit-Reset"]
	case apikey.RefusedOverQuota:
		out.RetryAfter = fmt.Sprint(secondsUntil(d.Month.ResetsAt, now))
	}
	return out
}

func meterOf(m *allowance.Meter) *Meter {
	if m == nil {
		return nil
	}
	return &Meter{Limit: m.Limit, Remaining: m.Remaining, ResetsAt: m.ResetsAt}
}
