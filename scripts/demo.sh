#!/usr/bin/env bash
# Starts the collector with its embedded Postgres, then the demo's API server and its fleet of SDK clients. Runs until
# interrupted, or for DEMO_SECONDS of live traffic.
set -euo pipefail
cd "$(dirname "$0")/.."

export MIRRORBALL_DATA=${MIRRORBALL_DATA:-./data}
host=${MIRRORBALL_HOST:-127.0.0.1}
health=http://$host:${MIRRORBALL_HEALTH_PORT:-13133}/
log=$MIRRORBALL_DATA/mirrorball.log

fail() {
  echo "$@" >&2
  exit 1
}
command -v curl >/dev/null || fail "curl is missing, with which the demo sees that the collector is up: install it."
if curl -s -o /dev/null "$health"; then
  fail "Something answers at $health already, perhaps a demo or a collector. Stop it, or give this demo ports and" \
    "a data folder of its own: MIRRORBALL_HEALTH_PORT, MIRRORBALL_DATA and the other variables under \"Run it\" in README.md."
fi
mkdir -p "$MIRRORBALL_DATA" && touch "$log" ||
  fail "The data folder $MIRRORBALL_DATA cannot be written: set MIRRORBALL_DATA to one that can."

# In a process group of its own, so that Ctrl-C ends the demo first: its last usage still finds a collector.
set -m
bin/mirrorball --config examples/local.yaml >"$log" 2>&1 &
collector=$!
set +m
stop() {
  kill -TERM "$collector" 2>/dev/null || true
  wait "$collector" 2>/dev/null || true
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

echo "Collector starting (process $collector, log in $log) ..."
for _ in $(seq 1 240); do
  if curl -fs -o /dev/null "$health"; then
    ready=1
    break
  fi
  kill -0 "$collector" 2>/dev/null || break
  sleep 0.25
done
if [ -z "${ready:-}" ]; then
  echo "The collector did not come up. The end of its log:" >&2
  tail -n 5 "$log" >&2
  fail "All of it is in $log. Ports, data folder and database: see \"Run it\" in README.md."
fi

bin/mirrorctl demo --seconds "${DEMO_SECONDS:-0}"
