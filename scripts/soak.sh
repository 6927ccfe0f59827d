#!/usr/bin/env bash
# Runs `passerby serve` under faults for a time in hours, for example `scripts/soak.sh 0.5`, and prints a table of what happened.
# Exits with 1 if a rule was broken. docs/soak.md says which faults and which rules.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# -ne 1 ]; then
    echo "usage: scripts/soak.sh HOURS" >&2
    exit 2
fi
program=${PASSERBY_PROGRAM:-}
if [ -z "$program" ]; then
    cargo build --quiet --release --package passerby-cli
    program=$PWD/${CARGO_TARGET_DIR:-target}/release/passerby
fi
exec python3 -B scripts/soak "$1" "$program"
