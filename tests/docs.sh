#!/usr/bin/env bash
# Every example in the docs is run: what README says is what happens. Needs build/rill.
set -u
cd "$(dirname "$0")/.."
. tests/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# block LANGUAGE TEXT: the fenced block of README with this language whose lines include TEXT.
block() {
    python3 - "$1" "$2" <<'PY'
import re, sys
for language, body in re.findall(r'^```(\w+)\n(.*?)^```', open('README.md').read(), re.M | re.S):
    if language == sys.argv[1] and sys.argv[2] in body:
        sys.stdout.write(body)
        sys.exit(0)
sys.exit('README has no such block')
PY
}
demo_is_as_shown() {
    block text "A socket is" | sed -E 's/ in [0-9.]+ s\.$//' > "$work/shown" &&
        build/rill demo | sed -E 's/ in [0-9.]+ s\.$//' > "$work/real" && diff "$work/shown" "$work/real"
}
embedding_works() {
    block sh two_hosts | sed "s|two_hosts && ./two_hosts|$work/two_hosts \&\& $work/two_hosts|" > "$work/embed.sh" &&
        bash "$work/embed.sh" | grep -qx '10.0.0.2 received: hello'
}
lab_works() { # both runs: two flows and the object
    block sh "rill lab" > "$work/lab.sh"
    bash -e "$work/lab.sh" > "$work/out" || { cat "$work/out"; return 1; }
    [ "$(grep -c '^flow [12] .*resent' "$work/out")" -eq 2 ] && tail -n 1 "$work/out" | python3 -c '
import json, sys
d = json.loads(sys.stdin.read())
assert d["ok"] and d["paths"][0]["queue_bytes"]["max"] > 0'
}
serve_and_curl_work() {
    block sh "rill serve" | sed "s/rill-demo/rill-docs-$$/g" > "$work/serve.sh"
    timeout 60 bash -m "$work/serve.sh" > "$work/out" 2>&1
    local status=$?
    cat "$work/out"
    ip netns list | grep -q "rill-docs-$$" && { ip netns del "rill-docs-$$"; return 1; }
    [ $status -eq 0 ] && grep -qx "200 $(stat -c %s include/rill/tcp.h)" "$work/out" && grep -qx 200 "$work/out"
}
links_lead_somewhere() {
    local page target bad=0
    while IFS=: read -r page target; do
        target=${target#*](}; target=${target%)}
        case $target in http*) continue ;; esac
        [ -e "$(dirname "$page")/${target%%#*}" ] || { echo "$page: $target"; bad=1; }
    done < <(grep -oHE '\]\([^)]+\)' ./*.md docs/*.md docs/decisions/*.md)
    return $bad
}
core_compiles_as_told() {
    local file
    for file in $(cat src/core.list); do
        cc -std=c11 -Iinclude -Isrc -c "src/$file" -o "$work/object.o" || return 1
    done
}

streams_are_as_shown() {
    block sh "rill streams" > "$work/streams.sh"
    { block text "opened 6 connections"; block text "were used 6 times"; } > "$work/shown"
    bash -e "$work/streams.sh" > "$work/real" && diff "$work/shown" "$work/real"
}
tables_and_parts_are_as_told() { # each connection in one part; the tables themselves: suite arrow
    block sh "export --arrow" | sed -E "s#(-o |> )#\\1$work/#" > "$work/export.sh"
    bash -e "$work/export.sh" || return 1
    [ "$(head -c 6 "$work/connections.arrow")$(head -c 6 "$work/packets.arrow")" = ARROW1ARROW1 ] &&
        build/rill streams examples/captures/http_parallel6.pcap --json | sed 's/"number":[0-9]*,//' | sort > "$work/whole" &&
        cat "$work"/part[0-3].jsonl | sed 's/"number":[0-9]*,//' | sort | diff "$work/whole" -
}

check "README shows the demo's real output" demo_is_as_shown
check "README shows the real lists of the captures" streams_are_as_shown
check "README's tables and parts are as told" tables_and_parts_are_as_told
check "README's lab runs as shown" lab_works
check "README's embedding example compiles and runs" embedding_works
check "the core compiles with nothing but cc -std=c11" core_compiles_as_told
check "links in the docs lead somewhere" links_lead_somewhere
if [ "$(id -u)" = 0 ] && [ -c /dev/net/tun ] && build/rill serve --help > "$work/help" 2>&1; then
    check "README's serve and curl work as shown" serve_and_curl_work
else
    skip "README's serve and curl work as shown" "needs root, /dev/net/tun and libmicrohttpd"
fi
tap_end
