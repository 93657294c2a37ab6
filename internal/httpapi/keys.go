package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// KeysInput asks for a list of keys.
type KeysInput struct {
	PageParams
	UserID         string `query:"user_id" doc:"Only keys of this user."`
	OrganizationID string `query:"organization_id" doc:"Only keys of this organisation, or of the one that it was merged into."`
	Environment    string `query:"environment" enum:"sandbox,live" doc:"Only keys of this environment."`
	Status         string `query:"status" enum:"active,all" doc:"active leaves out keys that are revoked or expired; all if not given."`
}

// KeysOutput is the list.
type KeysOutput struct{ Body KeyList }

// KeyList is a part of a list of keys.
type KeyList struct {
	Keys       []KeyWithUse `json:"keys" nullable:"false"`
	NextCursor string       `json:"next_cursor,omitempty" doc:"Asks for the part that follows; missing at the end."`
}

// KeyInput names a key.
type KeyInput struct {
	ID string `path:"id" doc:"The id of a key, key_…, never the key itself." example:"key_1aB3cD5eF7gH9iJ1kL3m"`
}

// KeyOutput is one key.
type KeyOutput struct{ Body KeyWithUse }

// KeyWithUse is a key with what it was used for.
type KeyWithUse struct {
	Key
	Use KeyUse `json:"use"`
}

// KeyUse is what the statistics say of a key.
type KeyUse struct {
	Requests          int64 `json:"requests" doc:"Of all time." example:"1204"`
	RequestsThisMonth int64 `json:"requests_this_month" doc:"Of the current UTC month, by their own time." example:"311"`
}

func (a *api) registerKeys(h huma.API) {
	register(a, h, huma.Operation{
		OperationID: "list-keys", Path: "/keys", Summary: "Keys", Description: "The keys that the caller sees, in order of creation.",
	}, func(ctx context.Context, in *KeysInput) (*KeysOutput, error) {
		list := []string{"list-keys", in.UserID, in.OrganizationID, in.Environment, in.Status}
		page, pageErr := a.page(in.PageParams, list...)
		_, environmentErr := parseEnvironment(in.Environment, "")
		err := errors.Join(pageErr, environmentErr, checkID("user_id", in.UserID), checkID("organization_id", in.OrganizationID),
			checkOneOf("status", in.Status, "active", "all"))
		if err != nil {
			return nil, err
		}
		found, err := a.Accounts.Keys(ctx, actorOf(ctx), accounts.KeyFilter{
			UserID: in.UserID, OrganizationID: in.OrganizationID, Environment: in.Environment, Active: in.Status == "active",
		}, page)
		if err != nil {
			return nil, err
		}
		keys, err := a.withUse(ctx, found.Items)
		return &KeysOutput{Body: KeyList{Keys: keys, NextCursor: a.cursor(found.Next, list...)}}, err
	})
	register(a, h, huma.Operation{
		OperationID: "get-key", Path: "/keys/{id}", Summary: "One key", Description: "A key that the caller sees.",
		Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *KeyInput) (*KeyOutput, error) {
		if err := pathID("key_", in.ID); err != nil {
			return nil, err
		}
		key, _, err := a.Accounts.Key(ctx, actorOf(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		keys, err := a.withUse(ctx, []accounts.Key{*key})
		if err != nil {
			return nil, err
		}
		return &KeyOutput{Body: keys[0]}, nil
	})
}

// withUse adds what the statistics say. Names are given by people and may tell who they are.
func (a *api) withUse(ctx context.Context, keys []accounts.Key) ([]KeyWithUse, error) {
	ids := make([]string, len(keys))
	for i := range keys {
		ids[i] = keys[i].KeyID
	}
	uses, err := a.Reader.KeyUse(ctx, analytics.KeyUseQuestion{By: actorOf(ctx), KeyIDs: ids, Month: a.Now()})
	if err != nil {
		return nil, err
	}
	list := make([]KeyWithUse, len(keys))
	for i := range keys {
		list[i] = KeyWithUse{Key: keyOf(&keys[i]), Use: KeyUse(uses[keys[i].KeyID])}
		if callerOf(ctx).masked() {
			list[i].Name = ""
		}
	}
	return list, nil
}

// pathID refuses what is no id. What it is then not found as may be a key, which must not be repeated.
func pathID(prefix, id string) error {
	if !apikey.IsID(prefix, id) {
		return newProblem(kindNotFound, "there is no such id: it is "+prefix+" with letters and digits after it")
	}
	return nil
}

func checkOneOf(name, value string, allowed ...string) error {
	if value != "" && !slices.Contains(allowed, value) {
		return &analytics.ParameterError{Parameter: name, Message: "must be one of " + strings.Join(allowed, ", ")}
	}
	return nil
}

// changed answers a change with the key as it is now.
func (a *api) changed(ctx context.Context, key *accounts.Key, err error) (*KeyOutput, error) {
	if err != nil {
		return nil, err
	}
	keys, err := a.withUse(ctx, []accounts.Key{*key})
	if err != nil {
		return nil, err
	}
	return &KeyOutput{Body: keys[0]}, nil
}

// isAdmin reports whether the caller may do what only the platform's admins may.
func isAdmin(ctx context.Context) bool {
	id := callerOf(ctx).id
	return id != nil && access.RoleOf(id) == access.Admin
}
