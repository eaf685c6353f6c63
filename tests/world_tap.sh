#!/usr/bin/env bash
# rill on an Ethernet with the kernel as its neighbour, over TAP: ARP and neighbour discovery, ping with fragments,
# clients, a neighbour whose address changes, a link that goes down. Needs build/rill, root, TUN.
. "$(dirname "$0")/world.bash" ping wrk openssl tshark
www=$work/www
mac=02:00:5e:10:00:01

start() {
    bytes 128M > "$www/big" && bytes 5000 > "$www/small"
    big_sum=$(sum "$www/big")
    start_rill serve "$www" --link tap:rill0 --mac "$mac" --capture "$work/capture.pcapng" &&
        wait_for 5 grep -q '\[' "$work/rill.out" || { cat "$work/rill.err"; return 1; }
}
pings() { # ADDRESS SIZE
    world 20 ping -c 3 -i 0.2 -W 2 -s "$2" "$1" > "$work/ping"
    cat "$work/ping"
    grep -q ' 0% packet loss' "$work/ping"
}
known_by_mac() { # ADDRESS: the kernel's table has our link address for it
    world 5 ip neigh show "$1" | tee "$work/neigh"
    grep -qi "lladdr $mac" "$work/neigh"
}
fetches() { [ "$(world 30 curl -gsS "$1/big" | sum)" = "$big_sum" ]; }
loaded() {
    world 20 wrk -c 50 -t 2 -d 3 http://10.77.0.2/small > "$work/wrk"
    cat "$work/wrk"
    grep -qE '^ +[0-9]+ requests in' "$work/wrk" && ! grep -qE 'Socket errors|Non-2xx' "$work/wrk"
}
neighbour_changes_under_a_fetch() { # the kernel's side gets another link address in the middle
    world 40 curl -gsS --limit-rate 40M http://10.77.0.2/big > "$work/fetched" &
    local curl=$!
    sleep 1
    world 5 ip link set rill0 address 02:00:5e:10:00:77 || return 1
    wait "$curl" || return 1
    [ "$(sum "$work/fetched")" = "$big_sum" ]
}
link_goes_down_and_up_under_a_fetch() {
    world 40 curl -gsS --limit-rate 40M http://10.77.0.2/big > "$work/fetched" &
    local curl=$!
    sleep 1
    world 5 ip link set rill0 down
    sleep 1
    world 5 ip link set rill0 up
    wait "$curl" || return 1
    [ "$(sum "$work/fetched")" = "$big_sum" ]
}
nothing_malformed() {
    tshark -c 60000 -r "$work/capture.pcapng" -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE \
        -Y '_ws.malformed or tcp.checksum.status == 0 or ip.checksum.status == 0' \
        2> /dev/null > "$work/bad"
    head -n 5 "$work/bad"
    [ ! -s "$work/bad" ]
}

try "rill serves on a TAP device" start
try "ping, IPv4, 56 bytes" pings 10.77.0.2 56
try "ping, IPv4, 65,000 bytes in fragments" pings 10.77.0.2 65000
try "ping, IPv6, 56 bytes" pings fd77::2 56
try "ping, IPv6, 65,000 bytes in fragments" pings fd77::2 65000
try "ARP told the kernel our link address" known_by_mac 10.77.0.2
try "neighbour discovery told the kernel our link address" known_by_mac fd77::2
try "curl over IPv4" fetches http://10.77.0.2
try "curl over IPv6" fetches 'http://[fd77::2]'
try "wrk with 50 connections" loaded
try "the neighbour's link address changes under a fetch" neighbour_changes_under_a_fetch
try "the link goes down and up under a fetch" link_goes_down_and_up_under_a_fetch
try "rill ends cleanly" stop_rill TERM
try "the device is gone" no_device rill0
try "tshark finds nothing malformed in the capture" nothing_malformed
try "a group's address is no --mac" one_line 2 "--mac" world 5 "$rill" serve "$www" --link tap:x --mac 03:00:00:00:00:01
try "--mac on a TUN device is refused" one_line 2 "--mac" world 5 "$rill" serve "$www" --link tun:x --mac "$mac"
tap_end
