#!/usr/bin/env bash
# rill lab in real time. Kernels as both ends: `far` (10.77.0.1, fd77::1) behind rill0 and `other` (10.77.0.2, fd77::2)
# behind rill1, with nothing but the lab between; then rill against either; then TUN devices. How late frames are handed
# over is printed, and held to ten times what is aimed at: the machine may be busy. Needs build/rill and root, or user
# namespaces.
. "$(dirname "$0")/pair.bash" ping socat jq openssl python3
v4=10.77.0.2 v6=fd77::2

prepare() {
    bytes 12M > "$work/large" && bytes 300K > "$work/small" || return 1
    unshare -n sleep infinity & # holds the third namespace
    other=$!
    wait_for 5 eval '[ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ]' || return 1
    ip link add rill1 type veth peer name far1 && ip link set far1 netns "$other" && ip link set rill1 up &&
        beyond 5 ip link set lo up && beyond 5 ip link set far1 up && beyond 5 ip addr add $v4/24 dev far1 &&
        beyond 5 ip addr add $v6/64 dev far1 nodad
}
beyond() { # SECONDS COMMAND…: in the third namespace
    local most=$1; shift
    nsenter -t "$other" -n timeout -k 2 "$most" "$@"
}
# lab OPTIONS…: between the two kernels, in the background; its JSON comes to $work/rill.out.
lab() {
    start_rill lab --a packet:rill0 --b packet:rill1 --json "$@" && wait_for 5 grep -q 'the path is open' "$work/rill.err" ||
        { cat "$work/rill.err"; return 1; }
}
end_lab() { # CONDITION: of the JSON
    kill -TERM "$rill_pid"
    exits 0 wait "$timeout_pid" || { cat "$work/rill.err"; return 1; }
    told "$1"
}
told() { # CONDITION
    jq -c . "$work/rill.out"
    [ "$(jq -r "$1" "$work/rill.out")" = true ]
}
serve_file() { # FILE: from the third namespace, to whoever connects first
    beyond 60 socat -u "OPEN:$1" TCP6-LISTEN:5000,reuseaddr,ipv6only=0 &
    wait_for 5 beyond 5 grep -q ':1388 0*:0000 0A' /proc/net/tcp6
}
carries() { # FILE ADDRESS: kernel to kernel, every byte
    serve_file "$1" || return 1
    local address=$2
    case $address in *:*) address="[$address]" ;; esac
    world 60 socat -u "TCP:$address:5000" - > "$work/got"
    cmp "$1" "$work/got"
}
round_trip() { # LEAST MOST, in ms
    world 10 ping -c 5 -i 0.2 $v4 > "$work/ping"
    cat "$work/ping"
    awk -F/ -v least="$1" -v most="$2" '/^rtt/ {ok = $5 >= least && $5 <= most} END {exit !ok}' "$work/ping"
}
kernels() { # RATE FILE: at that rate
    lab --rate "$1" --delay 10ms --queue 1xBDP || return 1
    carries "$2" $v4 || return 1
    end_lab ".ok and .real_time and ([.paths[] | .unread + .refused] | add) == 0 and ([.paths[].drops | .loss + .list + .mtu + .no_memory] | add) == 0 and
        (.paths[1].bytes_out > $(stat -c %s "$2"))"
}
figures() { # NAME: of the last run, for people
    jq -r '.paths[] | "\(.from) to \(.to): \(.frames_out) frames, late by \(.lateness_ns.median / 1000) us in the median, \(
        .lateness_ns.p99 / 1000) us at p99, \(.lateness_ns.max / 1000) us at most"' "$work/rill.out" | sed "s/^/# $1: /"
    jq -r '"\(.cpu_ns / .time_ns * 1000 | round / 10) % of a processor"' "$work/rill.out" | sed "s/^/# $1: /"
}
punctual() { told '[.paths[].lateness_ns | .median < 1000000 and .p99 < 10000000] | all'; }
same_losses() { # the ordinals of a list, whatever else happens; twice
    local i
    echo '2 5 6 40 41 42 80' > "$work/list"
    for i in 1 2; do
        lab --rate 20M --delay 5ms --loss-ba "list:$work/list" || return 1
        carries "$work/small" $v4 || return 1
        end_lab '.paths[1].drops.list == 7 and .paths[0].drops.list == 0' || return 1
    done
}
lossy() { # ADDRESS
    lab --rate 50M --delay 5ms --loss 1% --duplicate 0.5% --reorder 1% --corrupt 0.2% || return 1
    carries "$work/large" "$1" || return 1
    end_lab '.paths[1].drops.loss > 0 and .paths[1].duplicated > 0 and .paths[1].corrupted > 0 and .paths[1].reordered > 0'
}
far_path() { lab --rate 50M --delay 25ms --queue 1xBDP --loss 1%; }
curls() { # a web server and curl, neither of which knows
    (cd "$work" && beyond 60 python3 -m http.server 8000 > http.out 2>&1) &
    wait_for 5 beyond 5 grep -q ':1F40 0*:0000 0A' /proc/net/tcp || return 1
    far_path && [ "$(world 60 curl -sS "http://$v4:8000/large" | sum)" = "$(sum "$work/large")" ] &&
        end_lab '.ok and .paths[1].drops.loss > 0 and .paths[1].bytes_out > 12582912'
}
iperfs() { # both ways
    beyond 60 iperf3 -s -p 5201 > "$work/iperf.server" 2>&1 &
    wait_for 5 beyond 5 grep -q ':1451 0*:0000 0A' /proc/net/tcp6 || return 1
    far_path && world 30 iperf3 -c $v4 -p 5201 -t 3 -J > "$work/forth" && world 30 iperf3 -c $v4 -p 5201 -t 3 -R -J > "$work/back" || return 1
    jq -c '.end.sum_received | {bytes, bits_per_second}' "$work/forth" "$work/back"
    [ "$(jq -s 'map(.end.sum_received | .bytes > 100000 and .bits_per_second < 50000000) | all' "$work/forth" "$work/back")" = true ] &&
        end_lab '.ok and ([.paths[].drops.loss > 0] | all)'
}
host() { # OPTIONS…: rill as a, the kernel `far` behind rill0
    near 60 "$rill" lab --a host --a-address 10.77.0.3/24 --b packet:rill0 --rate 50M --delay 5ms --json "$@" \
        > "$work/rill.out" 2> "$work/rill.err"
    local status=$?
    cat "$work/rill.err"
    return $status
}
listening() { wait_for 5 eval 'nsenter -t $far -n cat /proc/net/tcp /proc/net/tcp6 | grep -q ":1388 0*:0000 0A"'; }
rill_to_kernel() {
    world 60 socat -u TCP-LISTEN:5000,reuseaddr - > "$work/got$1" &
    local socat=$!
    listening || return 1
    host --connect 10.77.0.1:5000 --bytes 5M --loss 1% --seed 7 || return 1
    wait "$socat"
    told '.ok and .flows[0].bytes == 5242880 and .flows[0].resent_segments > 0 and .flows[0].completion_ns > 800000000' &&
        [ "$(stat -c %s "$work/got$1")" -eq 5242880 ]
}
same_bytes() { rill_to_kernel 1 && rill_to_kernel 2 && cmp "$work/got1" "$work/got2"; }
kernel_to_rill() { # OPTIONS…: two programs send to a listening host
    local i
    host --listen 5000 --flows 2 "$@" &
    local host=$!
    sleep 1
    for i in 1 2; do world 60 socat -u "OPEN:$work/large" TCP:10.77.0.3:5000 & done
    wait "$host" && told '.ok and ([.flows[].bytes] == [12582912, 12582912]) and .flows[0].resent_segments == null'
}
rill_serves_kernel() { # a host that listens, and sends
    host --listen 5000 --send a --bytes 700K &
    local host=$!
    sleep 1
    world 60 socat -u TCP:10.77.0.3:5000 - > "$work/got"
    wait "$host" && told '.ok and .flows[0].bytes == 716800' && [ "$(stat -c %s "$work/got")" -eq 716800 ]
}
rill_fetches_from_kernel() { # a host that connects, and receives
    world 60 socat -u "OPEN:$work/large" TCP-LISTEN:5000,reuseaddr &
    listening || return 1
    host --connect 10.77.0.1:5000 --send b && told '.ok and .flows[0].bytes == 12582912'
}
for_a_time() {
    world 60 socat -u TCP-LISTEN:5000,reuseaddr OPEN:/dev/null &
    listening || return 1
    host --connect 10.77.0.1:5000 --time 1s &&
        told '.ok and .time_ns > 1000000000 and .time_ns < 8000000000 and .flows[0].bytes > 1000000'
}
nobody_listens() { exits 1 host --connect 10.77.0.1:4999 && told '.ok == false and .flows[0].completion_ns == null'; }
over_tun() { # the kernel of this namespace behind a device of the lab's
    near 60 socat -u TCP6-LISTEN:5000,reuseaddr,ipv6only=0 - > "$work/got" &
    local socat=$!
    wait_for 5 eval 'grep -q ":1388 0*:0000 0A" /proc/net/tcp6' || return 1
    near 60 "$rill" lab --a host --b tun:lab0 --rate 50M --delay 5ms --connect "$1" --bytes 3M --json \
        > "$work/rill.out" 2> "$work/rill.err" || { cat "$work/rill.err"; return 1; }
    wait "$socat"
    told '.ok' && [ "$(stat -c %s "$work/got")" -eq 3145728 ]
}
two_tuns() { # as the lab says they are to be placed
    start_rill lab --a tun:lab0 --b tun:lab1 --delay 5ms --json && wait_for 5 grep -q 'the path is open' "$work/rill.err" || return 1
    cat "$work/rill.err"
    sed -n 's/^rill: put lab0 .*: \(ip link set lab0 .*\)$/\1/p' "$work/rill.err" | grep -q 10.88.0.1/24 || return 1
    ip link set lab0 netns "$far" && world 5 ip addr add 10.88.0.1/24 dev lab0 && world 5 ip link set lab0 up &&
        ip link set lab1 netns "$other" && beyond 5 ip addr add 10.88.0.2/24 dev lab1 && beyond 5 ip link set lab1 up || return 1
    carries "$work/large" 10.88.0.2 && end_lab '.ok and .paths[1].bytes_out > 12582912'
}
interrupted() {
    start_rill lab --a host --a-address 10.77.0.3/24 --b packet:rill0 --listen 5000 &&
        wait_for 5 grep -q 'the path is open' "$work/rill.err" || return 1
    kill -INT "$rill_pid"
    exits 1 wait "$timeout_pid" && cat "$work/rill.err" && grep -q interrupted "$work/rill.err"
}
vanishes() { # an interface is deleted under the lab
    lab || return 1
    ip link del rill1
    exits 1 wait "$timeout_pid" && cat "$work/rill.err" && grep -q 'rill1 was deleted' "$work/rill.err"
}
forwards_for_a_time() { # and ends by itself
    lab --time 1s && exits 0 wait "$timeout_pid" && told '.ok and .time_ns >= 1000000000 and .time_ns < 1500000000 and .flows == []'
}
usage() { one_line "$1" "$2" near 5 "$rill" lab "${@:3}"; }

if [ -z "$why_not" ] && ! prepare > "$work/prepare" 2>&1; then why_not="cannot: $(tail -n 1 "$work/prepare")"; fi
try "two kernels find each other over the lab" eval 'lab --delay 20ms && round_trip 40 60 && end_lab .ok'
try "kernel to kernel, IPv4, every byte" eval 'lab && carries "$work/large" $v4 && end_lab .ok'
try "kernel to kernel, IPv6, every byte" eval 'lab && carries "$work/large" $v6 && end_lab .ok'
for rate in 10M 100M; do
    size=large
    [ "$rate" = 100M ] || size=small
    try "kernel to kernel at ${rate}bit/s" kernels "$rate" "$work/$size"
    [ -n "$why_not" ] || figures "$rate"
    try "frames are not late at ${rate}bit/s" punctual
done
try "a list loses the same segments, and each once" same_losses
try "every byte over a bad path, IPv4" lossy $v4
try "every byte over a bad path, IPv6" lossy "$v6"
try "an unmodified curl at 50 ms and 1 % loss" curls
if command -v iperf3 > /dev/null; then
    try "an unmodified iperf3 at 50 ms and 1 % loss, both ways" iperfs
else
    skip "an unmodified iperf3 at 50 ms and 1 % loss, both ways" "iperf3 is not installed"
fi
try "rill to a kernel, twice the same bytes" same_bytes
try "two kernel programs to rill" kernel_to_rill
try "two kernel programs to rill, over a bad path" kernel_to_rill --loss 1% --reorder 1%
try "rill listens and sends to a kernel" rill_serves_kernel
try "rill connects and receives from a kernel" rill_fetches_from_kernel
try "rill sends for a time" for_a_time
try "a kernel that refuses is an error" nobody_listens
if [ -c /dev/net/tun ] && [ -w /dev/net/tun ]; then
    try "a device of the lab's own, IPv4" over_tun 10.88.0.2:5000
    try "a device of the lab's own, IPv6" over_tun '[fd88::2]:5000'
    try "two devices, placed as it says" two_tuns
    try "a device and an interface do not go together" usage 2 "do not go together" --a tun:lab0 --b packet:rill0
else
    skip "devices of the lab's own" "no /dev/net/tun"
fi
try "two links are joined for a time" forwards_for_a_time
try "interrupted, it says so" interrupted
try "no such interface" usage 3 "nothing0" --a packet:rill0 --b packet:nothing0
try "an address of what has its own" usage 2 "--b-address" --a host --b packet:rill0 --b-address 10.0.0.1/8 --connect 10.0.0.1:1
try "an interface deleted under it ends it with a line" vanishes
tap_end
