package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
)

// entryView is an entry of the trail as it is printed. Its JSON names are those of the HTTP API.
type entryView struct {
	Seq     int64          `json:"seq"`
	At      time.Time      `json:"at"`
	Actor   string         `json:"actor"`
	Action  string         `json:"action"`
	Target  string         `json:"target,omitempty"`
	Client  string         `json:"client_address,omitempty"`
	Details map[string]any `json:"details,omitempty"`
}

var entryColumns = []column[entryView]{
	{title: "AT", cell: func(e *entryView) string { return moment(&e.At) }},
	{title: "ACTOR", cell: func(e *entryView) string { return e.Actor }},
	{title: "ACTION", cell: func(e *entryView) string { return e.Action }},
	{title: "TARGET", cell: func(e *entryView) string { return e.Target }},
	{title: "CLIENT", cell: func(e *entryView) string { return e.Client }},
	{title: "DETAILS", cell: func(e *entryView) string { return e.details() }},
}

func (e *entryView) details() string {
	if len(e.Details) == 0 {
		return ""
	}
	text, err := json.Marshal(e.Details)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func viewOfEntry(e *access.Entry) entryView {
	v := entryView{Seq: e.Seq, At: e.At, Actor: e.Actor, Action: string(e.Action), Target: e.Target, Details: e.Details}
	if e.Client.IsValid() {
		v.Client = e.Client.String()
	}
	return v
}

func trailCommand(data *string) *cobra.Command {
	d := &desk{data: data}
	var filter accounts.TrailFilter
	var limit int
	cmd := d.command("trail", "List what was changed and looked at, the latest first", func(s *session) error {
		if limit < 0 {
			return fmt.Errorf("--limit is %d: it must be 0 (all) or more", limit)
		}
		entries, err := all(limit, func(p accounts.Page) (accounts.Listed[access.Entry], error) {
			return s.Trail(s.ctx, access.Operator, filter, p)
		})
		if err != nil {
			return err
		}
		return printList(s, viewsOf(entries, viewOfEntry), entryColumns)
	})
	cmd.Example = `  mirrorctl trail --action key.revoke
  mirrorctl trail --target usr_4f… --limit 0`
	f := cmd.Flags()
	f.StringVar(&filter.Actor, "actor", "", "only what this key did (key_…), or operator, system, anonymous")
	f.StringVar(&filter.Target, "target", "", "only what was done to the key, user or organisation with this id")
	f.StringVar(&filter.Action, "action", "", "only this action, such as key.revoke")
	f.IntVar(&limit, "limit", 100, "entries to list; 0 is all")
	return d.printing(cmd)
}
