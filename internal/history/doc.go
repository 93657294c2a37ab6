// Package history checks what a store of events holds against what was really sent to it.
//
// Senders tell a [History] of each attempt to deliver an event and how it was answered. When everything has come to
// rest, [Check] compares that with what the database holds: no acknowledged event may be missing, no event may be
// there twice, none may be there that was never sent or was refused for good, each has to be at its own time,
// statistics have to equal a recount, and the ledger has to add up. An attempt without an answer may have gone
// either way, but at most once. The idea is that of Jepsen's set test, with counts beside the set.
//
// Attempts and findings can be written as JSON lines, from which [Replay] repeats a check without any database.
// The package knows neither SQL nor telemetry: who runs a check reads the database and fills in [Observed].
package history
