package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/allowance"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/httpapi"
)

// spent has no requests left.
type spent struct{}

func (spent) Take(context.Context, *apikey.Identity, int64) (allowance.Decision, error) {
	return allowance.Decision{Refused: apikey.RefusedRateLimited, Hour: &allowance.Meter{Limit: 5, ResetsAt: now.Add(time.Minute)}}, nil
}

// Each kind of problem, made by a request, is one of RFC 9457, as the document has it and docs/problems.md explains it.
func TestEveryProblem(t *testing.T) {
	t.Parallel()
	const register, good = "/users/register", `{"email":"ada@example.com","organization":"Engines"}`
	away := keys["live"]
	elsewhere := *away
	elsewhere.Addresses = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	api := func(change func(*httpapi.Config, *bundle)) *bundle {
		b := &bundle{TB: t, reader: &fakeReader{}, accounts: &fakeAccounts{}}
		c := httpapi.Config{
			Reader: b.reader, Accounts: b.accounts, Keys: fakeKeys{"live": away, "elsewhere": &elsewhere, "admin": keys["admin"]}, Limits: noLimits{}, MaxInFlight: 4,
			NoteUse: func(*apikey.Identity) {}, NoteRefusal: func(netip.Addr, *apikey.Identity, string, string) {},
			Registration: httpapi.Registration{Mode: httpapi.RegistrationOpen, PerAddress: 100, PerOrganization: 100}, Now: func() time.Time { return now }, Log: zap.NewNop(),
		}
		change(&c, b)
		var err error
		b.handler, err = httpapi.New(c)
		require.NoError(t, err)
		return b
	}
	plain := api(func(*httpapi.Config, *bundle) {})
	answers := map[string]answer{
		"invalid-request":     plain.get("live", "/analytics/usage?top=0"),
		"unauthenticated":     plain.get("", "/analytics/usage"),
		"forbidden":           plain.get("live", "/analytics/platform"),
		"address-not-allowed": plain.get("elsewhere", "/analytics/usage"),
		"registration-closed": api(func(c *httpapi.Config, _ *bundle) { c.Registration.Mode = httpapi.RegistrationByAdmin }).post("", register, good),
		"not-found":           api(func(_ *httpapi.Config, b *bundle) { b.reader.err = analytics.ErrNoSubject }).get("admin", "/analytics/usage?key_id=key_1"),
		"method-not-allowed":  plain.post("admin", "/analytics/usage", "{}"),
		"conflict":            api(func(_ *httpapi.Config, b *bundle) { b.accounts.err = &accounts.ConflictError{Message: "so it is"} }).get("live", "/analytics/user-info"),
		"request-timeout":     plain.do(postRequest("", register, iotest.ErrReader(timeout{}))),
		"too-large":           plain.post("", register, strings.Repeat(" ", 65<<10)),
		"unsupported-media-type": func() answer {
			r := postRequest("", register, strings.NewReader(good))
			r.Header.Set("Content-Type", "text/xml")
			return plain.do(r)
		}(),
		"too-many-requests": api(func(c *httpapi.Config, _ *bundle) { c.Registration.PerAddress = 0 }).post("", register, good),
		"rate-limited":      api(func(c *httpapi.Config, _ *bundle) { c.Limits = spent{} }).get("live", "/analytics/usage"),
		"internal-error":    api(func(_ *httpapi.Config, b *bundle) { b.reader.err = errors.New("SELECT secret") }).get("live", "/analytics/usage"),
		"unavailable":       plain.get("away", "/analytics/usage"),
	}
	s := compileDocument(t)
	page, err := os.ReadFile("../../docs/problems.md")
	require.NoError(t, err)
	sections := regexp.MustCompile(`(?m)^## ([a-z-]+)\n\n(\d{3})\.`).FindAllStringSubmatch(string(page), -1)
	require.Len(t, sections, len(answers), "a kind is shown by no request here")
	for _, section := range sections {
		a, ok := answers[section[1]]
		require.True(t, ok, section[1])
		require.Equal(t, section[2]+" "+section[1], result(t, a))
		require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
		value := parse(t, a.body)
		require.NoError(t, s.validate(t, pointer("components", "schemas", "Problem"), value), a.body)
		object := value.(map[string]any)
		require.Equal(t, section[2], fmt.Sprint(object["status"]))
		for name := range object {
			require.Contains(t, []string{"type", "title", "status", "detail", "errors"}, name)
		}
		require.Equal(t, a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable, a.header.Get("Retry-After") != "", section[1])
	}
	require.Error(t, s.validate(t, pointer("components", "schemas", "Problem"), parse(t, `{"type":"x","title":"x","status":400,"stack":"x"}`)))
}
