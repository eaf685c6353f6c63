#!/usr/bin/env bash
# The report pages in a browser: tests/page.mjs by Playwright in Debian's Chromium, and what a command says that was
# built without uPlot. Needs build-test.
set -u
cd "$(dirname "$0")/.."
RILL_SHARED=${RILL_SHARED:-../shared}
. tests/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rill=${RILL:-build-test/rill}
browser=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)}

says_what_to_install() { # the file that stands in for the pages' dress, alone
    printf '%s\n' '#include "cli/report_assets.h"' '#include <stdarg.h>' '#include <stdio.h>' \
        'void cli_error(const char *f, ...);' \
        'void cli_error(const char *f, ...) { va_list a; va_start(a, f); vprintf(f, a); va_end(a); }' \
        'int main(void) { return cli_report_assets() != 0; }' > "$work/main.c"
    cc -std=c11 -D_GNU_SOURCE -DRILL_WITHOUT_REPORT -Iinclude -Isrc "$work/main.c" src/cli/absent.c -o "$work/absent" &&
        "$work/absent" > "$work/said" || return 1
    cat "$work/said"
    [ "$(wc -l < "$work/said")" -le 1 ] && grep -q 'tools/install page' "$work/said"
}
lab() { "$rill" lab --a host --b host "$@" > "$work/out" 2> "$work/err" || { cat "$work/out" "$work/err"; return 1; }; }
same_each_time() {
    lab --rate 20M --delay 10ms --loss 1% --flows 3 --report "$work/1.html" && mv "$work/1.html" "$work/first.html" &&
        lab --rate 20M --delay 10ms --loss 1% --flows 3 --report "$work/1.html" && cmp "$work/1.html" "$work/first.html"
}
cannot_be_written() {
    "$rill" lab --a host --b host --report /nowhere/x.html > "$work/out" 2> "$work/err"
    local status=$?
    cat "$work/err"
    [ $status -eq 1 ] && [ "$(wc -l < "$work/err")" -eq 1 ] && grep -q '/nowhere/x.html' "$work/err"
}
no_room_left() {
    "$rill" lab --a host --b host --report /dev/full > "$work/out" 2> "$work/err"
    local status=$?
    cat "$work/err"
    [ $status -eq 1 ] && grep -q 'not whole' "$work/err"
}
nothing_to_follow() {
    "$rill" lab --a tun:x --b tun:y --report "$work/x.html" > "$work/out" 2> "$work/err"
    [ $? -eq 2 ] && grep -q -- '--report' "$work/err"
}
bounded() { # FILE
    stat -c '%s bytes' "$1"
    [ "$(stat -c %s "$1")" -le 2000000 ]
}

check "a build without uPlot says what to install" says_what_to_install
if [ ! -x build-test/tests/report_page ]; then
    skip "the pages" "built without uPlot: tools/install page, then build again"
    tap_end
    exit
fi
check "the same run, the same page" same_each_time
check "a page that cannot be written" cannot_be_written
check "a page there is no room for" no_room_left
check "a page of two links" nothing_to_follow

lab --rate 20M --delay 20ms --loss 0.5% --queue 1xBDP --bytes 4M --report "$work/lab.html"
lab --rate 20M --delay 20ms --queue 1xBDP --flows 6 --bytes 1M --report "$work/flows.html"
lab --rate 1G --delay 20ms --queue 1xBDP --time 4s --send b --report "$work/bulk.html"
lab --rate 50M --delay 5ms --flows 500 --bytes 20K --report "$work/crowd.html"
build-test/tests/report_page 150000 7 5000 > "$work/many.html"
build-test/tests/report_page 6 6 400 > "$work/lives.html"
page_of() { "$rill" streams "$1" report -o "$work/$2.html" > "$work/out" 2> "$work/err" || cat "$work/err"; }
page_of examples/captures/http_parallel6.pcap parallel
page_of examples/captures/port_reuse.pcap reuse
captures=
for capture in "$RILL_SHARED"/captures/*.pcap "$RILL_SHARED"/captures/*.pcapng; do
    [ -f "$capture" ] || continue
    name=capture_$(basename "$capture" | sed 's/[.].*//')
    page_of "$capture" "$name"
    captures="$captures $name"
done
one_line() { # CODE WORD OPTIONS…
    local want=$1 word=$2 got; shift 2
    "$rill" streams "$@" > "$work/out" 2> "$work/err"
    got=$?
    cat "$work/err"
    [ "$got" -eq "$want" ] && [ ! -s "$work/out" ] && [ "$(wc -l < "$work/err")" -eq 1 ] && grep -qF -- "$word" "$work/err"
}
check "a report without a place" one_line 2 "report -o" examples/captures/port_reuse.pcap report
check "a report of standard input" one_line 2 "twice" - report -o "$work/x.html"
check "a report that cannot be written" one_line 1 "/nowhere/x" examples/captures/port_reuse.pcap report -o /nowhere/x
cut_short() { # partial, and says so on the page too
    head -c 20000 examples/captures/port_reuse.pcap > "$work/cut.pcap"
    "$rill" streams "$work/cut.pcap" report -o "$work/cut.html" 2> "$work/err"
    local status=$?
    cat "$work/err"
    [ $status -eq 5 ] && [ "$(wc -l < "$work/err")" -eq 1 ] && grep -q 'class="remark">A file is damaged' "$work/cut.html"
}
check "a capture cut short" cut_short
no_connection() {
    head -c 24 examples/captures/port_reuse.pcap > "$work/none.pcap"
    "$rill" streams "$work/none.pcap" report -o "$work/none.html" && grep -q 'No TCP connection' "$work/none.html"
}
check "a capture without connections" no_connection
for page in lab flows bulk crowd many lives parallel reuse $captures; do
    check "$page: less than 2 MB" bounded "$work/$page.html"
done
why_not=
command -v node > /dev/null || why_not="node is not installed"
[ -n "$why_not" ] || [ -d node_modules/playwright-core ] || why_not="playwright-core is not installed: npm ci"
[ -n "$why_not" ] || [ -n "$browser" ] || why_not="chromium is not installed"
if [ -n "$why_not" ]; then
    skip "the pages in a browser" "$why_not"
else
    node tests/page.mjs "$browser" "$work" "$tap_count" $captures > "$work/tap" 2> "$work/err"
    status=$?
    cat "$work/tap"
    sed 's/^/# /' "$work/err"
    tap_count=$((tap_count + $(grep -cE '^(not )?ok ' "$work/tap")))
    tap_failed=$((tap_failed + $(grep -c '^not ok ' "$work/tap")))
    [ $status -eq 0 ] || [ "$(grep -c '^not ok ' "$work/tap")" -gt 0 ] || check "the browser's tests ran to their end" false
fi
tap_end
