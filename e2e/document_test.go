package e2e

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// routes are the routes of the API whose answers have been compared, each with the fields that were in them.
type routes map[string]map[string]bool

func (r routes) note(route string, answer any) {
	if r[route] == nil {
		r[route] = map[string]bool{}
	}
	noteFields(r[route], "", answer)
}

func noteFields(to map[string]bool, path string, value any) {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			to[path+"/"+name] = true
			noteFields(to, path+"/"+name, member)
		}
	case []any:
		for _, element := range value {
			noteFields(to, path, element)
		}
	}
}

// document is what this test needs of /openapi.json.
type document struct {
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]schema }
}

type operation struct {
	Parameters []struct {
		Name   string
		Schema struct{ Enum []string }
	}
	Responses map[string]struct {
		Content map[string]struct{ Schema schema }
	}
}

type schema struct {
	Ref        string `json:"$ref"`
	Properties map[string]schema
	Items      *schema
}

func (k *known) document(t *testing.T) *document {
	t.Helper()
	status, body := k.c.call(http.MethodGet, "/openapi.json", "", nil)
	require.Equal(t, http.StatusOK, status)
	var d document
	require.NoError(t, json.Unmarshal(body, &d))
	return &d
}

// fields are the paths of all fields that an answer of the schema may have.
func (d *document) fields(to map[string]bool, path string, s schema) {
	if s.Ref != "" {
		s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	if s.Items != nil {
		d.fields(to, path, *s.Items)
	}
	for name, member := range s.Properties {
		to[path+"/"+name] = true
		d.fields(to, path+"/"+name, member)
	}
}

// never are fields that the document shares between answers and this one does not have: what opens an account makes a
// key without a name and an end, and whose owner is not confirmed. When a key was last used is told to some ten seconds
// only, and compared nowhere here.
var never = routes{
	"POST /users/register": {
		"/key/name": true, "/key/expires_at": true, "/key/revoked_at": true, "/key/rotated_from": true, "/key/last_used_at": true,
		"/key/requests_per_hour": true, "/key/requests_per_month": true, "/user/email_confirmed_at": true,
	},
	"GET /analytics/user-info": {
		"/key/revoked_at": true, "/key/rotated_from": true, "/key/last_used_at": true, "/key/requests_per_hour": true, "/key/requests_per_month": true,
	},
}

// nothingLeftOut fails when the API has a route about usage, or one of its answers a field, that no test above has compared.
func (k *known) nothingLeftOut(t *testing.T) {
	documented := k.document(t).routes()
	for route := range documented {
		if _, path, _ := strings.Cut(route, " "); !strings.HasPrefix(path, "/analytics/") && path != "/users/register" {
			delete(documented, route)
		}
	}
	require.Equal(t, slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(k.compared)), "routes")
	for route, fields := range documented {
		for field := range fields {
			require.Truef(t, k.compared[route][field] != never[route][field], "%s: nothing has compared %s", route, field)
		}
	}
}

// routes are all that the document has, each with the fields of its answers.
func (d *document) routes() routes {
	all := routes{}
	for path, operations := range d.Paths {
		for method, o := range operations {
			fields := map[string]bool{}
			for status, response := range o.Responses {
				if strings.HasPrefix(status, "2") {
					d.fields(fields, "", response.Content["application/json"].Schema)
				}
			}
			all[strings.ToUpper(method)+" "+path] = fields
		}
	}
	return all
}
