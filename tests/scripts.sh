#!/usr/bin/env bash
# rill script: our own scripts pass, those made to fail fail for the reason their first line gives, the options
# relax what they name, and the shared suites pass but for the exceptions that docs/script.md explains.
# Needs build/rill; the shared suites lie in $RILL_SHARED/packetdrill (default ../shared), and are skipped if absent.
set -u
cd "$(dirname "$0")/.."
. tests/tap.sh
rill=build/rill
shared=${RILL_SHARED:-../shared}/packetdrill
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

own_scripts_pass() {
    "$rill" script tests/script/pass/*.pkt > "$work/out" || { grep -v '^PASS' "$work/out"; return 1; }
    [ "$(tail -n 1 "$work/out")" = "$(ls tests/script/pass/*.pkt | wc -l) passed, 0 failed" ]
}
fails_as_told() { # FILE: what it says behind "FAIL FILE" begins as its first line tells
    local want
    want="FAIL $1$(sed -n '1s,^// fails: ,,p' "$1")"
    "$rill" script "$1" > "$work/out" && { echo "$1 passes"; return 1; }
    [[ "$(head -n 1 "$work/out")" == "$want"* ]] || { echo "want $want"; echo "got  $(head -n 1 "$work/out")"; return 1; }
    [ "$(tail -n 1 "$work/out")" = "0 passed, 1 failed" ]
}
all_fail_as_told() {
    local one bad=0
    for one in tests/script/fail/*.pkt; do fails_as_told "$one" || bad=1; done
    return $bad
}
passes_only_relaxed() { # WHAT FILE
    ! "$rill" script "$2" > "$work/out" && "$rill" script --relax "$1" "$2"
}
relaxes_what_is_named() {
    passes_only_relaxed order tests/script/fail/option-order.pkt &&
        passes_only_relaxed window tests/script/fail/window.pkt &&
        passes_only_relaxed times tests/script/fail/early.pkt &&
        passes_only_relaxed rest tests/script/fail/left-over.pkt &&
        ! "$rill" script --relax order,window,rest tests/script/fail/early.pkt
}
defines_count() { # the block in #ifdef is read, and expects what does not come
    ! "$rill" script --define QUIET tests/script/pass/ifdef.pkt > "$work/out" &&
        grep -q 'expected R. 0:0(0) ack 5, came R. 0:0(0) ack 4' "$work/out"
}
json_is_json() {
    "$rill" script --json tests/script/pass/handshake.pkt tests/script/fail/result.pkt > "$work/out"
    python3 - "$work/out" <<'PY'
import json, sys
a, b, total = [json.loads(line) for line in open(sys.argv[1])]
assert a['passed'] and a['events'] == 18 and a['seconds'] > 0, a
assert not b['passed'] and b['line'] == 3 and 'ENOTCONN' in b['what'], b
assert total == {'passed': 1, 'failed': 1}, total
PY
}
verbose_tells_packets() {
    "$rill" script --verbose tests/script/pass/handshake.pkt > "$work/out" &&
        grep -q '^  0.020000 < P. 1:101(100) ack 1 win 502 <TS\|^  0.020000 < P. 1:101(100) ack 1 win 502 <nop' "$work/out" &&
        grep -q '^  0.020000 > P. 1:301(300) ack 101' "$work/out"
}
same_again() { # another seed, other numbers on the wire, the same script
    "$rill" script --seed 7 tests/script/pass/*.pkt > "$work/a" && "$rill" script tests/script/pass/*.pkt > "$work/b" &&
        cmp "$work/a" "$work/b"
}
unreadable_is_an_error() {
    "$rill" script "$work/none.pkt" > "$work/out" 2> "$work/err" && return 1
    grep -q "cannot read $work/none.pkt" "$work/err" && ! "$rill" script 2> "$work/err" && [ "$(wc -l < "$work/err")" -eq 1 ]
}
damaged_scripts_do_no_harm() { # cut off anywhere, bytes changed: an answer, and no crash
    python3 - "$rill" "$work" <<'PY'
import glob, random, subprocess, sys
rill, work = sys.argv[1:]
random.seed(1)
texts = [open(f, 'rb').read() for f in sorted(glob.glob('tests/script/*/*.pkt'))]
names = []
for n in range(600):
    text = bytearray(random.choice(texts))
    for _ in range(random.randrange(4)):
        at = random.randrange(len(text))
        text[at:at + random.randrange(3)] = random.choice([b'', b'(', b'}%', b'...', b'99999999999', b'<', b'`', b'|', b'\0', b'-'])
    if random.random() < .3:
        text = text[:random.randrange(len(text))]
    names.append(f'{work}/damaged{n}.pkt')
    open(names[-1], 'wb').write(text)
run = subprocess.run([rill, 'script'] + names, capture_output=True, text=True, timeout=120)
lines = run.stdout.splitlines()
assert run.returncode in (0, 1) and len(lines) == len(names) + 1, (run.returncode, len(lines), run.stderr[-500:])
PY
}
suite_passes() { # DIRECTORY EXCEPTIONS: all pass but those named in the list of docs/script.md
    find "$1" -name '*.pkt' | sort > "$work/list"
    xargs "$rill" script < "$work/list" > "$work/out"
    tail -n 1 "$work/out"
    sed -nE "s,^FAIL ($1/)?([^:]*):.*,\2,p" "$work/out" | sort > "$work/failed"
    sed -nE 's,^\| `(linux|freebsd)/([^`]*)` \|.*,\1/\2,p' docs/script.md | sed -n "s,^$(basename "$1")/,,p" | sort > "$work/known"
    diff "$work/known" "$work/failed" > "$work/diff" && return 0
    cat "$work/diff"
    grep '^FAIL' "$work/out"
    return 1
}
examples_work() { # each fenced script of docs/script.md passes
    python3 - "$work" <<'PY' && "$rill" script "$work"/example*.pkt
import re, sys
text = open('docs/script.md').read()
blocks = re.findall(r'^```packetdrill\n(.*?)^```', text, re.M | re.S)
assert len(blocks) >= 3
for n, body in enumerate(blocks):
    open(f'{sys.argv[1]}/example{n}.pkt', 'w').write(body)
PY
}

check "our own scripts pass, strictly" own_scripts_pass
check "scripts made to fail say what was expected and what came" all_fail_as_told
check "--relax lets differ what it names, and nothing else" relaxes_what_is_named
check "--define reads what stands in #ifdef" defines_count
check "--json is one object a script, and the sums" json_is_json
check "--verbose tells each packet with its time" verbose_tells_packets
check "another seed, the same results" same_again
check "a script that cannot be read is an error" unreadable_is_an_error
check "damaged scripts are answered, and do no harm" damaged_scripts_do_no_harm
check "the examples of docs/script.md pass" examples_work
for suite in freebsd linux; do
    if [ -d "$shared/$suite" ]; then
        check "the $suite suite passes, unmodified, but for the exceptions in docs/script.md" suite_passes "$shared/$suite"
    else
        skip "the $suite suite passes, unmodified" "no $shared/$suite; set RILL_SHARED ($(grep -c "^| \`$suite/" docs/script.md) exceptions known)"
    fi
done
tap_end
