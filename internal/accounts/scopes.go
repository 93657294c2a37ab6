package accounts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// CustomerScopes are what a user's key may do unless said otherwise.
var CustomerScopes = []string{apikey.ScopeTelemetryWrite, apikey.ScopeUsageRead}

var allScopes = []string{apikey.ScopeTelemetryWrite, apikey.ScopeTelemetryWriteAny, apikey.ScopeUsageRead, apikey.ScopeAdmin}

// Check completes a specification with what it leaves open and says what is wrong with it.
func (s *KeySpec) Check() error {
	if err := checkEnvironment(s.Environment); err != nil {
		return err
	}
	if err := checkText("name", s.Name, maxName); err != nil {
		return err
	}
	if len(s.Scopes) == 0 && s.UserID != "" {
		s.Scopes = slices.Clone(CustomerScopes)
	}
	if len(s.Scopes) == 0 {
		return &FieldError{"scopes", "are required for a key without a user"}
	}
	for _, scope := range s.Scopes {
		if !slices.Contains(allScopes, scope) {
			return &FieldError{"scopes", fmt.Sprintf("%q is unknown; there are %s", scope, strings.Join(allScopes, ", "))}
		}
	}
	return nil
}
