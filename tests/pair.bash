# Sourced by tests that join rill to the kernel by a veth pair: rill on `rill0` in a namespace of its own, the kernel and
# other people's programs on `far0` in another (10.77.0.1, fd77::1). Arguments: the programs needed.
#
# The script is run again inside of namespaces for network and processes, so that whatever it starts ends with it and
# nothing of it is ever seen outside. With RILL_AS=UID, or for an ordinary user, they belong to a user namespace of that
# user's: no root anywhere.
set -u
cd "$(dirname "$0")/.."
if [ -z "${RILL_INSIDE-}" ]; then
    enter=(unshare -n -m -p -f --mount-proc --kill-child)
    tree=$PWD
    if [ -n "${RILL_AS-}" ] || [ "$(id -u)" -ne 0 ]; then
        enter=(unshare -U -r "${enter[@]:1}")
        if [ "$(id -u)" -eq 0 ]; then # that user may not be able to read this tree
            tree=$(mktemp -d)
            mkdir "$tree/build" && cp -r tests "$tree/" && cp "${RILL:-build/rill}" "$tree/build/rill"
            chown -R "$RILL_AS:$RILL_AS" "$tree"
            enter=(setpriv --reuid "$RILL_AS" --regid "$RILL_AS" --clear-groups "${enter[@]}")
        fi
    fi
    RILL_CANNOT=$("${enter[@]}" true 2>&1) || enter=()
    export RILL_CANNOT RILL_INSIDE=1
    "${enter[@]}" bash "$tree/tests/$(basename "$0")" &
    inside=$!
    trap 'kill -9 $inside 2> /dev/null; [ "$tree" = "$PWD" ] || rm -rf "$tree"' EXIT
    trap 'exit 1' INT TERM
    wait $inside
    exit
fi
why_not=$RILL_CANNOT
. tests/world_tools.bash ip nsenter "$@"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

if [ -z "$why_not" ]; then
    unshare -n sleep infinity & # holds the other namespace
    far=$!
    wait_for 5 eval '[ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/self/ns/net)" ]'
fi
# world SECONDS COMMAND…: on the kernel's side, no longer than that.
world() {
    local most=$1; shift
    nsenter -t "$far" -n timeout -k 2 "$most" "$@"
}
near() { # SECONDS COMMAND…: on rill's side
    local most=$1; shift
    timeout -k 2 "$most" "$@"
}
make_pair() {
    ip link add rill0 type veth peer name far0 && ip link set far0 netns "$far" && ip link set lo up &&
        ip link set rill0 up && world 5 ip link set lo up && world 5 ip link set far0 up &&
        world 5 ip addr add 10.77.0.1/24 dev far0 && world 5 ip addr add fd77::1/64 dev far0 nodad
}
[ -n "$why_not" ] || why_not=$(make_pair 2>&1)

start_rill() { # ARGUMENTS…
    timeout -k 2 200 "$rill" "$@" > "$work/rill.out" 2> "$work/rill.err" &
    started
}
