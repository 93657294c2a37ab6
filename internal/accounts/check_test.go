package accounts_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/accounts"
)

func valid() accounts.Registration {
	return accounts.Registration{Email: "ada@example.com", Organization: "Analytical Engines", Environment: "sandbox"}
}

// fieldsOf are the fields that an error of Check complains about.
func fieldsOf(err error) (fields []string) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, part := range joined.Unwrap() {
			var f *accounts.FieldError
			if errors.As(part, &f) {
				fields = append(fields, f.Field)
			}
		}
	}
	return fields
}

func TestCheckEmail(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"ada@example.com", " ada@example.com ", "a.d+a@sub.example.co", "ADA@EXAMPLE.COM", "аda@example.com", "ada@bücher.example",
		strings.Repeat("a", 242) + "@example.com",
	} {
		r := valid()
		r.Email = good
		require.NoError(t, r.Check(), "%q", good)
	}
	for _, bad := range []string{
		"", " ", "ada", "ada@", "@example.com", "ada@example@com", "ada example@example.com", "Ada <ada@example.com>", "<ada@example.com>",
		"ada@example.com (Ada)", "ada@example.com, bob@example.com", "ada@exam\x00ple.com", "ada\r\nBcc: x@example.com", "a\u202eda@example.com",
		"ada@exa\xffmple.com", `"ada lovelace"@example.com`, strings.Repeat("a", 243) + "@example.com", strings.Repeat("a", 10_000) + "@example.com",
	} {
		r := valid()
		r.Email = bad
		err := r.Check()
		require.Equal(t, []string{"email"}, fieldsOf(err), "%q: %v", bad, err)
		require.Less(t, len(err.Error()), 200, "an error does not repeat what it is about")
	}
}

func TestCheckTellsAllAtOnce(t *testing.T) {
	t.Parallel()
	r := accounts.Registration{
		Organization: strings.Repeat("ü", 101), Name: "a\tb", UseCase: strings.Repeat("x", 501), ExpectedVolume: "\x00", Environment: "production",
	}
	err := r.Check()
	require.Equal(t, []string{"email", "organization", "name", "use_case", "expected_volume", "environment"}, fieldsOf(err))
	require.ErrorContains(t, err, "sandbox, live")
}

func TestCheckOrganization(t *testing.T) {
	t.Parallel()
	f := func(name, id string, want ...string) {
		r := valid()
		r.Organization, r.OrganizationID = name, id
		require.Equal(t, want, fieldsOf(r.Check()), "%q %q", name, id)
	}
	f("=cmd|' /C calc'!A0", "")
	f(strings.Repeat("ü", 100), "")
	f("", "org_1")
	f("", "", "organization")
	f("Engines", "org_1", "organization")
	f("line\u2028break", "", "organization")
}

func TestFoldEmail(t *testing.T) {
	t.Parallel()
	for _, same := range []string{"ADA@Example.COM", "ada@ｅxample.com", "Ａda@example.com"} {
		require.Equal(t, "ada@example.com", accounts.FoldEmail(same))
	}
	require.NotEqual(t, "ada@example.com", accounts.FoldEmail("аda@example.com"), "a homoglyph is another address")
}

func TestKeySpecCheck(t *testing.T) {
	t.Parallel()
	s := accounts.KeySpec{UserID: "usr_1", Environment: "live"}
	require.NoError(t, s.Check(nil, time.Now()))
	require.True(t, slices.Equal(accounts.CustomerScopes, s.Scopes))
	s = accounts.KeySpec{Environment: "live", Scopes: []string{"root"}}
	require.ErrorContains(t, s.Check(nil, time.Now()), `"root" is unknown`)
	s = accounts.KeySpec{Environment: "dev", Scopes: []string{"admin"}}
	require.ErrorContains(t, s.Check(nil, time.Now()), "environment")
}

func FuzzCheck(f *testing.F) {
	f.Add("ada@example.com", "Engines", "Ada")
	f.Add("\"a\\\x00\"@[127.0.0.1]", "\u202e", "=1+1")
	f.Fuzz(func(t *testing.T, email, organization, name string) {
		r := accounts.Registration{Email: email, Organization: organization, Name: name, Environment: "live"}
		if r.Check() != nil {
			return
		}
		for _, s := range []string{r.Email, r.Organization, r.Name} {
			require.True(t, strings.ToValidUTF8(s, "") == s && !strings.ContainsAny(s, "\x00\r\n\t"))
		}
		require.LessOrEqual(t, len(r.Email), 254)
		require.Equal(t, accounts.FoldEmail(r.Email), accounts.FoldEmail(accounts.FoldEmail(r.Email)))
	})
}
