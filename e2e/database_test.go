package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// dsn is the address of the embedded server, as the collector leaves it for mirrorctl.
func (c *collector) dsn(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.data, "server.json"))
	require.NoError(t, err)
	var s struct {
		DSN string `json:"dsn"`
	}
	require.NoError(t, json.Unmarshal(text, &s))
	return s.DSN
}

// query reads one text value from the database.
func (c *collector) query(t *testing.T, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), c.dsn(t))
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	var value *string
	require.NoError(t, conn.QueryRow(context.Background(), sql).Scan(&value))
	if value == nil {
		return ""
	}
	return *value
}

// change runs one statement on the database, as an operator with a console would.
func (c *collector) change(t *testing.T, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), c.dsn(t))
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(context.Background(), sql, args...)
	require.NoError(t, err)
}
