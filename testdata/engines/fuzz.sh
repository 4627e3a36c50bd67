#!/usr/bin/env bash
# fuzz.sh TIME: run every fuzz target of the module for TIME each (30s, 5m), as many at once as there are cores.
set -euo pipefail
[ $# = 1 ] || { sed -n '2s/^# *//p' "$0"; exit 2; }
cd "$(dirname "$0")/../.."
export FUZZTIME=$1

targets=$(
	for pkg in $(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...); do
		go test -list '^Fuzz' "$pkg" | sed -n "s|^Fuzz|$pkg Fuzz|p"
	done
)
[ -n "$targets" ] || { echo "fuzz: no targets" >&2; exit 1; }

# fuzz PACKAGE TARGET prints when it is done, so that what one says stays together. The go command sometimes
# reports its own time limit as a failure, with no input that fails: such a run counts for nothing and is
# made once more.
fuzz() {
	local out state try
	for try in 1 2; do
		state=ok
		out=$(go test -run '^$' -fuzz "^$2\$" -fuzztime "$FUZZTIME" -parallel 1 "$1" 2>&1) || state=FAILED
		grep -q 'Failing input' <<<"$out" || ! grep -q 'context deadline exceeded' <<<"$out" || continue
		break
	done
	echo "fuzz $1 $2: $state, $(grep -o 'execs: [0-9]*' <<<"$out" | tail -1)"
	[ $state = ok ] || { echo "$out"; return 1; }
}
export -f fuzz
xargs -P "$(nproc)" -n 2 bash -c 'fuzz "$0" "$1"' <<<"$targets"
echo "fuzz: $(wc -l <<<"$targets") targets, no finding"
