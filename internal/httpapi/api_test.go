package httpapi_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/allowance"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/httpapi"
)

// now is a Tuesday.
var now = time.Date(2026, 11, 24, 7, 8, 9, 0, time.UTC)

// fakeReader answers every question with what it is given.
type fakeReader struct {
	usage         analytics.Usage
	platform      analytics.Platform
	err           error
	asked         analytics.UsageQuestion
	askedPlatform analytics.PlatformQuestion
}

func (f *fakeReader) Usage(_ context.Context, q analytics.UsageQuestion) (*analytics.Usage, error) {
	f.asked = q
	if f.err != nil {
		return nil, f.err
	}
	u := f.usage
	u.Window = q.Window
	if u.Series == nil {
		u.Series = make([]analytics.Counts, len(q.Window.Periods))
	}
	return &u, nil
}

func (f *fakeReader) Platform(_ context.Context, q analytics.PlatformQuestion) (*analytics.Platform, error) {
	f.askedPlatform = q
	if f.err != nil {
		return nil, f.err
	}
	p := f.platform
	p.Window = q.Window
	p.Growth = make([]analytics.Growth, len(q.Window.Periods))
	return &p, nil
}

// fakeAccounts registers everybody.
type fakeAccounts struct {
	accounts.Registry
	registered []accounts.Registration
	key        accounts.Key
	user       *accounts.User
	err        error
}

func (f *fakeAccounts) Register(_ context.Context, _ access.Actor, r accounts.Registration) (*accounts.Account, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	if f.err != nil {
		return nil, f.err
	}
	f.registered = append(f.registered, r)
	raw, err := apikey.Generate(r.Environment, false)
	if err != nil {
		return nil, err
	}
	user := accounts.User{ID: "usr_new", Email: r.Email, OrganizationID: "org_new", OrganizationName: r.Organization, Role: "admin", CreatedAt: now}
	return &accounts.Account{User: user, Key: accounts.NewKey{Raw: raw, Key: accounts.Key{Hint: apikey.Hint(raw), Identity: apikey.Identity{
		KeyID: "key_new", UserID: "usr_new", Environment: r.Environment, Scopes: accounts.CustomerScopes, CreatedAt: now,
	}}}}, nil
}

func (f *fakeAccounts) Key(context.Context, access.Actor, string) (*accounts.Key, *accounts.User, error) {
	return &f.key, f.user, f.err
}

// CreateKey is the registry's without its database.
func (f *fakeAccounts) CreateKey(_ context.Context, by access.Actor, spec accounts.KeySpec) (*accounts.NewKey, error) {
	if err := spec.Check(by.Bound(), now); err != nil {
		return nil, err
	}
	raw, err := apikey.Generate(spec.Environment, false)
	return &accounts.NewKey{Raw: raw, Key: accounts.Key{Name: spec.Name, Identity: apikey.Identity{
		KeyID: "key_new", UserID: spec.UserID, Environment: spec.Environment, Scopes: spec.Scopes, ExpiresAt: spec.ExpiresAt, Addresses: spec.Addresses, CreatedAt: now,
		Allowance: apikey.Allowance{PerHour: spec.PerHour, PerMonth: spec.PerMonth},
	}}}, err
}

func (f *fakeReader) KeyUse(context.Context, analytics.KeyUseQuestion) (map[string]analytics.KeyUse, error) {
	return nil, f.err
}

// noLimits grants everything.
type noLimits struct{}

func (noLimits) Take(context.Context, *apikey.Identity, int64) (allowance.Decision, error) {
	return allowance.Decision{}, nil
}

// fakeKeys knows keys by name.
type fakeKeys map[string]*apikey.Identity

func (f fakeKeys) VerifyFresh(_ context.Context, raw string) (*apikey.Identity, error) {
	switch raw {
	case "malformed":
		return nil, apikey.ErrMalformed
	case "revoked":
		return &apikey.Identity{KeyID: "key_revoked", Scopes: []string{"admin"}}, apikey.ErrRevoked
	case "expired":
		return &apikey.Identity{KeyID: "key_expired", Scopes: []string{"admin"}}, apikey.ErrExpired
	case "away":
		return nil, apikey.ErrUnavailable
	}
	if id, ok := f[raw]; ok {
		return id, nil
	}
	return nil, apikey.ErrUnknown
}

var keys = fakeKeys{
	"live":     {KeyID: "key_live", UserID: "usr_1", OrganizationID: "org_1", Environment: "live", Scopes: []string{"telemetry:write", "usage:read"}, Confirmed: true},
	"sandbox":  {KeyID: "key_sandbox", UserID: "usr_1", OrganizationID: "org_1", Environment: "sandbox", Scopes: []string{"telemetry:write", "usage:read"}, Confirmed: true},
	"owner":    {KeyID: "key_owner", UserID: "usr_1", OrganizationID: "org_1", Environment: "live", Scopes: accounts.CustomerScopes, Confirmed: true},
	"writer":   {KeyID: "key_writer", UserID: "usr_1", Environment: "live", Scopes: []string{"telemetry:write"}},
	"admin":    {KeyID: "key_admin", Environment: "live", Scopes: []string{"admin"}},
	"platform": {KeyID: "key_platform", Environment: "live", Scopes: []string{"telemetry:write_any", "usage:read"}},
}

// bundle is an API with fakes behind it.
type bundle struct {
	testing.TB
	handler  http.Handler
	reader   *fakeReader
	accounts *fakeAccounts
	logs     *observer.ObservedLogs
}

func setup(t testing.TB) *bundle {
	core, logs := observer.New(zapcore.DebugLevel)
	b := &bundle{TB: t, reader: &fakeReader{}, accounts: &fakeAccounts{}, logs: logs}
	var err error
	b.handler, err = httpapi.New(httpapi.Config{
		Reader: b.reader, Accounts: b.accounts, Keys: keys, Limits: noLimits{}, MaxInFlight: 4,
		NoteUse: func(*apikey.Identity) {}, NoteRefusal: func(netip.Addr, *apikey.Identity, string, string) {},
		Registration:   httpapi.Registration{Mode: httpapi.RegistrationOpen, PerAddress: 3, PerOrganization: 100},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Now:            func() time.Time { return now }, Log: zap.New(core),
	})
	require.NoError(t, err)
	return b
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (b *bundle) do(r *http.Request) answer {
	b.Helper()
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return answer{status: w.Code, header: w.Header(), body: w.Body.String()}
}

func (b *bundle) get(key, target string) answer {
	b.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	return b.do(r)
}

func (b *bundle) post(key, target, body string) answer {
	b.Helper()
	return b.do(postRequest(key, target, strings.NewReader(body)))
}

func postRequest(key, target string, body io.Reader) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, body)
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	return r
}

// problem checks that an answer is a problem of a kind, and returns its detail and the locations it names.
func (b *bundle) problem(a answer, status int, kind string) (detail string, locations []string) {
	b.Helper()
	require.Equal(b, status, a.status, a.body)
	require.Equal(b, "application/problem+json", a.header.Get("Content-Type"))
	var p struct {
		Type, Title, Detail string
		Status              int
		Errors              []struct{ Location, Message string }
	}
	require.NoError(b, json.Unmarshal([]byte(a.body), &p), a.body)
	require.Equal(b, "https://github.com/disco-platform/mirrorball/blob/main/docs/problems.md#"+kind, p.Type)
	require.Equal(b, status, p.Status)
	require.NotEmpty(b, p.Title)
	require.Less(b, len(a.body), 8<<10)
	for _, e := range p.Errors {
		require.NotEmpty(b, e.Message)
		locations = append(locations, e.Location)
	}
	return p.Detail, locations
}
