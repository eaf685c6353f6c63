#!/usr/bin/env bash
# From a fresh clone, as a new user would: `make run`, as root and as an ordinary user; and what is said when
# the tools are missing.
set -u
cd "$(dirname "$0")/.."
. tests/tap.sh
work=$(mktemp -d)
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT

fresh_run() { # NAME COMMAND…: clones, hands the clone to the command's user, runs `make run` in under 90 s
    local clone=$work/$1; shift
    git clone -q . "$clone" || return 1
    [ $# -gt 0 ] && chown -R 65534:65534 "$clone"
    (cd "$clone" && timeout 90 "$@" env HOME="$clone" make run) > "$work/out" 2>&1
    local status=$?
    tail -n 5 "$work/out"
    [ $status -eq 0 ] || { echo "status $status"; return 1; }
    grep -q 'Every byte arrived as sent' "$work/out" && grep -q '^Next: ' "$work/out" &&
        [ -f "$clone/build/rill" ] && [ -f "$clone/build/librill.a" ] && [ -e "$clone/build/librill.so" ]
}
missing_tools_are_named() { # with a PATH of almost nothing, as an ordinary user: one line, code 3
    mkdir -p "$work/bin" "$work/tree/tools"
    local tool
    for tool in sh sed grep id dirname dpkg-query env; do ln -sf "$(command -v "$tool")" "$work/bin/$tool"; done
    cp tools/install tools/packages "$work/tree/tools/"
    printf 'build  no-such-package-of-ours\n' >> "$work/tree/tools/packages"
    "$@" env PATH="$work/bin" "$work/tree/tools/install" build > "$work/out" 2> "$work/err"
    local status=$?
    cat "$work/err"
    [ $status -eq 3 ] && [ "$(wc -l < "$work/err")" -eq 1 ] && grep -q no-such-package-of-ours "$work/err"
}

check "make run works from a fresh clone" fresh_run mine
if [ "$(id -u)" = 0 ] && command -v setpriv > /dev/null; then
    user="setpriv --reuid 65534 --regid 65534 --clear-groups"
    check "make run works from a fresh clone as an ordinary user" fresh_run theirs $user
    check "missing tools are named in one line" missing_tools_are_named $user
else
    skip "make run works from a fresh clone as an ordinary user" "not root: the test before was that"
    check "missing tools are named in one line" missing_tools_are_named
fi
tap_end
