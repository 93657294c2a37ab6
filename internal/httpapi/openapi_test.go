package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/httpapi"
)

func document(t *testing.T) *huma.OpenAPI {
	t.Helper()
	doc, err := httpapi.Document(httpapi.Config{MaxInFlight: 1})
	require.NoError(t, err)
	return doc
}

func TestDocumentListsAllRoutes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID, Summary string
			Security             []map[string][]string
			Responses            map[string]struct {
				Content map[string]struct{ Schema json.RawMessage }
			}
			Parameters []struct{ Name, In, Description string }
		}
		Components struct{ SecuritySchemes map[string]any }
	}
	require.NoError(t, json.Unmarshal([]byte(b.get("", "/openapi.json").body), &doc))
	require.True(t, strings.HasPrefix(doc.OpenAPI, "3.1."), doc.OpenAPI)
	require.Contains(t, doc.Components.SecuritySchemes, "api_key")
	var routes []string
	for path, methods := range doc.Paths {
		for method, o := range methods {
			routes = append(routes, method+" "+path)
			require.NotEmpty(t, o.OperationID)
			require.NotEmpty(t, o.Summary)
			require.NotEmpty(t, o.Security, "%s says whether it needs a key", path)
			for _, p := range o.Parameters {
				require.NotEmpty(t, p.Description, p.Name)
			}
			require.NotContains(t, o.Responses, "422", "never sent")
			require.NotContains(t, o.Responses, "default")
			for status, r := range o.Responses {
				n, err := strconv.Atoi(status)
				require.NoError(t, err)
				if n >= 400 {
					require.Contains(t, r.Content, "application/problem+json", "%s %s", path, status)
				} else if status != "202" && status != "204" {
					require.Contains(t, r.Content, "application/json", "%s %s", path, status)
				}
			}
		}
	}
	slices.Sort(routes)
	require.Equal(t, []string{
		"delete /organizations/{id}/invitations/{invitation_id}",
		"get /admin/trail", "get /analytics/export", "get /analytics/platform", "get /analytics/usage", "get /analytics/user-info",
		"get /keys", "get /keys/{id}", "get /organizations", "get /organizations/{id}", "get /organizations/{id}/invitations", "get /users", "get /users/{id}",
		"patch /keys/{id}", "patch /organizations/{id}", "patch /users/{id}",
		"post /invitations/accept", "post /keys", "post /keys/verify", "post /keys/{id}/revoke", "post /keys/{id}/rotate",
		"post /organizations/{id}/invitations", "post /organizations/{id}/merge",
		"post /users/confirm", "post /users/confirmation", "post /users/register",
	}, routes)
}

// Every reference in the document leads somewhere.
func TestDocumentIsComplete(t *testing.T) {
	t.Parallel()
	b := setup(t)
	body := b.get("", "/openapi.json").body
	doc := document(t)
	for _, ref := range regexp.MustCompile(`"\$ref": "#/components/schemas/(\w+)"`).FindAllStringSubmatch(body, -1) {
		require.Contains(t, doc.Components.Schemas.Map(), ref[1])
	}
	require.NotContains(t, body, "$schema")
}

// What the API answers fits what the document says, problems too.
func TestAnswersFitTheDocument(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.reader.usage = someUsage()
	b.accounts.key.Environment = "live"
	doc := document(t)
	f := func(a answer, schema string) {
		t.Helper()
		var v any
		require.NoError(t, json.Unmarshal([]byte(a.body), &v))
		res := &huma.ValidateResult{}
		huma.Validate(doc.Components.Schemas, doc.Components.Schemas.Map()[schema], huma.NewPathBuffer([]byte{}, 0), huma.ModeReadFromServer, v, res)
		require.Empty(t, res.Errors, a.body)
	}
	const days = "?start_date=2026-11-01&end_date=2026-11-02"
	f(b.get("live", "/analytics/usage"+days), "Usage")
	f(b.get("live", "/analytics/export"+days), "Usage")
	f(b.get("admin", "/analytics/platform"+days), "Platform")
	f(b.get("admin", "/analytics/user-info"), "UserInfo")
	f(b.post("", "/users/register", `{"email":"ada@example.com","organization":"Engines"}`), "Registered")
	f(b.get("", "/analytics/usage"), "Problem")
	f(b.get("live", "/analytics/usage?granularity=no"), "Problem")
}

// Every kind of problem has a section that its type leads to.
func TestProblemsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/problems.md")
	require.NoError(t, err)
	source, err := os.ReadFile("problem.go")
	require.NoError(t, err)
	kinds := regexp.MustCompile(`= kind\{"([a-z-]+)"`).FindAllStringSubmatch(string(source), -1)
	require.Len(t, kinds, 15)
	for _, k := range kinds {
		require.Contains(t, string(page), "\n## "+k[1]+"\n")
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("start_date=2026-11-01&granularity=hourly&timezone=Europe/Berlin")
	f.Add("user_id=%00&top=1e9&%ff=1;&end_date=2026-11-24T10:00:00+02:00")
	shared := setup(f)
	f.Fuzz(func(t *testing.T, query string) {
		b := *shared
		b.TB = t
		r := httptest.NewRequest(http.MethodGet, "/analytics/usage", nil)
		r.URL.RawQuery = query
		r.Header.Set("Authorization", "Bearer admin")
		a := b.do(r)
		require.Contains(t, []int{200, 400}, a.status, a.body)
		require.True(t, json.Valid([]byte(a.body)))
	})
}

func FuzzRegister(f *testing.F) {
	f.Add(`{"email":"ada@example.com","organization":"Engines","environment":"live"}`)
	f.Add(`{"email":"a\u0000@b","email":1e400,"organization":{"\ud800":[null]}}`)
	shared := setup(f)
	f.Fuzz(func(t *testing.T, body string) {
		b := *shared
		b.TB = t
		a := b.post("admin", "/users/register", body)
		require.Contains(t, []int{201, 400, 413}, a.status, a.body)
		require.True(t, json.Valid([]byte(a.body)))
	})
}
