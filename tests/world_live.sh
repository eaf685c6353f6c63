#!/usr/bin/env bash
# `rill streams -i IF`: what passes an interface, in a network namespace of its own. Needs root, build/rill, python3, curl.
set -u
cd "$(dirname "$0")/.."
. tests/tap.sh
rill=$PWD/build/rill ns=rill-live-$$
work=$(mktemp -d)
trap 'ip netns pids "$ns" 2> /dev/null | xargs -r kill 2> /dev/null; ip netns del "$ns" 2> /dev/null; rm -rf "$work"' EXIT

inside() { ip netns exec "$ns" "$@"; }
prepare() {
    inside ip link set lo up
    head -c 3000000 /dev/zero > "$work/big"
    head -c 3000 /dev/zero > "$work/page"
    (cd "$work" && exec ip netns exec "$ns" python3 -m http.server 8099 --bind 127.0.0.1 > "$work/server.log" 2>&1) &
    for _ in $(seq 100); do inside curl -s http://127.0.0.1:8099/page -o /dev/null && return; sleep 0.1; done
    return 1
}
fetch() { inside curl -s "http://127.0.0.1:8099/$1" -o /dev/null; }
begin() { # OPTIONS…: in the background; waits until it says that it listens
    : > "$work/err"
    ip netns exec "$ns" timeout -k 2 60 "$rill" streams -i lo "$@" > "$work/out" 2> "$work/err" &
    job=$!
    for _ in $(seq 200); do
        grep -qx 'listening on lo' "$work/err" && return
        kill -0 "$job" 2> /dev/null || break
        sleep 0.05
    done
    cat "$work/err"
    return 1
}
pid() { pgrep -P "$job" -x rill; }
ends() { # CODE
    wait "$job"
    local status=$?
    cat "$work/out" "$work/err"
    [ $status -eq "$1" ] || { echo "exit code $status"; return 1; }
}
listed_as_they_close() {
    begin --duration 5s || return 1
    for _ in 1 2 3 4 5; do fetch page || return 1; done
    ends 0 && [ "$(grep -c '127.0.0.1:8099 .*closed' "$work/out")" -eq 5 ] && grep -q '^5 connections' "$work/out" &&
        [ "$(cat "$work/err")" = "listening on lo" ]
}
interrupt_ends_with_what_there_is() {
    begin || return 1
    fetch page
    sleep 0.3
    kill -INT "$(pid)"
    ends 0 && grep -q '^1 connection,' "$work/out"
}
json_lines() {
    begin --json --duration 4s || return 1
    fetch page; fetch page
    ends 0 && python3 -c '
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
assert len(rows) == 2 and all(r["state"] == "closed" and r["server"].endswith(":8099") for r in rows), rows' "$work/out"
}
filter_and_keep() {
    begin --filter 'tcp port 9' --duration 3s || return 1
    fetch page
    ends 0 && ! grep -q 8099 "$work/out" || return 1
    begin --filter 'tcp port 8099' -w "$work/kept.pcapng" --duration 3s || return 1
    fetch page
    ends 0 && "$rill" streams "$work/kept.pcapng" --json | grep -c '"state":"closed"' | grep -qx 1
}
drops_are_told() { # the kernel has nowhere to put them while it is stopped
    begin --buffer 64K --duration 6s || return 1
    kill -STOP "$(pid)"
    for _ in 1 2 3 4; do fetch big; done
    kill -CONT "$(pid)"
    ends 5 && grep -q 'packets were dropped: the kernel' "$work/err"
}
memory_is_bounded() { # more connections at once than fit: some are put away, and it is said
    begin --memory 2M --duration 8s || return 1
    inside timeout 20 python3 - <<'PY' || return 1
import resource, socket
resource.setrlimit(resource.RLIMIT_NOFILE, (9000, 9000))
listener = socket.socket()
listener.bind(('127.0.0.1', 9000))
listener.listen(4096)
kept = []
for _ in range(3500):
    kept.append(socket.create_connection(('127.0.0.1', 9000), 5))
    kept[-1].send(b'x')
PY
    local used
    used=$(awk '/RssAnon/ { print $2 }' "/proc/$(pid)/status")
    echo "anonymous memory: $used KiB"
    ends 5 > "$work/said"
    tail -n 3 "$work/said"
    grep -q 'put away early' "$work/said" && [ "$used" -lt 16000 ]
}
one_line() { # CODE WORD COMMAND…
    local code=$1 word=$2; shift 2
    "$@" > "$work/out" 2> "$work/err"
    local status=$?
    cat "$work/err"
    [ $status -eq "$code" ] && [ "$(wc -l < "$work/err")" -eq 1 ] && grep -q -- "$word" "$work/err"
}

why_not=
[ "$(id -u)" = 0 ] && ip netns add "$ns" 2> /dev/null || why_not="network namespaces need root"
[ -n "$why_not" ] || prepare || why_not="python3's http.server does not answer"
[ -n "$why_not" ] || { inside timeout 5 "$rill" streams -i lo --count 0 2>&1 | grep -q 'libpcap-dev' && why_not="built without libpcap"; }
try() { if [ -n "$why_not" ]; then skip "$1" "$why_not"; else check "$@"; fi; }
try "connections are listed as they close" listed_as_they_close
try "SIGINT ends it with what there is" interrupt_ends_with_what_there_is
try "--json is an object a connection" json_lines
try "--filter chooses, -w keeps" filter_and_keep
try "drops of the kernel's are told, and make it partial" drops_are_told
try "memory stays within bounds" memory_is_bounded
try "an interface that is not there" one_line 3 "no interface nosuch" inside "$rill" streams -i nosuch
try "a filter that is none" one_line 2 "filter" inside "$rill" streams -i lo --filter 'tcp prot 1'
try "what needs the packets again is told how" one_line 2 "-w FILE" inside "$rill" streams -i lo show 1
tap_end
