// Package apikey decides whose key a caller presents.
//
// A key is "dk_test_", "dk_live_", "dk_test_admin_" or "dk_live_admin_", then 32 random base62 characters
// (190 bits), then 6 base62 characters of CRC-32 (IEEE) over everything before them, so a malformed key is refused
// without a look at the database. A raw key is turned into its [Fingerprint] at the edge and forgotten; what is stored
// is HMAC-SHA-256(pepper, fingerprint), with the pepper outside Postgres. Keys are high-entropy, so a
// slow hash would protect nothing and would cap a core at some thirty verifications a second.
//
// The [Verifier] answers from a bounded cache. It knows nothing of SQL: a [Store] is asked on a miss, once for
// any number of callers that wait.
package apikey
