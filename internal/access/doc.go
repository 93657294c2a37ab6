// Package access says who may do what.
//
// Three questions are kept apart. [Rules], the only table of its kind, says which scopes and roles may call an operation; what it
// does not name nobody may call. [ViewOf] says whose data a caller gets to see and change there, which Postgres enforces twice.
// An [Entry] is what the trail of admins keeps of it.
package access
