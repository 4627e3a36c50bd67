#!/usr/bin/env bash
# fuzz.sh TIME: run every fuzz target of the module for TIME each (30s, 5m), one after the other.
set -euo pipefail
[ $# = 1 ] || { sed -n '2s/^# *//p' "$0"; exit 2; }
cd "$(dirname "$0")/../.."
count=0
for pkg in $(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...); do
	for target in $(go test -list '^Fuzz' "$pkg" | grep '^Fuzz' || true); do
		echo "fuzz $pkg $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" "$pkg"
		count=$((count + 1))
	done
done
echo "fuzz: $count targets, no finding"
[ "$count" -gt 0 ]
