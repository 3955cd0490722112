#!/usr/bin/env bash
# Runs once, when the data volume is new: a database and its owner for each service.
set -euo pipefail

# create NAME PASSWORD: NAME is both the role and its database. psql quotes the values, the shell does not.
create() {
  psql -v ON_ERROR_STOP=1 -q -U "${POSTGRES_USER:-postgres}" -d postgres -v name="$1" -v password="$2" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
-- PostgreSQL lets every role connect to every database unless told otherwise.
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
  echo "database $1: ready"
}

create "${ORDERS_DB:-orders}" "${ORDERS_DB_PASSWORD:-orders}"
create "${PAYMENTS_DB:-payments}" "${PAYMENTS_DB_PASSWORD:-payments}"
