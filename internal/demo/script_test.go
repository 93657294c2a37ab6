package demo

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What make demo cannot work with it says before it starts anything: another collector's health would pass for its own,
// and its users would go there.
func TestScriptRefusesToStart(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("SKIPPED, NOTHING WAS TESTED: no curl")
	}
	other := httptest.NewServer(http.NotFoundHandler())
	taken, err := url.Parse(other.URL)
	require.NoError(t, err)
	data := filepath.Join(t.TempDir(), "data")
	require.Contains(t, demoScript(t, taken.Port(), data), "answers at "+other.URL+"/ already")
	require.NoDirExists(t, data)

	other.Close()
	require.NoError(t, os.WriteFile(data, nil, 0o600)) // a file is in the way of the folder
	require.Contains(t, demoScript(t, taken.Port(), data), "data cannot be written: set MIRRORBALL_DATA")
}

// demoScript runs the script, which has to fail, and returns what it says.
func demoScript(t *testing.T, healthPort, data string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "../../scripts/demo.sh")
	cmd.Env = append(os.Environ(), "MIRRORBALL_HOST=127.0.0.1", "MIRRORBALL_HEALTH_PORT="+healthPort, "MIRRORBALL_DATA="+data)
	out, err := cmd.CombinedOutput()
	require.Error(t, err, string(out))
	require.NotContains(t, string(out), "Collector starting")
	return string(out)
}
