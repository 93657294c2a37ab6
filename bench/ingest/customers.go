package main

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/postgres"
)

// nameCustomer says what the i-th customer is called; every tenth opens another organisation.
func nameCustomer(i int) customer {
	return customer{email: fmt.Sprintf("user%08d@bench.example", i), organization: fmt.Sprintf("Organization %08d", i/10)}
}

// register makes n customers, each with a key, straight in the database: over HTTP, registrations are limited.
func register(ctx context.Context, db *database, pepper postgres.Pepper, n int) ([]customer, error) {
	const writers = 4
	store, err := postgres.Open(ctx, postgres.Config{DSN: db.dsn, MaxConns: writers})
	if err != nil {
		return nil, fmt.Errorf("cannot register customers: %w", err)
	}
	defer store.Close()
	registry := postgres.NewRegistry(store, pepper)
	customers := make([]customer, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for i := range customers {
		group.Go(func() error {
			c := nameCustomer(i)
			account, err := registry.Register(ctx, access.Operator, accounts.Registration{
				Email: c.email, Organization: c.organization, Name: "Bench", Environment: apikey.Live,
			})
			if err != nil {
				return err
			}
			c.key, c.id, c.fingerprint = account.Key.Raw, account.Key.Key.KeyID, account.Key.Key.Fingerprint.String()
			customers[i] = c
			return nil
		})
	}
	return customers, group.Wait()
}
