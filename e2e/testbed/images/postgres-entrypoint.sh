#!/bin/bash
# Starts PostgreSQL like the public image's entrypoint: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB (each also as
# …_FILE), POSTGRES_INITDB_ARGS, POSTGRES_HOST_AUTH_METHOD, PGDATA, /docker-entrypoint-initdb.d/*.{sh,sql,sql.gz}.
# As root it gives the data directory to `postgres` and goes on as that user.
set -euo pipefail

case "${1:-postgres}" in -*) set -- postgres "$@" ;; esac
[ "${1:-postgres}" = postgres ] || exec "$@"
: "${PGDATA:=/var/lib/postgresql/data}"; export PGDATA

mkdir -p "$PGDATA"
if [ "$(id -u)" = 0 ]; then
  find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres '{}' +
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
chmod 0700 "$PGDATA" 2> /dev/null || true

for v in POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB; do
  file=${v}_FILE
  [ -z "${!file:-}" ] || export "$v=$(< "${!file}")"
done
user=${POSTGRES_USER:-postgres} db=${POSTGRES_DB:-${POSTGRES_USER:-postgres}}

# The cluster is made beside its place and moved in when it is whole: a start that was cut off begins again.
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
    echo "Error: Database is uninitialized and superuser password is not specified. Set POSTGRES_PASSWORD." >&2
    exit 1
  fi
  new=$PGDATA/.new password=()
  [ -z "${POSTGRES_PASSWORD:-}" ] || password=(--pwfile=/dev/stdin)
  [ ! -e "$PGDATA/.moving" ] || find "$PGDATA" -mindepth 1 -delete
  rm -rf "$new"
  # shellcheck disable=SC2086  # POSTGRES_INITDB_ARGS is a list of words
  initdb -D "$new" --username="$user" "${password[@]}" --encoding=UTF8 \
    --locale=C.UTF-8 --auth-local=trust --auth-host="$method" ${POSTGRES_INITDB_ARGS:-} <<< "${POSTGRES_PASSWORD:-}"
  printf 'host all all all %s\nhost replication all all %s\n' "$method" "$method" >> "$new/pg_hba.conf"
  echo "listen_addresses = '*'" >> "$new/postgresql.conf"

  pg_ctl -D "$new" -w start -o "-c listen_addresses='' ${*:2}"
  sql() { psql -v ON_ERROR_STOP=1 --no-psqlrc -U "$user" -d "$1" "${@:2}"; }
  [ "$db" = postgres ] || sql postgres -c "CREATE DATABASE \"$db\""
  for f in /docker-entrypoint-initdb.d/*; do
    case $f in
      *.sql) sql "$db" -f "$f" ;;
      *.sql.gz) gunzip -c "$f" | sql "$db" ;;
      *.sh) POSTGRES_USER=$user POSTGRES_DB=$db bash "$f" ;;
    esac
  done
  pg_ctl -D "$new" -w -m fast stop
  touch "$PGDATA/.moving"
  mv "$new/PG_VERSION" "$PGDATA/.version"               # its presence in place means: the cluster is whole
  find "$new" -mindepth 1 -maxdepth 1 -exec mv -t "$PGDATA" '{}' +
  rmdir "$new"; mv "$PGDATA/.version" "$PGDATA/PG_VERSION"; rm "$PGDATA/.moving"
fi
exec "$@"
