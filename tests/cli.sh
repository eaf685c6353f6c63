#!/usr/bin/env bash
# The command as a user meets it: demo, bench, values, errors, exit codes. Needs build/rill.
set -u
cd "$(dirname "$0")/.."
. tests/tap.sh
rill=build/rill
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# exits CODE COMMAND…: it ends with that code.
exits() {
    local want=$1 got; shift
    "$@"
    got=$?
    [ "$got" -eq "$want" ] || { echo "exit code $got, expected $want"; return 1; }
}
# one_line_error CODE WORD COMMAND…: that code, nothing on standard output, one line naming WORD on error.
one_line_error() {
    local want=$1 word=$2; shift 2
    exits "$want" "$@" > "$work/out" 2> "$work/err" || { cat "$work/err"; return 1; }
    cat "$work/err"
    [ ! -s "$work/out" ] && [ "$(wc -l < "$work/err")" -eq 1 ] && grep -qF -- "$word" "$work/err"
}
json_of_demo() { # CONDITION OPTIONS…: the demo's JSON, as d, fulfils it
    local condition=$1; shift
    "$rill" demo --json "$@" > "$work/demo.json" 2> "$work/err" || { cat "$work/err"; return 1; }
    [ "$(wc -l < "$work/demo.json")" -eq 1 ] || return 1
    python3 - "$work/demo.json" "$condition" <<'PY'
import json, sys
d = json.load(open(sys.argv[1])); c = d['connections']
assert eval(sys.argv[2]), sys.argv[2] + '\n' + json.dumps(d, indent=1)
PY
}
same_seed_same_capture() {
    "$rill" demo --seed 5 --loss 3% --capture "$work/a.pcapng" > "$work/a.txt" &&
        "$rill" demo --seed 5 --loss 3% --capture "$work/b.pcapng" > "$work/b.txt" &&
        cmp "$work/a.pcapng" "$work/b.pcapng" &&
        "$rill" demo --seed 6 --loss 3% --capture "$work/c.pcapng" > "$work/c.txt" &&
        ! cmp -s "$work/a.pcapng" "$work/c.pcapng"
}
bench_lines() { # WHAT: each line is a figure with every field; copies are within their limits
    "$rill" bench "$1" --rounds 3 --bytes 8M --count 2000 --json > "$work/bench.json" || return 1
    python3 - "$work/bench.json" <<'PY'
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
fields = {'name', 'variant', 'unit', 'median', 'min', 'max', 'rounds', 'limit', 'limited_by'}
assert lines
for l in lines:
    assert set(l) == fields and l['rounds'] == 3 and l['min'] <= l['median'] <= l['max'], l
    if l['name'] == 'copies':
        print(l['variant'], l['median'])
        assert l['median'] <= float(l['limit']), l
PY
}

check "demo exits 0 and shows seven connections" bash -c "$rill demo | grep -c '10.77.0.2:19 ' | grep -qx 8"
check "demo explains socket, connection, stream and the second life in four lines" \
    bash -c "$rill demo | grep -cE '^(A socket is|A connection is|A stream is|Connection 7 has)' | grep -qx 4"
check "demo --json has six connections and one more" json_of_demo \
    "d['ok'] and d['seed'] == 1 and len(c) == 7 and [x['incarnation'] for x in c] == [1] * 6 + [2]"
check "demo --json fields are those promised" json_of_demo \
    "set(d) == {'ok', 'seed', 'virtual_seconds', 'wall_seconds', 'connections'} and all(set(x) == {'incarnation', 'local', 'remote', 'bytes_received', 'sha256', 'ok', 'segments_sent', 'segments_resent', 'rtt_ms', 'closed_by'} for x in c)"
check "the last connection has the first one's sockets" json_of_demo \
    "c[6]['local'] == c[0]['local'] and c[6]['remote'] == c[0]['remote'] and len({x['local'] for x in c}) == 6"
check "connections close once from each side" json_of_demo "{x['closed_by'] for x in c} == {'client', 'server'}"
check "every byte arrives under loss and reordering" json_of_demo \
    "d['ok'] and all(x['bytes_received'] == 300 * 1024 and x['segments_resent'] > 0 for x in c)" \
    --bytes 300K --loss 10% --reorder 20% --rtt 5ms
check "without loss nothing is resent" json_of_demo "all(x['segments_resent'] == 0 for x in c)"
check "the round trip is the path's" json_of_demo "all(80 <= x['rtt_ms'] < 90 for x in c)" --rtt 80ms
check "a rate bounds the time" json_of_demo "d['virtual_seconds'] > 7 * 2**20 * 8 / 50e6" --rate 50M
check "far more bytes than any buffer holds" json_of_demo "d['ok'] and c[1]['bytes_received'] == 20 * 2**20" --bytes 20M
check "one connection of no bytes" json_of_demo "d['ok'] and len(c) == 2 and c[0]['bytes_received'] == 0" \
    --connections 1 --bytes 0
check "three hundred connections" json_of_demo "d['ok'] and len(c) == 301" --connections 300 --bytes 10K
check "the same seed gives the same capture, another seed another" same_seed_same_capture
check "an unknown command is refused" one_line_error 2 "nonsense" "$rill" nonsense
check "an unknown option is refused" one_line_error 2 "--lost" "$rill" demo --lost 2%
check "a wrong value is refused" one_line_error 2 "'much'" "$rill" demo --loss much
check "a probability above one is refused" one_line_error 2 "'101%'" "$rill" demo --loss 101%
check "a missing value is refused" one_line_error 2 "--rtt" "$rill" demo --rtt
check "a time without a unit is refused" one_line_error 2 "'20'" "$rill" demo --rtt 20
check "no connections at all is refused" one_line_error 2 "--connections" "$rill" demo --connections 0
check "a capture that cannot be written is an error" one_line_error 1 "/nowhere/x" "$rill" demo --capture /nowhere/x
if [ -w /dev/full ]; then
    check "a full disk is an error" exits 1 "$rill" demo --capture /dev/full
else
    skip "a full disk is an error" "no /dev/full"
fi
check "help names every command" bash -c "$rill --help | grep -qE '^  demo' && $rill --help | grep -qE '^  bench'"
check "help of a command exits 0" exits 0 "$rill" demo --help
check "the version" bash -c "$rill version | grep -qE '^rill [0-9]+\.[0-9]+\.[0-9]+$'"
check "bench bulk: figures, and copies within their limits" bench_lines bulk
check "bench rpc: figures" bench_lines rpc
check "bench without a name is refused" one_line_error 2 "bulk" "$rill" bench
tap_end
