#!/usr/bin/env bash
# Same seed, same bytes on the wire: the simulation of tests/sim/trace_tool.c gives one and the same
# pcapng in two processes, built by gcc -O2 and clang -O0, for 64 and for 32 bits, whatever fresh
# memory holds. Builds straight from src/core.list, which shows that this is a build.
set -u
cd "$(dirname "$0")/.."
. tests/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sources=$(sed 's,^,src/,' src/core.list src/link.list)
sources="$sources tests/sim/trace_tool.c"

build() { # NAME COMPILER FLAG...
    local name=$1
    shift
    # shellcheck disable=SC2086
    "$@" -std=c11 -Iinclude -Isrc -o "$work/$name" $sources
}

run() { # NAME CAPTURE ARGUMENT...
    local program=$work/$1 capture=$work/$2
    shift 2
    "$program" "$@" > "$capture"
}

same() { # NAME ARGUMENT...: with seeds 1, 2 and 3 it is what the reference gave
    local name=$1 seed
    shift
    for seed in 1 2 3; do
        run "$name" other "$seed" "$@" && cmp "$work/reference$seed" "$work/other" || return 1
    done
}

different() { ! cmp -s "$work/reference1" "$work/reference2"; }
seven_closed() { [ "$(grep -c closed "$work/said$1")" -eq 7 ]; }
large() { [ "$(stat -c %s "$work/reference1")" -gt 500000 ]; }

build gcc64 gcc -O2 > "$work/log" 2>&1 || { cat "$work/log"; }
for seed in 1 2 3; do run gcc64 "reference$seed" "$seed" 0 2> "$work/said$seed"; done
for seed in 1 2 3; do check "all seven connections of simulation $seed end" seven_closed "$seed"; done
check "the capture holds a whole simulation" large
check "another seed gives another capture" different
check "two processes give the same bytes" same gcc64 0
check "memory filled with 0xff changes nothing" same gcc64 0xff
check "memory filled with 0x5a changes nothing" same gcc64 0x5a
if command -v clang > /dev/null; then
    check "clang -O0 builds" build clang64 clang -O0
    check "clang -O0 gives the same bytes" same clang64 0xaa
else
    skip "clang -O0 gives the same bytes" "clang is not installed"
fi
if command -v i686-linux-gnu-gcc > /dev/null; then
    check "32 bits build" build gcc32 i686-linux-gnu-gcc -static -O2
    check "32 bits give the same bytes" same gcc32 0x77
else
    skip "32 bits give the same bytes" "i686-linux-gnu-gcc is not installed"
fi
tap_end
