package accounts

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// Limits of what a registration may say, in characters unless said otherwise.
const (
	maxEmail          = 254 // bytes; RFC 5321, section 4.5.3.1.3, less the angle brackets
	maxOrganization   = 100
	maxName           = 100
	maxUseCase        = 500
	maxExpectedVolume = 100
	maxToken          = 100
)

// Environments are the environments that a key can be of.
var Environments = []string{apikey.Sandbox, apikey.Live}

// FieldError says what is wrong with one field of a registration and how to mend it.
type FieldError struct {
	Field   string // as in the JSON body
	Message string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Message }

// Check trims the fields and returns all that is wrong with them, joined; each part is a *[FieldError].
func (r *Registration) Check() error {
	for _, field := range []*string{&r.Email, &r.Organization, &r.Name, &r.UseCase, &r.ExpectedVolume, &r.Environment, &r.OrganizationID, &r.Invitation} {
		*field = strings.TrimSpace(*field)
	}
	return errors.Join(
		checkEmail(r.Email),
		checkOrganization(r),
		checkText("name", r.Name, maxName),
		checkText("use_case", r.UseCase, maxUseCase),
		checkText("expected_volume", r.ExpectedVolume, maxExpectedVolume),
		checkEnvironment(r.Environment),
	)
}

// FoldEmail is what makes two spellings the same address: Unicode compatibility form in lower case. Addresses that
// only look alike, such as one with a Cyrillic letter, stay different.
func FoldEmail(email string) string {
	return norm.NFKC.String(strings.ToLower(norm.NFKC.String(email)))
}

// FoldName is what makes two spellings the same name, to be bounded together.
func FoldName(name string) string { return FoldEmail(strings.Join(strings.Fields(name), " ")) }

func checkEmail(email string) error {
	const field = "email"
	switch {
	case email == "":
		return &FieldError{field, "is required, such as ada@example.com"}
	case len(email) > maxEmail:
		return &FieldError{field, fmt.Sprintf("has %d bytes; at most %d are allowed", len(email), maxEmail)}
	case !Storable(email) || strings.ContainsFunc(email, unicode.IsSpace):
		return &FieldError{field, "holds characters that an address cannot have"}
	}
	// ParseAddress takes "Ada <ada@example.com>" and comments too: only the bare address comes back unchanged.
	if a, err := mail.ParseAddress(email); err != nil || a.Address != email {
		return &FieldError{field, "is not a plain address such as ada@example.com"}
	}
	return nil
}

func checkOrganization(r *Registration) error {
	const field = "organization"
	switch {
	case r.Invitation != "" && (r.Organization != "" || r.OrganizationID != ""):
		return &FieldError{field, "cannot be given together with an invitation, which names one"}
	case r.Organization != "" && r.OrganizationID != "":
		return &FieldError{field, "cannot be given together with organization_id"}
	case r.Invitation != "":
		return checkText("invitation", r.Invitation, maxToken)
	case r.OrganizationID != "":
		return checkText("organization_id", r.OrganizationID, maxOrganization)
	case r.Organization == "":
		return &FieldError{field, "is required"}
	}
	return checkText(field, r.Organization, maxOrganization)
}

func checkEnvironment(name string) error {
	for _, known := range Environments {
		if name == known {
			return nil
		}
	}
	return &FieldError{"environment", "must be one of " + strings.Join(Environments, ", ")}
}

func checkText(field, s string, max int) error {
	if n := utf8.RuneCountInString(s); n > max {
		return &FieldError{field, fmt.Sprintf("has %d characters; at most %d are allowed", n, max)}
	}
	if !Storable(s) {
		return &FieldError{field, "holds control characters or text that is not UTF-8"}
	}
	return nil
}

// Storable refuses what Postgres cannot hold and what changes the look of the text around it.
func Storable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
	})
}
