// Package traffic invents who calls the demo's API, when, and to do what.
//
// Everything follows from a seed: the same seed and first day give the same calls, whichever stretch of time is
// asked for and however often. Nothing here sends anything.
package traffic
