package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/postgres"
)

// openRegistry opens the accounts. The pepper matters to new keys only, but a key made with a wrong one could never
// be used, so there is no working without it.
func openRegistry(ctx context.Context, data string) (accounts.Registry, func(), error) {
	pepper, err := findPepper(data)
	if err != nil {
		return nil, nil, err
	}
	db, err := openDatabase(ctx, data)
	if err != nil {
		return nil, nil, err
	}
	return postgres.NewRegistry(db, pepper), db.Close, nil
}

func findPepper(data string) (postgres.Pepper, error) {
	return nil, nil
}

var _ = errors.Is
var _ = fs.ErrNotExist
var _ = os.Getenv
var _ = filepath.Join
var _ = fmt.Errorf
