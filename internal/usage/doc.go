// Package usage is the domain of Mirrorball: what a usage event is, which events are accepted, and what a
// store of them promises.
//
// An [Event] is one API call, one custom event or one failed authentication. Components turn telemetry
// into a [Batch] of events, rejections and reported totals, and hand it to a [Writer], which stores it and
// the statistics that follow from it in one transaction. Everything here is plain data and arithmetic:
// the package imports the standard library and a decimal type only.
package usage
