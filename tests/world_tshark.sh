#!/usr/bin/env bash
# Captures before tshark, its checksum checks switched on: of the demo (no root needed) and of a served fetch.
. "$(dirname "$0")/world.bash" tshark
checks=(-o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE)
dissect() { timeout 60 tshark "${checks[@]}" -r "$@" 2> "$work/tshark.err"; }

sound() { # FILE LONGEST: no malformed packet, every checksum checked and good, no frame longer than the wire's
    local all bad good ipv4 good_ip
    all=$(dissect "$1" -Y tcp | wc -l)
    bad=$(dissect "$1" -Y '_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0 || frame.len > '"$2")
    good=$(dissect "$1" -Y 'tcp.checksum.status == 1' | wc -l)
    ipv4=$(dissect "$1" -Y 'tcp && ip' | wc -l)
    good_ip=$(dissect "$1" -Y 'tcp && ip.checksum.status == 1' | wc -l)
    echo "$all segments, $good good checksums, $ipv4 in IPv4, $good_ip good header checksums"
    echo "bad:"; echo "$bad" | head -n 5
    [ "$all" -gt "$3" ] && [ -z "$bad" ] && [ "$good" -eq "$all" ] && [ "$good_ip" -eq "$ipv4" ]
}
demo() { timeout 60 "$rill" demo --json --capture "$work/demo.pcapng" "$@" > "$work/demo.json"; }
demo_numbers() { # tshark's streams are our connections, in our order, the re-used four-tuple included
    demo --seed 3 && dissect "$work/demo.pcapng" -Y 'tcp.flags.syn == 1 && tcp.flags.ack == 0' -T fields \
        -e tcp.stream -e ip.src -e tcp.srcport -e ip.dst -e tcp.dstport > "$work/streams" || return 1
    cat "$work/streams"
    python3 - "$work/demo.json" "$work/streams" <<'PY'
import json, sys
ours = [(c['local'], c['remote']) for c in json.load(open(sys.argv[1]))['connections']]
theirs = {}
for line in open(sys.argv[2]):
    n, a, p, b, q = line.split()
    theirs.setdefault(int(n), (f'{a}:{p}', f'{b}:{q}'))
assert [theirs[i] for i in range(len(ours))] == ours and len(theirs) == len(ours), (theirs, ours)
assert ours[-1] in ours[:-1], 'no re-used four-tuple'
PY
}
demo_sound() { demo "$@" && sound "$work/demo.pcapng" 1500 100; }
comments() { [ "$(dissect "$work/demo.pcapng" -Y tcp | wc -l)" = "$(dissect "$work/demo.pcapng" -Y frame.comment | wc -l)" ]; }

served() { # two fetches over each family, then two connections from one port, one after the other
    local i
    bytes 5M > "$work/www/file"
    start_serve rill0 --capture "$work/served.pcapng" --trace "$work/trace.json" || return 1
    for i in http://10.77.0.2/file 'http://[fd77::2]/file'; do
        world 10 curl -gsS "$i" "$i" -o "$work/1" -o "$work/2" && cmp "$work/1" "$work/www/file" || return 1
    done
    for i in 1 2; do
        world 10 curl -gsS --local-port 5555 -H 'Connection: close' http://10.77.0.2/file -o "$work/1" || return 1
    done
    stop_rill
}
served_streams() { # tshark counts four: the port used again is another
    dissect "$work/served.pcapng" -Y 'tcp.flags.syn == 1 && tcp.flags.ack == 0' -T fields -e tcp.stream -e tcp.srcport |
        tee "$work/streams"
    [ "$(cut -f1 "$work/streams" | sort -un | tr '\n' ' ')" = "0 1 2 3 " ] &&
        [ "$(grep -c '	5555$' "$work/streams")" = 2 ]
}
served_both_ways() {
    [ "$(dissect "$work/served.pcapng" -Y 'ip.src == 10.77.0.1 && tcp' | wc -l)" -gt 10 ] &&
        [ "$(dissect "$work/served.pcapng" -Y 'ip.src == 10.77.0.2 && tcp' | wc -l)" -gt 1000 ] &&
        [ "$(dissect "$work/served.pcapng" -Y 'frame.comment contains "new data"' | wc -l)" -gt 1000 ]
}
trace_is_json() {
    python3 - "$work/trace.json" <<'PY'
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
assert any(l['kind'] == 'sent' and l['cause'] == 'new data' for l in lines)
assert any(l['kind'] == 'received' for l in lines)
PY
}

if command -v tshark > /dev/null; then
    check "demo: tshark numbers the connections as we do, the port used again included" demo_numbers
    check "demo: nothing malformed, every checksum good" demo_sound --seed 3
    check "demo with loss and reordering: the same" demo_sound --seed 4 --loss 3% --reorder 5%
    check "demo: every frame says why it was sent" comments
else
    skip "captures of the demo" "tshark is not installed"
fi
[ -n "$why_not" ] || { ip netns exec "$ns" "$rill" serve 2>&1 | grep -q 'built without' &&
    why_not="built without libmicrohttpd"; }
try "a served fetch is captured" served
try "served: nothing malformed, every checksum good, frames as on a wire" sound "$work/served.pcapng" 1500 10000
try "served: the port used again is another stream" served_streams
try "served: both directions, with causes" served_both_ways
try "the trace is lines of JSON" trace_is_json
tap_end
