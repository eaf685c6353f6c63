#!/usr/bin/env bash
# `rill serve` before the kernel's TCP and other people's clients: curl and wrk. Needs build/rill, root, TUN.
. "$(dirname "$0")/world.bash" wrk openssl
www=$work/www
v4=http://10.77.0.2 v6='http://[fd77::2]'

prepare() {
    local i
    bytes 1G > "$www/big" && bytes 1M > "$www/page.html" || return 1
    for i in $(seq 500); do
        bytes $((i * 61)) > "$www/small$i.txt"
        printf 'url = %s/small%d.txt\noutput = %s/got/small%d.txt\n' "$v4" "$i" "$work" "$i"
    done > "$work/list"
    mkdir "$work/got" "$www/sub" "$work/outside"
    echo secret > "$work/outside/secret"
    ln -s ../outside/secret "$www/link" && ln -s "$work/outside" "$www/door" && ln -s page.html "$www/inside.html"
    : > "$www/empty.txt"
    : > "$www/sub/a <b>&\"c\".txt"
    big_sum=$(sum "$www/big")
}
counters() { world 5 cat /proc/net/dev | sed -n 's/^ *rill0: *//p' | awk '{print $1, $2}'; }
fetch_big() { # URL: the bytes, and the frames they came in
    local before after
    before=$(counters)
    [ "$(world 60 curl -gsS "$1/big" | sum)" = "$big_sum" ] || return 1
    after=$(counters)
    echo "$before $after" | awk '{m = ($3 - $1) / ($4 - $2); print "mean frame", m, "bytes"; exit !(m >= 16384)}'
}
loaded() {
    world 30 wrk -c 200 -t 2 -d 10 "$v4/small100.txt" > "$work/wrk"
    cat "$work/wrk"
    grep -qE '^ +[0-9]+ requests in' "$work/wrk" && ! grep -qE '^ +0 requests' "$work/wrk" &&
        ! grep -qE 'Socket errors|Non-2xx' "$work/wrk"
}
five_hundred() {
    rm -rf "$work/got"; mkdir "$work/got"
    world 60 curl -gsS --no-progress-meter --parallel "$@" -K "$work/list" || return 1
    local i
    for i in $(seq 500); do cmp "$work/got/small$i.txt" "$www/small$i.txt" || return 1; done
}
range() { # RANGE FROM LENGTH
    [ "$(world 10 curl -gsS -r "$1" -o "$work/part" -w '%{http_code}' "$v4/page.html")" = 206 ] &&
        tail -c +$(($2 + 1)) "$www/page.html" | head -c "$3" | cmp - "$work/part"
}
status() { # CODE CURL-ARGUMENTS…
    local want=$1 got; shift
    got=$(world 10 curl -gsS -o "$work/body" -D "$work/head" -w '%{http_code}' "$@")
    [ "$got" = "$want" ] || { echo "status $got, expected $want"; return 1; }
}
head_only() { # curl -I writes the head where a body would go
    status 200 -I "$v6/page.html" && grep -qi '^content-length: 1048576' "$work/head" && cmp "$work/head" "$work/body"
}
kept_alive() {
    local connects
    connects=$(world 10 curl -gsS -o "$work/1" -o "$work/2" -o "$work/3" -w '%{num_connects}' "$v4/small1.txt" \
        "$v4/small2.txt" "$v4/page.html")
    echo "connections opened: $connects"
    [ "$connects" = 100 ] && cmp "$work/3" "$www/page.html"
}
listing() {
    status 200 "$v4/" && grep -q '"./small7.txt"' "$work/body" && status 200 "$v4/sub/" &&
        grep -q 'a &lt;b&gt;&amp;&quot;c&quot;.txt' "$work/body" && ! grep -q '<b>' "$work/body" &&
        status 301 "$v4/sub" && grep -qi '^location: /sub/' "$work/head"
}
no_escape() {
    local path
    for path in /../outside/secret /..%2foutside/secret /%2e%2e/outside/secret /sub/../../outside/secret /link \
        /door/secret //etc/passwd /etc/passwd /proc/self/environ; do
        status 404 --path-as-is "$v4$path" || { echo "$path"; return 1; }
    done
    status 200 "$v4/inside.html" && cmp "$work/body" "$www/page.html"
}
busy() { awk '{print $14 + $15}' "/proc/$rill_pid/stat"; }
idle() {
    local before after
    sleep 0.5; before=$(busy); sleep 2; after=$(busy)
    echo "$((after - before)) of 200 ticks busy"
    [ $((after - before)) -le 10 ]
}
resident() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$rill_pid/status"; }
open_files() { wait_for 5 bash -c "[ \$(ls /proc/$rill_pid/fd | wc -l) -le $1 ]"; }
no_growth() { # 1,500 connections that the server closes, then 1,500 more
    local first second i
    for i in 1 2 3; do five_hundred -H 'Connection: close' || return 1; done
    first=$(resident)
    for i in 1 2 3; do five_hundred -H 'Connection: close' || return 1; done
    second=$(resident)
    echo "resident: $first, then $second KiB"
    [ "$second" -le $((first + 4096)) ] && open_files 16
}
left_nothing() {
    wait_for 5 no_device rill0 && [ -z "$(ip netns pids "$ns")" ]
}
twenty() {
    local i signal=TERM
    for i in $(seq 20); do
        start_serve rill0 && [ "$(world 10 curl -gsS "$v6/page.html" | sum)" = "$(sum "$www/page.html")" ] || return 1
        stop_rill $signal && left_nothing || { echo "after start $i"; return 1; }
        [ $signal = TERM ] && signal=INT || signal=TERM
    done
}
stopped_amid() { # stopped while it serves: it ends at once, and the client sees that
    start_serve rill0 || return 1
    world 20 curl -gsS --limit-rate 10M -o /dev/null "$v4/big" 2> "$work/curl.err" &
    local client=$!
    sleep 0.7
    stop_rill TERM && ! wait "$client" && cat "$work/curl.err" && left_nothing
}
existing_device() {
    world 5 ip tuntap add dev mine mode tun && world 5 ip addr add 192.0.2.1/24 dev mine &&
        world 5 ip link set mine mtu 9000 up || return 1
    start_rill serve "$www" --link tun:mine --address 192.0.2.2/24 && wait_for 5 grep -q 192.0.2.2 "$work/rill.out" &&
        [ "$(world 10 curl -gsS http://192.0.2.2/page.html | sum)" = "$(sum "$www/page.html")" ] && stop_rill &&
        world 5 ip addr show mine | tee /dev/stderr | grep -q 'mtu 9000' &&
        world 5 ip addr show mine | grep -q 'inet 192.0.2.1/24' && world 5 ip link del mine
}
own_addresses() {
    start_rill serve "$www" --link tun:rill0 --address 192.0.2.130/25 --address 2001:db8::5/64 --peer 192.0.2.200/25 \
        --peer 2001:db8::9/64 --mtu 4000 --port 8080 --gateway 192.0.2.200 && wait_for 5 grep -qF \
        'http://[2001:db8::5]:8080/' "$work/rill.out" && world 5 ip addr show rill0 | tee /dev/stderr |
        grep -q 'mtu 4000' && world 5 ip addr show rill0 | grep -q 'inet 192.0.2.200/25' &&
        [ "$(world 10 curl -gsS 'http://[2001:db8::5]:8080/page.html' | sum)" = "$(sum "$www/page.html")" ] && stop_rill
}
ask() { one_line "$1" "$2" world 5 "$rill" serve "${@:3}"; }

[ -n "$why_not" ] || { ip netns exec "$ns" "$rill" serve 2>&1 | grep -q 'built without' &&
    why_not="built without libmicrohttpd"; }
[ -n "$why_not" ] || prepare
[ -n "$why_not" ] || start_serve rill0
try "serve prints its URLs" grep -qF "http://10.77.0.2/" "$work/rill.out"
try "serve prints its URL of IPv6" grep -qF "http://[fd77::2]/" "$work/rill.out"
try "curl fetches 1 GiB over IPv4, equal, in frames of 16 KiB and more" fetch_big "$v4"
try "curl fetches 1 GiB over IPv6, equal, in frames of 16 KiB and more" fetch_big "$v6"
try "wrk: 200 connections, 10 s, no request fails" loaded
try "curl --parallel: 500 small files whole" five_hundred
try "a range of the middle" range 1000-70000 1000 69001
try "a range to the end" range 1048000- 1048000 576
try "a range of the last bytes" range -100 1048476 100
try "a range beyond the end is 416" status 416 -r 2000000- "$v4/page.html"
try "a range of an empty file is 416, the file itself 200" eval 'status 416 -r 0-5 "$v4/empty.txt" && status 200 "$v4/empty.txt"'
try "three requests over one connection" kept_alive
try "HEAD has the length and no body" head_only
try "a directory is listed, names escaped" listing
try "nothing outside the directory is reached" no_escape
try "what is not there is 404" status 404 "$v4/nothing"
try "POST is 405" status 405 -d x "$v4/page.html"
try "idle, it sleeps" idle
try "3,000 connections closed by the server leave no memory and no descriptor" no_growth
try "SIGTERM ends it with exit 0" stop_rill TERM
try "the device made is gone" left_nothing
try "20 starts and stops leave nothing behind" twenty
try "stopped amid a transfer it ends" stopped_amid
try "an existing device is used as it is and left behind" existing_device
try "addresses, peers, port and MTU of one's own" own_addresses
try "no link is a usage error" ask 2 "--link" "$www"
try "a packet link to an interface that is not there is refused" ask 3 "no interface" "$www" --link packet:x
try "--mac is refused on tun" ask 2 "--mac" "$www" --link tun:rill0 --mac 02:00:00:00:00:01
try "a gateway out of reach is refused" ask 2 "--gateway" "$www" --link tun:rill0 --gateway 192.0.2.1
try "no directory is a usage error" ask 2 "directory" --link tun:rill0
try "a directory that is not there is an error" ask 1 "/nowhere" /nowhere --link tun:rill0
try "a device that is no TUN is refused" ask 3 "lo" "$www" --link tun:lo
try "without permission it says so" one_line 3 "root" world 5 setpriv --reuid 65534 --regid 65534 --clear-groups \
    "$rill" serve / --link tun:rill0
try "nothing of all this is left" left_nothing
tap_end
