#!/usr/bin/env bash
# rill as a station of its own on a wire (--link packet:), the kernel as its neighbour at the other end of a veth pair.
# Needs build/rill and root, or user namespaces: with RILL_AS=UID nothing in it is root's.
. "$(dirname "$0")/pair.bash" ping wrk openssl nginx python3 pgrep
www=$work/www
mac=02:00:5e:10:00:01
link=(--link packet:rill0)
get=("$rill" get "${link[@]}")
v4=http://10.77.0.2 v6='http://[fd77::2]'

prepare() {
    bytes 1G > "$www/big" && bytes 128M > "$www/middle" && bytes 5000 > "$www/small" || return 1
    big_sum=$(sum "$www/big") middle_sum=$(sum "$www/middle")
    cat > "$work/nginx.conf" <<CONF
user root; daemon off; master_process off; pid $work/nginx.pid; error_log $work/nginx.err;
events { worker_connections 1024; }
http {
    access_log off; client_body_temp_path $work/t; proxy_temp_path $work/t; fastcgi_temp_path $work/t;
    uwsgi_temp_path $work/t; scgi_temp_path $work/t;
    server { listen 80; listen [::]:80; root $www; }
}
CONF
    world 600 nginx -e "$work/nginx.err" -c "$work/nginx.conf" > "$work/nginx.out" 2>&1 &
    wait_for 5 [ -s "$work/nginx.pid" ] || { cat "$work"/nginx.{out,err} >&2; return 1; }
}
start() {
    start_rill serve "$www" "${link[@]}" --mac "$mac" "$@" && wait_for 5 grep -q '\[' "$work/rill.out" ||
        { cat "$work/rill.err"; return 1; }
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
serves() { [ "$(world 60 curl -gsS "$1/big" | sum)" = "$big_sum" ]; }
gets() { # ADDRESS OPTIONS…
    rm -f "$work/out"
    near 60 "${get[@]}" "$1/big" -o "$work/out" "${@:2}" && [ "$(sum "$work/out")" = "$big_sum" ]
}
loaded() {
    world 30 wrk -c 200 -t 2 -d 5 "$1/small" > "$work/wrk"
    cat "$work/wrk"
    grep -qE '^ +[0-9]+ requests in' "$work/wrk" && ! grep -qE '^ +0 requests' "$work/wrk" &&
        ! grep -qE 'Socket errors|Non-2xx' "$work/wrk"
}
under_a_fetch() { # FUNCTION: what happens in the middle of it
    world 60 curl -gsS --limit-rate 40M "$v4/middle" > "$work/fetched" &
    local curl=$!
    sleep 1
    "$1" || return 1
    kill -0 "$curl" || { echo "the fetch was over before"; return 1; }
    wait "$curl" || return 1
    [ "$(sum "$work/fetched")" = "$middle_sum" ]
}
neighbour_changes() { world 5 ip link set far0 address 02:00:5e:10:00:77; }
far_goes_down_and_up() {
    world 5 ip link set far0 down
    sleep 1
    world 5 ip link set far0 up && world 5 ip addr add fd77::1/64 dev far0 nodad
}
near_goes_down_and_up() { # the interface rill uses
    ip link set rill0 down
    sleep 1
    ip link set rill0 up
}
promiscuous() { ip -d link show rill0 | tee "$work/link"; grep -q "promiscuity $1" "$work/link"; }
# A frame made by hand: an ARP request for 10.77.0.2. Prints whether it was answered. Arguments: destination, tag or -.
ask() {
    world 10 python3 - "$@" <<'PY'
import select, socket, struct, sys
to, tag = bytes.fromhex(sys.argv[1].replace(':', '')), sys.argv[2]
me = bytes.fromhex('020000000099')
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
wire.bind(('far0', 0x0806))
frame = to + me + (b'' if tag == '-' else struct.pack('!HH', 0x8100, int(tag, 0)))
frame += struct.pack('!HHHBBH', 0x0806, 1, 0x0800, 6, 4, 1)
frame += me + bytes([10, 77, 0, 99]) + bytes(6) + bytes([10, 77, 0, 2])
wire.send(frame)
while select.select([wire], [], [], 1)[0]:
    reply = wire.recv(2000)
    if reply[:6] == me and reply[20:22] == b'\0\2':
        print('answered')
        break
else:
    print('silence')
PY
}
asked() { # WANT ARGUMENTS…
    local got
    got=$(ask "${@:2}")
    echo "$got"
    [ "$got" = "$1" ]
}
# The kernel on rill's side gets what rill gets. It must not answer: not the ARP, not the SYN, not the ping.
kernel_is_silent() {
    world 20 python3 - <<'PY'
import select, socket, struct, time
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind(('far0', 3))
end = time.time() + 2
talk = socket.create_connection(('10.77.0.2', 80))
talk.sendall(b'GET /small HTTP/1.0\r\n\r\n')
seen = set()
while time.time() < end:
    if select.select([wire], [], [], 0.2)[0]:
        frame, where = wire.recvfrom(70000)
        if where[2] == socket.PACKET_OUTGOING or frame[12:14] != b'\x08\x00':
            continue
        seen.add(frame[6:12].hex(':'))
        assert not (frame[23] == 6 and frame[47] & 4), 'a reset'
print(seen)
assert seen == {'02:00:5e:10:00:01'}, seen
PY
}
random_macs() { # two runs, two link addresses, of the kind that anybody may use
    local one first=
    for one in 1 2; do
        start_rill serve "$www" "${link[@]}" --address 10.77.0.3/24 && wait_for 5 grep -q http "$work/rill.out" || return 1
        world 5 ping -c 1 -W 2 10.77.0.3 > "$work/ping" || { cat "$work/ping"; return 1; }
        world 5 ip neigh show 10.77.0.3 | grep -o '..:..:..:..:..:..' > "$work/mac$one"
        world 5 ip neigh flush dev far0
        stop_rill TERM || return 1
    done
    cat "$work"/mac?
    ! cmp -s "$work/mac1" "$work/mac2" && grep -qE '^.[26ae]:' "$work/mac1" && grep -qE '^.[26ae]:' "$work/mac2"
}
vanishes() { # the interface is deleted under a fetch
    rm -f "$work/out"
    near 30 "${get[@]}" http://10.77.0.1/big -o "$work/out" 2> "$work/err" &
    local rill_get=$!
    wait_for 5 [ -s "$work/out.part" ] || return 1
    ip link del rill0
    wait "$rill_get"
    local status=$?
    cat "$work/err"
    [ "$status" -eq 1 ] && grep -q 'rill0 was deleted' "$work/err" && [ ! -e "$work/out" ]
}
vanishes_in_peace() { # nothing is under way, and it ends all the same
    start || return 1
    ip link del rill0
    exits 1 wait "$timeout_pid" || { cat "$work/rill.err"; return 1; }
    no_complaint | tee "$work/complaint"
    [ "$(wc -l < "$work/complaint")" -eq 1 ] && grep -q 'rill0 was deleted' "$work/complaint"
}
without_permission() {
    one_line 3 "unshare -Urn" near 5 setpriv --bounding-set -net_raw --inh-caps -net_raw "$rill" serve "$www" "${link[@]}"
}
usage() { one_line "$1" "$2" near 5 "$rill" serve "$www" "${@:3}"; }

[ -n "$why_not" ] || ! "$rill" serve --help 2>&1 | grep -q 'built without' || why_not="built without libmicrohttpd"
[ -n "$why_not" ] || prepare
try "rill serves on an interface" start
try "the interface is promiscuous meanwhile" promiscuous 1
try "ping, IPv4, 56 bytes" pings 10.77.0.2 56
try "ping, IPv4, 65,000 bytes in fragments" pings 10.77.0.2 65000
try "ping, IPv6, 56 bytes" pings fd77::2 56
try "ping, IPv6, 65,000 bytes in fragments" pings fd77::2 65000
try "ARP told the kernel our link address" known_by_mac 10.77.0.2
try "neighbour discovery told the kernel our link address" known_by_mac fd77::2
try "curl, 1 GiB over IPv4" serves "$v4"
try "curl, 1 GiB over IPv6" serves "$v6"
try "wrk with 200 connections over IPv4" loaded "$v4"
try "wrk with 200 connections over IPv6" loaded "$v6"
try "nobody but rill answers on rill's side" kernel_is_silent
try "a frame made by hand is answered" asked answered ff:ff:ff:ff:ff:ff -
try "a frame for another station is not" asked silence 02:00:5e:10:00:02 -
try "a frame of a VLAN is not" asked silence ff:ff:ff:ff:ff:ff 0x0005
try "a frame whose tag is but a priority is" asked answered ff:ff:ff:ff:ff:ff 0xe000
try "the neighbour's link address changes under a fetch" under_a_fetch neighbour_changes
try "the other end goes down and up under a fetch" under_a_fetch far_goes_down_and_up
try "our interface goes down and up under a fetch" under_a_fetch near_goes_down_and_up
try "rill had nothing to complain of" no_complaint
try "rill ends cleanly" stop_rill TERM
try "the interface is no longer promiscuous" promiscuous 0
try "rill get, 1 GiB from nginx over IPv4" gets http://10.77.0.1
try "rill get, 1 GiB from nginx over IPv6" gets 'http://[fd77::1]'
try "rill get with packets smaller than the interface's" gets http://10.77.0.1 --mtu 1280
try "the link address is random, and private" random_macs
try "no such interface says so" usage 3 "no interface nothing0" --link packet:nothing0
try "an interface that is no Ethernet says so" usage 2 "no Ethernet" --link packet:lo
try "an MTU beyond the interface's says so" usage 2 "--mtu" "${link[@]}" --mtu 9000
try "a group's address is no --mac" usage 2 "--mac" "${link[@]}" --mac 03:00:00:00:00:01
try "without permission it says what to do" without_permission
try "an interface deleted under a fetch ends it with a line" vanishes
[ -n "$why_not" ] || make_pair
try "an interface deleted while all is quiet ends it too" vanishes_in_peace
[ -n "$why_not" ] || { make_pair && ip link set rill0 down; }
try "an interface that is down says so" usage 3 "rill0 is down" "${link[@]}"
tap_end
