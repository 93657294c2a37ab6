package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// OrganizationsInput asks for a list of organisations.
type OrganizationsInput struct{ PageParams }

// OrganizationsOutput is the list.
type OrganizationsOutput struct{ Body Organizations }

// Organizations is a part of a list of organisations.
type Organizations struct {
	Organizations []Organization `json:"organizations" nullable:"false"`
	NextCursor    string         `json:"next_cursor,omitempty" doc:"Asks for the part that follows; missing at the end."`
}

// OrganizationInput names an organisation.
type OrganizationInput struct {
	ID string `path:"id" doc:"The id of an organisation." example:"org_9sLq2vZt6Ny3HcEw8Kpa"`
}

// OrganizationOutput is one organisation.
type OrganizationOutput struct{ Body Organization }

// ChangeOrganizationInput says what to change of an organisation.
type ChangeOrganizationInput struct {
	OrganizationInput
	Body ChangeOrganizationBody
}

// ChangeOrganizationBody has the new name.
type ChangeOrganizationBody struct {
	Name string `json:"name" doc:"At most 100 characters. It is a label: others may have the same." example:"Analytical Engines"`
}

// MergeInput says what to merge.
type MergeInput struct {
	OrganizationInput
	Body MergeBody
}

// MergeBody names the organisation that remains.
type MergeBody struct {
	Into string `json:"into" example:"org_3HcEw8Kpa9sLq2vZt6Ny"`
}

func (a *api) registerOrganizations(h huma.API) {
	register(a, h, huma.Operation{
		OperationID: "list-organizations", Path: "/organizations", Summary: "Organisations", Description: "The organisations that the caller sees, in order of creation.",
	}, func(ctx context.Context, in *OrganizationsInput) (*OrganizationsOutput, error) {
		page, err := a.page(in.PageParams, "list-organizations")
		if err != nil {
			return nil, err
		}
		found, err := a.Accounts.Organizations(ctx, actorOf(ctx), page)
		if err != nil {
			return nil, err
		}
		organizations := make([]Organization, len(found.Items))
		for i := range found.Items {
			organizations[i] = organizationOf(&found.Items[i])
		}
		return &OrganizationsOutput{Body: Organizations{Organizations: organizations, NextCursor: a.cursor(found.Next, "list-organizations")}}, nil
	})
	register(a, h, huma.Operation{
		OperationID: "get-organization", Path: "/organizations/{id}", Summary: "One organisation",
		Description: "An organisation that the caller sees.", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *OrganizationInput) (*OrganizationOutput, error) {
		if err := pathID("org_", in.ID); err != nil {
			return nil, err
		}
		return organizationAnswer(a.Accounts.Organization(ctx, actorOf(ctx), in.ID))
	})
	register(a, h, huma.Operation{
		OperationID: "change-organization", Method: http.MethodPatch, Path: "/organizations/{id}", Summary: "Rename an organisation",
		Description: "Gives it another name, which is a label and proves nothing.", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *ChangeOrganizationInput) (*OrganizationOutput, error) {
		if err := pathID("org_", in.ID); err != nil {
			return nil, err
		}
		return organizationAnswer(a.Accounts.RenameOrganization(ctx, actorOf(ctx), in.ID, strings.TrimSpace(in.Body.Name)))
	})
	register(a, h, huma.Operation{
		OperationID: "merge-organization", Method: http.MethodPost, Path: "/organizations/{id}/merge", Summary: "Merge an organisation into another",
		Description: "Makes the organisation another name of the second: its users, keys and usage are the second's from then on, those of the past too. It cannot be taken back.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, func(ctx context.Context, in *MergeInput) (*OrganizationOutput, error) {
		if err := pathID("org_", in.ID); err != nil {
			return nil, err
		}
		if !apikey.IsID("org_", in.Body.Into) {
			return nil, &accounts.FieldError{Field: "into", Message: "is not the id of an organisation, such as org_ with letters and digits after it"}
		}
		return organizationAnswer(a.Accounts.MergeOrganization(ctx, actorOf(ctx), in.ID, in.Body.Into))
	})
}

func organizationAnswer(o *accounts.Organization, err error) (*OrganizationOutput, error) {
	if err != nil {
		return nil, err
	}
	return &OrganizationOutput{Body: organizationOf(o)}, nil
}
