#!/usr/bin/env bash
# A Postgres of our own for tests, without Docker: unprivileged, on 127.0.0.1, on a free port.
#
#   postgres.sh up DIR     install Postgres if need be (Debian, root), start one, print the variables to export
#   postgres.sh down DIR   stop what up started in DIR and remove its data
#
# DIR holds everything that one start leaves behind, so two runs with two folders never meet.
set -euo pipefail

. "$(dirname "$0")/debian.sh"

usage() { sed -n '4,5s/^# *//p' "$0"; exit 2; }
[ $# = 2 ] || usage
mkdir -p "$2"
dir=$(cd "$2" && pwd)
data=$dir/postgres

install_postgres() {
	[ -n "$(newest_postgres)" ] && return
	can_install && debian_install postgresql && return
	echo "postgres.sh: no Postgres server below /usr/lib/postgresql, and no root on Debian to install one" >&2
	return 1
}

# Postgres refuses to run as root.
as_nobody=()
[ "$(id -u)" != 0 ] || as_nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups --)

free_port() {
	local port
	while :; do
		port=$((20000 + RANDOM % 12000)) # below the range that the kernel hands out by itself
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

# start BIN PORT: 0 when the server answers on the port, 1 when it ended instead (the port was taken after all).
start() {
	"${as_nobody[@]}" "$1/postgres" -D "$data/db" -p "$2" -h 127.0.0.1 -k "$data" \
		-c max_connections=200 -c max_prepared_transactions=20 >"$dir/postgres.log" 2>&1 &
	local pid=$!
	for _ in $(seq 600); do
		kill -0 "$pid" 2>/dev/null || return 1
		if "$1/pg_isready" -q -h "$data" -p "$2"; then
			echo "$pid" >"$dir/postgres.pid"
			echo "$2" >"$dir/postgres.port"
			return 0
		fi
		sleep 0.05
	done
	kill "$pid" 2>/dev/null
	return 1
}

running() { [ -e "$dir/postgres.pid" ] && kill -0 "$(cat "$dir/postgres.pid")" 2>/dev/null; }

up() {
	install_postgres
	if ! running; then
		local bin
		bin=$(dirname "$(newest_postgres)")
		if [ "$(id -u)" = 0 ]; then
			install -d -o nobody -g nogroup "$data"
			"${as_nobody[@]}" test -x "$data" || { echo "postgres.sh: user nobody can't reach $data; give another folder" >&2; exit 1; }
		else
			install -d "$data"
		fi
		[ -d "$data/db" ] || "${as_nobody[@]}" "$bin/initdb" -D "$data/db" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$dir/postgres.init.log" 2>&1
		local try
		for try in 1 2 3 4 5; do
			start "$bin" "$(free_port)" && break
			[ "$try" = 5 ] && { echo "postgres.sh: Postgres does not start:" >&2; tail -20 "$dir/postgres.log" >&2; exit 1; }
		done
	fi
	echo "export WRITEGATE_TEST_POSTGRES='postgres://postgres@127.0.0.1:$(cat "$dir/postgres.port")/postgres?sslmode=disable'"
}

down() {
	if running; then
		local pid
		pid=$(cat "$dir/postgres.pid")
		kill -INT "$pid" # a fast shutdown
		for _ in $(seq 200); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
		kill -0 "$pid" 2>/dev/null && kill -QUIT "$pid"
	fi
	rm -rf "$data" "$dir"/postgres.{pid,port,log,init.log}
}

case $1 in
up) up ;;
down) down ;;
*) usage ;;
esac
