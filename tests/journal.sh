#!/usr/bin/env bash
# The journal from outside: no call and no field is forgotten; 32 and 64 bits read each other's journals; the
# command records and replays; what recording costs is printed. Needs build/ and build-test/.
set -u
cd "$(dirname "$0")/.."
. tests/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rill=build/rill

# Calls that take a stack they could change, and only look.
queries="ready tcp_get_info tcp_get_tcpi tcp_fast_open_get tcp_check udp_get_info tcp_peek tcp_bound_local udp_peek sockets_open"
# Fields of configs that are not behaviour, or are recorded in a way of their own.
not_numbers="size allocator pool trace trace_context journal journal_context journal_number ipv4 ipv6 transports
    fragments congestion congestion_more user framing mac mtu flags detection autoconfigure"

no_call_is_forgotten() {
    python3 - "$queries" "$not_numbers" <<'PY'
import glob, re, sys
queries, not_numbers = sys.argv[1].split(), sys.argv[2].split()
text = re.sub(r'/\*.*?\*/', '', ''.join(open(f).read() for f in sorted(glob.glob('include/rill/*.h'))), flags=re.S)
listed = set(re.findall(r'\bX\(\d+, (\w+)\)', open('src/stack/journal.h').read()))
taking = {name for name, arguments in re.findall(r'RILL_API[^;{]*?\brill_(\w+)\(([^;]*?)\)\s*;', text, re.S)
          if re.search(r'(?<!const )struct rill_stack \*{1,2}\w+', arguments)}
bad = 0
for name in sorted(taking - listed - set(queries)):
    print(f'rill_{name} is neither in JOURNAL_CALLS (src/stack/journal.h says how) nor a query')
    bad = 1
for name in sorted((listed | set(queries)) - taking):
    print(f'rill_{name} is no call that takes a stack')
    bad = 1
if len(taking) < 20:
    print('the headers were not understood')
    bad = 1
journal = open('src/stack/journal.h').read()
for struct in ('stack_config', 'tcp_listen_config', 'tcp_connect_config', 'tcp_bind_config', 'udp_config', 'udp_message',
               'interface_config'):
    body = re.search(r'struct rill_%s \{(.*?)\n\}' % struct, text, re.S).group(1)
    for declaration in body.split(';'):
        fields = re.sub(r'\(\*(\w+)\)\(.*', r' \1', ' '.join(declaration.split()))
        for field in re.findall(r'(\w+)(?:\[\w+\])?(?=,|$)', fields):
            if field not in not_numbers and not re.search(r'[NE]\(%s(\[0\])?\)' % field, journal):
                print(f'rill_{struct}.{field} is in no list of src/stack/journal.h')
                bad = 1
sys.exit(bad)
PY
}
sources=$(sed 's,^,src/,' src/core.list src/link.list)
sources="$sources tests/world.c tests/sim/mixed.c tests/sim/journal_tool.c"
build() { # NAME COMPILER FLAG...
    local name=$1
    shift
    # shellcheck disable=SC2086
    "$@" -std=c11 -Iinclude -Isrc -Itests -o "$work/$name" $sources
}
plays() { # WRITER PLAYER
    local seed
    for seed in 1 2 3 4 5 6 7 8 9 10 11 12; do
        "$work/$1" write "$seed" 300 "$work/one" && "$work/$2" play "$work/one" || return 1
    done
}
demo_replays() { # OPTION...
    $rill demo "$@" --journal "$work/demo" > "$work/demo.out" && $rill replay "$work/demo" > "$work/out" &&
        grep -qx 'the replay equals the journal' "$work/out"
}
bench_replays() {
    $rill bench bulk --rounds 1 --bytes 1M --journal "$work/bench" && $rill replay "$work/bench" &&
        $rill bench rpc --rounds 1 --count 500 --journal "$work/bench" && $rill replay "$work/bench"
}
exits() { # CODE COMMAND...
    local want=$1 got
    shift
    "$@"
    got=$?
    [ $got -eq "$want" ] || { echo "exit code $got, expected $want"; return 1; }
}
cut_off_is_partial() {
    head -c 100001 "$work/demo" > "$work/cut"
    exits 5 $rill replay "$work/cut" | grep -q 'ends within a call'
}
damage_is_told() {
    { head -c 50000 "$work/demo"; printf 'x'; tail -c +50002 "$work/demo"; } > "$work/damaged"
    exits 5 $rill replay "$work/damaged" | grep -q 'not as it was written'
}
mismatch_names_the_call() {
    build-test/tests/planted_test --write "$work/planted" &&
        exits 1 $rill replay "$work/planted" > "$work/out"
    cat "$work/out"
    grep -qE 'at call [0-9]+ \(rill_\w+ of stack [01]\), time [0-9.]+ s' "$work/out"
}
no_journal_is_refused() {
    exits 2 $rill replay README.md && exits 1 $rill replay "$work/nowhere" && exits 2 $rill replay &&
        exits 1 $rill demo --journal "$work/no/such" && exits 1 $rill demo --journal /dev/full
}
until_tells_where_it_stands() {
    $rill replay "$work/demo" --until 200ms > "$work/out" || return 1
    cat "$work/out"
    grep -q '^stack 0 stands with 20 connections' "$work/out" && grep -q ': established, cwnd' "$work/out" &&
        grep -q 'stopped at the time asked for' "$work/out"
}
trace_and_capture_are_written() {
    $rill demo --loss 2% --capture "$work/a.pcapng" --journal "$work/j" > "$work/out" &&
        $rill replay "$work/j" --trace "$work/t" --capture "$work/b.pcapng" --json > "$work/json" || return 1
    python3 - "$work" <<'PY'
import json, sys
work = sys.argv[1]
causes = [json.loads(line).get('cause') for line in open(work + '/t')]
assert 'syn' in causes and 'lost by time: retransmit' in causes, causes[:10]
result = json.load(open(work + '/json'))
assert result['end'] == 'the whole journal' and result['calls'] > 1000 and result['packets_out'] > 100, result

def frames(name):  # of pcapng: the enhanced packet blocks' lengths
    data, at, out = open(name, 'rb').read(), 0, []
    while at < len(data):
        kind, length = (int.from_bytes(data[at + k:at + k + 4], 'little') for k in (0, 4))
        if kind == 6:
            out.append(data[at + 28:at + 28 + int.from_bytes(data[at + 20:at + 24], 'little')])
        at += length
    return out
# What both hosts sent is in each; the replay's has what came in too.
sent, all_of_it = frames(work + '/a.pcapng'), frames(work + '/b.pcapng')
assert len(all_of_it) > len(sent) > 1000 and set(sent) <= set(all_of_it)
PY
}
example_of_the_help() { # as it is printed
    local example
    example=$($rill replay --help | sed -n 's/^example: //p')
    [ -n "$example" ] || return 1
    (cd "$work" && F=$work/F && eval "$(echo "$example" | sed "s,rill ,$OLDPWD/$rill ,g; s, F\b, $F,g")")
}
bulk() { $rill bench bulk --rounds 3 --bytes 32M --json "$@" | python3 -c '
import json, sys
print(", ".join("%s: %.3g" % (j["variant"], j["median"]) for j in map(json.loads, sys.stdin) if j["name"] == "bulk"))'; }
overhead_is_printed() {
    echo "# bulk, Gbit/s of CPU time, no journal:       $(bulk)" >&3
    echo "# bulk, Gbit/s of CPU time, journal to a file: $(bulk --journal "$work/bench")" >&3
    echo "# bulk, Gbit/s of CPU time, journal to nobody: $(bulk --journal /dev/null)" >&3
}
exec 3>&1

check "no call and no field of a config is forgotten" no_call_is_forgotten
check "the demo's journal is replayed" demo_replays
check "a lossy demo's journal is replayed" demo_replays --loss 3% --reorder 2% --rate 20M --connections 20
check "the benchmarks' journals are replayed" bench_replays
check "the example of --help works" example_of_the_help
check "--until tells where it stands" until_tells_where_it_stands
check "--trace, --capture and --json of a replay" trace_and_capture_are_written
check "a journal cut off ends with exit code 5" cut_off_is_partial
check "a damaged journal ends with exit code 5" damage_is_told
check "a program that behaves differently is told the first call" mismatch_names_the_call
check "what is no journal, or cannot be written, is refused" no_journal_is_refused
check "64 bits build" build tool64 gcc -O2
check "64 bits play their own" plays tool64 tool64
if command -v i686-linux-gnu-gcc > /dev/null; then
    check "32 bits build" build tool32 i686-linux-gnu-gcc -static -O2
    check "32 bits play journals of 64" plays tool64 tool32
    check "64 bits play journals of 32" plays tool32 tool64
else
    skip "32 and 64 bits read each other's journals" "i686-linux-gnu-gcc is not installed"
fi
check "what a journal costs is printed above" overhead_is_printed
tap_end
