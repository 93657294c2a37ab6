package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
)

// result is what a run of the program leaves.
type result struct {
	code           int
	stdout, stderr string
}

func mirrorctl(args ...string) result {
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), args, &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// dataFolder looks like that of a collector which runs on a database.
func dataFolder(t *testing.T, dsn string) string {
	t.Helper()
	data := t.TempDir()
	text, err := json.Marshal(map[string]string{"dsn": dsn})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(data, "server.json"), text, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(data, "pepper"), []byte(strings.Repeat("6f", 32)), 0o600))
	return data
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]result{
		"":                               {0, "Available Commands", ""},
		"version":                        {0, "mirrorctl ", ""},
		"bogus":                          {1, "", `unknown command "bogus"`},
		"keys bogus":                     {1, "", `unknown command "bogus"`},
		"keys create":                    {1, "", "[user platform admin] is required"},
		"keys create --user u --admin":   {1, "", "none of the others can be"},
		"keys list -o yaml":              {1, "", `--output is "yaml": it must be table or json`},
		"keys revoke":                    {1, "", "accepts 1 arg"},
		"keys revoke dk_live_0000000000": {1, "", "never the key itself"},
		"demo --days 100":                {1, "", "--days must be 1 to 89"},
		"demo --seconds -1":              {1, "", "--seconds must be"},
	} {
		got := mirrorctl(strings.Fields(args)...)
		require.Equal(t, want.code, got.code, "%s: %v", args, got)
		require.Contains(t, got.stdout, want.stdout, args)
		require.Contains(t, got.stderr, want.stderr, args)
		require.NotContains(t, got.stderr, "dk_live_0000000000", "a key is not repeated")
	}
}

// The demo looks for a collector where one with the same environment listens.
func TestDemoAddresses(t *testing.T) {
	t.Setenv("MIRRORBALL_HOST", "127.0.0.2")
	t.Setenv("MIRRORBALL_API_PORT", "18080")
	t.Setenv("MIRRORBALL_OTLP_HTTP_PORT", "")
	t.Setenv("MIRRORBALL_EVENTS_PORT", "14319")
	help := mirrorctl("demo", "--help").stdout
	for _, address := range []string{"http://127.0.0.2:18080", "http://127.0.0.2:4318", "http://127.0.0.2:14319"} {
		require.Contains(t, help, address)
	}
}

func TestNoDatabase(t *testing.T) {
	t.Setenv("DATABASE_URL", "") // counts as unset
	t.Setenv("MIRRORBALL_PEPPER", "a pepper of sixteen characters")
	data := t.TempDir()
	for _, command := range []string{"reconcile", "keys list"} {
		got := mirrorctl(append(strings.Fields(command), "--data", data)...)
		require.Equal(t, exitCouldNot, got.code, "%s: %v", command, got)
		require.Contains(t, got.stderr, "set DATABASE_URL")
	}

	require.NoError(t, os.WriteFile(filepath.Join(data, "server.json"), []byte("{}"), 0o600))
	got := mirrorctl("reconcile", "--data", data)
	require.Equal(t, exitCouldNot, got.code)
	require.Contains(t, got.stderr, "start the collector again")

	t.Setenv("DATABASE_URL", "postgres://nobody:secret@127.0.0.1:1/none")
	got = mirrorctl("reconcile", "--data", data)
	require.Equal(t, exitCouldNot, got.code)
	require.Contains(t, got.stderr, "is the server of DATABASE_URL up")
	require.NotContains(t, got.stderr, "secret")
}

func TestKeys(t *testing.T) {
	t.Setenv("DATABASE_URL", "")
	t.Setenv("MIRRORBALL_PEPPER", "")
	dsn := postgrestest.NewDSN(t)
	data := dataFolder(t, dsn)
	db := postgrestest.Open(t, postgres.Config{DSN: dsn})
	pepper, err := findPepper(data)
	require.NoError(t, err)
	userAccount, err := postgres.NewRegistry(db, pepper).Register(t.Context(), access.Operator, accounts.Registration{
		Email: "ada@example.com", Organization: "Analytical Engines", Environment: "sandbox",
	})
	require.NoError(t, err)
	user := &userAccount.User

	created := mirrorctl("keys", "create", "--data", data, "--user", user.ID, "--name", "billing")
	require.Equal(t, 0, created.code, "%v", created)
	raw := regexp.MustCompile(`^dk_live_[0-9A-Za-z]{38}\n`).FindString(created.stdout)
	require.NotEmpty(t, raw, created.stdout)

	created = mirrorctl("keys", "create", "--data", data, "--platform", "-o", "json")
	require.Equal(t, 0, created.code, "%v", created)
	var made newKeyView
	require.NoError(t, json.Unmarshal([]byte(created.stdout), &made))
	platform := made.Key
	require.Contains(t, platform.Scopes, "telemetry:write_any")
	require.NotEmpty(t, made.APIKey)

	created = mirrorctl("keys", "create", "--data", data, "--admin", "--environment", "sandbox")
	require.Equal(t, 0, created.code, "%v", created)
	require.Regexp(t, `^dk_test_admin_`, created.stdout)

	for _, bad := range [][]string{
		{"--user", "usr_nobody"}, {"--user", user.ID, "--environment", "moon"}, {"--user", user.ID, "--scope", "everything"},
	} {
		got := mirrorctl(append([]string{"keys", "create", "--data", data}, bad...)...)
		require.Equal(t, 1, got.code, "%v", got)
		require.Empty(t, got.stdout)
	}

	list := mirrorctl("keys", "list", "--data", data)
	require.Equal(t, 0, list.code)
	require.Len(t, strings.Split(strings.TrimSpace(list.stdout), "\n"), 1+4, list.stdout)
	require.Contains(t, list.stdout, "billing")
	require.NotContains(t, list.stdout, strings.TrimSpace(raw))
	require.NotContains(t, list.stdout, made.APIKey)

	revoked := mirrorctl("keys", "revoke", platform.ID, "--data", data)
	require.Equal(t, result{0, "revoked " + platform.ID + "\n", ""}, revoked)
	require.Equal(t, 1, mirrorctl("keys", "revoke", "key_nobody", "--data", data).code)

	list = mirrorctl("keys", "list", "--data", data, "--active", "-o", "json")
	var keys []keyView
	require.NoError(t, json.Unmarshal([]byte(list.stdout), &keys))
	require.Len(t, keys, 3)
	for _, k := range keys {
		require.NotEqual(t, platform.ID, k.ID)
	}
}

func TestKeysNeedTheRightPepper(t *testing.T) {
	t.Setenv("DATABASE_URL", "")
	t.Setenv("MIRRORBALL_PEPPER", "")
	data := dataFolder(t, postgrestest.NewDSN(t))
	require.Equal(t, 0, mirrorctl("keys", "list", "--data", data).code, "the first to come decides")

	t.Setenv("MIRRORBALL_PEPPER", "another pepper than before")
	got := mirrorctl("keys", "create", "--admin", "--data", data)
	require.Equal(t, exitCouldNot, got.code)
	require.Contains(t, got.stderr, "pepper is not the one")

	t.Setenv("MIRRORBALL_PEPPER", "short")
	require.Contains(t, mirrorctl("keys", "list", "--data", data).stderr, "cannot use MIRRORBALL_PEPPER")

	t.Setenv("MIRRORBALL_PEPPER", "")
	require.NoError(t, os.Remove(filepath.Join(data, "pepper")))
	require.Contains(t, mirrorctl("keys", "list", "--data", data).stderr, "no pepper")
}

func TestACellCannotBreakTheTable(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a b c", dash("a\nb\tc"))
	require.Equal(t, "-", dash(""))
}
