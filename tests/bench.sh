#!/usr/bin/env bash
# `rill bench` with small numbers: every measurement runs, its JSON parses, what it counts adds up, and wrong
# options are told in one line. No figure of time is judged. Needs build/rill; jq.
set -u
cd "$(dirname "$0")/.."
. tests/tap.sh
rill=build/rill
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# figures CONDITION OPTIONS…: the lines, as one array, fulfil the jq condition.
figures() {
    local condition=$1; shift
    "$rill" bench "$@" --json > "$work/out" 2> "$work/err" || { cat "$work/err"; return 1; }
    [ ! -s "$work/err" ] || { cat "$work/err"; return 1; }
    jq -es "$condition" "$work/out" > /dev/null || { cat "$work/out"; return 1; }
}
refused() { # WORD OPTIONS…: exit code 2, one line on standard error with that word, nothing else
    local word=$1; shift
    "$rill" bench "$@" > "$work/out" 2> "$work/err"
    local code=$?
    cat "$work/err"
    [ "$code" -eq 2 ] && [ ! -s "$work/out" ] && [ "$(wc -l < "$work/err")" -eq 1 ] &&
        grep -qF -- "$word" "$work/err"
}
every='all(.[]; .median >= .min and .median <= .max and .rounds >= 1 and (.unit | length > 0))'

check "bulk: four variants, a rate and copies of each" figures "length == 8 and $every and
    all(.[]; .name == \"bulk\" or .median <= .limit) and all(.[]; .name == \"copies\" or .median > 0)" \
    bulk --bytes 2M --rounds 2
check "rpc: one figure" figures "length == 1 and $every and .[0].median > 0" rpc --count 500 --rounds 3
check "connect: fewer connections than ports" figures "length == 1 and .[0].median > 0" connect --connections 7 --rounds 2
check "connect: four-tuples in TIME-WAIT are opened again" figures "length == 1 and .[0].median > 0" \
    connect --connections 2500 --rounds 1
check "idle: bytes an end, not above what was in use" figures "$every and
    (map({(.name): .median}) | add | .idle > 256 and .idle < .[\"in use\"])" idle --connections 300
check "idle: an empty host and its pool hold 64 KiB at most" figures \
    'map(select(.name == "empty")) | length == 1 and .[0].median > 0 and .[0].median <= .[0].limit and .[0].limit == 65536' \
    idle --connections 1
check "idle: at most 512 bytes an end, everything counted" figures \
    'map(select(.name == "idle")) | length == 1 and .[0].median <= 512 and .[0].limit == 512' idle --connections 30000
check "idle: the same with nothing moved but a byte" figures "$every" idle --connections 100 --bytes 1
check "idle: the same seed gives the same bytes" bash -c "
    $rill bench idle --connections 200 --seed 9 > $work/a && $rill bench idle --connections 200 --seed 9 > $work/b &&
    cmp $work/a $work/b"
check "scale: tenfold up to what was asked, six figures each" figures "length == 24 and
    (map(.variant) | unique | length) == 4 and all(.[]; .rounds == 3) and
    all(.[] | select(.unit == \"ns a round trip\" and .name != \"after\"); .median > 0)" \
    scale --connections 500 --count 300 --rounds 3
check "scale: more connections than one port of the server takes" figures "map(.variant) | any(. == \"50100 connections\")" \
    scale --connections 50100 --count 100 --rounds 1
check "text says the same, a line a figure" bash -c "[ \$($rill bench scale --connections 10 --count 10 --rounds 1 | wc -l) -eq 12 ]"
check "no measurement is refused" refused "which" --rounds 1
check "an unknown measurement is refused" refused "which" speed
check "two measurements are refused" refused "one word too many" rpc bulk
check "no rounds are refused" refused "--rounds" rpc --rounds 0
check "too many rounds are refused" refused "--rounds" rpc --rounds 102
check "no bytes are refused" refused "--bytes" idle --bytes 0
check "no round trips are refused" refused "--count" rpc --count 0
check "no connections are refused" refused "--connections" idle --connections 0
check "too many connections are refused" refused "--connections" scale --connections 10000001
check "a buffer of nothing is refused" refused "--buffer" bulk --buffer 1
check "a number that is none is refused" refused "'many'" idle --connections many
tap_end
