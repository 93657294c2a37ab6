package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/disco-platform/mirrorball/internal/postgres"
)

// findDatabase is the connection string of DATABASE_URL, else of the embedded server that a running collector has
// noted in its data folder.
func findDatabase(data string) (string, error) {
	if dsn := os.Getenv("DATABASE_URL"); dsn != "" {
		return dsn, nil
	}
	path := filepath.Join(data, "server.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("no database: set DATABASE_URL, or start the collector and point --data at its data folder (%s does not exist)", path)
	}
	if err != nil {
		return "", fmt.Errorf("cannot read the address of the embedded server: %w", err)
	}
	var server struct {
		DSN string `json:"dsn"`
	}
	if err := json.Unmarshal(text, &server); err != nil || server.DSN == "" {
		return "", fmt.Errorf("cannot find `dsn` in %s: start the collector again, which writes the file anew", path)
	}
	return server.DSN, nil
}

func openDatabase(ctx context.Context, data string) (*postgres.DB, error) {
	dsn, err := findDatabase(data)
	if err != nil {
		return nil, err
	}
	db, err := postgres.Open(ctx, postgres.Config{DSN: dsn, MaxConns: 2})
	if errors.Is(err, postgres.ErrUnreachable) {
		return nil, fmt.Errorf("%w: is the server of DATABASE_URL up, or the collector of %s running?", err, data)
	}
	return db, err
}
