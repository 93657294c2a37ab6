package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi/datamodel"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/postgres"
)

// The served document is one of OpenAPI 3.1: by the schema that the OpenAPI Initiative publishes (a library carries it), which leaves the schemas in it to
// JSON Schema 2020-12, by which each of them is read here.
func TestDocumentIsOpenAPI(t *testing.T) {
	t.Parallel()
	s := compileDocument(t)
	meta, err := jsonschema.UnmarshalJSON(strings.NewReader(datamodel.OpenAPI31SchemaData))
	require.NoError(t, err)
	address := meta.(map[string]any)["$id"].(string)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource(address, meta))
	schema, err := compiler.Compile(address)
	require.NoError(t, err)
	require.NoError(t, schema.Validate(s.doc))
	require.Error(t, schema.Validate(parse(t, `{"openapi":"3.1.0","info":{"title":"no version"},"paths":{}}`)))

	for name := range s.at(t, "components", "schemas").(map[string]any) {
		_ = s.validate(t, pointer("components", "schemas", name), nil) // compiles it
	}
	paths := s.at(t, "paths").(map[string]any)
	for _, path := range []string{"/keys", "/keys/verify", "/keys/{id}", "/keys/{id}/rotate", "/keys/{id}/revoke", "/users/register", "/analytics/usage", "/analytics/export"} {
		require.Contains(t, paths, path)
	}
}

var place = regexp.MustCompile(`{[^}]+}`)

// Each path of the document has the methods that it says and no other.
func TestDocumentIsWhatIsRouted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	paths := document(t).Paths
	for path := range paths {
		target := strings.NewReplacer("{id}", "key_1", "{invitation_id}", "inv_1").Replace(path)
		documented := map[string]bool{}
		for other, item := range paths { // GET /users/register is GET /users/{id}
			for method := range operationsOf(item) {
				documented[method] = documented[method] || regexp.MustCompile("^"+place.ReplaceAllString(other, "[^/]+")+"$").MatchString(target)
			}
		}
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT"} {
			a := w.do(httptest.NewRequest(method, target, nil))
			require.Equal(t, !documented[method], a.status == http.StatusMethodNotAllowed, "%s %s: %d", method, path, a.status)
			require.NotEqual(t, http.StatusNotFound, a.status, "%s %s", method, path)
		}
	}
}

// exampleWorld has what the ids and tokens in the document's examples name.
func exampleWorld(t *testing.T, s *served) *world {
	w := newWorld(t)
	example := func(schema, property string) string {
		return s.at(t, "components", "schemas", schema, "properties", property).(map[string]any)["examples"].([]any)[0].(string)
	}
	set := func(table, id, to string) { w.exec("UPDATE "+table+" SET id = $2 WHERE id = $1", id, to) }
	invitation := w.spareInvitation()
	set("users", w.id("bea"), example("User", "id"))
	set("organizations", w.first, example("Organization", "id"))
	set("organizations", w.second, example("MergeBody", "into"))
	set("api_keys", w.keys["bea live"].Key.KeyID, example("Key", "id"))
	set("invitations", invitation, example("Invitation", "id"))
	w.first, w.second = example("Organization", "id"), example("MergeBody", "into")

	token := apikey.Digest(postgres.Pepper("pepper of the tests"), apikey.FingerprintOf(example("TokenBody", "token")))
	w.people["bea"].User.ID = example("User", "id")
	w.invite(w.first, "bea")
	w.exec(`UPDATE invitations SET digest = $1 WHERE seq = (SELECT max(seq) FROM invitations)`, token)
	w.confirmation()
	w.exec(`UPDATE confirmations SET digest = $1 WHERE user_seq = (SELECT max(user_seq) FROM confirmations)`, token)
	return w
}

// Every example is valid, and a question or a change that works: path ids, parameters, and bodies with all their examples.
func TestExamplesAreAccepted(t *testing.T) {
	t.Parallel()
	s := compileDocument(t)
	s.checkExamples(t, "", s.doc)
	w := exampleWorld(t, s)
	var operations []string
	for id := range s.places {
		operations = append(operations, id)
	}
	slices.SortFunc(operations, func(a, b string) int { return strings.Compare(order(a), order(b)) })
	for _, id := range operations {
		caller := "admin"
		if slices.Contains([]string{"accept-invitation", "request-confirmation"}, id) {
			caller = "live" // about the caller's own user
		}
		for _, request := range s.exampleRequests(t, id) {
			a := w.send(caller, request)
			require.Less(t, a.status, 300, "%s %s %s: %s", request.method, request.path, request.body, a.body)
			s.check(t, id, a)
		}
	}
}

// order has what others need be ended last.
func order(operation string) string {
	for i, last := range []string{"change-user", "change-organization", "rotate-key", "revoke-key", "merge-organization"} {
		if operation == last {
			return fmt.Sprint("z", i)
		}
	}
	return operation
}

// checkExamples validates each example in a part of the document against the schema that it stands in.
func (s *served) checkExamples(t *testing.T, at string, part any) {
	t.Helper()
	switch part := part.(type) {
	case map[string]any:
		if examples, ok := part["examples"].([]any); ok {
			for _, e := range examples {
				require.NoError(t, s.validate(t, at, e), at)
			}
		}
		if part["in"] != nil {
			require.NotContains(t, part, "example", "%s: stands in its schema", at)
		}
		for name, inner := range part {
			s.checkExamples(t, at+pointer(name), inner)
		}
	case []any:
		for i, inner := range part {
			s.checkExamples(t, fmt.Sprint(at, "/", i), inner)
		}
	}
}

// exampleRequests are an operation's request with nothing but what it needs, and one for each parameter's example.
func (s *served) exampleRequests(t *testing.T, id string) []sample {
	t.Helper()
	o := s.find(s.places[id]).(map[string]any)
	parts := strings.Split(s.places[id], "/")
	base := sample{method: strings.ToUpper(parts[len(parts)-1]), path: strings.ReplaceAll(parts[2], "~1", "/")}
	if body, ok := o["requestBody"].(map[string]any); ok {
		ref := body["content"].(map[string]any)["application/json"].(map[string]any)["schema"].(map[string]any)["$ref"].(string)
		base.body = s.exampleBody(t, strings.TrimPrefix(ref, "#"))
	}
	parameters, _ := o["parameters"].([]any)
	queries := []string{""}
	for _, p := range parameters {
		p := p.(map[string]any)
		examples, has := p["schema"].(map[string]any)["examples"].([]any)
		example := ""
		if has {
			example = fmt.Sprint(examples[0])
		}
		switch {
		case p["in"] == "path":
			require.True(t, has, "%s: %v has no example", id, p["name"])
			base.path = strings.ReplaceAll(base.path, "{"+p["name"].(string)+"}", example)
		case has && p["name"] == "end_date":
			queries = append(queries, "?start_date=2026-01-01&end_date="+example)
		case has:
			queries = append(queries, "?"+p["name"].(string)+"="+example)
		}
	}
	var all []sample
	for _, q := range queries {
		all = append(all, sample{base.method, base.path + q, base.body})
	}
	return all
}

func (s *served) exampleBody(t *testing.T, schema string) string {
	t.Helper()
	body := map[string]any{}
	for name, property := range s.find(schema).(map[string]any)["properties"].(map[string]any) {
		if examples, ok := property.(map[string]any)["examples"].([]any); ok {
			body[name] = examples[0]
		}
	}
	require.NotEmpty(t, body, schema)
	text := compact(t, body)
	require.NoError(t, s.validate(t, schema, parse(t, text)))
	return text
}

var ids = regexp.MustCompile(`\b(key|usr|org|inv)_[0-9A-Za-z]{20}\b`)

// What belongs to a tenant and what does not exist get the same answer, to the byte.
func TestOthersAreLikeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := readMatrix(t)
	for _, caller := range []string{"sandbox", "unconfirmed", "other_tenant"} {
		for _, request := range m.requests {
			if m.expected[request][caller] != "404 not-found" {
				continue
			}
			theirs := samples[request](w)
			nothing := sample{theirs.method, ids.ReplaceAllString(theirs.path, "${1}_0000000000nothing0000"), ids.ReplaceAllString(theirs.body, "${1}_0000000000nothing0000")}
			require.NotEqual(t, theirs, nothing)
			a, b := w.send(caller, theirs), w.send(caller, nothing)
			require.Equal(t, b, a, "%s by %s", request, caller)
		}
	}
	_, err := w.registry.RevokeKey(w.Context(), access.Operator, w.keys["una live"].Key.KeyID)
	require.NoError(t, err)
	_, _, err = w.registry.Key(w.Context(), access.Actor{Name: "nobody"}, w.keys["una live"].Key.KeyID)
	require.ErrorIs(t, err, accounts.ErrNotFound, "the zero view sees nothing")
}
