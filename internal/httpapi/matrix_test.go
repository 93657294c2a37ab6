package httpapi_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/postgres"
)

// matrix is testdata/access.csv: what each caller gets for each request.
type matrix struct {
	callers  []string
	requests []string // in the order of the file
	expected map[string]map[string]string
}

func readMatrix(t *testing.T) matrix {
	t.Helper()
	f, err := os.Open("testdata/access.csv")
	require.NoError(t, err)
	defer f.Close()
	r := csv.NewReader(f)
	r.Comment, r.TrimLeadingSpace = '#', true
	rows, err := r.ReadAll()
	require.NoError(t, err)
	m := matrix{expected: map[string]map[string]string{}}
	for i, row := range rows {
		for j := range row {
			row[j] = strings.TrimSpace(row[j])
		}
		if i == 0 {
			m.callers = row[1:]
			continue
		}
		require.NotContains(t, m.expected, row[0], "twice")
		m.requests = append(m.requests, row[0])
		m.expected[row[0]] = map[string]string{}
		for j, caller := range m.callers {
			m.expected[row[0]][caller] = row[j+1]
		}
	}
	return m
}

// operationOf is the operation that a row is about: "get-usage of key" is one of get-usage.
func operationOf(request string) string {
	operation, _, _ := strings.Cut(request, " ")
	return operation
}

// sample is a request whose ids are those of the first tenant's.
type sample struct{ method, path, body string }

// samples make a request for each row of the table. What a request uses up is made for it.
var samples = map[string]func(w *world) sample{
	"get-usage":                 get("/analytics/usage"),
	"get-usage of user":         func(w *world) sample { return get("/analytics/usage?user_id=" + w.id("bea"))(w) },
	"get-usage of organization": func(w *world) sample { return get("/analytics/usage?organization_id=" + w.first)(w) },
	"get-usage of alias":        func(w *world) sample { return get("/analytics/usage?organization_id=" + w.third)(w) },
	"get-usage of key":          func(w *world) sample { return get("/analytics/usage?key_id=" + w.keys["bea live"].Key.KeyID)(w) },
	"export-usage":              get("/analytics/export"),
	"get-user-info":             get("/analytics/user-info"),
	"get-platform":              get("/analytics/platform"),
	"list-keys":                 get("/keys"),
	"list-keys of alias":        func(w *world) sample { return get("/keys?organization_id=" + w.third)(w) },
	"get-key":                   func(w *world) sample { return get("/keys/" + w.keys["bea live"].Key.KeyID)(w) },
	"create-key":                func(w *world) sample { return sample{"POST", "/keys", `{"user_id":"` + w.id("bea") + `"}`} },
	"change-key":                func(w *world) sample { return sample{"PATCH", "/keys/" + w.spareKey(), `{"name":"renamed"}`} },
	"rotate-key": func(w *world) sample {
		return sample{"POST", "/keys/" + w.spareKey() + "/rotate", `{"grace_seconds":60}`}
	},
	"revoke-key": func(w *world) sample { return sample{"POST", "/keys/" + w.spareKey() + "/revoke", ""} },
	"verify-key": func(w *world) sample {
		return sample{"POST", "/keys/verify", `{"key":"` + w.keys["bea live"].Raw + `"}`}
	},
	"register-user": func(*world) sample {
		return sample{"POST", "/users/register", `{"email":"new@new.example","organization":"New"}`}
	},
	"confirm-email":        func(w *world) sample { return sample{"POST", "/users/confirm", `{"token":"` + w.confirmation() + `"}`} },
	"request-confirmation": func(*world) sample { return sample{"POST", "/users/confirmation", ""} },
	"list-users":           get("/users"),
	"list-users of alias":  func(w *world) sample { return get("/users?organization_id=" + w.third)(w) },
	"get-user":             func(w *world) sample { return get("/users/" + w.id("bea"))(w) },
	"change-user":          func(w *world) sample { return sample{"PATCH", "/users/" + w.id("bea"), `{"role":"member"}`} },
	"list-organizations":   get("/organizations"),
	"get-organization":     func(w *world) sample { return get("/organizations/" + w.first)(w) },
	"change-organization":  func(w *world) sample { return sample{"PATCH", "/organizations/" + w.first, `{"name":"Firstlab"}`} },
	"merge-organization": func(w *world) sample {
		return sample{"POST", "/organizations/" + w.first + "/merge", `{"into":"` + w.second + `"}`}
	},
	"list-invitations": func(w *world) sample { return get("/organizations/" + w.first + "/invitations")(w) },
	"create-invitation": func(w *world) sample {
		return sample{"POST", "/organizations/" + w.first + "/invitations", `{"email":"new@new.example"}`}
	},
	"revoke-invitation": func(w *world) sample {
		return sample{"DELETE", "/organizations/" + w.first + "/invitations/" + w.spareInvitation(), ""}
	},
	"accept-invitation": func(w *world) sample {
		return sample{"POST", "/invitations/accept", `{"token":"` + w.invite(w.first, "bea") + `"}`}
	},
	"list-trail": get("/admin/trail"),
}

func get(path string) func(*world) sample {
	return func(*world) sample { return sample{http.MethodGet, path, ""} }
}

// spareKey is a live key of bea's for one use.
func (w *world) spareKey() string {
	key, err := w.registry.CreateKey(w.Context(), access.Operator, accounts.KeySpec{UserID: w.id("bea"), Environment: "live"})
	require.NoError(w, err)
	w.mark("bea live", key.Key.KeyID)
	return key.Key.KeyID
}

func (w *world) spareInvitation() string {
	i, _, err := w.registry.Invite(w.Context(), access.Operator, w.first, accounts.InvitationSpec{Email: "spare@new.example", Role: accounts.RoleMember})
	require.NoError(w, err)
	return i.ID
}

// confirmation is a token for the address of somebody who is nobody else here.
func (w *world) confirmation() string {
	account, err := w.registry.Register(w.Context(), access.Operator, accounts.Registration{Email: "late@new.example", OrganizationID: w.first, Environment: "live"})
	require.NoError(w, err)
	return account.Confirm.Token
}

func (w *world) send(caller string, s sample) answer {
	w.Helper()
	r := httptest.NewRequest(s.method, s.path, strings.NewReader(s.body))
	if s.body == "" {
		r = httptest.NewRequest(s.method, s.path, nil)
	}
	if w.raw[caller] != "" {
		r.Header.Set("Authorization", "Bearer "+w.raw[caller])
	}
	return w.do(r)
}

// result is an answer as a cell of the table has it.
func result(t testing.TB, a answer) string {
	if a.status < 400 {
		return fmt.Sprint(a.status)
	}
	var p struct{ Type string }
	require.NoError(t, json.Unmarshal([]byte(a.body), &p), a.body)
	_, kind, _ := strings.Cut(p.Type, "#")
	return fmt.Sprintf("%d %s", a.status, kind)
}

// Every operation of the document is in the table, and every row is about one and can be tried.
func TestAccessTableIsComplete(t *testing.T) {
	t.Parallel()
	m := readMatrix(t)
	operations := map[string]bool{}
	for _, item := range document(t).Paths {
		for _, o := range operationsOf(item) {
			operations[o.OperationID] = true
			require.Contains(t, m.expected, o.OperationID, "no row says who may call it")
		}
	}
	for request := range m.expected {
		require.True(t, operations[operationOf(request)], "%s: there is no such operation", request)
		require.Contains(t, samples, request)
	}
	require.Len(t, samples, len(m.requests))
	require.ElementsMatch(t, m.callers, []string{
		"none", "malformed", "unknown", "expired", "revoked", "wrong_scope", "sandbox", "live", "unconfirmed", "elsewhere", "other_tenant",
		"organization_admin", "platform", "analyst", "admin",
	})
}

// Each caller gets the answers of the table, and in none of them what is not its to see.
func TestAccess(t *testing.T) {
	t.Parallel()
	m := readMatrix(t)
	schemas := compileDocument(t)
	for _, caller := range m.callers {
		t.Run(caller, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, request := range m.requests {
				a := w.send(caller, samples[request](w))
				if got := result(t, a); got != m.expected[request][caller] {
					t.Errorf("%s by %s is %s, and not %s as in the table: %s", request, caller, got, m.expected[request][caller], a.body)
				}
				w.checkForeign(t, caller, request, a)
				schemas.check(t, operationOf(request), a)
			}
		})
	}
}

// mayTell tells of others by its purpose: a gateway learns whose a key is that it was shown.
const mayTell = "verify-key"

// echo is what an answer repeats of the question.
var echo = regexp.MustCompile(`"subject":{[^}]*}`)

func (w *world) checkForeign(t *testing.T, caller, request string, a answer) {
	t.Helper()
	if operationOf(request) == mayTell {
		return
	}
	if strings.HasPrefix(request, "get-usage of") {
		a.body = echo.ReplaceAllString(a.body, "")
	}
	if found := w.foreign(caller, a.body); found != nil {
		t.Errorf("%s by %s shows %q: %s", request, caller, found, a.body)
	}
}

// How much each caller sees: requests of live keys, or of sandbox ones for a sandbox key.
func TestRequestsInView(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for caller, want := range map[string]int{
		"sandbox": 2, "live": 1, "unconfirmed": 8, "other_tenant": 16 + 64, "organization_admin": 1 + 4 + 8 + 128 + 256,
		"analyst": 1 + 4 + 8 + 16 + 64 + 128 + 256, "admin": 1 + 4 + 8 + 16 + 64 + 128 + 256,
	} {
		for _, path := range []string{"/analytics/usage", "/analytics/export"} {
			require.Contains(t, w.send(caller, get(path)(w)).body, fmt.Sprintf(`"total_requests":%d,`, want), caller)
		}
	}
	require.Contains(t, w.send("other_tenant", get("/analytics/usage?environment=sandbox")(w)).body, `"total_requests":32,`)
	require.Contains(t, w.send("organization_admin", get("/analytics/usage?environment=sandbox")(w)).body, `"total_requests":2,`)
	require.Contains(t, w.send("analyst", get("/analytics/platform?environment=sandbox")(w)).body, `"total_requests":34,`)
}

// The two locks on a tenant's data, each tried with the other open. With both open there is much to see, so the rest shows
// something.
func TestEachLockKeepsTenantsApart(t *testing.T) {
	t.Parallel()
	m := readMatrix(t)
	for _, caller := range []string{"sandbox", "live", "unconfirmed", "other_tenant", "organization_admin", "platform", "analyst"} {
		t.Run(caller, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			closed := w.handler
			w.openFirstLock()
			w.tryAll(t, m, caller, "get-usage of") // a foreign subject is then counted as nothing, and not found missing
			w.handler = closed
			w.openSecondLock()
			w.tryAll(t, m, caller, "-")
			w.openFirstLock()
			if caller == "platform" || caller == "analyst" {
				return // one may ask nothing, the other everything
			}
			for _, request := range []string{"list-keys", "list-users", "list-organizations"} {
				require.NotEmpty(t, w.foreign(caller, w.send(caller, samples[request](w)).body), request)
			}
			other := map[bool]string{false: "bob", true: "cleo"}[caller == "other_tenant"]
			require.Contains(t, w.send(caller, get("/analytics/usage?user_id="+w.id(other))(w)).body, `"trace-`+other)
		})
	}
}

// tryAll compares all answers but those to some requests, and looks for foreign data in all.
func (w *world) tryAll(t *testing.T, m matrix, caller, but string) {
	t.Helper()
	for _, request := range m.requests {
		a := w.send(caller, samples[request](w))
		if !strings.HasPrefix(request, but) && result(t, a) != m.expected[request][caller] {
			t.Errorf("%s by %s is %s: %s", request, caller, result(t, a), a.body)
		}
		w.checkForeign(t, caller, request, a)
	}
}

// openFirstLock has the statements of a request name no keys.
func (w *world) openFirstLock() {
	next := w.handler
	w.handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(rw, r.WithContext(postgres.OpenFirstLock(r.Context())))
	})
}

// openSecondLock turns row-level security off.
func (w *world) openSecondLock() {
	w.exec(`DO $$
DECLARE t regclass;
BEGIN
	FOR t IN SELECT oid FROM pg_class WHERE relrowsecurity LOOP
		EXECUTE 'ALTER TABLE ' || t || ' DISABLE ROW LEVEL SECURITY';
	END LOOP;
END
$$`)
}
