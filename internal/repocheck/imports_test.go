package repocheck

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/disco-platform/mirrorball"

// rules say, for each folder, what of this module its packages may import, tests apart. The longest matching
// folder decides. CONTRIBUTING.md tells the same as a tree.
var rules = map[string][]string{
	"internal/usage":      {},
	"internal/apikey":     {},
	"internal/geo":        {},
	"internal/clientaddr": {},
	"internal/history":    {},
	"internal/access":     {"internal/apikey"},
	"internal/mail":       {},
	"internal/accounts":   {"internal/access", "internal/apikey"},
	"internal/allowance":  {"internal/apikey"},
	"internal/analytics":  {"internal/access", "internal/usage"},
	"internal/stamp":      {"internal/apikey", "sdkinstrumentation/usageconv"},
	"internal/packed":     {"internal/apikey", "internal/stamp", "internal/usage", "sdkinstrumentation/usageconv"},
	"internal/usagepdata": {"internal/apikey", "internal/packed", "internal/stamp", "internal/usage", "sdkinstrumentation/usageconv"},
	"internal/postgres":   {"internal/access", "internal/accounts", "internal/allowance", "internal/analytics", "internal/apikey", "internal/usage", "sdkinstrumentation/usageconv"},
	"internal/httpapi":    {"internal/access", "internal/accounts", "internal/allowance", "internal/analytics", "internal/apikey", "internal/clientaddr", "internal/usage"},
	"internal/demo":       {"examples", "sdkinstrumentation"},

	"receiver/usageeventsreceiver":     {"internal/usage", "internal/usagepdata", "sdkinstrumentation/usageconv"},
	"processor/apikeyprocessor":        {"internal/apikey", "internal/geo", "internal/packed", "internal/stamp", "sdkinstrumentation/usageconv", "extension/usagestoreextension"},
	"exporter/postgresusageexporter":   {"internal/packed", "internal/usage", "internal/usagepdata", "extension/usagestoreextension"},
	"extension/usagestoreextension":    {"internal/accounts", "internal/allowance", "internal/analytics", "internal/apikey", "internal/postgres", "internal/usage"},
	"extension/apikeyauthextension":    {"internal/apikey", "internal/clientaddr", "extension/usagestoreextension"},
	"extension/requestlimitsextension": {"internal/apikey"},
	"extension/packedspansextension":   {"internal/apikey", "internal/packed"},
	"extension/analyticsapiextension": {
		"internal/accounts", "internal/allowance", "internal/analytics", "internal/apikey", "internal/clientaddr", "internal/httpapi", "internal/mail", "internal/usage",
		"extension/usagestoreextension",
	},

	"examples":      {"examples", "sdkinstrumentation"},
	"cmd/mirrorctl": {"internal/access", "internal/accounts", "internal/apikey", "internal/demo", "internal/postgres", "internal/usage"},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func TestImportsPointOneWay(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "./...") {
		folder := strings.TrimPrefix(p.ImportPath, module+"/")
		allowed, ok := ruleFor(folder)
		if !ok {
			require.Truef(t, anyWithin(folder, []string{"bench", "e2e", "internal/repocheck"}), "%s has no rule: add it to rules and to CONTRIBUTING.md", folder)
			continue
		}
		for _, imported := range p.Imports {
			target, ours := strings.CutPrefix(imported, module+"/")
			if !ours || within(target, unit(folder)) {
				continue
			}
			require.Truef(t, anyWithin(target, allowed), "%s imports %s; it may import %v (see CONTRIBUTING.md)", folder, target, allowed)
		}
	}
}

// The domain knows neither pdata nor SQL nor HTTP, and only one package speaks to Postgres.
func TestThirdPartyImportsStayInTheirRooms(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "./...") {
		folder := strings.TrimPrefix(p.ImportPath, module+"/")
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, "github.com/jackc/pgx/") {
				require.Truef(t, anyWithin(folder, []string{"internal/postgres", "extension/usagestoreextension", "bench", "e2e"}),
					"%s imports pgx: all SQL belongs to internal/postgres", folder)
			}
			if within(folder, "internal/usage") || within(folder, "internal/analytics") || within(folder, "internal/accounts") {
				require.Falsef(t, strings.HasPrefix(imported, "go.opentelemetry.io/"), "%s imports %s: the domain knows no telemetry", folder, imported)
			}
		}
	}
}

// A customer's program gets no collector, no Postgres and, with the core package alone, no OpenTelemetry SDK.
func TestSDKStaysLight(t *testing.T) {
	t.Parallel()
	for _, p := range listIn(t, "../../sdkinstrumentation", "./...") {
		for _, imported := range p.Imports {
			require.NotContains(t, imported, "go.opentelemetry.io/collector", p.ImportPath)
			require.NotContains(t, imported, "jackc/pgx", p.ImportPath)
			if p.ImportPath == module+"/sdkinstrumentation" {
				require.False(t, strings.HasPrefix(imported, "go.opentelemetry.io/otel/sdk") || strings.HasPrefix(imported, "go.opentelemetry.io/otel/exporters"),
					"the core package uses the OpenTelemetry API only; %s belongs to sdkinstrumentation/pipeline", imported)
			}
		}
	}
}

func ruleFor(folder string) ([]string, bool) {
	best, found := "", false
	for f := range rules {
		if within(folder, f) && len(f) >= len(best) {
			best, found = f, true
		}
	}
	return rules[best], found
}

// unit is the part of a folder that may import itself freely: a package with its sub-packages.
func unit(folder string) string {
	parts := strings.Split(folder, "/")
	return strings.Join(parts[:min(2, len(parts))], "/")
}

func within(folder, parent string) bool {
	return folder == parent || strings.HasPrefix(folder, parent+"/")
}

func anyWithin(folder string, parents []string) bool {
	for _, p := range parents {
		if within(folder, p) {
			return true
		}
	}
	return false
}

func list(t *testing.T, patterns ...string) []listed { return listIn(t, "../..", patterns...) }

func listIn(t *testing.T, dir string, patterns ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports"}, patterns...)...)
	cmd.Dir = dir
	out, err := cmd.Output()
	require.NoError(t, err)
	var packages []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}
