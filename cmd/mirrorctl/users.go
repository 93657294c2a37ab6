package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// userView is a user as it is printed. Its JSON names are those of the HTTP API; what that does not have comes last.
type userView struct {
	ID               string     `json:"id"`
	Email            string     `json:"email"`
	EmailConfirmedAt *time.Time `json:"email_confirmed_at,omitempty"`
	Name             string     `json:"name,omitempty"`
	OrganizationID   string     `json:"organization_id"`
	Role             string     `json:"role"`
	UseCase          string     `json:"use_case,omitempty"`
	ExpectedVolume   string     `json:"expected_volume,omitempty"`
	CreatedAt        time.Time  `json:"created_at"`

	Organization string `json:"organization,omitempty"`
}

// registeredView is a new user with its key.
type registeredView struct {
	User         userView  `json:"user"`
	Organization labelView `json:"organization"`
	APIKey       string    `json:"api_key"`
	Key          keyView   `json:"key"`
	Environment  string    `json:"environment"`
}

var userColumns = []column[userView]{
	{title: "ID", cell: func(u *userView) string { return u.ID }},
	{title: "EMAIL", cell: func(u *userView) string { return u.Email }},
	{title: "CONFIRMED", cell: func(u *userView) string { return day(u.EmailConfirmedAt) }},
	{title: "NAME", cell: func(u *userView) string { return u.Name }},
	{title: "ORGANIZATION ID", cell: func(u *userView) string { return u.OrganizationID }},
	{title: "ORGANIZATION", cell: func(u *userView) string { return u.Organization }},
	{title: "ROLE", cell: func(u *userView) string { return u.Role }},
	{title: "USE CASE", cell: func(u *userView) string { return u.UseCase }, alone: true},
	{title: "EXPECTED VOLUME", cell: func(u *userView) string { return u.ExpectedVolume }, alone: true},
	{title: "CREATED", cell: func(u *userView) string { return day(&u.CreatedAt) }},
}

func viewOfUser(u *accounts.User) userView {
	return userView{
		ID: u.ID, Email: u.Email, EmailConfirmedAt: whenSet(u.ConfirmedAt), Name: u.Name, OrganizationID: u.OrganizationID, Role: u.Role,
		UseCase: u.UseCase, ExpectedVolume: u.ExpectedVolume, CreatedAt: u.CreatedAt, Organization: u.OrganizationName,
	}
}

func usersCommand(data *string) *cobra.Command {
	d := &desk{data: data}
	return d.group("users", "List, make and confirm users", usersList(d), usersShow(d), usersCreate(d), usersConfirm(d), usersSetRole(d))
}

func usersList(d *desk) *cobra.Command {
	var filter accounts.UserFilter
	cmd := d.command("list", "List users in order of registration", func(s *session) error {
		users, err := all(0, func(p accounts.Page) (accounts.Listed[accounts.User], error) {
			return s.Users(s.ctx, access.Operator, filter, p)
		})
		if err != nil {
			return err
		}
		return printList(s, viewsOf(users, viewOfUser), userColumns)
	})
	cmd.Flags().StringVar(&filter.OrganizationID, "organization", "", "only users of this organisation, org_…")
	cmd.Flags().StringVar(&filter.Email, "email", "", "only users with this address, however it is spelt")
	return cmd
}

func usersShow(d *desk) *cobra.Command {
	return d.command("show usr_…", "Show a user", func(s *session) error {
		return s.printUser(s.User(s.ctx, access.Operator, s.args[0]))
	})
}

func usersCreate(d *desk) *cobra.Command {
	var r accounts.Registration
	cmd := d.command("create", "Open an account, with a key that is printed this once", func(s *session) error {
		a, err := s.Register(s.ctx, access.Operator, r)
		if err != nil {
			return err
		}
		v := registeredView{
			User: viewOfUser(&a.User), Organization: labelView{ID: a.User.OrganizationID, Name: a.User.OrganizationName},
			APIKey: a.Key.Raw, Key: viewOfKey(&a.Key.Key), Environment: a.Key.Key.Environment,
		}
		return printDone(s, v, "%s\n\n%s, %s of %s. Keep the key now: it is not shown again.\nUntil the address is confirmed the key sees itself alone: `mirrorctl users confirm %s` vouches for it.",
			v.APIKey, v.Key.ID, v.User.ID, v.Organization.ID, v.User.ID)
	})
	cmd.Example = `  mirrorctl users create --email ada@example.com --organization-name "Analytical Engines"
  mirrorctl users create --email grace@example.com --organization org_9s… --environment sandbox`
	f := cmd.Flags()
	f.StringVar(&r.Email, "email", "", "address of the user")
	f.StringVar(&r.Organization, "organization-name", "", "name of an organisation to open")
	f.StringVar(&r.OrganizationID, "organization", "", "organisation to join, org_…")
	f.StringVar(&r.Name, "name", "", "name of the user")
	f.StringVar(&r.UseCase, "use-case", "", "what the SDK is for")
	f.StringVar(&r.ExpectedVolume, "expected-volume", "", "how much use is expected")
	f.StringVar(&r.Environment, "environment", apikey.Live, "of the key: live or sandbox")
	f.Int64Var(&r.PerHour, "requests-per-hour", 0, "how many requests of a UTC hour are verified; 0 is any number")
	f.Int64Var(&r.PerMonth, "requests-per-month", 0, "how many requests of a UTC month are verified; 0 is any number")
	_ = cmd.MarkFlagRequired("email")
	cmd.MarkFlagsOneRequired("organization", "organization-name")
	cmd.MarkFlagsMutuallyExclusive("organization", "organization-name")
	return cmd
}

func usersConfirm(d *desk) *cobra.Command {
	var undo bool
	cmd := d.command("confirm usr_…", "Vouch for a user's address", func(s *session) error {
		confirmed := !undo
		return s.printUser(s.ChangeUser(s.ctx, access.Operator, s.args[0], accounts.UserChange{Confirmed: &confirmed}))
	})
	cmd.Flags().BoolVar(&undo, "undo", false, "take a confirmation back")
	return cmd
}

func usersSetRole(d *desk) *cobra.Command {
	return d.command("set-role usr_… member|admin", "Say what a user is within the organisation", func(s *session) error {
		return s.printUser(s.ChangeUser(s.ctx, access.Operator, s.args[0], accounts.UserChange{Role: &s.args[1]}))
	})
}

func (s *session) printUser(u *accounts.User, err error) error {
	if err != nil {
		return err
	}
	v := viewOfUser(u)
	return printOne(s, &v, userColumns)
}
