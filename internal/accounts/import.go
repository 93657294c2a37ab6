package accounts

import (
	"errors"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// maxHint bounds what tells imported keys apart, in characters.
const maxHint = 40

// Check says what is wrong with a row.
func (i *Import) Check() error {
	var fingerprint error
	if i.Fingerprint == (apikey.Fingerprint{}) {
		fingerprint = &FieldError{"fingerprint", "is required: the SHA-256 of the key in hex"}
	}
	r := Registration{Organization: i.Organization}
	return errors.Join(checkEmail(i.Email), checkOrganization(&r), checkText("name", i.Name, maxName), checkText("hint", i.Hint, maxHint),
		checkEnvironment(i.Environment), fingerprint)
}
