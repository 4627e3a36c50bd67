# documentdb, the extension of Postgres that keeps BSON documents, of Debian unstable, unpacked in the cache.
# docgw stands in front of it.
variable=
takes="Debian, for its packages"
stop_signal=INT

program() { [ ! -e "$root/.complete" ] || ls "$root"/usr/lib/postgresql/*/bin/postgres; }
can_get() { can_unpack; }
get() { root_install; }

init() {
	"${as_nobody[@]}" "$(dirname "$program")/initdb" -D "$1" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync &&
		cat >>"$1/postgresql.conf" <<-EOF
			shared_preload_libraries = 'pg_cron, pg_documentdb_core, pg_documentdb'
			cron.database_name = 'postgres'
			max_connections = 300
		EOF
}
serve() { exec "${as_server[@]}" "$program" -D "$data" -p "$port" -h 127.0.0.1 -k "$home"; }
ready() {
	"$(dirname "$program")/psql" -h "$home" -p "$port" -U postgres -d postgres -qc 'create extension if not exists documentdb cascade' >"$home/ready.log" 2>&1
}
url() { echo "postgres://postgres@127.0.0.1:$port/postgres"; }
