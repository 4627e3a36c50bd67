# Sourced by the scripts beside it.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$PATH:/usr/sbin

say() { echo "${0##*/}: $*" >&2; }

# usage prints the head of the script.
usage() { awk 'NR > 1 && /^#/ { sub(/^# ?/, ""); print; next } NR > 1 { exit }' "$0" >&2; exit 2; }

# Database servers refuse to run as root, or should.
as_nobody=()
[ "$(id -u)" != 0 ] || as_nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups --)

# What goes on in the background is out of the reach of a Ctrl-C at the terminal.
as_server=(setsid "${as_nobody[@]}")

# The cache may be removed at any time that no test runs. User nobody has to reach what lies in it.
cache=${WRITEGATE_ENGINES_CACHE:-}
if [ -z "$cache" ]; then
	if [ "$(id -u)" = 0 ]; then cache=/var/cache/writegate-engines; else cache=${XDG_CACHE_HOME:-$HOME/.cache}/writegate-engines; fi
fi

# locked NAME COMMAND...: what installs and fills the cache runs once at a time, also among several users of it.
locked() {
	local name=$1
	shift
	mkdir -p "$cache"
	(
		flock --timeout 2 9 || { say "waiting for $name, which is just being prepared"; flock 9; }
		"$@"
	) 9>"$cache/$name.lock"
}

# fingerprint_of FILE...: changes when the content of the files does.
fingerprint_of() { cat "$@" | sha256sum | cut -c1-12; }

free_port() {
	local port
	while :; do
		port=$((20000 + RANDOM % 12000)) # below the range that the kernel hands out by itself
		listens "$port" || break
	done
	echo "$port"
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# note PID FILE writes down a process; noted_runs FILE succeeds while it runs, and not for another that got its number.
note() { echo "$1 $(began "$1")" >"$2"; }
noted_runs() {
	local pid at
	[ -e "$1" ] && read -r pid at <"$1" && [ -n "$at" ] && [ "$(began "$pid")" = "$at" ]
}
began() { awk '$3 != "Z" { print $22 }' "/proc/$1/stat" 2>/dev/null || true; }
