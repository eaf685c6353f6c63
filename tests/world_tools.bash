# Sourced by tests/world.bash and tests/pair.bash: what tests with other people's programs need. Sets $why_not if one
# of the named tools is missing, and makes $work, which goes at the end.
. tests/tap.sh
rill=${RILL:-$PWD/build/rill}
for tool in "$@" curl; do
    [ -n "$why_not" ] || command -v "$tool" > /dev/null || why_not="$tool is not installed"
done
if [ -d /dev/shm ] && [ -w /dev/shm ]; then work=$(mktemp -d /dev/shm/rill-world.XXXXXX); else work=$(mktemp -d); fi
chmod 711 "$work"
mkdir "$work/www"

try() {
    if [ -n "$why_not" ]; then skip "$1" "$why_not"; else check "$@"; fi
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
# What was started in the background as $timeout_pid with its output in $work/rill.out and .err: a process in
# $rill_pid.
started() {
    timeout_pid=$!
    wait_for 5 pgrep -P "$timeout_pid" || return 1
    rill_pid=$(pgrep -P "$timeout_pid")
}
no_complaint() { # news of the interface are none
    ! grep -vE '^rill: (the link is (up|down)|address [^ ]+)$' "$work/rill.err"
}
stop_rill() { # SIGNAL: it exits 0, and quietly
    kill "-${1:-TERM}" "$rill_pid"
    exits 0 wait "$timeout_pid" || { cat "$work/rill.err"; return 1; }
    no_complaint
}
sum() { sha256sum "$@" | cut -d' ' -f1; }
# bytes SIZE: bytes without a pattern, the same ones every time.
bytes() { head -c "$1" /dev/zero | openssl enc -aes-128-ctr -pass pass:rill -nosalt -pbkdf2 -iter 1 2> /dev/null; }
