package e2e

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// No raw key is found in anything that the collector leaves behind: a dump of the database, its files, the data folder, the
// logs. The two .key files are where a key belongs.
func TestNoKeyInClear(t *testing.T) {
	t.Parallel()
	c := startCollector(t)
	user := c.register("secret@example.com", "Secret", "live")
	keys := []string{user.Key, c.key("admin"), c.key("platform")}

	// Keys where a careless sender would put them.
	attributes := map[string]any{
		"http.request.method": "GET", "http.route": "/x", "disco.sdk.name": "s", "disco.sdk.version": "1",
		"authorization": "Bearer " + user.Key, "note": "my key is " + user.Key + ".", "http.request.header.authorization": user.Key,
		"url.path": "/keys/" + user.Key, "disco.agent.id": user.Key, "disco.operation": user.Key,
		"nested": map[string]any{"deep": []any{user.Key}}, user.Key: "as a name",
	}
	require.Equal(t, http.StatusOK, c.postTraces(user.Key, traces(span{client, time.Now().Add(-time.Hour), ms(5), attributes})))
	c.events(t, user.Key, fmt.Sprintf(`[{"specversion":"1.0","id":%[1]q,"source":%[1]q,"type":"leak","data":{"key":%[1]q}}]`, user.Key))
	status, _ := c.call(http.MethodGet, "/analytics/usage?timezone="+user.Key, user.Key, nil)
	require.Equal(t, http.StatusBadRequest/100, status/100)
	wrong := user.Key[:len(user.Key)-1] + "!"
	status, _ = c.call(http.MethodGet, "/analytics/usage", wrong, nil)
	require.Equal(t, http.StatusUnauthorized, status)

	dump := c.dump(t)
	require.Contains(t, dump, "secret@example.com", "the dump is a dump")
	c.stop() // so that Postgres has written what it holds
	for _, key := range keys {
		require.NotContains(t, dump, key)
	}
	files := 0
	require.NoError(t, filepath.WalkDir(c.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".key") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil // sockets
		}
		files++
		for _, key := range keys {
			require.NotContainsf(t, string(text), key, "%s holds a raw key", path)
		}
		return nil
	}))
	require.Greater(t, files, 100, "the embedded server's files are among those searched")
}

// dump is pg_dump's plain text of the whole database.
func (c *collector) dump(t *testing.T) string {
	t.Helper()
	pgDump := "pg_dump"
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump"); len(found) > 0 {
		pgDump = found[len(found)-1]
	}
	out, err := exec.Command(pgDump, "--dbname", c.dsn(t)).Output()
	require.NoError(t, err)
	return string(out)
}
