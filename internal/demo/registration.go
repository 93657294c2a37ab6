package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/disco-platform/mirrorball/internal/demo/traffic"
)

// registerAll registers the users that have no account yet, and saves each at once: its key is shown only now.
func (d *demo) registerAll(ctx context.Context) error {
	missing := 0
	for i := range d.plan.Users {
		if d.state.Accounts[d.plan.Users[i].Email] == nil {
			missing++
		}
	}
	if missing == 0 {
		return nil
	}
	d.say("Registering %d users ...", missing)
	for i := range d.plan.Users {
		u := &d.plan.Users[i]
		if d.state.Accounts[u.Email] != nil {
			continue
		}
		a, err := d.mirrorball.register(ctx, d.adminKey, u, d.organizationOf(u))
		if err != nil {
			return explainRegistration(err)
		}
		d.state.Accounts[u.Email] = a
		if err := d.state.save(d.opts.Data); err != nil {
			return err
		}
	}
	return nil
}

// organizationOf is the id that a colleague's registration got, "" for the first of an organisation.
func (d *demo) organizationOf(u *traffic.User) string {
	for i := range d.plan.Users {
		colleague := &d.plan.Users[i]
		if a := d.state.Accounts[colleague.Email]; a != nil && colleague.Organization == u.Organization {
			return a.OrganizationID
		}
	}
	return ""
}

func explainRegistration(err error) error {
	var status *statusError
	if errors.As(err, &status) && status.status == http.StatusTooManyRequests {
		return fmt.Errorf("%w\nThe collector limits registrations by address: raise registration::per_address and per_organization to 100, or run the demo again in an hour; it goes on where it stopped", err)
	}
	return err
}
