#!/usr/bin/env bash
# `rill get` against nginx and socat over the kernel's TCP. Needs build/rill, root, TUN.
. "$(dirname "$0")/world.bash" nginx openssl socat python3
www=$work/www
get=("$rill" get --link tun:rill0)

prepare() {
    local i
    bytes 1G > "$www/big" && bytes 3M > "$www/page" || return 1
    for i in 1 2 3 4 5 6; do bytes $((i * 1000000)) > "$www/file$i"; done
    big_sum=$(sum "$www/big")
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$work/key.pem" -out \
        "$work/cert.pem" -days 2 -subj /CN=rill -addext "subjectAltName=IP:10.77.0.1,IP:fd77::1,DNS:both.test" \
        2> /dev/null || return 1
    # Names as the system's resolver knows them inside: IPv6 leads nowhere for one, to no server for the other.
    mkdir -p "/etc/netns/$ns"
    printf '%s\n' '127.0.0.1 localhost' 'fd77::1 both.test' '10.77.0.1 both.test' 'fd77::99 silent.test' \
        '10.77.0.1 silent.test' > "/etc/netns/$ns/hosts"
    cat > "$work/nginx.conf" <<CONF
worker_processes 1; daemon off; pid $work/nginx.pid; error_log $work/nginx.err; user root;
events { worker_connections 1024; }
http {
    log_format ports '\$remote_addr \$remote_port \$uri'; access_log $work/access.log ports;
    client_body_temp_path $work/t; proxy_temp_path $work/t; fastcgi_temp_path $work/t; uwsgi_temp_path $work/t;
    scgi_temp_path $work/t;
    server {
        listen 80; listen [::]:80; listen 443 ssl; listen [::]:443 ssl; listen 8081; root $www;
        ssl_certificate $work/cert.pem; ssl_certificate_key $work/key.pem;
        location /moved { return 302 /page; }
    }
}
CONF
    world 200 nginx -c "$work/nginx.conf" > "$work/nginx.out" 2>&1 &
    wait_for 5 [ -s "$work/nginx.pid" ]
}
whole() { # URL OPTIONS…: 1 GiB to a file
    rm -f "$work/out"
    world 60 "${get[@]}" "$@" -o "$work/out" && [ "$(sum "$work/out")" = "$big_sum" ] && [ ! -e "$work/out.part" ]
}
six() {
    rm -rf "$work/six"; mkdir "$work/six"; : > "$work/access.log"
    (cd "$work/six" && world 30 "${get[@]}" -O --parallel 6 http://10.77.0.1/file{1,2,3,4,5,6}) || return 1
    local i
    for i in 1 2 3 4 5 6; do cmp "$work/six/file$i" "$www/file$i" || return 1; done
    wait_for 3 eval '[ "$(wc -l < "$work/access.log")" -eq 6 ]' || return 1
    cat "$work/access.log"
    python3 - "$work/access.log" <<'PY'
import sys
lines = [l.split() for l in open(sys.argv[1])]
ports = [int(l[1]) for l in lines]
assert {l[0] for l in lines} == {'10.77.0.2'} and len(set(ports)) == 6 and min(ports) >= 1024, ports
gaps = sorted(ports)
assert not all(b - a < 16 for a, b in zip(gaps, gaps[1:])), 'in a row: not random'
PY
}
one_after_the_other() { # the same connection serves the second
    : > "$work/access.log"
    world 20 "${get[@]}" http://10.77.0.1/file1 http://10.77.0.1/file2 > "$work/out" &&
        cat "$www/file1" "$www/file2" | cmp - "$work/out" && cat "$work/access.log" &&
        [ "$(cut -d' ' -f2 "$work/access.log" | sort -u | wc -l)" = 1 ]
}
to_pipe() { # a reader that is slow to begin with
    [ "$(world 60 "${get[@]}" http://10.77.0.1/big | { sleep 1; sum; })" = "$big_sum" ]
}
fails() { one_line 1 "$1" world "$2" "${get[@]}" "${@:3}"; }
quickly() { local start=$SECONDS; "$@" && [ $((SECONDS - start)) -le 1 ]; }
failed_leaves_nothing() {
    rm -f "$work/out" "$work/out.part"
    fails 404 10 http://10.77.0.1/nothing -o "$work/out" && [ ! -e "$work/out" ] && [ ! -e "$work/out.part" ]
}
broken_by() { # WORD LINGER HEAD: a server that sends head and 200,000 bytes, and closes, or with LINGER resets
    rm -f "$work/out" "$work/out.part" "$work/ready"
    world 20 python3 - "$2" "$3" "$www/big" "$work/ready" <<'PY' &
import socket, struct, sys, time
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(('0.0.0.0', 8090))
listener.listen()
open(sys.argv[4], 'w').close()
peer = listener.accept()[0]
peer.recv(65536)
peer.sendall(sys.argv[2].replace('\\r\\n', '\r\n').encode() + open(sys.argv[3], 'rb').read(200000))
time.sleep(0.3)
if sys.argv[1] == 'reset':
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
peer.close()
PY
    local server=$!
    wait_for 5 [ -e "$work/ready" ] || return 1
    fails "$1" 10 http://10.77.0.1:8090/x -o "$work/out"
    local result=$?
    wait "$server"
    ls -l "$work"/out*
    [ "$result" -eq 0 ] && [ ! -e "$work/out" ] && cmp -n 1000 "$work/out.part" "$www/big"
}
interrupted() {
    start_rill get --link tun:rill0 http://10.77.0.1/big -o "$work/slow" || return 1
    sleep 0.1; kill -STOP "$rill_pid"; sleep 0.1; kill -INT "$rill_pid"; kill -CONT "$rill_pid"
    exits 1 wait "$timeout_pid" && cat "$work/rill.err" && [ "$(wc -l < "$work/rill.err")" -eq 1 ] &&
        grep -q interrupted "$work/rill.err" && [ ! -e "$work/slow" ]
}
falls_back() { # HOST:PORT
    world 20 "${get[@]}" "http://$1/page" -o "$work/out" && cmp "$work/out" "$www/page"
}
not_by_the_kernel() { # whatever the environment says
    : > "$work/access.log"
    no_proxy='*' http_proxy=http://10.77.0.1:1 world 10 "${get[@]}" http://10.77.0.1/page -o "$work/out" &&
        cut -d' ' -f1 "$work/access.log" | grep -qx 10.77.0.2
}
bar() { # on a terminal there is one, elsewhere not
    world 20 "${get[@]}" http://10.77.0.1/big -o /dev/null 2> "$work/err" && [ ! -s "$work/err" ] &&
        world 20 python3 - "${get[@]}" http://10.77.0.1/big -o /dev/null > "$work/screen" <<'PY'
import os, pty, sys
seen = []
def read(fd):
    data = os.read(fd, 4096)
    seen.append(data)
    return data
status = pty.spawn(sys.argv[1:], read, lambda fd: b'')
assert status == 0 and b'%' in b''.join(seen) and b'1.0G' in b''.join(seen), seen[:3]
PY
}
private() { ls -d /dev/shm/rill-?????? /tmp/rill-?????? 2> /dev/null; }
left_nothing() { # a kernel may take its time to give up a device
    wait_for 20 no_device rill0 || { ip -n "$ns" link show; return 1; }
    ! comm -13 <(echo "$private_before") <(private) | grep .
}
private_before=$(private)

[ -n "$why_not" ] || { ip netns exec "$ns" "$rill" get 2>&1 | grep -q 'built without' &&
    why_not="built without libcurl"; }
[ -n "$why_not" ] || prepare
try "1 GiB from nginx over IPv4" whole http://10.77.0.1/big
try "1 GiB from nginx over IPv6" whole 'http://[fd77::1]/big'
try "1 GiB by HTTPS, the certificate checked" whole https://10.77.0.1/big --cacert "$work/cert.pem"
try "a certificate nobody vouches for is refused" fails "--cacert" 10 https://10.77.0.1/page -o "$work/out"
try "-k goes without" world 10 "${get[@]}" -k https://10.77.0.1/page -o "$work/out"
try "six files in parallel are six connections from six random ports" six
try "one after the other they share a connection" one_after_the_other
try "1 GiB into a pipe whose reader is slow to begin" to_pipe
try "a redirect is followed" eval 'world 10 "${get[@]}" http://10.77.0.1/moved | cmp - "$www/page"'
try "a refused port says so at once" quickly fails "refused" 10 http://10.77.0.1:81/
try "a refused port says so at once over IPv6" quickly fails "refused" 10 'http://[fd77::1]:81/'
try "a host that is silent ends by --connect-timeout" quickly fails "10.77.0.99" 10 --connect-timeout 500ms http://10.77.0.99/
try "IPv6 refused falls back to IPv4" falls_back both.test:8081
try "IPv6 silent falls back to IPv4" falls_back silent.test
try "a name that is none says so" fails "name" 15 http://nothing.invalid/
try "loopback is another host's" fails "loopback" 10 http://localhost/
try "404 is a failure and leaves no file" failed_leaves_nothing
try "a reset amid the answer is a failure, what came is in .part" broken_by "bytes are in" reset \
    'HTTP/1.0 200 OK\r\n\r\n'
try "an answer cut short is a failure" broken_by "bytes are in" close \
    'HTTP/1.0 200 OK\r\nContent-Length: 300000\r\n\r\n'
try "a full disk is a failure" fails "No space left" 20 http://10.77.0.1/page -o /dev/full
try "SIGINT ends it, and no half file has the name" interrupted
try "the environment's proxies do not lead past rill" not_by_the_kernel
try "a progress bar on a terminal alone" bar
try "-o with two URLs is a usage error" one_line 2 "-O" world 5 "${get[@]}" -o x http://a/ http://b/
try "a URL without a name for -O is an error" fails "-o FILE" 5 -O http://10.77.0.1/
try "no URL is a usage error" one_line 2 "URL" world 5 "${get[@]}"
try "device and private socket are gone" left_nothing
tap_end
