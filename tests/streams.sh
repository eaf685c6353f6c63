#!/usr/bin/env bash
# rill streams as a user meets it: verbs, filters, packed and damaged files, exit codes. Needs build/rill.
set -u
cd "$(dirname "$0")/.."
. tests/tap.sh
rill=build/rill
parallel=examples/captures/http_parallel6.pcap
reuse=examples/captures/port_reuse.pcap
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# exits CODE COMMAND…: it ends with that code.
exits() {
    local want=$1 got; shift
    "$@" > "$work/out" 2> "$work/err"
    got=$?
    [ "$got" -eq "$want" ] || { echo "exit code $got, expected $want"; cat "$work/err"; return 1; }
}
streams() { "$rill" streams "$@"; }
lines() { # N COMMAND…: it prints so many lines
    local want=$1 got; shift
    got=$("$@" | wc -l)
    [ "$got" -eq "$want" ] || { echo "$got lines, expected $want"; return 1; }
}

six_connections_to_one_server() {
    streams "$parallel" > "$work/list"
    grep -q '^10.78.0.1 opened 6 connections to 10.78.0.2:80' "$work/list" && [ "$(grep -c closed "$work/list")" -eq 6 ]
}
one_four_tuple_six_times() {
    streams "$reuse" > "$work/list"
    grep -q '^10.78.0.1:33333 and 10.78.0.2:9001 were used 6 times' "$work/list" &&
        [ "$(awk '/33333  *->/ { print $2 }' "$work/list" | tr '\n' ' ')" = "1 2 3 4 5 6 " ]
}
verbs_stand_anywhere() {
    streams show 3 "$reuse" > "$work/one" && streams "$reuse" show 3 > "$work/other" && cmp "$work/one" "$work/other"
}
why_names_a_state_and_a_frame() {
    streams "$reuse" why 4 | head -n 1 | grep -qE "^Connection 4: The client's application .* of .* \(see frame [0-9]+\)\.$"
}
follow_is_what_was_sent() { # the request of the fifth connection
    [ "$(streams "$reuse" follow 4 --raw --from client)" = req4 ] &&
        [ "$(streams "$reuse" follow 4 --raw --from server | wc -c)" -eq 4004 ]
}
ladder_shows_the_handshake() {
    streams "$reuse" ladder 4 > "$work/ladder"
    grep -q -- '- SYN -.*frame 56$' "$work/ladder" && grep -q -- '<-.* SYN ACK .*frame 57$' "$work/ladder"
}
cut_gives_the_connection_alone() {
    streams "$reuse" cut 4 -o "$work/cut.pcapng" || return 1
    streams "$work/cut.pcapng" --json > "$work/cut.json"
    [ "$(wc -l < "$work/cut.json")" -eq 1 ] || return 1
    python3 - "$work/cut.json" <(streams "$reuse" show 4 --json) << 'PY'
import json, sys
cut, whole = (json.load(open(path)) for path in sys.argv[1:])
for key in 'packets bytes start duration isn rtt blame state'.split():
    assert cut[key] == whole[key], (key, cut[key], whole[key])
PY
}
csv_has_a_line_a_connection() {
    streams "$reuse" export --csv -o "$work/list.csv" && python3 - "$work/list.csv" << 'PY'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline='')))
assert [r['number'] for r in rows] == list('012345'), rows
assert all(r['server'] == '10.78.0.2:9001' and int(r['server_bytes']) == 4004 for r in rows)
PY
}
filters_choose() {
    lines 1 streams "$parallel" --json --port 45036 && lines 6 streams "$parallel" --json --address 10.78.0.2 &&
        lines 0 streams "$parallel" --json --address 10.9.9.9 && lines 4 streams "$reuse" --json --state closed &&
        lines 2 streams "$reuse" --json --state reset && lines 1 streams "$reuse" --json --blame client
}
sort_puts_the_largest_first() {
    streams "$reuse" --json --sort duration | python3 -c '
import json, sys
times = [json.loads(line)["duration"] for line in sys.stdin]
assert len(times) == 6 and times == sorted(times, reverse=True), times'
}
fail_if_decides() {
    exits 0 streams "$reuse" --fail-if 'resent>1%' && exits 4 streams "$reuse" --fail-if 'connections>=6' &&
        exits 4 streams "$reuse" --fail-if 'reset>30%' && exits 0 streams "$reuse" --fail-if 'reset>40%' &&
        exits 2 streams "$reuse" --fail-if 'nonsense>1' && exits 2 streams "$reuse" --fail-if 'resent'
}
packed_is_read_the_same() { # PROGRAM SUFFIX
    "$1" -c "$parallel" > "$work/packed.$2" 2> /dev/null && streams "$parallel" --json > "$work/plain.json" &&
        streams "$work/packed.$2" --json > "$work/packed.json" && cmp "$work/plain.json" "$work/packed.json" &&
        streams - --json < "$work/packed.$2" > "$work/packed.json" && cmp "$work/plain.json" "$work/packed.json"
}
standard_input_is_read() {
    streams "$parallel" follow 2 --raw > "$work/one" && streams - follow 2 --raw < "$parallel" > "$work/other" &&
        cmp "$work/one" "$work/other" && cat "$parallel" | streams - follow 2 --raw | cmp - "$work/one"
}
two_files_are_one_capture() { # each half of the packets in a file of its own, the second half first
    python3 - "$reuse" "$work" << 'PY'
import struct, sys
data = open(sys.argv[1], 'rb').read()
at, records = 24, []
while at < len(data):
    size = 16 + struct.unpack('<I', data[at + 8:at + 12])[0]
    records.append(data[at:at + size])
    at += size
for name, part in (('a', records[:40]), ('b', records[40:])):
    open(f'{sys.argv[2]}/{name}.pcap', 'wb').write(data[:24] + b''.join(part))
PY
    streams "$work/b.pcap" "$work/a.pcap" --json > "$work/both.json"
    streams "$reuse" --json | cmp - "$work/both.json"
}
damage_is_named_with_its_place() {
    head -c 20000 "$reuse" > "$work/cut.pcap"
    exits 5 streams "$work/cut.pcap" || return 1
    grep -qE "cut.pcap: the file is cut off: .* at byte [0-9]+, after [0-9]+ packets; the answer is partial" "$work/err" ||
        { cat "$work/err"; return 1; }
    grep -q 33333 "$work/out" || return 1
    { head -c 10000 "$reuse"; head -c 5000 /dev/zero | tr '\0' '\377'; } > "$work/bad.pcap"
    exits 5 streams "$work/bad.pcap" && grep -q "bad.pcap: .* at byte [0-9]*, after [0-9]* packets" "$work/err"
}
what_is_no_capture_is_refused() {
    : > "$work/empty"
    echo "this is no capture" > "$work/text"
    exits 1 streams "$work/empty" && grep -q "empty" "$work/err" && exits 1 streams "$work/text" &&
        grep -q "neither pcap nor pcapng" "$work/err" && exits 1 streams "$work/none" && grep -q "No such file" "$work/err" &&
        exits 1 streams . && grep -q "directory" "$work/err"
}
wrong_words_are_refused() {
    exits 2 streams "$reuse" --memory 512K && exits 2 streams && exits 2 streams "$reuse" show &&
        exits 2 streams "$reuse" follow x && exits 1 streams "$reuse" show 6 &&
        grep -q "no connection 6; there are 6, from 0 to 5" "$work/err" && exits 2 streams "$reuse" --sort nonsense &&
        exits 2 streams "$reuse" follow 0 --from nobody && exits 2 streams "$reuse" follow 0 --overlap odd &&
        exits 2 streams "$reuse" cut 0
}
every_length_is_survived() { # of a small capture, with every verb in turn
    local length code verb verbs=(list "show 0" "why 0" "follow 0" "ladder 0" events)
    head -c 3000 "$reuse" > "$work/small.pcap"
    for ((length = 0; length < 3000; length += 7)); do
        head -c "$length" "$work/small.pcap" > "$work/part.pcap"
        verb=${verbs[length % 6]}
        # shellcheck disable=SC2086
        streams "$work/part.pcap" $verb > /dev/null 2> "$work/err"
        code=$?
        case $code in 0 | 1 | 5) ;; *) echo "length $length, $verb: exit code $code"; return 1 ;; esac
    done
}
shards_make_a_whole() {
    local i
    for i in 0 1 2; do streams "$parallel" --json --shard "$i/3"; done | wc -l | grep -qx 6 &&
        exits 1 streams "$parallel" --shard 3/3
}

large_capture() { # 97 MB, 12,000 connections
    [ -f "$work/large.pcap" ] && return 0
    cc -O1 bench/captures.c -o "$work/captures" && "$work/captures" web "$work/large.pcap" 8 2> /dev/null
}
index_gives_the_same() {
    large_capture || return 1
    local verb
    for verb in "list --json" "show 11000 --json" "follow 7777 --raw" "ladder 42 --json" "why 5"; do
        # shellcheck disable=SC2086
        streams "$work/large.pcap" $verb --no-index > "$work/without" || return 1
        [ -f "$work/large.pcap.rill-index" ] || streams "$work/large.pcap" > /dev/null || return 1
        [ -f "$work/large.pcap.rill-index" ] || { echo "no index was written"; return 1; }
        # shellcheck disable=SC2086
        streams "$work/large.pcap" $verb > "$work/with" || return 1
        cmp "$work/without" "$work/with" || { echo "$verb differs"; return 1; }
    done
}
index_of_another_file_is_not_used() {
    large_capture && streams "$work/large.pcap" > /dev/null || return 1
    head -c 90000000 "$work/large.pcap" > "$work/other.pcap"
    cp "$work/large.pcap.rill-index" "$work/other.pcap.rill-index"
    exits 5 streams "$work/other.pcap" --limit 1 && exits 5 streams "$work/other.pcap" --limit 1 || return 1
    head -c 100000 "$work/large.pcap.rill-index" > "$work/index" && mv "$work/index" "$work/large.pcap.rill-index"
    exits 0 streams "$work/large.pcap" --limit 1 # written anew
    [ "$(stat -c %s "$work/large.pcap.rill-index")" -gt 100000 ]
}
follow_through_the_index_is_quick() { # the time of a process, and a little
    large_capture && streams "$work/large.pcap" > /dev/null || return 1
    local start end
    start=$(date +%s%N)
    streams "$work/large.pcap" follow 11000 --raw > /dev/null || return 1
    end=$(date +%s%N)
    [ $(((end - start) / 1000000)) -lt 250 ] || { echo "$(((end - start) / 1000000)) ms"; return 1; }
}
memory_stays_small() { # of 12,000 connections, without the file itself
    large_capture || return 1
    ( ulimit -v 200000; streams - --json < "$work/large.pcap" > "$work/list" ) && lines 12000 cat "$work/list"
}

check "six connections to one server are told apart, and why there are six" six_connections_to_one_server
check "one four-tuple used six times is six lives" one_four_tuple_six_times
check "a verb may stand before or behind the files" verbs_stand_anywhere
check "why names a state, its time and a frame" why_names_a_state_and_a_frame
check "follow gives what was sent, and nothing else" follow_is_what_was_sent
check "ladder shows the handshake" ladder_shows_the_handshake
check "cut gives the connection alone, and it measures the same" cut_gives_the_connection_alone
check "export writes a line a connection" csv_has_a_line_a_connection
check "filters choose by address, port, state and blame" filters_choose
check "sort puts the largest first" sort_puts_the_largest_first
check "--fail-if decides about the exit code" fail_if_decides
for packer in "gzip gz" "zstd zst"; do
    if command -v "${packer% *}" > /dev/null; then
        # shellcheck disable=SC2086
        check "a capture packed with ${packer% *} is read the same" packed_is_read_the_same $packer
    else
        skip "a capture packed with ${packer% *} is read the same" "${packer% *} is not installed"
    fi
done
check "standard input is read, from a file and from a pipe" standard_input_is_read
check "two files are one capture, in the order of time" two_files_are_one_capture
check "damage is named with file and place, and the answer said to be partial" damage_is_named_with_its_place
check "what is no capture is refused by name" what_is_no_capture_is_refused
check "wrong words are refused" wrong_words_are_refused
check "a file cut off at any length is survived" every_length_is_survived
check "an index gives the same as the capture" index_gives_the_same
check "an index that does not fit is not used" index_of_another_file_is_not_used
check "follow through an index is quick" follow_through_the_index_is_quick
check "a large list needs little memory" memory_stays_small
check "shards are parts of one whole" shards_make_a_whole
tap_end
