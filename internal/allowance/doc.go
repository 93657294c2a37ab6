// Package allowance holds keys to what they may use up: the requests of an hour, and those of a month.
//
// An hour's limit is counted when a call is verified. Collectors that share a database lease pieces of it from the
// [Store] and grant calls out of what they hold, so no call waits for the database while a piece lasts, and together they
// never grant more than the limit. A month's quota is compared with the usage that is committed, which is what the
// customer is shown, and what was granted since that was read.
//
// A [Guard] is one collector's part in it.
package allowance
