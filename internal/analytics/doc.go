// Package analytics is about questions and answers: which period a question covers, how it is cut into
// steps in the asker's time zone, and what the numbers of an answer mean.
//
// A [Reader] answers from statistics, never from events. Nothing here knows SQL or HTTP.
package analytics
