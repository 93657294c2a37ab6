package httpapi_test

import (
	"crypto/sha256"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/httpapi"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// world is an API with nothing made up, and tenants behind it. Everything that a tenant has carries a marker of its own, so that
// an answer shows whose data it has.
//
//	first: ada (admin), bea (member), una (not confirmed), moe (came from second), cleo (of third, which was merged into first)
//	second: bob (admin); one key of moe's stayed
type world struct {
	*bundle
	db       *postgres.DB
	registry *postgres.Registry
	verifier *apikey.Verifier
	markers  []marker

	first, second, third string // ids of organisations
	people               map[string]*accounts.Account
	keys                 map[string]accounts.NewKey // by what they are
	raw                  map[string]string          // what each caller of access.csv presents
}

// marker is a text that gives away whose data an answer has.
type marker struct {
	text, owner string
	personal    bool // an address, or a name that a person has or gave
}

// Whose data each caller of access.csv may see. Who is not here sees everything.
var visible = map[string][]string{
	"wrong_scope":        {},
	"sandbox":            {"bea", "bea sandbox", "first"},
	"live":               {"bea", "bea sandbox", "bea live", "first"},
	"unconfirmed":        {"una", "una live", "first"},
	"elsewhere":          {},
	"other_tenant":       {"bob", "bob live", "bob sandbox", "moe in second", "second"},
	"organization_admin": {"ada", "ada live", "bea", "bea sandbox", "bea live", "una", "una live", "moe", "moe in first", "cleo", "cleo live", "first", "third"},
	"platform":           {"platform"},
}

func newWorld(t testing.TB) *world {
	w := &world{bundle: &bundle{TB: t}, db: postgrestest.New(t), people: map[string]*accounts.Account{}, keys: map[string]accounts.NewKey{}}
	pepper := postgres.Pepper("pepper of the tests")
	w.registry = postgres.NewRegistry(w.db, pepper)
	w.verifier = apikey.NewVerifier(postgres.NewKeyStore(w.db, pepper), apikey.Config{})
	t.Cleanup(w.verifier.Close)
	w.serve(noLimits{}, func(netip.Addr, *apikey.Identity, string, string) {})
	w.settle()
	w.use()
	w.markKeys()
	return w
}

// serve opens the API anew.
func (w *world) serve(limits httpapi.Limits, noteRefusal func(netip.Addr, *apikey.Identity, string, string)) {
	var err error
	w.handler, err = httpapi.New(httpapi.Config{
		Reader: postgres.NewReader(w.db, usage.VantageServer), Accounts: w.registry, Keys: w.verifier,
		Limits: limits, NoteUse: func(*apikey.Identity) {}, NoteRefusal: noteRefusal,
		Mail: func(_, _, _ string) {}, Registration: httpapi.Registration{Mode: httpapi.RegistrationOpen, PerAddress: 1000, PerOrganization: 1000},
		MaxInFlight: 64, CursorKey: []byte("key of the tests"), Log: zap.NewNop(),
	})
	require.NoError(w, err)
}

// settle makes tenants, people and keys.
func (w *world) settle() {
	w.second = w.open("bob", "Secondlab")
	w.first = w.open("ada", "Firstlab")
	w.third = w.open("cleo", "Thirdlab")
	w.join("bea", w.first)
	w.join("una", w.first)
	w.join("moe", w.second)
	for _, name := range []string{"ada", "bea", "bob", "cleo", "moe"} {
		w.confirm(name)
	}
	w.mark("first", w.first, "Firstlab")
	w.mark("second", w.second, "Secondlab")
	w.mark("third", w.third, "Thirdlab")
	w.merge(w.third, w.first)
	w.key("bea sandbox", accounts.KeySpec{UserID: w.id("bea"), Environment: "sandbox"})
	w.key("bob sandbox", accounts.KeySpec{UserID: w.id("bob"), Environment: "sandbox"})
	w.move("moe", w.second, w.first)
	w.key("expired", accounts.KeySpec{UserID: w.id("bea"), Environment: "live"})
	w.exec(`UPDATE api_keys SET expires_at = now() - interval '1 hour' WHERE id = $1`, w.keys["expired"].Key.KeyID)
	w.key("revoked", accounts.KeySpec{UserID: w.id("bea"), Environment: "live"})
	_, err := w.registry.RevokeKey(w.Context(), access.Operator, w.keys["revoked"].Key.KeyID)
	require.NoError(w, err)
	w.key("writer", accounts.KeySpec{UserID: w.id("bea"), Environment: "live", Scopes: []string{apikey.ScopeTelemetryWrite}})
	w.key("elsewhere", accounts.KeySpec{UserID: w.id("bea"), Environment: "live", Addresses: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}})
	w.key("platform", accounts.KeySpec{Environment: "live", Scopes: []string{apikey.ScopeTelemetryWriteAny}})
	w.key("analyst", accounts.KeySpec{Environment: "live", Scopes: []string{apikey.ScopeAnalyticsRead}})
	w.key("admin", accounts.KeySpec{Environment: "live", Scopes: []string{apikey.ScopeAdmin}})
	unknown, err := apikey.Generate("live", false)
	require.NoError(w, err)
	w.raw = map[string]string{
		"none": "", "malformed": "dk_live_0", "unknown": unknown, "expired": w.keys["expired"].Raw, "revoked": w.keys["revoked"].Raw,
		"wrong_scope": w.keys["writer"].Raw, "sandbox": w.keys["bea sandbox"].Raw, "live": w.keys["bea live"].Raw, "unconfirmed": w.keys["una live"].Raw,
		"elsewhere": w.keys["elsewhere"].Raw, "other_tenant": w.keys["bob live"].Raw, "organization_admin": w.keys["ada live"].Raw,
		"platform": w.keys["platform"].Raw, "analyst": w.keys["analyst"].Raw, "admin": w.keys["admin"].Raw,
	}
}

func (w *world) id(name string) string { return w.people[name].User.ID }

func (w *world) register(name string, r accounts.Registration) {
	r.Email, r.Name, r.UseCase, r.Environment = name+".mail@"+name+".example", "Person-"+name, "Purpose-"+name, "live"
	account, err := w.registry.Register(w.Context(), access.Operator, r)
	require.NoError(w, err)
	w.people[name] = account
	w.keys[name+" live"] = account.Key
	w.mark(name, account.User.ID)
	for _, text := range []string{name + ".mail", r.Name, r.UseCase} {
		w.markers = append(w.markers, marker{text, name, true})
	}
}

func (w *world) open(name, organization string) string {
	w.register(name, accounts.Registration{Organization: organization})
	return w.people[name].User.OrganizationID
}

func (w *world) join(name, organizationID string) {
	w.register(name, accounts.Registration{OrganizationID: organizationID})
}

func (w *world) confirm(name string) {
	yes := true
	_, err := w.registry.ChangeUser(w.Context(), access.Operator, w.id(name), accounts.UserChange{Confirmed: &yes})
	require.NoError(w, err)
}

func (w *world) merge(from, into string) {
	_, err := w.registry.MergeOrganization(w.Context(), access.Operator, from, into)
	require.NoError(w, err)
}

func (w *world) key(name string, spec accounts.KeySpec) string {
	spec.Name = "Purpose of " + name
	key, err := w.registry.CreateKey(w.Context(), access.Operator, spec)
	require.NoError(w, err)
	w.keys[name] = *key
	return key.Key.KeyID
}

// move has somebody leave one organisation for another, by an invitation. The key stays; one that replaces it is made where the
// user is now.
func (w *world) move(name, from, to string) {
	w.keys[name+" in second"] = w.keys[name+" live"]
	delete(w.keys, name+" live")
	require.Equal(w, w.second, from)
	_, err := w.registry.AcceptInvitation(w.Context(), access.Operator, w.id(name), w.invite(to, name))
	require.NoError(w, err)
	key, err := w.registry.RotateKey(w.Context(), access.Operator, w.keys[name+" in second"].Key.KeyID, accounts.MaxGrace)
	require.NoError(w, err)
	w.keys[name+" in first"] = *key
}

// invite returns the token of an invitation.
func (w *world) invite(organizationID, name string) string {
	_, secret, err := w.registry.Invite(w.Context(), access.Operator, organizationID,
		accounts.InvitationSpec{Email: w.people[name].User.Email, Role: accounts.RoleMember, Mailed: true})
	require.NoError(w, err)
	return secret.Token
}

func (w *world) exec(sql string, args ...any) {
	w.Helper()
	_, err := w.db.Pool().Exec(w.Context(), sql, args...)
	require.NoError(w, err)
}

func (w *world) mark(owner string, texts ...string) {
	for _, text := range texts {
		w.markers = append(w.markers, marker{text: text, owner: owner})
	}
}

// requests of each key that is used, all different and no sum of others.
var requests = map[string]int{
	"bea live": 1, "bea sandbox": 2, "ada live": 4, "una live": 8, "bob live": 16, "bob sandbox": 32, "moe in second": 64, "moe in first": 128, "cleo live": 256,
}

// use has every key make requests to an endpoint, of an operation and so on, that are its own.
func (w *world) use() {
	at := time.Now().UTC().Add(-time.Hour).Truncate(time.Microsecond)
	var events []usage.Event
	for name, n := range requests {
		for i := range n {
			sum := sha256.Sum256([]byte(name + strings.Repeat(".", i)))
			e := usage.Event{
				ID: usage.ID(sum[:16]), Kind: usage.KindRequest, Vantage: usage.VantageServer, KeyID: w.keys[name].Key.KeyID, Trusted: true, Time: at,
				Method: "POST", Route: "/" + trace(name), Status: 201, Duration: time.Millisecond, Operation: trace(name),
				ServiceID: trace(name), AgentID: trace(name), Country: "DE", SDK: usage.SDK{Name: trace(name), Version: "1.0.0", Language: "go"},
			}
			events = append(events, e)
		}
		sum := sha256.Sum256([]byte("custom " + name))
		events = append(events, usage.Event{ID: usage.ID(sum[:16]), Kind: usage.KindCustom, KeyID: w.keys[name].Key.KeyID, Time: at, Name: trace(name)})
	}
	_, err := postgres.NewWriter(w.db, postgres.WriterConfig{CardinalityLimit: 100}).Write(w.Context(), &usage.Batch{Events: events})
	require.NoError(w, err)
}

// trace is what a key's use leaves in answers.
func trace(name string) string { return "trace-" + strings.ReplaceAll(name, " ", "-") + "-end" }

func (w *world) markKeys() {
	for name, key := range w.keys {
		w.mark(name, key.Key.KeyID, key.Key.Hint, trace(name))
		w.markers = append(w.markers, marker{"Purpose of " + name, name, name != "analyst"})
		if key.Key.UserID == w.id("bea") && !strings.HasPrefix(name, "bea") { // hers too: live ones
			for i := range w.markers {
				if w.markers[i].owner == name {
					w.markers[i].owner = "bea live"
				}
			}
		}
	}
}

// foreign are the markers in an answer that are not for a caller.
func (w *world) foreign(caller, body string) (found []string) {
	owners, some := visible[caller]
	for _, m := range w.markers {
		switch {
		case !strings.Contains(body, m.text):
		case caller == "analyst" && m.personal:
			found = append(found, "personal: "+m.text)
		case some && !slices.Contains(owners, m.owner):
			found = append(found, m.owner+": "+m.text)
		}
	}
	return found
}
