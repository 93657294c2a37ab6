package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/httpapi"
	"github.com/disco-platform/mirrorball/internal/mail"
	"github.com/disco-platform/mirrorball/internal/mail/mailtest"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// postOffice is an API with a real database and a real mail server behind it.
type postOffice struct {
	bundle
	db       *postgres.DB
	registry *postgres.Registry
	server   *mailtest.Server
}

func openPostOffice(t *testing.T) *postOffice {
	t.Helper()
	p := &postOffice{bundle: bundle{TB: t}, db: postgrestest.New(t), server: mailtest.Start(t, mailtest.Config{TLS: true})}
	pepper := postgres.Pepper("pepper of the tests")
	p.registry = postgres.NewRegistry(p.db, pepper)
	verifier := apikey.NewVerifier(postgres.NewKeyStore(p.db, pepper), apikey.Config{FreshFor: time.Nanosecond}) // remembers nothing
	t.Cleanup(verifier.Close)
	outbox, err := mail.NewOutbox(mail.Config{Host: mailtest.Host, Port: p.server.Port, CAFile: p.server.CAFile, From: "mirrorball@example.com"}, zap.NewNop())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); outbox.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	p.handler, err = httpapi.New(httpapi.Config{
		Reader: postgres.NewReader(p.db, usage.VantageServer), Accounts: p.registry, Keys: verifier, Limits: noLimits{}, Mail: outbox.Send,
		NoteUse: func(*apikey.Identity) {}, NoteRefusal: func(netip.Addr, *apikey.Identity, string, string) {},
		Registration: httpapi.Registration{Mode: httpapi.RegistrationOpen, PerAddress: 10, PerOrganization: 10}, MaxInFlight: 4, Log: zap.NewNop(),
	})
	require.NoError(t, err)
	return p
}

var aToken = regexp.MustCompile(`(?m)^[0-9A-Za-z]{32}\r$`)

// token waits for the next mail, which is to go to an address, and returns the token in it.
func (p *postOffice) token(to string) string {
	p.Helper()
	select {
	case m := <-p.server.Mails:
		require.Equal(p, []string{to}, m.To)
		require.True(p, m.TLS)
		tokens := aToken.FindAllString(m.Body, -1)
		require.Len(p, tokens, 1, m.Body)
		return strings.TrimSpace(tokens[0])
	case <-time.After(30 * time.Second):
		require.Fail(p, "no mail came")
		return ""
	}
}

// opened is the answer to a registration.
type opened struct {
	User         httpapi.User
	Organization httpapi.Label
	APIKey       string `json:"api_key"`
}

func (p *postOffice) register(email string) (o opened) {
	p.Helper()
	a := p.post("", "/users/register", `{"email":"`+email+`","organization":"Engines","environment":"live"}`)
	require.Equal(p, http.StatusCreated, a.status, a.body)
	require.NoError(p, json.Unmarshal([]byte(a.body), &o))
	return o
}

func (p *postOffice) confirm(token string) int {
	return p.post("", "/users/confirm", `{"token":"`+token+`"}`).status
}

// keys is how many keys a key sees.
func (p *postOffice) keys(key string) int {
	p.Helper()
	var list httpapi.KeyList
	a := p.get(key, "/keys")
	require.Equal(p, http.StatusOK, a.status, a.body)
	require.NoError(p, json.Unmarshal([]byte(a.body), &list))
	return len(list.Keys)
}

// A key sees its user's other keys once the address is confirmed, by the token that came by mail.
func TestAnAddressIsConfirmedByMail(t *testing.T) {
	t.Parallel()
	p := openPostOffice(t)
	ada := p.register("ada@example.com")
	token := p.token("ada@example.com")
	_, err := p.registry.CreateKey(t.Context(), access.Operator, accounts.KeySpec{UserID: ada.User.ID, Environment: "live"})
	require.NoError(t, err)
	require.Equal(t, 1, p.keys(ada.APIKey), "itself alone")
	require.Equal(t, http.StatusBadRequest, p.confirm(strings.Repeat("x", 32)))
	require.Equal(t, 1, p.keys(ada.APIKey))
	require.Equal(t, http.StatusNoContent, p.confirm(token))
	require.Equal(t, 2, p.keys(ada.APIKey))
	require.Equal(t, http.StatusBadRequest, p.confirm(token), "a token works once")

	// Of several tokens the last is good, until it expires.
	bob := p.register("bob@example.com")
	older := p.token("bob@example.com")
	ask := func() { require.Equal(t, http.StatusAccepted, p.post(bob.APIKey, "/users/confirmation", "").status) }
	ask()
	newer := p.token("bob@example.com")
	require.Equal(t, http.StatusBadRequest, p.confirm(older))
	_, err = p.db.Pool().Exec(t.Context(), `UPDATE confirmations SET expires_at = now() - interval '1 second'`)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, p.confirm(newer), "it has expired")
	ask()
	require.Equal(t, http.StatusNoContent, p.confirm(p.token("bob@example.com")))
	ask() // nothing is sent: the next mail is another's
	p.register("eve@example.com")
	p.token("eve@example.com")
}

// The token of an invitation joins the organisation, for the address that it was sent to, which is confirmed by it.
func TestAnInvitationComesByMail(t *testing.T) {
	t.Parallel()
	p := openPostOffice(t)
	ada := p.register("ada@example.com")
	require.Equal(t, http.StatusNoContent, p.confirm(p.token("ada@example.com")))
	invite := func(email string) string {
		a := p.post(ada.APIKey, "/organizations/"+ada.Organization.ID+"/invitations", `{"email":"`+email+`"}`)
		require.Equal(t, http.StatusCreated, a.status, a.body)
		token := p.token(email)
		require.NotContains(t, a.body, token, "what goes by mail is told to nobody else")
		return token
	}
	join := func(email, token string) answer {
		return p.post("", "/users/register", fmt.Sprintf(`{"email":%q,"invitation":%q}`, email, token))
	}
	token := invite("grace@example.com")
	a := join("eve@example.com", token)
	require.Equal(t, http.StatusBadRequest, a.status, "it is meant for another: "+a.body)
	a = join("Grace@example.com", token)
	require.Equal(t, http.StatusCreated, a.status, a.body)
	var grace opened
	require.NoError(t, json.Unmarshal([]byte(a.body), &grace))
	require.Equal(t, ada.Organization, grace.Organization)
	require.Equal(t, "member", grace.User.Role)
	require.NotNil(t, grace.User.EmailConfirmedAt)
	require.Equal(t, http.StatusBadRequest, join("grace@example.com", token).status, "it works once")

	token = invite("linus@example.com")
	_, err := p.db.Pool().Exec(t.Context(), `UPDATE invitations SET expires_at = now() - interval '1 second'`)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, join("linus@example.com", token).status, "it has expired")
	require.Empty(t, p.server.Mails)
}
