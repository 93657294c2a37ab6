package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/postgres"
)

// openRegistry opens the accounts. A key made with another pepper than the collector's could never be used, so there is
// no working without the right one.
func openRegistry(ctx context.Context, data string) (accounts.Registry, func(), error) {
	pepper, err := findPepper(data)
	if err != nil {
		return nil, nil, err
	}
	db, err := openDatabase(ctx, data)
	if err != nil {
		return nil, nil, err
	}
	if err := postgres.CheckPepper(ctx, db, pepper); err != nil {
		db.Close()
		return nil, nil, err
	}
	return postgres.NewRegistry(db, pepper), db.Close, nil
}

// findPepper is the pepper of MIRRORBALL_PEPPER, else the one that the collector keeps in its data folder.
func findPepper(data string) (postgres.Pepper, error) {
	if text := os.Getenv("MIRRORBALL_PEPPER"); text != "" {
		p, err := postgres.NewPepper(text)
		if err != nil {
			return nil, fmt.Errorf("cannot use MIRRORBALL_PEPPER: %w", err)
		}
		return p, nil
	}
	p, err := postgres.ReadPepper(data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no pepper, which keys are hashed with: set MIRRORBALL_PEPPER, or start the collector and point --data at its data folder (%s does not exist)",
			postgres.PepperFile(data))
	}
	return p, err
}
