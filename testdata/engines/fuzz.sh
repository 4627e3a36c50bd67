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

# Each target prints when it is done, so that what one says stays together.
one='out=$(go test -run "^$" -fuzz "^$1\$" -fuzztime "$FUZZTIME" -parallel 1 "$0" 2>&1) && state=ok || state=FAILED
	echo "fuzz $0 $1: $state, $(grep -o "execs: [0-9]*" <<<"$out" | tail -1)"
	[ $state = ok ] || { echo "$out"; exit 1; }'
xargs -P "$(nproc)" -n 2 bash -c "$one" <<<"$targets"
echo "fuzz: $(wc -l <<<"$targets") targets, no finding"
