#!/usr/bin/env bash
# with.sh COMMAND...: run a command beside the databases that the tests want, and stop them afterwards.
#
# A database whose variable (WRITEGATE_TEST_POSTGRES) is set is used as it is. Otherwise one is started: from
# Debian's packages (installed here as root when they are missing), else by Docker Compose. Where neither can
# be, its tests are skipped and this says so; with WRITEGATE_TEST_ALL=1, which CI=true implies, that is a failure.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
[ $# -gt 0 ] || { sed -n '2s/^# *//p' "$0"; exit 2; }
[ "${CI:-}" != true ] || export WRITEGATE_TEST_ALL=1

say() { echo "with.sh: $*" >&2; }
missing() {
	if [ "${WRITEGATE_TEST_ALL:-}" = 1 ]; then
		say "$1, and WRITEGATE_TEST_ALL=1 asks for all tests"
		exit 1
	fi
	say "******** $1: ITS TESTS ARE SKIPPED ********"
}

dir= compose=
finish() {
	[ -z "$dir" ] || { "$here/postgres.sh" down "$dir" || true; rm -rf "$dir"; }
	[ -z "$compose" ] || docker compose -f "$root/docker-compose.yml" rm --stop --force --volumes postgres >&2 || true
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

. "$here/debian.sh"
PATH=$PATH:/usr/sbin

# Programs that some tests start by themselves.
lacking=()
for program in curl pgbouncer; do
	command -v "$program" >/dev/null || lacking+=("$program")
done
if [ ${#lacking[@]} -gt 0 ]; then
	can_install && debian_install "${lacking[@]}" || missing "there is no ${lacking[*]}"
fi

if [ -z "${WRITEGATE_TEST_POSTGRES:-}" ]; then
	if [ -n "$(newest_postgres)" ] || can_install; then
		dir=$(mktemp -d "${TMPDIR:-/tmp}/writegate-engines.XXXXXX")
		chmod 755 "$dir" # the database runs as another user
		if vars=$("$here/postgres.sh" up "$dir"); then eval "$vars"; else missing "Postgres did not start"; fi
	elif docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; then
		compose=1
		docker compose -f "$root/docker-compose.yml" up --detach --wait postgres >&2
		port=$(docker compose -f "$root/docker-compose.yml" port postgres 5432)
		export WRITEGATE_TEST_POSTGRES="postgres://postgres:postgres@$port/postgres?sslmode=disable"
	else
		missing "no Postgres here, and no way to get one (Debian as root, or Docker)"
	fi
fi

"$@"
