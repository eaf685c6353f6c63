#!/usr/bin/env bash
# `rill nc` against socat over the kernel's TCP: half-close and reset, each way. Needs build/rill, root, TUN.
. "$(dirname "$0")/world.bash" socat openssl ss
nc=("$rill" nc --link tun:rill0)
size=20000000

prepare() { bytes $size > "$work/data" && data_sum=$(sum "$work/data"); }
listens() { wait_for 5 world 5 bash -c "ss -tln | grep -q ':$1 '"; }
is_up() { wait_for 5 world 5 ip link show rill0 up; } # a SYN waits in the device until rill listens
# A server that answers only after our FIN: the sum of all it read.
client_closes_first() { # ADDRESS LISTEN-KIND
    world 30 socat -t 20 "$2:7001,reuseaddr" EXEC:sha256sum &
    local server=$! got
    listens 7001 || return 1
    got=$(world 30 "${nc[@]}" "$1" 7001 < "$work/data") && wait "$server" && [ "${got%% *}" = "$data_sum" ]
}
# The peer's FIN comes first and is seen at once; then we send all we have.
peer_closes_first() {
    mkfifo "$work/in"
    echo hello > "$work/hello"
    world 30 socat -t 20 TCP-LISTEN:7002,reuseaddr "OPEN:$work/hello!!CREATE:$work/back" &
    local server=$! status
    listens 7002 || return 1
    mkfifo "$work/from"
    { cat > "$work/out"; touch "$work/seen"; } < "$work/from" &
    world 30 sh -c "exec ${nc[*]} 10.77.0.1 7002 < '$work/in' > '$work/from'" & # timeout must not hold it open
    local client=$!
    exec 9> "$work/in"
    wait_for 5 [ -e "$work/seen" ] && grep -qx hello "$work/out" || { exec 9>&-; return 1; }
    cat "$work/data" >&9
    exec 9>&-
    wait "$client"; status=$?
    wait "$server"
    [ "$status" -eq 0 ] && cmp "$work/back" "$work/data"
}
# The same with rill listening.
listener_answers_after_fin() {
    mkfifo "$work/question" "$work/answer"
    world 30 sh -c "exec ${nc[*]} --listen 7003 < '$work/answer' > '$work/question'" &
    local server=$! got
    sha256sum > "$work/answer" < "$work/question" &
    is_up || return 1
    got=$(world 30 socat -t 20 - TCP:10.77.0.2:7003 < "$work/data") && wait "$server" && [ "${got%% *}" = "$data_sum" ]
}
listener_over_ipv6() {
    echo answer | world 30 "${nc[@]}" --listen 7003 > "$work/out" &
    local server=$!
    is_up || return 1
    [ "$(echo question | world 30 socat -t 20 - 'TCP6:[fd77::2]:7003')" = answer ] && wait "$server" &&
        grep -qx question "$work/out"
}
both_ways_at_once() {
    world 30 socat -t 20 TCP-LISTEN:7004,reuseaddr "OPEN:$work/data!!CREATE:$work/back" &
    local server=$!
    listens 7004 || return 1
    world 30 "${nc[@]}" 10.77.0.1 7004 < "$work/data" > "$work/out" && wait "$server" &&
        cmp "$work/out" "$work/data" && cmp "$work/back" "$work/data"
}
nothing_either_way() {
    world 10 socat -u TCP-LISTEN:7005,reuseaddr "OPEN:$work/back,creat,trunc" &
    local server=$!
    listens 7005 || return 1
    world 10 "${nc[@]}" 10.77.0.1 7005 < /dev/null > "$work/out" && wait "$server" && [ ! -s "$work/out" ] &&
        [ ! -s "$work/back" ]
}
reset_seen_by_rill() { # the peer breaks off with linger 0; INPUT: what rill's side does
    world 10 socat TCP-LISTEN:7006,reuseaddr,linger=0 "SYSTEM:head -c 5 > /dev/null; sleep 0.2" &
    local server=$!
    listens 7006 || return 1
    one_line 1 "reset" world 10 "${nc[@]}" 10.77.0.1 7006 < "$1"
    local result=$?
    wait "$server"
    return $result
}
reset_while_open() {
    mkfifo "$work/talk"
    { echo hello there; sleep 3; } > "$work/talk" &
    reset_seen_by_rill "$work/talk"
}
# rill resets: the kernel's socket says so to socat.
reset_by_signal() {
    mkfifo "$work/quiet"
    sleep 20 > "$work/quiet" &
    local holder=$! status
    world 20 socat -u -d -d TCP-LISTEN:7007,reuseaddr - > "$work/out" 2> "$work/socat.err" &
    local server=$!
    listens 7007 || return 1
    ip netns exec "$ns" timeout 20 "${nc[@]}" 10.77.0.1 7007 < "$work/quiet" 2> "$work/rill.err" &
    local client=$!
    wait_for 5 grep -q 'accepting connection' "$work/socat.err"
    kill -TERM "$(pgrep -P "$client")"
    wait "$client"; status=$?
    wait "$server"
    kill "$holder"
    cat "$work/rill.err" "$work/socat.err"
    [ "$status" -eq 1 ] && [ "$(wc -l < "$work/rill.err")" -eq 1 ] && grep -q 'Connection reset by peer' "$work/socat.err"
}
reset_when_unread() { # our output is closed, the peer goes on
    world 20 socat -u -d "OPEN:$work/data" TCP-LISTEN:7008,reuseaddr 2> "$work/socat.err" &
    local server=$!
    listens 7008 || return 1
    world 20 "${nc[@]}" 10.77.0.1 7008 < /dev/null 2> "$work/rill.err" | head -c 100 > "$work/out"
    local status=${PIPESTATUS[0]}
    wait "$server"
    cat "$work/rill.err" "$work/socat.err"
    [ "$status" -eq 1 ] && head -c 100 "$work/data" | cmp - "$work/out" &&
        grep -qE 'Connection reset by peer|Broken pipe' "$work/socat.err"
}
slow_reader() { # what is not read closes the window: nothing is lost, nothing piles up
    world 30 socat -u "OPEN:$work/data" TCP-LISTEN:7009,reuseaddr &
    local server=$!
    listens 7009 || return 1
    world 30 "${nc[@]}" 10.77.0.1 7009 < /dev/null | { sleep 2; cat > "$work/out"; }
    wait "$server" && cmp "$work/out" "$work/data"
}
refused() { local start=$SECONDS; one_line 1 "refused" world 10 "${nc[@]}" "$1" 7999 < /dev/null && [ $((SECONDS - start)) -le 1 ]; }
usage() { one_line 2 "$1" world 5 "${nc[@]}" "${@:2}" < /dev/null; }

[ -n "$why_not" ] || prepare
try "rill closes its direction first, the answer comes whole (IPv4)" client_closes_first 10.77.0.1 TCP4-LISTEN
try "rill closes its direction first, the answer comes whole (IPv6)" client_closes_first fd77::1 TCP6-LISTEN
try "the peer closes first and is seen to, then all we send arrives" peer_closes_first
try "listening: the client closes first, our answer arrives whole" listener_answers_after_fin
try "listening over IPv6" listener_over_ipv6
try "both directions full at once" both_ways_at_once
try "closed at once by both, without a byte" nothing_either_way
try "the peer's reset is seen as reset" reset_while_open
try "the peer's reset is seen as reset after our half-close" reset_seen_by_rill "$work/data"
try "ended by a signal, rill resets and the peer sees it" reset_by_signal
try "output nobody reads becomes a reset" reset_when_unread
try "a slow reader loses nothing" slow_reader
try "a refused port says so at once" refused 10.77.0.1
try "a refused port says so at once over IPv6" refused fd77::1
try "-w without -u is a usage error" usage "-u" -w 3 10.77.0.1 7000
try "a port that is none is a usage error" usage "port" 10.77.0.1 http
try "host without port is a usage error" usage "HOST PORT" 10.77.0.1
try "the device is gone" wait_for 5 no_device rill0
tap_end
