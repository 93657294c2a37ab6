#!/usr/bin/env bash
# Starts the collector with its embedded Postgres, then the demo's API server and its fleet of SDK clients. Runs until
# interrupted, or for DEMO_SECONDS of live traffic.
set -euo pipefail
cd "$(dirname "$0")/.."

export MIRRORBALL_DATA=${MIRRORBALL_DATA:-./data}
host=${MIRRORBALL_HOST:-127.0.0.1}
mkdir -p "$MIRRORBALL_DATA"
log=$MIRRORBALL_DATA/mirrorball.log

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
  if curl -fs -o /dev/null "http://$host:${MIRRORBALL_HEALTH_PORT:-13133}/"; then
    ready=1
    break
  fi
  kill -0 "$collector" 2>/dev/null || break
  sleep 0.25
done
if [ -z "${ready:-}" ]; then
  echo "The collector did not come up. The end of its log:" >&2
  tail -n 20 "$log" >&2
  exit 1
fi

bin/mirrorctl demo \
  --api "http://$host:${MIRRORBALL_API_PORT:-8080}" \
  --otlp "http://$host:${MIRRORBALL_OTLP_HTTP_PORT:-4318}" \
  --events "http://$host:${MIRRORBALL_EVENTS_PORT:-4319}" \
  --data "$MIRRORBALL_DATA" \
  --seconds "${DEMO_SECONDS:-0}"
