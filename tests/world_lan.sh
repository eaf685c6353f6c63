#!/usr/bin/env bash
# rill on an Ethernet with a router and rivals: addresses as a router advertises them, run out and come back under a
# live fetch; addresses that are somebody else's, here and there; groups. Needs build/rill, root, TUN.
. "$(dirname "$0")/world.bash" ping curl openssl tshark radvd arping
www=$work/www
mac=02:00:5e:10:00:01
port=http

advertise() { # LIFETIME: radvd on rill0 with the prefix fd5a::/64
    cat > "$work/radvd.conf" <<CONF
interface rill0 {
    AdvSendAdvert on;
    MinRtrAdvInterval 3;
    MaxRtrAdvInterval 4;
    AdvLinkMTU 1400;
    prefix fd5a::/64 { AdvOnLink on; AdvAutonomous on; AdvValidLifetime $1; AdvPreferredLifetime $1; };
};
CONF
    ip netns exec "$ns" timeout -k 2 120 radvd -n -m stderr -C "$work/radvd.conf" -p "$work/radvd.pid" 2> "$work/radvd.err" &
    radvd_job=$!
}
silence() { # the router goes, at once and without a word
    pkill -9 -P "$radvd_job" radvd
    wait "$radvd_job" 2> /dev/null
    true
}
start_auto() { # a device that is there already, with the kernel as a router on it
    mkdir -p "$www" && bytes 64M > "$www/big" && big_sum=$(sum "$www/big") &&
        world 5 sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0 &&
        world 5 ip tuntap add rill0 mode tap && world 5 ip link set rill0 up &&
        world 5 ip address add fd5a::1/64 dev rill0 nodad || return 1
    advertise 12
    start_rill serve "$www" --link tap:rill0 --mac "$mac" --address auto --capture "$work/capture.pcapng" || return 1
    wait_for 12 grep -q 'http://\[fd5a:' "$work/rill.out" || { cat "$work/rill.err" "$work/radvd.err"; return 1; }
    address=$(sed -n 's,.*http://\[\(fd5a:[^]]*\)\].*,\1,p' "$work/rill.out" | head -n 1)
    echo "address $address"
}
said() { wait_for "$1" grep -q "$2" "$work/rill.err" || { cat "$work/rill.err"; return 1; }; }
pings() { # ADDRESS SIZE
    world 20 ping -c 3 -i 0.2 -W 2 -s "$2" "$1" > "$work/ping"
    cat "$work/ping"
    grep -q ' 0% packet loss' "$work/ping"
}
answers_at_its_address() { pings "$address" 56 && pings "$address" 5000; }
link_local_answers_too() {
    own_link=$(sed -n 's,.*http://\[\(fe80:[^]]*\)\].*,\1,p' "$work/rill.out" | head -n 1)
    echo "link-local $own_link"
    pings "$own_link%rill0" 56
}
everybody_is_asked_and_it_answers() { # RFC 4443 section 4.2: from an address of its own
    world 10 ping -c 2 -i 0.5 -W 2 ff02::1%rill0 | tee "$work/all"
    grep -q "from $own_link%rill0" "$work/all"
}
mtu_is_the_router_s() { # a segment of 1,340 bytes and no more
    world 20 curl -gsS "http://[$address]/big" -r 0-200000 -o "$work/part" || return 1
    local longest
    longest=$(tshark -r "$work/capture.pcapng" -Y "ipv6.src == $address && tcp.srcport == 80" -T fields -e ipv6.plen 2> /dev/null |
        sort -n | tail -n 1)
    echo "longest payload $longest"
    [ "$longest" -le 1360 ]
}
runs_out_and_comes_back_under_a_fetch() {
    world 120 curl -gsS --limit-rate 2M "http://[$address]/big" > "$work/fetched" &
    local curl=$!
    sleep 1
    silence
    said 20 "address $address is gone" || return 1
    local before=0 after still=0
    for _ in $(seq 40); do # first what the client's kernel still holds is read
        sleep 1
        after=$(stat -c %s "$work/fetched")
        if [ "$after" -eq "$before" ]; then still=$((still + 1)); else still=0; fi
        before=$after
        [ "$still" -lt 3 ] || break
    done
    echo "while it is gone: $after bytes for $still s"
    [ "$still" -ge 3 ] && [ "$after" -lt "$(stat -c %s "$www/big")" ] || return 1
    advertise 3600
    said 10 'a router is there' && wait "$curl" || return 1
    [ "$(sum "$work/fetched")" = "$big_sum" ]
}
groups_are_told_of() { # MLDv2 reports, well formed
    local n
    n=$(tshark -r "$work/capture.pcapng" -Y "frame.packet_flags_direction == 2 && icmpv6.type == 143 && !_ws.malformed" 2> /dev/null | wc -l)
    echo "$n reports"
    [ "$n" -ge 2 ]
}
end() { # what it had to say stands on standard error
    kill -TERM "$rill_pid"
    exits 0 wait "$timeout_pid"
    silence
}
nothing_malformed() {
    tshark -c 60000 -r "$work/capture.pcapng" -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE \
        -Y '_ws.malformed or tcp.checksum.status == 0 or ip.checksum.status == 0 or icmpv6.checksum.status == 0' \
        2> /dev/null > "$work/bad"
    head -n 5 "$work/bad"
    [ ! -s "$work/bad" ]
}
no_router_is_an_error() {
    one_line 1 "no router" world 20 "$rill" serve "$www" --link tap:rill9 --address auto
}
auto_on_tun_is_an_error() { one_line 2 "neighbours" world 5 "$rill" serve "$www" --link tun:rill9 --address auto; }

start_rival() { # the kernel has what rill wants, on a wire that is up before rill is: it asks once for IPv6
    world 5 ip link add rill1 type veth peer name peer1 && world 5 sysctl -qw net.ipv6.conf.rill1.disable_ipv6=1 &&
        world 5 ip link set rill1 up && world 5 ip link set peer1 up &&
        world 5 ip address add 10.88.0.2/24 dev peer1 && world 5 ip address add fd88::2/64 dev peer1 nodad || return 1
    wait_for 5 sh -c "ip netns exec $ns ip -6 address show dev peer1 scope link -tentative | grep -q fe80" || return 1
    start_rill serve "$www" --link packet:rill1 --mac "$mac" --address 10.88.0.2/24 --address fd88::2/64
    wait_for 5 grep -q '\[' "$work/rill.out"
}
rill_notices() { said 10 "10.88.0.2 is a duplicate" && said 10 "fd88::2 is a duplicate"; }
start_first() {
    kill -TERM "$rill_pid"
    wait "$timeout_pid"
    start_rill serve "$www" --link tap:rill2 --mac "$mac" --address 10.89.0.2/24 --address fd89::2/64 || return 1
    wait_for 5 grep -q '\[' "$work/rill.out" || return 1
    sleep 3
}
kernel_notices_ipv6() { # its own detection fails
    world 5 sysctl -qw net.ipv6.conf.rill2.accept_dad=1 && world 5 ip address add fd89::2/64 dev rill2 || return 1
    wait_for 5 sh -c "ip netns exec $ns ip -6 address show dev rill2 dadfailed | grep -q fd89::2"
}
arping_notices_ipv4() { ! world 10 arping -q -D -c 2 -w 4 -I rill2 10.89.0.2; }
it_goes_on() {
    world 5 ip address del fd89::2/64 dev rill2
    [ "$(world 20 curl -gsS http://10.89.0.2/big | sum)" = "$big_sum" ] &&
        [ "$(world 20 curl -gsS 'http://[fd89::2]/big' | sum)" = "$big_sum" ]
}
end_first() {
    kill -TERM "$rill_pid"
    exits 0 wait "$timeout_pid"
}

try "rill takes an address from a router's advertisement" start_auto
try "the address answers pings, whole and in fragments" answers_at_its_address
try "so does the link-local one" link_local_answers_too
try "a ping to all nodes is answered from an address of its own" everybody_is_asked_and_it_answers
try "the router's MTU is kept" mtu_is_the_router_s
try "an address runs out under a live fetch, comes back, and the fetch goes on" runs_out_and_comes_back_under_a_fetch
try "routers are told of groups" groups_are_told_of
try "SIGTERM ends it" end
try "the capture holds nothing malformed and no bad checksum" nothing_malformed
try "without a router auto is an error" no_router_is_an_error
try "auto on tun is an error" auto_on_tun_is_an_error
try "rill on addresses the kernel has" start_rival
try "notices both" rill_notices
try "rill on addresses of its own" start_first
try "the kernel's detection finds rill's IPv6 address" kernel_notices_ipv6
try "arping finds rill's IPv4 address" arping_notices_ipv4
try "and rill serves on" it_goes_on
try "SIGTERM ends it too" end_first
tap_end
