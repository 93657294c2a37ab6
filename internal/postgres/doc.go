// Package postgres keeps usage, keys and accounts in Postgres. All SQL of the project is here.
//
// [Open] brings the schema up to date and returns a [DB]. Everything else is built on one: [NewWriter] stores
// usage events and their statistics, [NewKeyStore] finds registered keys, [Reconcile] proves that statistics
// equal a recount of the events. Exported methods open a transaction; unexported functions take one.
//
// Errors that leave this package carry an SQLSTATE at most: never SQL, values or the address of the server.
package postgres
