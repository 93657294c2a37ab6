package access

import (
	"net/netip"
	"time"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// Actor is somebody who sees and does things.
type Actor struct {
	// Name is the id of a key, "operator", "system" or "anonymous".
	Name string
	View View
	// Key is what the actor came with; nil for the operator and for calls without a key.
	Key *apikey.Identity
	// Client is the address that the actor came from; the zero Addr when there is none.
	Client netip.Addr
}

// Names of actors without a key.
const (
	nameOperator  = "operator"
	nameSystem    = "system"
	nameAnonymous = "anonymous"
)

// ActorOf is the caller with a key, from an address; nil stands for a call without a key.
func ActorOf(id *apikey.Identity, client netip.Addr) Actor {
	if id == nil {
		return Actor{Name: nameAnonymous, Client: client}
	}
	return Actor{Name: id.KeyID, View: ViewOf(id), Key: id, Client: client}
}

// Actors that come without a key and see everything.
var (
	Operator = Actor{Name: nameOperator, View: View{All: true}} // who works on the database with the operator's tool
	System   = Actor{Name: nameSystem, View: View{All: true}}   // the collector itself
)

// Bound is the key that bounds what an actor may hand out: nothing stronger than itself. It is nil for admins and the operator.
func (a Actor) Bound() *apikey.Identity {
	if a.Key == nil || RoleOf(a.Key) == Admin {
		return nil
	}
	return a.Key
}

// Entry is a row of the trail of admins: one change, or one reading of others' data.
type Entry struct {
	Seq    int64
	At     time.Time
	Actor  string
	Action Action
	// Target is the id of what it was done to; empty for everybody's data.
	Target string
	Client netip.Addr
	// Details are what a reader of the trail wants to know besides; never a secret, never an e-mail address.
	Details map[string]any
}

// Action is what was done. The names are stored; never change them.
type Action string

// All actions.
const (
	UsageRead        Action = "usage.read"
	PlatformRead     Action = "platform.read"
	KeyRead          Action = "key.read"
	KeyCreate        Action = "key.create"
	KeyChange        Action = "key.change"
	KeyRotate        Action = "key.rotate"
	KeyRevoke        Action = "key.revoke"
	UserRead         Action = "user.read"
	UserCreate       Action = "user.create"
	UserConfirm      Action = "user.confirm"
	UserChange       Action = "user.change"
	OrganizationRead Action = "organization.read"
	OrganizationName Action = "organization.rename"
	OrganizationJoin Action = "organization.join"
	OrganizationInto Action = "organization.merge"
	InvitationRead   Action = "invitation.read"
	InvitationCreate Action = "invitation.create"
	InvitationRevoke Action = "invitation.revoke"
	TrailRead        Action = "trail.read"
)

// Reads is the entry that a reading leaves in the trail: none when somebody reads what is its own.
func (a Actor) Reads(action Action, target string, details map[string]any) *Entry {
	if !a.View.All || target == a.Name {
		return nil
	}
	return a.Does(action, target, details)
}

// Does is the entry that a change leaves in the trail.
func (a Actor) Does(action Action, target string, details map[string]any) *Entry {
	return &Entry{Actor: a.Name, Action: action, Target: target, Client: a.Client, Details: details}
}
