#!/usr/bin/env bash
# What an ACK costs with 100,000 segments in flight: at most three times as many instructions as with ten, whatever it
# says. Instructions are callgrind's, of rill_input alone; the same program gives the same count each time.
set -u
cd "$(dirname "$0")/.."
. tests/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tool=${TOOL:-build-test/tests/ack_cost_tool}

per_ack() { # PATTERN SEGMENTS ACKS: instructions an ACK
    local acks
    acks=$(valgrind --tool=callgrind --collect-atstart=no --toggle-collect=measured \
        --callgrind-out-file="$work/out" "$tool" "$@" 2> "$work/err") || { cat "$work/err" >&2; return 1; }
    awk -v acks="$acks" '/^summary:|^totals:/ { printf "%d\n", $2 / acks; exit }' "$work/out"
}
costs_no_more() { # PATTERN
    local few many
    few=$(per_ack "$1" 10 1000) && many=$(per_ack "$1" 100000 1000) || return 1
    echo "$1: $few instructions an ACK with 10 segments in flight, $many with 100,000" | tee -a "$work/figures"
    [ "$few" -gt 100 ] && [ "$many" -le $((3 * few)) ]
}
if command -v valgrind > /dev/null; then
    check "an ACK in order" costs_no_more order
    check "an ACK with a SACK block, the first segment lost" costs_no_more head
    check "an ACK with three SACK blocks, every second segment lost" costs_no_more half
    sed 's/^/# /' "$work/figures"
else
    skip "what an ACK costs" "valgrind is not installed"
fi
tap_end
