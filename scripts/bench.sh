#!/usr/bin/env bash
# Measures ingest, freshness, memory, questions, key check and SDK; see docs/benchmarks.md. Needs bin/mirrorball (make
# build). Prints the table and writes bench/results.json.
#
#   BENCH_EVENTS   events of one measured run, 8000000: a quarter of an hour; 1000000 for daily work, 50000 to see that it works
#   BENCH_KEYS     registered keys, 10000
#   BENCH_ROUNDS   interleaved rounds, 3
#   BENCH_SENDERS  connections of the load generator, 64
#   BENCH_AWAY     for how long Postgres is away, 2m (10s below a million events)
#   BENCH_DATA     where the server's files go, /var/tmp: not a memory file system, which would make fsync free
#   BENCH_CONFIG   collector configurations to merge over examples/local.yaml, separated by spaces
#   BENCH_ONLY     verifications: POST /keys/verify alone, in a minute; bench/results.json stays as it is
set -euo pipefail
cd "$(dirname "$0")/.."

if [ ! -x bin/mirrorball ]; then
  echo "bin/mirrorball is missing: run make build first." >&2
  exit 1
fi
if [ "${BENCH_EVENTS:-8000000}" -lt 1000000 ]; then
  export BENCH_AWAY=${BENCH_AWAY:-10s}
fi
mkdir -p bin
go build -o bin/bench-ingest ./bench/ingest
exec bin/bench-ingest
