#!/usr/bin/env bash
# librill-packetdrill.so as packetdrill uses it: two threads, the shared suites through its 33 functions, and the
# programs that stand for sysctl and the like. Needs build-test; the shared suites lie in $RILL_SHARED/packetdrill.
set -u
cd "$(dirname "$0")/.."
. tests/tap.sh
so=build-test/librill-packetdrill.so
shared=${RILL_SHARED:-../shared}/packetdrill
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The driver tries a call that blocks again and again; here bytes must go with the handshake's ACK.
NOT_WITH_THE_DRIVER=fastopen/client/cookie-less-sendto.pkt

passes() { # FOLDER LEAST
    find "$1" -name '*.pkt' | grep -v "$NOT_WITH_THE_DRIVER" | sort > "$work/files"
    xargs build-test/tests/packetdrill_driver "$so" < "$work/files" > "$work/out"
    grep -v '^PASS' "$work/out"
    [ "$(grep -c '^PASS' "$work/out")" -ge "$2" ]
}
exports_two_functions() {
    [ "$(nm -D --defined-only "$so" | awk '{print $3}' | sort | tr '\n' ' ')" = "getsockopt packetdrill_interface_init " ]
}
settings_are_left() { # by the programs, where the library reads them
    local shims
    shims=$(build-test/rill script --shims) || return 1
    export RILL_PACKETDRILL_SETTINGS=$work/settings
    : > "$RILL_PACKETDRILL_SETTINGS"
    "$shims/common/defaults.sh" && "$shims/sysctl" -q -w net.ipv4.tcp_sack=0 &&
        "$shims/common/set_sysctls.py" /proc/sys/net/ipv4/tcp_timestamps=0 && "$shims/tc" qdisc add dev tun0 &&
        "$shims/tcpdrop" -s TIME_WAIT || return 1
    cat "$RILL_PACKETDRILL_SETTINGS"
    [ "$("$shims/sysctl" -n net.ipv4.tcp_sack)" = 0 ] && grep -qx net/ipv4/tcp_timestamps=0 "$RILL_PACKETDRILL_SETTINGS" &&
        grep -qx tcpdrop=TIME_WAIT "$RILL_PACKETDRILL_SETTINGS" && grep -qx net.ipv4.tcp_ecn=0 "$RILL_PACKETDRILL_SETTINGS"
}
unset_settings_are_told() { # in one line
    local shims
    shims=$(build-test/rill script --shims) || return 1
    env -u RILL_PACKETDRILL_SETTINGS "$shims/sysctl" a=1 2> "$work/err"
    [ $? -ne 0 ] && [ "$(wc -l < "$work/err")" -eq 1 ] && grep -q RILL_PACKETDRILL_SETTINGS "$work/err"
}

check "it exports the two functions that packetdrill looks for" exports_two_functions
check "two threads share it as packetdrill's do" build-test/tests/packetdrill_blocking_test
check "scripts of our own" passes tests/script/pass 12
if [ -d "$shared" ]; then
    check "FreeBSD's suite: all 227" passes "$shared/freebsd" 227
    check "Linux's suite: 39 of 42" passes "$shared/linux" 39
else
    skip "FreeBSD's suite" "$shared is not there"
    skip "Linux's suite" "$shared is not there"
fi
check "what is set reaches the library" settings_are_left
check "settings without a file are refused in one line" unset_settings_are_told
tap_end
