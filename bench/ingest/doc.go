// Command ingest measures the whole way of an event, from OTLP/HTTP to committed rows and statistics, beside the
// fastest way to write the same events to the same Postgres: raw COPY.
//
// Everything happens in one run on one machine, in rounds that interleave what is compared, because a machine that is
// slow for a minute then slows both. What counts are the ratios, the median of at least three rounds. A rate is
// reported only when the rows and the statistics are the events sent, to the last one.
//
// The machine's Postgres programs, Go, and bin/mirrorball are needed. See docs/benchmarks.md for method and figures,
// and scripts/bench.sh for the settings.
package main
