#!/usr/bin/env bash
# fuzz.sh TIME: run every fuzz target of the module, all together for about TIME (300s, 5m), as many at once as there
# are cores. So a target gets TIME x cores / targets, and 2 s at least; building them comes on top.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
[ $# = 1 ] || usage
case $1 in
*[0-9]m) total=$((${1%m} * 60)) ;;
*[0-9]s) total=${1%s} ;;
*) usage ;;
esac
cd "$here/../.."

targets=$(
	for pkg in $(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...); do
		go test -list '^Fuzz' "$pkg" | sed -n "s|^Fuzz|$pkg Fuzz|p"
	done
)
[ -n "$targets" ] || { say "no targets"; exit 1; }
count=$(wc -l <<<"$targets") cores=$(nproc)
seconds=$((total * cores / count))
[ "$seconds" -ge 2 ] || seconds=2
export FUZZTIME=${seconds}s
say "$count targets, $seconds s each, $cores at once"

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
xargs -P "$cores" -n 2 bash -c 'fuzz "$0" "$1"' <<<"$targets"
echo "fuzz: $count targets, no finding"
