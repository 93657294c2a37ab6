package httpapi

import (
	"errors"
	"slices"
	"strings"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// SubjectParams say whose usage is asked for, of what the caller sees.
type SubjectParams struct {
	UserID         string `query:"user_id" doc:"Only the usage of this user's keys."`
	OrganizationID string `query:"organization_id" doc:"Only the usage of the keys of this organisation, or of the one that it was merged into."`
	KeyID          string `query:"key_id" doc:"Only the usage of this key."`
	Environment    string `query:"environment" enum:"sandbox,live" doc:"The environment whose keys count: that of the caller's key if not given, live for admins and analysts. A sandbox key sees no live usage."`
}

// subjectOf is whose usage the caller asks for: all that it sees, if it does not say. Whether it sees a subject that it names is
// decided where the usage is.
func subjectOf(id *apikey.Identity, p SubjectParams) (analytics.Subject, error) {
	s := analytics.Subject{UserID: p.UserID, OrganizationID: p.OrganizationID, KeyID: p.KeyID}
	given := 0
	for _, set := range []bool{p.UserID != "", p.OrganizationID != "", p.KeyID != "", p.KeyID != "" && p.Environment != ""} {
		if set {
			given++
		}
	}
	if given > 1 {
		return s, &analytics.ParameterError{Parameter: "user_id", Message: "give one of user_id, organization_id, key_id; environment goes with the first two"}
	}
	if err := p.checkIDs(); err != nil {
		return s, err
	}
	environment, err := parseEnvironment(p.Environment, usualEnvironment(id))
	if err == nil && environment == apikey.Live && access.ViewOf(id).SandboxOnly {
		return s, newProblem(kindForbidden, "a sandbox key sees no live usage", Detail{"query.environment", "cannot be live with a sandbox key"})
	}
	s.Environment = environment
	if s.Everybody() {
		v := access.ViewOf(id)
		s.OrganizationID, s.UserID, s.KeyID = v.OrganizationID, v.UserID, v.KeyID
	}
	return s, err
}

// usualEnvironment is what a caller asks about who does not say.
func usualEnvironment(id *apikey.Identity) string {
	if access.ViewOf(id).All {
		return apikey.Live
	}
	return id.Environment
}

// ownSubject is what the caller's own key belongs to.
func ownSubject(id *apikey.Identity) analytics.Subject {
	s := analytics.Subject{Environment: id.Environment}
	if id.UserID != "" && id.Confirmed {
		s.UserID = id.UserID
	} else {
		s.KeyID = id.KeyID
	}
	return s
}

func (p SubjectParams) checkIDs() error {
	return errors.Join(checkID("user_id", p.UserID), checkID("organization_id", p.OrganizationID), checkID("key_id", p.KeyID))
}

// checkID looks at a parameter that may be missing.
func checkID(name, id string) error {
	if id != "" && !apikey.IsID("", id) {
		return &analytics.ParameterError{Parameter: name, Message: "is not an id, such as usr_, org_ or key_ with letters and digits after it"}
	}
	return nil
}

func parseEnvironment(name, otherwise string) (string, error) {
	switch {
	case name == "":
		return otherwise, nil
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
