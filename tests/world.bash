# Sourced by tests/world_*.sh: rill and other people's programs in a network namespace of our own.
# try NAME COMMAND… is check, or a skip by name where the machine cannot do it. Everything is bounded in time, and
# everything started is ended, whatever happens.
set -u
cd "$(dirname "$0")/.."
. tests/tap.sh
rill=${RILL:-$PWD/build/rill}
ns=rill-$$
why_not=
if [ "$(id -u)" -ne 0 ]; then
    why_not="needs root"
elif [ ! -c /dev/net/tun ]; then
    why_not="no /dev/net/tun"
elif ! ip netns add "$ns" 2> /dev/null; then
    why_not="no network namespaces"
fi
for tool in "$@" curl; do
    [ -n "$why_not" ] || command -v "$tool" > /dev/null || why_not="$tool is not installed"
done
if [ -d /dev/shm ] && [ -w /dev/shm ]; then work=$(mktemp -d /dev/shm/rill-world.XXXXXX); else work=$(mktemp -d); fi
chmod 711 "$work"
mkdir "$work/www"
end_world() {
    if ip netns list 2> /dev/null | grep -qw "$ns"; then
        local one
        for one in $(ip netns pids "$ns"); do kill -9 "$one" 2> /dev/null; done
        ip netns del "$ns"
    fi
    rm -rf "$work" "/etc/netns/$ns"
}
trap end_world EXIT
trap 'exit 1' INT TERM
[ -n "$why_not" ] || ip netns exec "$ns" ip link set lo up

try() {
    if [ -n "$why_not" ]; then skip "$1" "$why_not"; else check "$@"; fi
}
# world SECONDS COMMAND…: inside, no longer than that.
world() {
    local most=$1; shift
    ip netns exec "$ns" timeout -k 2 "$most" "$@"
}
# wait_for SECONDS COMMAND…: until it succeeds.
wait_for() {
    local until=$((SECONDS + $1)); shift
    until "$@" > /dev/null 2>&1; do
        [ "$SECONDS" -lt "$until" ] || { echo "waited in vain for: $*"; return 1; }
        sleep 0.05
    done
}
# exits CODE COMMAND…
exits() {
    local want=$1 got; shift
    "$@"
    got=$?
    [ "$got" -eq "$want" ] || { echo "exit code $got, expected $want"; return 1; }
}
# one_line CODE WORD COMMAND…: that exit code, and one line on standard error, with WORD in it.
one_line() {
    local want=$1 word=$2; shift 2
    exits "$want" "$@" > "$work/line.out" 2> "$work/line.err" || { cat "$work/line.err"; return 1; }
    cat "$work/line.err"
    [ "$(wc -l < "$work/line.err")" -eq 1 ] && grep -qF -- "$word" "$work/line.err"
}
no_device() { ! world 5 ip link show "$1" > /dev/null 2>&1; }
sum() { sha256sum "$@" | cut -d' ' -f1; }
# bytes SIZE: bytes without a pattern, the same ones every time.
bytes() { head -c "$1" /dev/zero | openssl enc -aes-128-ctr -pass pass:rill -nosalt -pbkdf2 -iter 1 2> /dev/null; }

# start_rill ARGUMENTS…: in the background; output in $work/rill.out and .err, process in $rill_pid.
start_rill() {
    ip netns exec "$ns" timeout -k 2 200 "$rill" "$@" > "$work/rill.out" 2> "$work/rill.err" &
    timeout_pid=$!
    wait_for 5 pgrep -P "$timeout_pid" || return 1
    rill_pid=$(pgrep -P "$timeout_pid")
}
start_serve() { # DEVICE OPTIONS…
    local device=$1; shift
    start_rill serve "$work/www" --link "tun:$device" "$@" && wait_for 5 grep -q '\[' "$work/rill.out" ||
        { cat "$work/rill.err"; return 1; }
}
stop_rill() { # SIGNAL: it exits 0, and quietly
    kill "-${1:-TERM}" "$rill_pid"
    exits 0 wait "$timeout_pid" || { cat "$work/rill.err"; return 1; }
    [ ! -s "$work/rill.err" ] || { cat "$work/rill.err"; return 1; }
}
