#!/usr/bin/env bash
# `rill nc -u` against socat and the kernel's own sockets, over a veth pair; and examples/udp_relay.c between dig and a
# name server. Needs build/rill and root, or user namespaces.
. "$(dirname "$0")/pair.bash" socat openssl python3 pgrep dig dnsmasq cc
# Always the same link address: the kernel would look for the one who had ours before for some time.
link=(--link packet:rill0 --mac 02:00:5e:10:00:01)
nc=("$rill" nc -u "${link[@]}")
sizes='0 1 1472 1473 9000 60000'
peer=(python3 tests/udp_peer.py)

prepare() {
    local size
    for size in $sizes; do bytes "$size" > "$work/$size" || return 1; done
    bytes 70000 > "$work/long"
    world 600 "${peer[@]}" echo "$work/echo.log" &
    wait_for 5 grep -q ready "$work/echo.log"
}
# rill sends a datagram of each size, and gets the same back.
echoed() { # ADDRESS LINK…
    local size
    for size in $sizes; do
        near 10 "$rill" nc -u -w 500ms "${@:2}" "$1" 7000 < "$work/$size" > "$work/back" || return 1
        cmp "$work/$size" "$work/back" && [ "$(tail -n 1 "$work/echo.log")" = "$size" ] ||
            { tail -n 2 "$work/echo.log"; return 1; }
    done
}
echoed_by_socat() { # ADDRESS LISTEN-KIND
    world 10 socat -b 65536 "$2:7002,fork" PIPE &
    local socat=$!
    wait_for 5 world 5 bash -c "ss -uln | grep -q ':7002 '" || return 1
    local size result=0
    for size in 1 1473 60000; do
        near 10 "${nc[@]}" -w 500ms "$1" 7002 < "$work/$size" | cmp - "$work/$size" || result=1
    done
    kill "$socat"
    return $result
}
# listen ARGUMENTS…: rill listens on 7001; what it hears is in $work/rill.out, what is written to descriptor 8 it says.
listen() {
    [ -z "${rill_pid-}" ] || { kill -9 "$rill_pid"; wait "$timeout_pid"; } 2> /dev/null
    rm -f "$work/say"; mkfifo "$work/say"
    exec 8<> "$work/say"
    timeout -k 2 60 "${nc[@]}" -l 7001 "$@" < "$work/say" > "$work/rill.out" 2> "$work/rill.err" 8>&- &
    started || return 1
    wait_for 5 promiscuous
}
promiscuous() { ip -d link show rill0 | grep -q 'promiscuity 1'; }
stop_listening() { exec 8>&-; stop_rill TERM; }
# A listener hears a datagram of each size, and its answer of that size arrives.
heard_and_answered() { # ADDRESS
    local size
    for size in $sizes; do
        [ "$size" != 0 ] || continue # of these a pipe tells nothing
        listen || return 1
        world 10 "${peer[@]}" talk "$1" 7001 "$work/$size" > "$work/answer" 2> "$work/size" &
        local talker=$!
        wait_for 5 cmp -s "$work/rill.out" "$work/$size" || { ls -l "$work/rill.out"; return 1; }
        cat "$work/$size" >&8
        wait "$talker" && cmp "$work/answer" "$work/$size" && [ "$(cat "$work/size")" = "$size" ] || return 1
        stop_listening || return 1
    done
}
# An empty datagram is one: the listener knows from it whom to answer.
hears_nothing() { # ADDRESS
    listen || return 1
    world 10 "${peer[@]}" talk "$1" 7001 "$work/0" > "$work/answer" &
    local talker=$!
    sleep 0.5
    echo hello >&8
    wait "$talker" && [ "$(cat "$work/answer")" = hello ] && [ ! -s "$work/rill.out" ] && stop_listening
}
hears_socat() { # ADDRESS KIND
    listen || return 1
    echo "from socat" | world 10 socat -t 3 - "$2:$1:7001" > "$work/answer" &
    local socat=$!
    wait_for 5 grep -q 'from socat' "$work/rill.out" || return 1
    echo "to socat" >&8
    wait "$socat" && grep -qx "to socat" "$work/answer" && stop_listening
}
hears_many() { # ADDRESS
    listen && world 20 "${peer[@]}" many "$1" 7001 500 || return 1
    wait_for 5 eval '[ "$(wc -l < "$work/rill.out")" -eq 500 ]' || { wc -l "$work/rill.out"; return 1; }
    sort "$work/rill.out" | cmp - <(seq 0 499 | sed 's/^/peer /' | sort) && stop_listening
}
hears_segments() { # ADDRESS: datagrams that come as one frame are as many as were sent
    listen --trace "$work/trace" && world 20 "${peer[@]}" segments "$1" 7001 "$work/60000" || return 1
    wait_for 5 cmp -s "$work/rill.out" "$work/60000" || { ls -l "$work/rill.out"; return 1; }
    stop_listening && tail -n 1 "$work/trace" && grep -q '"kind":"link".*"malformed":0,.*"lost":0' "$work/trace" &&
        [ "$(grep -oE '"frames_in":[0-9]+' "$work/trace" | cut -d: -f2)" -lt 40 ]
}
without_checksum() { # ADDRESS LEVEL OPTION: then one with
    listen && world 5 "${peer[@]}" send "$1" 7001 "bare " "$2" "$3" 1 && world 5 "${peer[@]}" send "$1" 7001 "dressed " &&
        wait_for 5 grep -q dressed "$work/rill.out" && stop_listening
    cat "$work/rill.out"
}
refused_by_kernel() { one_line 1 "refused" near 10 "${nc[@]}" -w 5 "$1" 7999 < "$2"; }
refused_by_rill() { # ADDRESS
    listen && world 10 "${peer[@]}" refused "$1" 7999 && stop_listening
}
first_is_large() { # nothing is known of the neighbour yet, and a datagram is 41 fragments
    world 5 ip neigh flush dev far0
    near 10 "${nc[@]}" "$1" 7000 < "$work/60000" | cmp - "$work/60000"
}
large_file() { # one datagram a read; the output is that of the datagrams that came back, in order
    near 20 "${nc[@]}" -w 1 10.77.0.1 7000 < "$work/long" | cmp - "$work/long"
}
input_stays_open() { # answers come meanwhile, and the end of the input is the end
    rm -f "$work/say"; mkfifo "$work/say"
    near 20 "${nc[@]}" -w 300ms 10.77.0.1 7000 < "$work/say" > "$work/back" &
    local client=$!
    exec 8> "$work/say"
    echo first >&8
    wait_for 5 grep -qx first "$work/back" || return 1
    sleep 0.6 # longer than -w
    echo second >&8
    wait_for 5 grep -qx second "$work/back" || return 1
    exec 8>&-
    exits 0 wait "$client"
}
waits_as_told() { # the answer comes a second after the input's end
    world 10 socat UDP4-LISTEN:7003,fork SYSTEM:'sleep 1; cat' &
    local socat=$!
    wait_for 5 world 5 bash -c "ss -uln | grep -q ':7003 '" || return 1
    [ "$(echo late | near 10 "${nc[@]}" -w 4 10.77.0.1 7003)" = late ] || return 1
    [ "$(echo late | near 10 "${nc[@]}" -w 200ms 10.77.0.1 7003)" = "" ]
    local result=$?
    kill "$socat"
    return $result
}
listener_ends_by_wait() {
    timeout 20 "${nc[@]}" -l 7001 -w 500ms < /dev/null > "$work/out" &
    local listener=$!
    wait_for 5 promiscuous && sleep 1 && kill -0 "$listener" || return 1 # nobody has spoken
    world 5 "${peer[@]}" send 10.77.0.2 7001 hello
    exits 0 wait "$listener" && [ "$(cat "$work/out")" = hello ]
}
stuck_output_can_be_ended() { # nobody reads it, and it is full
    mkfifo "$work/full"
    sleep 30 < "$work/full" &
    local reader=$! status
    timeout -k 2 30 "${nc[@]}" -l 7001 < /dev/null > "$work/full" 2> "$work/rill.err" &
    started && wait_for 5 promiscuous || return 1
    local i
    for i in 1 2 3 4 5 6 7 8 9 10; do world 5 "${peer[@]}" segments 10.77.0.2 7001 "$work/60000"; done
    kill -TERM "$rill_pid"
    wait "$timeout_pid"; status=$?
    kill "$reader"
    [ "$status" -eq 0 ]
}
usage() { one_line 2 "$1" near 5 "${nc[@]}" "${@:2}" < /dev/null; }

# the example, on a TUN device of the same world, and a name server on the kernel's side of it
relay_starts() { # ADDRESS SERVER
    [ -x "$work/udp_relay" ] ||
        cc -std=c11 -Wall -Wextra -Werror -Iinclude examples/udp_relay.c build/librill.a -o "$work/udp_relay" || return 1
    "$work/udp_relay" 5300 relay0 "$1" "$2" 53 2> "$work/relay.err" &
    relay=$!
    wait_for 5 bash -c "ss -uln | grep -q '127.0.0.1:5300 '"
}
relay_stops() { kill "$relay"; wait "$relay"; cat "$work/relay.err"; [ ! -s "$work/relay.err" ]; }
prepare_names() {
    ip tuntap add relay0 mode tun && ip addr add 10.88.0.1/24 dev relay0 && ip addr add fd88::1/64 dev relay0 nodad &&
        ip link set relay0 up || return 1
    local i long=
    for i in $(seq 15); do long+="$(head -c 240 /dev/zero | tr '\0' "\\$((140 + i % 7))"),"; done
    dnsmasq --no-daemon --no-resolv --no-hosts --conf-file=/dev/null --user="$(id -un)" --edns-packet-max=4096 \
        --bind-interfaces --listen-address=10.88.0.1,fd88::1 --address=/example.test/192.0.2.7 \
        --txt-record="large.test,${long%,}" > "$work/dnsmasq.log" 2>&1 &
    names=$!
    wait_for 5 bash -c "ss -uln | grep -q '10.88.0.1:53 '" || { cat "$work/dnsmasq.log"; return 1; }
}
ask() {
    dig +time=3 +tries=1 @127.0.0.1 -p 5300 "$@" > "$work/dig"
    local status=$?
    cut -c 1-100 "$work/dig"
    return $status
}
answered() { ask example.test +short | grep -qx 192.0.2.7; }
fragments() { # made by the kernel, IPv4
    awk '$1 == "Ip:" {for (i = 2; i <= NF; i++) if (!at[i]) at[i] = $i; else if (at[i] == "FragCreates") print $i}' /proc/net/snmp
}
fragments6() { awk '$1 == "Ip6FragCreates" {print $2}' /proc/net/snmp6; }
answered_in_fragments() { # COUNTER
    local before after
    before=$("$1")
    ask large.test TXT +bufsize=4096 +ignore || return 1
    after=$("$1")
    echo "fragments: $((after - before))"
    grep -q 'status: NOERROR' "$work/dig" && ! grep -qE 'flags:.* tc' "$work/dig" &&
        [ "$(grep -oE 'MSG SIZE +rcvd: [0-9]+' "$work/dig" | grep -oE '[0-9]+$')" -gt 3600 ] && [ $((after - before)) -ge 3 ]
}
truncated_when_small() { ask large.test TXT +bufsize=512 +ignore | grep -qE 'flags:.* tc'; }
many_questions() {
    local i
    for i in $(seq 200); do echo "example.test A"; done > "$work/questions"
    dig +time=3 +tries=1 @127.0.0.1 -p 5300 -f "$work/questions" +short > "$work/dig"
    [ "$(grep -cx 192.0.2.7 "$work/dig")" -eq 200 ]
}
nobody_there() { # the name server goes, the relay says so, and goes on
    kill "$names"; wait "$names"
    ask example.test +time=1 && return 1
    wait_for 5 grep -q "nobody listens" "$work/relay.err" && kill -0 "$relay"
}

[ -n "$why_not" ] || prepare
for where in 10.77.0.1 fd77::1; do
    try "the first datagram to a neighbour may be large: $where" first_is_large $where
    try "datagrams of 0 to 60,000 bytes there and back: $where" echoed $where "${link[@]}"
    try "a port where nobody listens refuses: $where" refused_by_kernel $where "$work/1"
    try "… an empty datagram too: $where" refused_by_kernel $where /dev/null
done
try "socat answers over IPv4" echoed_by_socat 10.77.0.1 UDP4-LISTEN
try "socat answers over IPv6" echoed_by_socat fd77::1 UDP6-LISTEN
for where in 10.77.0.2 fd77::2; do
    try "listening: datagrams of 1 to 60,000 bytes, heard and answered: $where" heard_and_answered $where
    try "listening: an empty datagram is heard: $where" hears_nothing $where
    try "listening: five hundred peers: $where" hears_many $where
    try "listening: sixty datagrams in one frame: $where" hears_segments $where
    try "a port where rill does not listen refuses: $where" refused_by_rill $where
done
try "listening: socat over IPv4" hears_socat 10.77.0.2 UDP4
try "listening: socat over IPv6" hears_socat '[fd77::2]' UDP6
try "no checksum over IPv4 is none" eval 'without_checksum 10.77.0.2 1 11 | grep -q "^bare dressed"'
try "no checksum over IPv6 is an error" eval 'without_checksum fd77::2 17 101 | grep -q "^dressed"'
try "an input longer than a datagram is several" large_file
try "answers come while the input is open, and its end is the end" input_stays_open
try "-w says how long to wait for answers" waits_as_told
try "a listener with -w ends when it has become quiet" listener_ends_by_wait
try "a listener whose output is stuck can be ended" stuck_output_can_be_ended
try "a wait that is none is a usage error" usage "-w" -w soon 10.77.0.1 7000
try "a name that is none says so" one_line 1 "name" near 15 "${nc[@]}" nothing.invalid 7000 < /dev/null
[ -n "$why_not" ] || [ -w /dev/net/tun ] || why_not="no /dev/net/tun"
[ -n "$why_not" ] || ip link del rill0
try "over TUN: datagrams of 0 to 60,000 bytes there and back" eval '
    ip tuntap add rillu mode tun && ip link set rillu up && ip addr add 10.79.0.1/24 dev rillu || exit 1
    rm -f "$work/echo.log"; "${peer[@]}" echo "$work/echo.log" & server=$!
    wait_for 5 grep -q ready "$work/echo.log"
    echoed 10.79.0.1 --link tun:rillu --address 10.79.0.2/24; result=$?
    kill "$server"; (exit $result)'
[ -n "$why_not" ] || prepare_names
try "the relay example starts" relay_starts 10.88.0.2 10.88.0.1
try "dig through the relay, IPv4" answered
try "dig through the relay, an answer in fragments, IPv4" answered_in_fragments fragments
try "dig through the relay, a small answer to who asks for one" truncated_when_small
try "dig through the relay, two hundred questions" many_questions
try "the relay ends quietly" relay_stops
try "the relay example starts, IPv6" relay_starts fd88::2 fd88::1
try "dig through the relay, IPv6" answered
try "dig through the relay, an answer in fragments, IPv6" answered_in_fragments fragments6
try "a name server that goes away is told of" nobody_there
tap_end
