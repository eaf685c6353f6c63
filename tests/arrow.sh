#!/usr/bin/env bash
# `rill streams export --arrow` read by Apache Arrow's own reader (npm's apache-arrow), row by row against `export --csv`.
# Needs build/rill.
set -u
cd "$(dirname "$0")/.."
RILL_SHARED=${RILL_SHARED:-../shared}
. tests/tap.sh
rill=${RILL:-build/rill}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export_of() { # CAPTURE WORDS…
    local capture=$1; shift
    "$rill" streams "$capture" export --no-index "$@" 2> "$work/err" || { cat "$work/err"; return 1; }
}
read_back() { node tests/arrow.mjs "$@"; }
same_as_csv() { # CAPTURE: connections and packets
    export_of "$1" --csv -o "$work/c.csv" && export_of "$1" --arrow -o "$work/c.arrow" &&
        export_of "$1" --packets --csv -o "$work/p.csv" && export_of "$1" --packets --arrow -o "$work/p.arrow" &&
        read_back "$work/c.arrow" connections "$work/c.csv" "$work/p.arrow" packets "$work/p.csv" > "$work/read" || return 1
    cat "$work/read"
    [ "$(wc -l < "$work/read")" -eq 2 ] && ! grep -q '^0 rows' "$work/read"
}
pipe_gets_a_stream() {
    export_of "$reuse" --packets --csv -o "$work/p.csv" && export_of "$reuse" --packets --arrow | cat > "$work/p.arrows" &&
        [ "$(head -c 4 "$work/p.arrows" | od -An -tx1 | tr -d ' ')" = ffffffff ] &&
        read_back - packets "$work/p.csv" < "$work/p.arrows" && export_of "$reuse" --packets --arrow > "$work/p.arrow" &&
        [ "$(head -c 6 "$work/p.arrow")" = ARROW1 ] && [ "$(tail -c 6 "$work/p.arrow")" = ARROW1 ]
}
without_rows() {
    head -c 24 "$reuse" > "$work/none.pcap"
    export_of "$work/none.pcap" --csv -o "$work/c.csv" && export_of "$work/none.pcap" --arrow -o "$work/c.arrow" &&
        read_back "$work/c.arrow" connections "$work/c.csv" | tee "$work/read" && grep -qx '0 rows, 0 batches' "$work/read" &&
        export_of "$work/none.pcap" --arrow | cat > "$work/c.arrows" && read_back - connections "$work/c.csv" < "$work/c.arrows"
}
large_capture() {
    [ -f "$work/large.pcap" ] && return 0
    cc -O1 bench/captures.c -o "$work/captures" && "$work/captures" web "$work/large.pcap" 8 2> /dev/null
}
many_batches_in_little_memory() { # from a pipe, so that no page of the capture counts
    large_capture && export_of "$work/large.pcap" --packets --csv -o "$work/p.csv" || return 1
    ( ulimit -v 150000; export_of - --packets --arrow < <(cat "$work/large.pcap") > "$work/p.arrow" ) || return 1
    read_back "$work/p.arrow" packets "$work/p.csv" > "$work/read" || return 1
    cat "$work/read"
    [ "$(sed 's/.*, \(.*\) batches/\1/' "$work/read")" -gt 1 ]
}
numbers_are_unwrapped() { # within a side they never fall by 2^31, and their lower halves are the segments'
    export_of "$1" --packets --csv -o "$work/p.csv" && python3 - "$work/p.csv" << 'PY'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline='')))
wraps = 0
for side in ('true', 'false'):
    numbers = [int(r['seq']) for r in rows if r['from_client'] == side]
    acks = [int(r['ack']) for r in rows if r['from_client'] != side and r['ack']]
    assert all(abs(b - a) < 2 ** 31 for a, b in zip(numbers, numbers[1:])), side
    assert max(acks) - max(numbers) in range(0, 70000), (max(acks), max(numbers))
    wraps += (max(numbers) >> 32) - (min(numbers) >> 32)
assert wraps == 2, wraps
PY
}
is_refused() { # CODE WORD WORDS…
    local want=$1 word=$2 got; shift 2
    "$rill" streams "$@" > "$work/out" 2> "$work/err"
    got=$?
    cat "$work/err"
    [ "$got" -eq "$want" ] && [ "$(wc -l < "$work/err")" -eq 1 ] && grep -qF -- "$word" "$work/err"
}
nothing_for_a_terminal() {
    python3 - "$rill" streams "$reuse" export --arrow > "$work/screen" <<'PY'
import os, pty, sys
seen = []
def read(fd):
    seen.append(os.read(fd, 4096))
    return seen[-1]
status = pty.spawn(sys.argv[1:], read, lambda fd: b'')
assert os.waitstatus_to_exitcode(status) == 2 and b'-o FILE' in b''.join(seen), (status, seen)
PY
}
filters_choose() {
    [ "$(export_of "$parallel" --packets --csv --port 45036 | wc -l)" -eq \
        $(($("$rill" streams "$parallel" show 2 --json | jq '.packets | add') + 1)) ] &&
        [ "$(export_of "$parallel" --packets --csv --address 10.9.9.9 | wc -l)" -eq 1 ]
}

reuse=examples/captures/port_reuse.pcap
parallel=examples/captures/http_parallel6.pcap
why_not=
command -v node > /dev/null || why_not="node is not installed"
[ -n "$why_not" ] || [ -d node_modules/apache-arrow ] || why_not="apache-arrow is not installed: npm ci"
try() { if [ -n "$why_not" ]; then skip "$1" "$why_not"; else check "$@"; fi; }

for capture in "$reuse" "$parallel" "$RILL_SHARED"/captures/*.pcap "$RILL_SHARED"/captures/*.pcapng; do
    [ -f "$capture" ] && try "$(basename "$capture"): schema, rows and values as in the CSV" same_as_csv "$capture"
done
try "a file has a footer, a pipe gets a stream" pipe_gets_a_stream
try "a capture without connections is a table without rows" without_rows
try "a large capture leaves in batches, in little memory" many_batches_in_little_memory
if [ -f "$RILL_SHARED/captures/seq_wrap.pcap" ]; then
    check "sequence numbers have no wrap" numbers_are_unwrapped "$RILL_SHARED/captures/seq_wrap.pcap"
else
    skip "sequence numbers have no wrap" "seq_wrap.pcap is not there"
fi
check "packets are chosen by address and port" filters_choose
check "nothing is written to a terminal" nothing_for_a_terminal
check "a table has one form" is_refused 2 "one form" "$reuse" export --csv --arrow
check "packets have no state" is_refused 2 "--state" "$reuse" export --packets --arrow --state open
check "packets are no JSON" is_refused 2 "--packets" "$reuse" export --packets --json
check "a table that cannot be written" is_refused 1 "/nowhere/x" "$reuse" export --arrow -o /nowhere/x
check "a table there is no room for" is_refused 1 "not whole" "$reuse" export --arrow -o /dev/full
check "a capture that is none" is_refused 1 "No such file" "$work/no.pcap" export --arrow -o "$work/x.arrow"
tap_end
