package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// operationsOf are the operations of a path by their method.
func operationsOf(item *huma.PathItem) map[string]*huma.Operation {
	all := map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPatch: item.Patch, http.MethodPut: item.Put, http.MethodDelete: item.Delete,
		http.MethodHead: item.Head, http.MethodOptions: item.Options, http.MethodTrace: item.Trace,
	}
	for method, o := range all {
		if o == nil {
			delete(all, method)
		}
	}
	return all
}

// served is the document as it is served, with a validator that has nothing to do with the library that wrote it.
type served struct {
	doc       any
	compiler  *jsonschema.Compiler
	compiling sync.Mutex
	places    map[string]string // JSON pointers of operations by their ids
}

const documentURL = "https://example.com/openapi.json"

func compileDocument(t testing.TB) *served {
	t.Helper()
	body := setup(t).get("", "/openapi.json").body
	s := &served{doc: parse(t, body), compiler: jsonschema.NewCompiler(), places: map[string]string{}}
	s.compiler.DefaultDraft(jsonschema.Draft2020)
	s.compiler.AssertFormat()
	require.NoError(t, s.compiler.AddResource(documentURL, s.doc))
	for path, item := range s.at(t, "paths").(map[string]any) {
		for method, o := range item.(map[string]any) {
			s.places[o.(map[string]any)["operationId"].(string)] = pointer("paths", path, method)
		}
	}
	return s
}

func parse(t testing.TB, text string) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err, text)
	return v
}

func pointer(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(p))
	}
	return b.String()
}

// at is the part of the document with these names on the way to it; nil when there is none.
func (s *served) at(t testing.TB, names ...string) any {
	t.Helper()
	v := s.doc
	for _, name := range names {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}

// validate says how a value differs from the schema at a pointer.
func (s *served) validate(t testing.TB, pointer string, value any) error {
	t.Helper()
	s.compiling.Lock() // a compiler is not for more than one goroutine
	schema, err := s.compiler.Compile(documentURL + "#" + strings.NewReplacer("{", "%7B", "}", "%7D").Replace(pointer))
	s.compiling.Unlock()
	require.NoError(t, err)
	return schema.Validate(value)
}

// check has an answer be one that the document has for the operation.
func (s *served) check(t *testing.T, operationID string, a answer) {
	t.Helper()
	responses := s.places[operationID] + "/responses/"
	response, _ := s.find(responses + fmt.Sprint(a.status)).(map[string]any)
	require.NotNil(t, response, "%s answers %d, which is not in the document", operationID, a.status)
	content, _ := response["content"].(map[string]any)
	if len(content) == 0 {
		require.Empty(t, a.body, "%s %d", operationID, a.status)
		return
	}
	contentType, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	require.Contains(t, content, contentType, operationID)
	if err := s.validate(t, responses+fmt.Sprint(a.status)+"/content"+pointer(contentType)+"/schema", parse(t, a.body)); err != nil {
		t.Errorf("%s %d does not fit its schema: %v\n%s", operationID, a.status, err, a.body)
	}
}

// find is what a pointer leads to; nil when that is nothing.
func (s *served) find(pointer string) any {
	v := s.doc
	for _, part := range strings.Split(pointer, "/")[1:] {
		object, _ := v.(map[string]any)
		v = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	return v
}

func compact(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	require.NoError(t, e.Encode(v))
	return strings.TrimSpace(b.String())
}
