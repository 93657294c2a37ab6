#!/usr/bin/env bash
# Kills, cuts off and starves bin/mirrorball and Postgres for CHAOS_SECONDS (default 150), then proves that nothing was
# lost, doubled or forged. CHAOS_SEED=… repeats the decisions of a run; the seed of each run is printed. All of it takes
# about CHAOS_SECONDS and two minutes. Ctrl-C ends it in order.
set -euo pipefail
cd "$(dirname "$0")/.."

export CHAOS_SECONDS=${CHAOS_SECONDS:-150}
exec go test -count=1 -v -timeout "$((CHAOS_SECONDS + 600))s" -run 'TestKillsAndOutages|TestFullDisk' ./e2e/chaos
