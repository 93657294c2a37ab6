#!/usr/bin/env bash
# Makes sure that the programs of a Postgres server are on the machine. No server is started here: tests and the
# collector start their own.
set -euo pipefail

if compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null; then
  exit 0
fi
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "Installing Postgres, which the tests need ..."
  apt-get update -qq
  # The package's own cluster is not wanted: it would start a server on port 5432.
  mkdir -p /etc/postgresql-common
  grep -qs '^create_main_cluster' /etc/postgresql-common/createcluster.conf ||
    echo 'create_main_cluster = false' >>/etc/postgresql-common/createcluster.conf
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql
  exit 0
fi
echo "No Postgres server found. Install version 15 or later (Debian and Ubuntu: apt-get install postgresql), or set" >&2
echo "MIRRORBALL_TEST_DATABASE_URL for the tests and DATABASE_URL for the collector." >&2
[ "${CI:-}" = "" ] || exit 1
