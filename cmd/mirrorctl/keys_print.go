package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// keyView is a key as it is printed; its JSON names are an interface for scripts.
type keyView struct {
	ID             string     `json:"id"`
	Key            string     `json:"key,omitempty"` // the raw key, of a new one only
	Hint           string     `json:"hint,omitempty"`
	Name           string     `json:"name"`
	UserID         string     `json:"user_id,omitempty"`
	UserEmail      string     `json:"user_email,omitempty"`
	OrganizationID string     `json:"organization_id,omitempty"`
	Organization   string     `json:"organization,omitempty"`
	Environment    string     `json:"environment"`
	Scopes         []string   `json:"scopes"`
	CreatedAt      time.Time  `json:"created_at"`
	ExpiresAt      *time.Time `json:"expires_at,omitempty"`
	RevokedAt      *time.Time `json:"revoked_at,omitempty"`
}

func viewOf(id *apikey.Identity) keyView {
	return keyView{
		ID: id.KeyID, UserID: id.UserID, UserEmail: id.UserEmail, OrganizationID: id.OrganizationID,
		Organization: id.OrganizationName, Environment: id.Environment, Scopes: id.Scopes, CreatedAt: id.CreatedAt,
		ExpiresAt: whenSet(id.ExpiresAt), RevokedAt: whenSet(id.RevokedAt),
	}
}

func whenSet(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (v *keyView) state() string {
	switch {
	case v.RevokedAt != nil:
		return "revoked"
	case v.ExpiresAt != nil && v.ExpiresAt.Before(time.Now()):
		return "expired"
	}
	return "active"
}

func printNewKey(w io.Writer, output string, key *accounts.NewKey) error {
	v := viewOf(&key.Key.Identity)
	v.Key = key.Raw
	if output == "json" {
		return printJSON(w, v)
	}
	_, err := fmt.Fprintf(w, "%s\n\n%s, %s, scopes %s. Keep it now: it is not shown again.\n",
		key.Raw, v.ID, v.Environment, strings.Join(v.Scopes, " "))
	return err
}

func printKeys(w io.Writer, output string, keys []accounts.Key) error {
	views := make([]keyView, 0, len(keys))
	for i := range keys {
		v := viewOf(&keys[i].Identity)
		v.Hint, v.Name = keys[i].Hint, keys[i].Name
		views = append(views, v)
	}
	if output == "json" {
		return printJSON(w, views)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tKEY\tUSER\tEMAIL\tORGANIZATION\tENVIRONMENT\tSCOPES\tCREATED\tSTATE\tNAME")
	for i := range views {
		v := &views[i]
		fmt.Fprintln(t, strings.Join([]string{
			v.ID, v.Hint, dash(v.UserID), dash(v.UserEmail), dash(v.Organization), v.Environment,
			strings.Join(v.Scopes, " "), v.CreatedAt.UTC().Format("2006-01-02"), v.state(), dash(v.Name),
		}, "\t"))
	}
	return t.Flush()
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// dash keeps the columns of a table apart, and keeps a value from starting a line of its own.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
