// Package chaos runs the built collector against a real Postgres while both are killed, cut off and starved, and proves
// with internal/history that nothing was lost, doubled or forged and that statistics equal a recount.
//
// What happens is random but follows from a seed, which is printed; how it interleaves is up to the machine. It runs on
// Linux only: it takes processes down by signal and fills a small tmpfs to its last byte.
package chaos
