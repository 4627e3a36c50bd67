# Postgres, of the system's packages.
variable=WRITEGATE_TEST_POSTGRES
takes="root and apt, or its package"
stop_signal=INT # a fast shutdown

program() { { ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null || true; } | sort -V | tail -1; }
can_get() { [ -n "$(program)" ] || can_install; }
get() { [ -n "$(program)" ] || debian_install postgresql; }

init() { "${as_nobody[@]}" "$(dirname "$program")/initdb" -D "$1" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync; }
serve() { exec "${as_server[@]}" "$program" -D "$data" -p "$port" -h 127.0.0.1 -k "$home" -c max_connections=200 -c max_prepared_transactions=20; }
ready() { "$(dirname "$program")/pg_isready" -q -h "$home" -p "$port"; }
url() { echo "postgres://postgres@127.0.0.1:$port/postgres?sslmode=disable"; }
