#!/usr/bin/env bash
# A database and its owner for each service, on a server whose user is no superuser, as RDS's is none. What is there stays;
# the passwords become what ORDERS_DB_PASSWORD and PAYMENTS_DB_PASSWORD say. PGHOST, PGUSER, PGPASSWORD and PGSSLMODE are
# psql's own; DATABASE_CA is the text of the certificate that signs the server's.
set -euo pipefail
: "${ORDERS_DB_PASSWORD:?}" "${PAYMENTS_DB_PASSWORD:?}"

if [ -n "${DATABASE_CA:-}" ]; then
  PGSSLROOTCERT=$(mktemp)
  export PGSSLROOTCERT
  printf '%s\n' "$DATABASE_CA" >"$PGSSLROOTCERT"
fi
export PGCONNECT_TIMEOUT=10

# set_up NAME VARIABLE: NAME is both the role and its database. psql reads the variable itself: what is an argument, others see.
set_up() {
  psql -v ON_ERROR_STOP=1 -q -d postgres -v name="$1" <<SQL
\\getenv password $2
SELECT format('CREATE ROLE %I LOGIN', :'name') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \\gexec
ALTER ROLE :"name" PASSWORD :'password';
-- Only a member of a role may make it an owner, and only for that long.
GRANT :"name" TO CURRENT_USER;
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \\gexec
-- PostgreSQL lets every role connect to every database unless told otherwise.
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
REVOKE :"name" FROM CURRENT_USER;
SQL
  echo "database $1: ready"
}

set_up orders ORDERS_DB_PASSWORD
set_up payments PAYMENTS_DB_PASSWORD
