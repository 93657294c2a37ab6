package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
)

// labelView is an organisation by its name.
type labelView struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// organizationView is an organisation as it is printed. Its JSON names are those of the HTTP API.
type organizationView struct {
	labelView
	MergedInto string    `json:"merged_into,omitempty"`
	Members    int64     `json:"members"`
	CreatedAt  time.Time `json:"created_at"`
}

var organizationColumns = []column[organizationView]{
	{title: "ID", cell: func(o *organizationView) string { return o.ID }},
	{title: "NAME", cell: func(o *organizationView) string { return o.Name }},
	{title: "MEMBERS", cell: func(o *organizationView) string { return fmt.Sprint(o.Members) }},
	{title: "MERGED INTO", cell: func(o *organizationView) string { return o.MergedInto }},
	{title: "CREATED", cell: func(o *organizationView) string { return day(&o.CreatedAt) }},
}

func viewOfOrganization(o *accounts.Organization) organizationView {
	return organizationView{labelView: labelView{ID: o.ID, Name: o.Name}, MergedInto: o.MergedInto, Members: o.Members, CreatedAt: o.CreatedAt}
}

func orgsCommand(data *string) *cobra.Command {
	d := &desk{data: data}
	return d.group("orgs", "List, rename and merge organisations, and invite to them",
		orgsList(d), orgsShow(d), orgsRename(d), orgsMerge(d), orgsInvite(d), orgsInvitations(d), orgsRevokeInvitation(d))
}

func orgsList(d *desk) *cobra.Command {
	return d.command("list", "List organisations in order of creation, merged ones too", func(s *session) error {
		organizations, err := all(0, func(p accounts.Page) (accounts.Listed[accounts.Organization], error) {
			return s.Organizations(s.ctx, access.Operator, p)
		})
		if err != nil {
			return err
		}
		return printList(s, viewsOf(organizations, viewOfOrganization), organizationColumns)
	})
}

func orgsShow(d *desk) *cobra.Command {
	return d.command("show org_…", "Show an organisation", func(s *session) error {
		return s.printOrganization(s.Organization(s.ctx, access.Operator, s.args[0]))
	})
}

func orgsRename(d *desk) *cobra.Command {
	return d.command("rename org_… NAME", "Give an organisation another name, which is a label", func(s *session) error {
		return s.printOrganization(s.RenameOrganization(s.ctx, access.Operator, s.args[0], strings.TrimSpace(s.args[1])))
	})
}

func orgsMerge(d *desk) *cobra.Command {
	var into string
	cmd := d.command("merge org_…", "Make an organisation another name of a second one, which cannot be taken back", func(s *session) error {
		return s.printOrganization(s.MergeOrganization(s.ctx, access.Operator, s.args[0], into))
	})
	cmd.Long = `Make an organisation another name of a second one. Its users, keys and usage are the second's from then on, those of the past
too. It cannot be taken back.`
	cmd.Flags().StringVar(&into, "into", "", "the organisation that remains, org_…")
	_ = cmd.MarkFlagRequired("into")
	return cmd
}

func (s *session) printOrganization(o *accounts.Organization, err error) error {
	if err != nil {
		return err
	}
	v := viewOfOrganization(o)
	return printOne(s, &v, organizationColumns)
}
