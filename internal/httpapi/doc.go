// Package httpapi answers questions about usage over HTTP: it reads requests, asks internal/analytics and
// internal/accounts, and writes JSON, CSV, or a problem of RFC 9457.
//
// [New] makes the handler. Its OpenAPI 3.1 document, at /openapi.json, is made from the same types as the answers.
package httpapi
