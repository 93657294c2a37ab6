package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// CreateKeyInput is a wish for a key.
type CreateKeyInput struct{ Body CreateKeyBody }

// CreateKeyBody describes the key. internal/accounts checks it.
type CreateKeyBody struct {
	Environment string   `json:"environment" required:"false" doc:"sandbox or live; that of the asking key if not given. A sandbox key makes sandbox keys." example:"live"`
	Name        string   `json:"name" required:"false" doc:"What the key is for. At most 100 characters." example:"billing job"`
	Scopes      []string `json:"scopes" required:"false" doc:"What the key may do, of what the asking key may; a customer's usual scopes if not given." example:"[\"telemetry:write\"]"`
	Addresses   []string `json:"allowed_addresses" required:"false" doc:"Networks or addresses that the key may be used from, at most 50; everywhere if not given." example:"[\"203.0.113.0/24\"]"`
	ExpiresAt   string   `json:"expires_at" required:"false" doc:"A time of RFC 3339 at which the key ends; never if not given." example:"2099-01-01T00:00:00Z"`
	UserID      string   `json:"user_id" required:"false" doc:"The owner, among the users that the caller sees; the caller's own user if not given. An admin's key without it makes a key of the platform." example:"usr_4fX0gYkPz1Qm7tRw2Lbd"`
	PerHour     int64    `json:"requests_per_hour" required:"false" doc:"Admin only. 0 for no limit." example:"10000"`
	PerMonth    int64    `json:"requests_per_month" required:"false" doc:"Admin only. 0 for no quota." example:"1000000"`
}

// NewKeyOutput is a key with its secret.
type NewKeyOutput struct{ Body NewKey }

// NewKey is a key at the only moment when its secret is known.
type NewKey struct {
	APIKey string `json:"api_key" doc:"The key. It is shown this once and cannot be shown again." example:"dk_live_4fX0gYkPz1Qm7tRw2Lbd9sLq2vZt6Ny31EdJ63"`
	Key    Key    `json:"key"`
}

// ChangeKeyInput says what to change of a key.
type ChangeKeyInput struct {
	KeyInput
	Body ChangeKeyBody
}

// ChangeKeyBody has the fields to change; others stay.
type ChangeKeyBody struct {
	Name      *string   `json:"name,omitempty" doc:"At most 100 characters." example:"billing job"`
	Scopes    *[]string `json:"scopes,omitempty" doc:"All scopes that the key is to have, of those that the asking key has." example:"[\"telemetry:write\"]"`
	Addresses *[]string `json:"allowed_addresses,omitempty" doc:"All networks that the key may be used from; an empty list: everywhere." example:"[\"203.0.113.0/24\"]"`
	ExpiresAt *string   `json:"expires_at,omitempty" doc:"A time of RFC 3339, or never." example:"2099-01-01T00:00:00Z"`
	PerHour   *int64    `json:"requests_per_hour,omitempty" doc:"Admin only. For all keys that share the limit; 0 for no limit." example:"10000"`
	PerMonth  *int64    `json:"requests_per_month,omitempty" doc:"Admin only. For all keys that share the quota; 0 for no quota." example:"1000000"`
}

// RotateKeyInput is a wish for a successor.
type RotateKeyInput struct {
	KeyInput
	Body RotateKeyBody
}

// RotateKeyBody says how long the old key goes on.
type RotateKeyBody struct {
	GraceSeconds int64 `json:"grace_seconds" required:"false" doc:"How long the old key stays good, 0 to 2592000 (30 days); 0 if not given. An earlier end of its own stays." example:"86400"`
}

func (a *api) registerKeyChanges(h huma.API) {
	register(a, h, huma.Operation{
		OperationID: "create-key", Method: http.MethodPost, Path: "/keys", DefaultStatus: http.StatusCreated, Summary: "Make a key",
		Description: "Makes another key that can do no more than the asking one and shares its limits. An admin's key makes any, with limits of its own.",
		Errors:      []int{http.StatusNotFound},
	}, func(ctx context.Context, in *CreateKeyInput) (*NewKeyOutput, error) {
		spec, err := specOf(ctx, &in.Body)
		if err != nil {
			return nil, err
		}
		return newKeyOf(a.Accounts.CreateKey(ctx, actorOf(ctx), spec))
	})
	register(a, h, huma.Operation{
		OperationID: "change-key", Method: http.MethodPatch, Path: "/keys/{id}", Summary: "Change a key",
		Description: "Changes what is given. The change holds everywhere within a second.", Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, func(ctx context.Context, in *ChangeKeyInput) (*KeyOutput, error) {
		change, err := changeOf(&in.Body)
		if err := errors.Join(pathID("key_", in.ID), err); err != nil {
			return nil, err
		}
		key, err := a.Accounts.ChangeKey(ctx, actorOf(ctx), in.ID, change)
		return a.changed(ctx, key, err)
	})
	register(a, h, huma.Operation{
		OperationID: "rotate-key", Method: http.MethodPost, Path: "/keys/{id}/rotate", DefaultStatus: http.StatusCreated, Summary: "Replace a key",
		Description: "Makes a key that can do the same and shares the old one's limits; the old one ends after a time of grace.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, func(ctx context.Context, in *RotateKeyInput) (*NewKeyOutput, error) {
		if err := pathID("key_", in.ID); err != nil {
			return nil, err
		}
		seconds := min(max(in.Body.GraceSeconds, -1), int64(accounts.MaxGrace/time.Second)+1) // fits a Duration
		return newKeyOf(a.Accounts.RotateKey(ctx, actorOf(ctx), in.ID, time.Duration(seconds)*time.Second))
	})
	register(a, h, huma.Operation{
		OperationID: "revoke-key", Method: http.MethodPost, Path: "/keys/{id}/revoke", Summary: "End a key",
		Description: "Ends a key at once, which cannot be taken back. Revoking it again changes nothing.", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *KeyInput) (*KeyOutput, error) {
		if err := pathID("key_", in.ID); err != nil {
			return nil, err
		}
		key, err := a.Accounts.RevokeKey(ctx, actorOf(ctx), in.ID)
		return a.changed(ctx, key, err)
	})
}

func newKeyOf(key *accounts.NewKey, err error) (*NewKeyOutput, error) {
	if err != nil {
		return nil, err
	}
	return &NewKeyOutput{Body: NewKey{APIKey: key.Raw, Key: keyOf(&key.Key)}}, nil
}

func specOf(ctx context.Context, body *CreateKeyBody) (accounts.KeySpec, error) {
	id := callerOf(ctx).id
	addresses, addressErr := parseNetworks(body.Addresses)
	expires, expiryErr := parseExpiry(body.ExpiresAt)
	var scopesErr, userErr error
	if body.UserID != "" && !apikey.IsID("usr_", body.UserID) {
		userErr = &accounts.FieldError{Field: "user_id", Message: "is not an id, such as usr_ with letters and digits after it"}
	}
	if body.Scopes != nil && len(body.Scopes) == 0 { // not the same as none given, which stands for the usual ones
		scopesErr = &accounts.FieldError{Field: "scopes", Message: "must not be empty; leave the field out for a customer's usual scopes"}
	}
	spec := accounts.KeySpec{
		UserID: body.UserID, Environment: body.Environment, Scopes: body.Scopes, Name: strings.TrimSpace(body.Name),
		ExpiresAt: expires, Addresses: addresses, PerHour: body.PerHour, PerMonth: body.PerMonth,
	}
	if spec.UserID == "" {
		spec.UserID = id.UserID
	}
	if spec.Environment == "" {
		spec.Environment = id.Environment
	}
	return spec, errors.Join(userErr, addressErr, expiryErr, scopesErr)
}

func changeOf(body *ChangeKeyBody) (accounts.KeyChange, error) {
	c := accounts.KeyChange{Name: body.Name, Scopes: body.Scopes, PerHour: body.PerHour, PerMonth: body.PerMonth}
	var errs [2]error
	if body.Addresses != nil {
		var addresses []netip.Prefix
		addresses, errs[0] = parseNetworks(*body.Addresses)
		c.Addresses = &addresses
	}
	if body.ExpiresAt != nil {
		var expires time.Time
		if *body.ExpiresAt != "never" {
			expires, errs[1] = parseExpiry(*body.ExpiresAt)
			if expires.IsZero() && errs[1] == nil {
				errs[1] = &accounts.FieldError{Field: "expires_at", Message: "must be a time such as 2099-01-01T00:00:00Z, or never"}
			}
		}
		c.ExpiresAt = &expires
	}
	return c, errors.Join(errs[:]...)
}

// parseNetworks takes addresses too, as networks of one. It never returns nil.
func parseNetworks(texts []string) ([]netip.Prefix, error) {
	networks := make([]netip.Prefix, 0, min(len(texts), maxDetails))
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); addrErr == nil && addr.Zone() == "" {
			network, err = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
		}
		if err == nil && network.Addr().Is4In6() { // an address is compared as IPv4, which such a network does not hold
			return nil, &accounts.FieldError{Field: "allowed_addresses", Message: fmt.Sprintf("holds %q; write networks of IPv4 as such, like 203.0.113.0/24", shorten(text))}
		}
		if err != nil {
			return nil, &accounts.FieldError{Field: "allowed_addresses", Message: fmt.Sprintf("holds %q, which is no network such as 203.0.113.0/24 and no address", shorten(text))}
		}
		networks = append(networks, network)
	}
	return networks, nil
}

func parseExpiry(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() < 2000 || at.Year() > 9999 {
		return time.Time{}, &accounts.FieldError{Field: "expires_at", Message: "must be a time such as 2099-01-01T00:00:00Z"}
	}
	return at.UTC(), nil
}
