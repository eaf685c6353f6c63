#!/usr/bin/env bash
# Where a packet goes and from which address: rill's answers and the kernel's, for the same interfaces, addresses and
# routes (tests/ip/routes.txt). Differences that are meant stand below with their reasons. Needs root, build-test/.
set -u
cd "$(dirname "$0")/.."
. tests/tap.sh
ns=rill-routes-$$
trap 'ip netns del "$ns" 2> /dev/null' EXIT

world() { ip netns exec "$ns" "$@"; }
set_up() {
    ip netns add "$ns" && world ip link set lo up || return 1
    local one
    for one in A B; do
        world ip link add "$one" type veth peer name "peer$one" && world ip link set "$one" addrgenmode none &&
            world ip link set "peer$one" addrgenmode none && world ip link set "peer$one" up &&
            world ip link set "$one" up || return 1
    done
    local kind where what more metric=100
    while read -r kind where what more; do
        local six=-4
        [ "${what#*:}" = "$what" ] || six=-6
        case $kind in
        address)
            local lifetime=
            [ "$more" = deprecated ] && lifetime="preferred_lft 0"
            [ $six = -6 ] && lifetime="$lifetime nodad"
            # shellcheck disable=SC2086
            world ip $six address add "$what" dev "$where" $lifetime || return 1
            ;;
        route)
            metric=$((metric + 1))
            # shellcheck disable=SC2086
            world ip $six route add "$what" ${more:+via $more} dev "$where" metric $metric || return 1
            ;;
        esac
    done < tests/ip/routes.txt
}
kernel_says() {
    python3 - "$ns" <<'PY'
import json, subprocess, sys
for line in open('tests/ip/routes.txt'):
    words = line.split()
    if not words or words[0] != 'case':
        continue
    given = dict(zip(words[2::2], words[3::2]))
    command = ['ip', 'netns', 'exec', sys.argv[1], 'ip', '-6' if ':' in words[1] else '-4', '-j', 'route', 'get', words[1]]
    if 'from' in given:
        command += ['from', given['from']]
    if 'zone' in given:
        command += ['oif', given['zone']]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print('none')
        continue
    route = json.loads(done.stdout)[0]
    device = 'L' if route['dev'] == 'lo' else route['dev']
    print(device, route.get('gateway', '-'), given.get('from', route.get('prefsrc', '?')))
PY
}
# case | kernel | rill | reason
differences() {
    cat <<'LIST'
case 2a00::1 from 2001:db8:9::9 | A fe80::1 2001:db8:9::9 | none | "route get" does not ask whose the source is; bind does
LIST
}
compare() {
    local cases
    cases=$(grep '^case' tests/ip/routes.txt)
    kernel_says > "$work/kernel" && build-test/tests/routes_tool < tests/ip/routes.txt > "$work/rill" || return 1
    paste -d '|' <(echo "$cases") "$work/kernel" "$work/rill" | awk -F '|' '$2 != $3 {print $1 " | " $2 " | " $3}' > "$work/differ"
    differences | sed 's/ | [^|]*$//' > "$work/meant"
    diff "$work/meant" "$work/differ" | sed -n 's/^</no difference any more:/p; s/^>/not as the kernel:/p' | tee "$work/wrong"
    [ ! -s "$work/wrong" ]
}
enough() { [ "$(grep -c '^case' tests/ip/routes.txt)" -ge 60 ]; }

work=$(mktemp -d)
trap 'ip netns del "$ns" 2> /dev/null; rm -rf "$work"' EXIT
why_not=
[ "$(id -u)" = 0 ] && ip netns add "$ns-probe" 2> /dev/null && ip netns del "$ns-probe" || why_not="network namespaces need root"
try() { # NAME COMMAND: or a skip, by name
    if [ -n "$why_not" ]; then
        skip "$1" "$why_not"
    else
        check "$@"
    fi
}
try "two interfaces, addresses and routes" set_up
try "at least sixty cases" enough
try "each goes where the kernel sends it, from the address the kernel takes" compare
tap_end
