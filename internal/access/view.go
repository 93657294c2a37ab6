package access

import "github.com/disco-platform/mirrorball/internal/apikey"

// View is whose data somebody sees and may change. The zero View is nothing.
type View struct {
	// All is everything there is; the other fields are empty then.
	All bool
	// One of these is set: a whole organisation, a user with all its keys, or a single key.
	OrganizationID, UserID, KeyID string
	// SandboxOnly leaves out live keys.
	SandboxOnly bool
}

// ViewOf is what a caller sees. A sandbox key sees nothing live. Until the owner's address is confirmed a key sees itself alone.
func ViewOf(id *apikey.Identity) View {
	sandbox := id.Environment == apikey.Sandbox
	switch role := RoleOf(id); {
	case role == Admin, role == Analyst:
		return View{All: true}
	case role == OrganizationAdmin:
		return View{OrganizationID: id.OrganizationID}
	case id.UserID != "" && id.Confirmed:
		return View{UserID: id.UserID, SandboxOnly: sandbox}
	}
	return View{KeyID: id.KeyID, SandboxOnly: sandbox}
}

// Masked reports whether personal data is kept from a caller.
func Masked(id *apikey.Identity) bool { return RoleOf(id) == Analyst }
