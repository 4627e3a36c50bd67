# MariaDB, of the system's packages.
variable=WRITEGATE_TEST_MARIADB
takes="root and apt, or its package"
stop_signal=TERM

program() { command -v mariadbd || true; }
can_get() { [ -n "$(program)" ] || can_install; }
get() { [ -n "$(program)" ] && command -v mariadb-install-db >/dev/null || debian_install mariadb-server-core mariadb-client-core; }

init() { "${as_nobody[@]}" mariadb-install-db --no-defaults --datadir="$1" --auth-root-authentication-method=normal --skip-test-db; }
serve() {
	exec "${as_server[@]}" "$program" --no-defaults --datadir="$data" --socket="$home/socket" --pid-file="$home/pid" \
		--bind-address=127.0.0.1 --port="$port" --max-connections=300
}
# The socket is made after the port is bound, so that the one who listens there is ours.
ready() { [ -S "$home/socket" ] && listens "$port"; }
url() { echo "root@tcp(127.0.0.1:$port)/"; }
