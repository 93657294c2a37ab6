package main

import (
	"strings"
	"time"

	"github.com/disco-platform/mirrorball/internal/accounts"
)

// keyView is a key as it is printed. Its JSON names are those of the HTTP API; what that does not have comes last.
type keyView struct {
	ID             string     `json:"id"`
	Hint           string     `json:"hint,omitempty"`
	Name           string     `json:"name,omitempty"`
	Status         string     `json:"status"`
	Environment    string     `json:"environment"`
	Scopes         []string   `json:"scopes"`
	UserID         string     `json:"user_id,omitempty"`
	OrganizationID string     `json:"organization_id,omitempty"`
	CreatedAt      time.Time  `json:"created_at"`
	ExpiresAt      *time.Time `json:"expires_at,omitempty"`
	RevokedAt      *time.Time `json:"revoked_at,omitempty"`
	LastUsedAt     *time.Time `json:"last_used_at,omitempty"`
	RotatedFrom    string     `json:"rotated_from,omitempty"`
	Addresses      []string   `json:"allowed_addresses"`
	PerHour        int64      `json:"requests_per_hour,omitempty"`
	PerMonth       int64      `json:"requests_per_month,omitempty"`

	UserEmail    string `json:"user_email,omitempty"`
	Organization string `json:"organization,omitempty"`
}

// newKeyView is a key at the only moment when it is known.
type newKeyView struct {
	APIKey string  `json:"api_key"`
	Key    keyView `json:"key"`
}

var keyColumns = []column[keyView]{
	{title: "ID", cell: func(k *keyView) string { return k.ID }},
	{title: "KEY", cell: func(k *keyView) string { return k.Hint }},
	{title: "USER", cell: func(k *keyView) string { return k.UserID }},
	{title: "EMAIL", cell: func(k *keyView) string { return k.UserEmail }},
	{title: "ORGANIZATION ID", cell: func(k *keyView) string { return k.OrganizationID }, alone: true},
	{title: "ORGANIZATION", cell: func(k *keyView) string { return k.Organization }},
	{title: "ENVIRONMENT", cell: func(k *keyView) string { return k.Environment }},
	{title: "SCOPES", cell: func(k *keyView) string { return strings.Join(k.Scopes, " ") }},
	{title: "CREATED", cell: func(k *keyView) string { return day(&k.CreatedAt) }},
	{title: "STATE", cell: func(k *keyView) string { return k.Status }},
	{title: "EXPIRES", cell: func(k *keyView) string { return moment(k.ExpiresAt) }, alone: true},
	{title: "REVOKED", cell: func(k *keyView) string { return moment(k.RevokedAt) }, alone: true},
	{title: "LAST USED", cell: func(k *keyView) string { return moment(k.LastUsedAt) }, alone: true},
	{title: "ROTATED FROM", cell: func(k *keyView) string { return k.RotatedFrom }, alone: true},
	{title: "ALLOWED ADDRESSES", cell: func(k *keyView) string { return strings.Join(k.Addresses, " ") }, alone: true},
	{title: "REQUESTS PER HOUR", cell: func(k *keyView) string { return count(k.PerHour) }, alone: true},
	{title: "REQUESTS PER MONTH", cell: func(k *keyView) string { return count(k.PerMonth) }, alone: true},
	{title: "NAME", cell: func(k *keyView) string { return k.Name }},
}

func viewOfKey(k *accounts.Key) keyView {
	v := keyView{
		ID: k.KeyID, Hint: k.Hint, Name: k.Name, Status: k.Status(time.Now()), Environment: k.Environment, Scopes: append([]string{}, k.Scopes...),
		UserID: k.UserID, OrganizationID: k.OrganizationID, CreatedAt: k.CreatedAt, ExpiresAt: whenSet(k.ExpiresAt),
		RevokedAt: whenSet(k.RevokedAt), LastUsedAt: whenSet(k.LastUsedAt), RotatedFrom: k.RotatedFrom, Addresses: []string{},
		PerHour: k.Allowance.PerHour, PerMonth: k.Allowance.PerMonth, UserEmail: k.UserEmail, Organization: k.OrganizationName,
	}
	for _, network := range k.Addresses {
		v.Addresses = append(v.Addresses, network.String())
	}
	return v
}

func printNewKey(s *session, key *accounts.NewKey) error {
	v := newKeyView{APIKey: key.Raw, Key: viewOfKey(&key.Key)}
	return printDone(s, v, "%s\n\n%s, %s, scopes %s. Keep it now: it is not shown again.", v.APIKey, v.Key.ID, v.Key.Environment, strings.Join(v.Key.Scopes, " "))
}
