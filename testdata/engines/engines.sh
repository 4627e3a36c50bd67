#!/usr/bin/env bash
# Database servers of our own for tests, without Docker: unprivileged, on 127.0.0.1, on free ports.
#
#   engines.sh install [ENGINE...]    install what is missing, as up does too
#   engines.sh can ENGINE             succeed if it is installed or can be
#   engines.sh up DIR [ENGINE...]     start them, and print the variables to export
#   engines.sh stop DIR [ENGINE...]   stop them and keep their data: up starts them again, on the same ports
#   engines.sh down DIR               stop all, and remove what up left in DIR
#
# ENGINE is postgres, mysql, mariadb or mongodb, which is documentdb behind docgw and not mongod. None means all.
# DIR holds everything that one start leaves behind, so two runs with two folders never meet. What is installed:
# Postgres and MariaDB by apt, as root; MySQL and documentdb by unpacking packages of Debian unstable into
# a cache, which needs Debian but not root; docgw by Go. The cache, which also keeps initialised data folders, is
# /var/cache/writegate-engines for root and below XDG_CACHE_HOME for others, or WRITEGATE_ENGINES_CACHE.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$here/debian.sh"
. "$here/root.sh"

all=(postgres mysql mariadb mongodb)

# parts ENGINE lists its servers, in the order in which they start.
parts() {
	case $1 in
	mongodb) echo documentdb docgw ;;
	postgres | mysql | mariadb) echo "$1" ;;
	*) say "no engine $1: there are ${all[*]}"; exit 2 ;;
	esac
}

# load PART brings in what is special to one server; see engine/. One without init has no data.
load() {
	part=$1 port=
	. "$here/engine/$part.sh"
	[ -z "$dir" ] || { home=$dir/$part data=$home/data; }
}

# at_once FUNCTION ENGINE...: 0 when it went well for all.
at_once() {
	local function=$1 engine pids=() pid state=0
	shift
	for engine in "$@"; do
		"$function" "$engine" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid" || state=1; done
	return "$state"
}

can_engine() {
	local part
	for part in $(parts "$1"); do (load "$part" && can_get) || return 1; done
}

install_engine() {
	local part
	for part in $(parts "$1"); do
		(
			load "$part"
			can_get || { say "$part is not here and can't be installed: it takes $takes"; exit 1; }
			get || { say "$part can't be installed: see above"; exit 1; }
			[ -n "$(program)" ] || { say "$part is installed, but its program is not where it should be"; exit 1; }
		) || return 1
	done
}

runs() { noted_runs "$dir/$part.pid"; }

up_engine() {
	install_engine "$1" || return 1
	local part
	for part in $(parts "$1"); do
		(load "$part" && up_part) || return 1
	done
}

up_part() {
	program=$(program)
	if ! runs; then
		if [ "$(id -u)" = 0 ]; then install -d -o nobody -g nogroup "$home"; else install -d "$home"; fi
		"${as_nobody[@]}" test -w "$home" || { say "user nobody can't reach $home: give another folder"; return 1; }
		local template=
		[ -d "$data" ] || ! declare -F init >/dev/null || make_data || return 1
		if ! start_somewhere; then
			[ -n "$template" ] || { say_why; return 1; }
			say "$part does not start from the cache: making its data folder anew"
			rm -rf "$template" "$data"
			make_data && start_somewhere || { say_why; return 1; }
		fi
	fi
	port=$(cat "$dir/$part.port")
	url >"$dir/$part.url"
	[ -z "$variable" ] || echo "export $variable='$(cat "$dir/$part.url")'"
}

say_why() { say "$part does not start:"; tail -20 "$dir/$part.log" >&2; }

# make_data copies an initialised data folder from the cache, which is filled first if need be. A folder in the cache
# is whole: it comes there by its rename.
make_data() {
	template=$cache/data-$part-$( (stat -L -c '%n %s %Y' "$program"; cat "$here/engine/$part.sh") | sha256sum | cut -c1-12)
	[ -d "$template" ] || locked "$part" make_template "$template" || return 1
	rm -rf "$data.new"
	cp -a "$template" "$data.new" && mv "$data.new" "$data"
}

make_template() {
	[ ! -d "$1" ] || return 0
	local new=$home/template
	rm -rf "$new"
	init "$new" >"$dir/$part.init.log" 2>&1 || { say "$part can't make its data folder:"; tail -20 "$dir/$part.init.log" >&2; return 1; }
	rm -rf "$1.new"
	cp -a "$new" "$1.new" && mv "$1.new" "$1" && rm -rf "$new"
}

# start_somewhere tries a few times: a port that was free may be taken by the time the server binds it.
start_somewhere() {
	local try
	for try in 1 2 3 4 5; do
		! start || return 0
		sleep 0.5
	done
	return 1
}

# start: 0 when the server answers, 1 when it ended instead, as it does when its port is taken. A server that was up
# before keeps its port, where its clients look for it, and one that was not takes any.
start() {
	clear_remains
	if [ -e "$dir/$part.port" ]; then port=$(cat "$dir/$part.port"); else port=$(free_port); fi
	! listens "$port" || { say "$part finds another server on its port $port"; return 1; }
	serve </dev/null >"$dir/$part.log" 2>&1 &
	local pid=$!
	note "$pid" "$dir/$part.pid"
	for _ in $(seq 1200); do
		kill -0 "$pid" 2>/dev/null || return 1
		if ready; then
			echo "$port" >"$dir/$part.port"
			return 0
		fi
		sleep 0.05
	done
	kill -KILL "$pid"
	return 1
}

# clear_remains of a server that was killed: its children end by themselves or are killed, too; its files say that it
# still runs.
clear_remains() {
	local try left
	for try in $(seq 200); do
		left=$(find /proc/[0-9]*/cwd -maxdepth 0 -lname "$data" 2>/dev/null | cut -d / -f 3 || true)
		[ -n "$left" ] || break
		[ "$try" -le 60 ] || kill -KILL $left 2>/dev/null || true
		sleep 0.05
	done
	rm -f "$home"/socket* "$home"/.s.PGSQL.* "$data/postmaster.pid"
}

stop_engine() {
	local parts part
	parts=$(parts "$1")
	for part in $(tr ' ' '\n' <<<"$parts" | tac); do
		(load "$part" && stop_part)
	done
}

stop_part() {
	if runs; then
		local pid
		read -r pid _ <"$dir/$part.pid"
		kill -"$stop_signal" "$pid" 2>/dev/null || true
		for _ in $(seq 400); do runs || break; sleep 0.05; done
		! runs || kill -KILL "$pid" 2>/dev/null || true
	fi
	rm -f "$dir/$part.pid"
}

command=${1:-} dir=
[ $# -gt 0 ] && shift
case $command in
install | can) ;;
up | stop | down)
	[ $# -gt 0 ] || usage
	mkdir -p "$1"
	dir=$(cd "$1" && pwd)
	shift
	;;
*) usage ;;
esac
[ $# -gt 0 ] || set -- "${all[@]}"
for engine in "$@"; do parts "$engine" >/dev/null; done

case $command in
install) at_once install_engine "$@" ;;
can) at_once can_engine "$@" ;;
up) at_once up_engine "$@" ;;
stop) at_once stop_engine "$@" ;;
down)
	at_once stop_engine "${all[@]}"
	for engine in "${all[@]}"; do
		for part in $(parts "$engine"); do rm -rf "$dir/$part" "$dir/$part".{port,url,log,init.log}; done
	done
	;;
esac
