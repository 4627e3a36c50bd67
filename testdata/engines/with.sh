#!/usr/bin/env bash
# with.sh COMMAND...: run a command beside the databases that the tests want, and stop them afterwards.
#
# The databases are postgres, mysql, mariadb and mongodb; WRITEGATE_ENGINES="postgres mysql" asks for fewer, but not
# where CI=true. One whose variable (WRITEGATE_TEST_POSTGRES ...) is set is used as it is. Otherwise it is started:
# by engines.sh, which installs what is missing, else by Docker Compose. Where neither can be, its tests are skipped
# and this says so; with WRITEGATE_TEST_ALL=1, which CI=true implies, that is a failure. With WRITEGATE_TEST_COMPOSE=1
# all come from Docker Compose, and sqlserver too.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$here/debian.sh"
. "$here/compose.sh"
repo=$(cd "$here/../.." && pwd)
[ $# -gt 0 ] || usage
[ "${CI:-}" != true ] || export WRITEGATE_TEST_ALL=1

missing() {
	if [ "${WRITEGATE_TEST_ALL:-}" = 1 ]; then
		say "$1, and WRITEGATE_TEST_ALL=1 asks for all tests"
		exit 1
	fi
	say "******** $1: ITS TESTS ARE SKIPPED ********"
}

variable_of() { echo "WRITEGATE_TEST_${1^^}"; }
is_set() { local v; v=$(variable_of "$1") && [ -n "${!v:-}" ]; }

engines=(postgres mysql mariadb mongodb)
[ -z "${WRITEGATE_ENGINES:-}" ] || [ "${CI:-}" = true ] || read -ra engines <<<"$WRITEGATE_ENGINES"
[ "${WRITEGATE_TEST_COMPOSE:-}" != 1 ] || engines+=(sqlserver)

dir= composed=
finish() {
	[ -z "$dir" ] || { "$here/engines.sh" down "$dir" || true; rm -rf "$dir"; }
	[ -z "$composed" ] || compose_down
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

# What a run that was killed has left behind goes now.
for left in "${TMPDIR:-/tmp}"/writegate-engines.*/owner; do
	[ -O "$left" ] && ! noted_runs "$left" || continue
	say "stopping what another run has left in ${left%/owner}"
	"$here/engines.sh" down "${left%/owner}" && rm -rf "${left%/owner}"
done

# Programs that some tests start by themselves.
for program in curl pgbouncer; do
	command -v "$program" >/dev/null || { can_install && debian_install "$program"; } || missing "there is no $program"
done

# A browser for the page of dev, by any of its names.
has_browser() {
	local name
	for name in "${WRITEGATE_TEST_CHROMIUM:-}" chromium chromium-browser google-chrome; do
		! command -v "$name" >/dev/null || return 0
	done
	return 1
}
has_browser || { can_install && debian_install chromium && has_browser; } || missing "there is no chromium"

# Who can't be had by engines.sh is asked of Docker Compose.
native=() docker=()
for engine in "${engines[@]}"; do
	if is_set "$engine"; then
		continue
	elif [ "${WRITEGATE_TEST_COMPOSE:-}" != 1 ] && "$here/engines.sh" can "$engine"; then
		native+=("$engine")
	elif compose_works; then
		docker+=("$engine")
	fi
done
if [ ${#native[@]} -gt 0 ]; then
	dir=$(mktemp -d "${TMPDIR:-/tmp}/writegate-engines.XXXXXX")
	note $$ "$dir/owner"
	chmod 755 "$dir" # the servers run as another user
	eval "$("$here/engines.sh" up "$dir" "${native[@]}")"
fi
if [ ${#docker[@]} -gt 0 ]; then
	composed=1
	eval "$(compose_up "${docker[@]}")"
fi

for engine in "${engines[@]}"; do
	is_set "$engine" || missing "no $engine: it did not start, or there is no way to get it (Debian or Docker)"
done
(cd "$repo" && go run ./internal/engines versions) >&2

"$@"
