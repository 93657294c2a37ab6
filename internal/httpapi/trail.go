package httpapi

import (
	"context"
	"errors"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
)

// TrailInput asks for a part of the trail.
type TrailInput struct {
	PageParams
	Actor  string `query:"actor" doc:"Only what this key did, or operator, system, anonymous." example:"key_1aB3cD5eF7gH9iJ1kL3m"`
	Target string `query:"target" doc:"Only what was done to the key, user or organisation with this id."`
	Action string `query:"action" doc:"Only this action." example:"key.revoke"`
}

// TrailOutput is the list.
type TrailOutput struct{ Body Trail }

// Trail is a part of the trail of admins.
type Trail struct {
	Entries    []TrailEntry `json:"entries" nullable:"false"`
	NextCursor string       `json:"next_cursor,omitempty" doc:"Asks for the part that follows; missing at the end."`
}

// TrailEntry is one change, or one reading of others' data.
type TrailEntry struct {
	Seq     int64          `json:"seq" example:"17"`
	At      time.Time      `json:"at"`
	Actor   string         `json:"actor" example:"key_1aB3cD5eF7gH9iJ1kL3m"`
	Action  string         `json:"action" example:"key.revoke"`
	Target  string         `json:"target,omitempty" doc:"Missing for everybody's data." example:"key_9iJ1kL3m1aB3cD5eF7gH"`
	Client  string         `json:"client_address,omitempty" example:"203.0.113.9"`
	Details map[string]any `json:"details,omitempty"`
}

func (a *api) registerTrail(h huma.API) {
	register(a, h, huma.Operation{
		OperationID: "list-trail", Path: "/admin/trail", Summary: "What was changed and looked at",
		Description: "Every change of users, organisations and keys, and every reading of others' data, the latest first. Each stands in the transaction that it is about; rows are never changed.",
	}, func(ctx context.Context, in *TrailInput) (*TrailOutput, error) {
		list := []string{"list-trail", in.Actor, in.Target, in.Action}
		page, err := a.page(in.PageParams, list...)
		err = errors.Join(err, checkSearch("actor", in.Actor), checkSearch("action", in.Action), checkID("target", in.Target))
		if err != nil {
			return nil, err
		}
		found, err := a.Accounts.Trail(ctx, actorOf(ctx), accounts.TrailFilter{Actor: in.Actor, Target: in.Target, Action: in.Action}, page)
		if err != nil {
			return nil, err
		}
		entries := make([]TrailEntry, len(found.Items))
		for i, e := range found.Items {
			entries[i] = entryOf(e)
		}
		return &TrailOutput{Body: Trail{Entries: entries, NextCursor: a.cursor(found.Next, list...)}}, nil
	})
}

func entryOf(e access.Entry) TrailEntry {
	out := TrailEntry{Seq: e.Seq, At: e.At, Actor: e.Actor, Action: string(e.Action), Target: e.Target, Details: e.Details}
	if e.Client.IsValid() {
		out.Client = e.Client.String()
	}
	return out
}
