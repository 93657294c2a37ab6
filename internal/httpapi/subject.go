package httpapi

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// SubjectParams say whose usage is asked for. Only an admin may.
type SubjectParams struct {
	UserID         string `query:"user_id" doc:"Admin only: the usage of this user's keys."`
	OrganizationID string `query:"organization_id" doc:"Admin only: the usage of this organisation's keys."`
	KeyID          string `query:"key_id" doc:"Admin only: the usage of this key."`
	Environment    string `query:"environment" enum:"sandbox,live" doc:"Admin only: the environment whose keys count; live if not said."`
}

// subjectOf is whose usage the caller may see. A user's key sees all keys of its user in its environment: these are one
// customer's, who may well use one key to read what another did. A sandbox key never sees live usage.
func subjectOf(caller *apikey.Identity, p SubjectParams) (analytics.Subject, error) {
	if !caller.Has(apikey.ScopeAdmin) {
		if details := p.given(); details != nil {
			return analytics.Subject{}, newProblem(kindForbidden, "the key needs the scope "+apikey.ScopeAdmin+" to say whose usage it asks for", details...)
		}
		return ownSubject(caller), nil
	}
	if len(p.given()) > 1 && !(p.KeyID == "" && p.Environment != "" && len(p.given()) == 2) {
		return analytics.Subject{}, &analytics.ParameterError{Parameter: "user_id", Message: "give one of user_id, organization_id, key_id; environment goes with the first two"}
	}
	if err := p.checkIDs(); err != nil {
		return analytics.Subject{}, err
	}
	environment, err := parseEnvironment(p.Environment)
	return analytics.Subject{UserID: p.UserID, OrganizationID: p.OrganizationID, KeyID: p.KeyID, Environment: environment}, err
}

func ownSubject(caller *apikey.Identity) analytics.Subject {
	if caller.UserID == "" {
		return analytics.Subject{KeyID: caller.KeyID, Environment: caller.Environment}
	}
	return analytics.Subject{UserID: caller.UserID, Environment: caller.Environment}
}

// anID is what ids look like; others need not be looked for.
var anID = regexp.MustCompile(`^[a-z]{3}_[0-9A-Za-z]{1,64}$`)

func (p SubjectParams) checkIDs() error {
	for name, id := range map[string]string{"user_id": p.UserID, "organization_id": p.OrganizationID, "key_id": p.KeyID} {
		if id != "" && !anID.MatchString(id) {
			return &analytics.ParameterError{Parameter: name, Message: "is not an id, such as usr_, org_ or key_ with letters and digits after it"}
		}
	}
	return nil
}

// given says which parameters are set, as details of a refusal.
func (p SubjectParams) given() []Detail {
	var all []Detail
	for _, param := range [...][2]string{
		{"user_id", p.UserID}, {"organization_id", p.OrganizationID}, {"key_id", p.KeyID}, {"environment", p.Environment},
	} {
		if param[1] != "" {
			all = append(all, Detail{"query." + param[0], "is for admins"})
		}
	}
	return all
}

func parseEnvironment(name string) (string, error) {
	switch {
	case name == "":
		return apikey.Live, nil
	case slices.Contains(accounts.Environments, name):
		return name, nil
	}
	return "", &analytics.ParameterError{Parameter: "environment", Message: "must be one of " + strings.Join(accounts.Environments, ", ")}
}

// both joins what is wrong with two parts of a question, unless one of them is not allowed at all.
func both(subject, window error) error {
	var p *Problem
	if errors.As(subject, &p) {
		return p
	}
	return errors.Join(subject, window)
}
