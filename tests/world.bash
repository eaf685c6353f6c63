# Sourced by tests/world_*.sh: rill and other people's programs in a network namespace of our own.
# try NAME COMMAND… is check, or a skip by name where the machine cannot do it. Everything is bounded in time, and
# everything started is ended, whatever happens.
set -u
cd "$(dirname "$0")/.."
ns=rill-$$
why_not=
if [ "$(id -u)" -ne 0 ]; then
    why_not="needs root"
elif [ ! -c /dev/net/tun ]; then
    why_not="no /dev/net/tun"
elif ! ip netns add "$ns" 2> /dev/null; then
    why_not="no network namespaces"
fi
. tests/world_tools.bash "$@"
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

# world SECONDS COMMAND…: inside, no longer than that.
world() {
    local most=$1; shift
    ip netns exec "$ns" timeout -k 2 "$most" "$@"
}
no_device() { ! world 5 ip link show "$1" > /dev/null 2>&1; }
# start_rill ARGUMENTS…: in the background; output in $work/rill.out and .err, process in $rill_pid.
start_rill() {
    ip netns exec "$ns" timeout -k 2 200 "$rill" "$@" > "$work/rill.out" 2> "$work/rill.err" &
    started
}
start_serve() { # DEVICE OPTIONS…
    local device=$1; shift
    start_rill serve "$work/www" --link "tun:$device" "$@" && wait_for 5 grep -q '\[' "$work/rill.out" ||
        { cat "$work/rill.err"; return 1; }
}
