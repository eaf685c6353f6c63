#!/usr/bin/env bash
# The manual pages say what is there: clean mdoc, a page for each subcommand with the options of its --help and no
# others, and each public function with its prototype and a word about it. Needs build/rill.
set -u
cd "$(dirname "$0")/.."
. tests/tap.sh
rill=build/rill
pages=docs/man

clean() { # PAGE
    local said
    said=$(mandoc -Tlint -W warning "$1")
    echo "$said"
    [ -z "$said" ]
}
commands() { "$rill" --help | sed -n 's/^  \([a-z]*\) .*/\1/p' | grep -v '^version$'; }
every_command_has_a_page() {
    local one
    for one in $(commands); do
        [ -f "$pages/rill-$one.1" ] || { echo "no $pages/rill-$one.1"; return 1; }
        grep -qx ".It Xr rill-$one 1" "$pages/rill.1" || { echo "rill.1 does not name $one"; return 1; }
    done
    [ -n "$one" ]
}
every_page_has_a_command() {
    local one
    for one in "$pages"/rill-*.1; do
        one=$(basename "$one" .1)
        commands | grep -qx "${one#rill-}" || { echo "$one: no such command"; return 1; }
    done
}
same_options() { # COMMAND: help and page
    diff <("$rill" "$1" --help | grep -oE '^  -[^ ]+' | tr -d ' ' | sort) \
        <(sed -nE 's/^\.It Fl ([^ ]+).*/-\1/p' "$pages/rill-$1.1" | sort)
}
every_function_has_its_prototype_and_a_word() {
    python3 - include/rill "$pages" << 'PY'
import glob, re, sys

def tidy(text):
    return re.sub(r' ?\* ?', '*', ' '.join(text.split()))

headers, pages, words = {}, {}, set()
for path in glob.glob(sys.argv[1] + '/*.h'):
    text = re.sub(r'/\*.*?\*/', '', open(path, encoding='utf-8').read(), flags=re.S)
    for found in re.finditer(r'\bRILL_API\s+(?:RILL_MUST_CHECK\s+)?([a-z][\w \n]*?[ *\n]+)(rill_\w+)\(([^;]*)\);', text):
        headers[found[2]] = tidy(found[1]) + ' (' + tidy(found[3]) + ')'
for path in glob.glob(sys.argv[2] + '/*.3'):
    text = open(path, encoding='utf-8').read()
    for found in re.finditer(r'^\.Ft "?([^"\n]*)"?\n\.Fo (\w+)\n(.*?)^\.Fc', text, flags=re.S | re.M):
        arguments = ', '.join(re.findall(r'^\.Fa "?([^"\n]*)"?$', found[3], flags=re.M))
        pages[found[2]] = tidy(found[1]) + ' (' + tidy(arguments) + ')'
    for line in re.findall(r'^\.It (Fn .*)$', text, flags=re.M):
        words.update(re.findall(r'rill_\w+', line))
bad = [f'{name}: {headers[name]} in the header, {pages.get(name, "nothing")} in the pages'
       for name in sorted(headers) if pages.get(name) != headers[name]]
bad += [f'{name}: in the pages, in no header' for name in sorted(set(pages) | words) if name not in headers]
bad += [f'{name}: not a word about it' for name in sorted(set(headers) - words)]
print('\n'.join(bad))
sys.exit(bool(bad) or len(headers) < 60)
PY
}
every_part_is_named() { # the tables a config may point to
    local one
    for one in $(sed -n 's/^extern RILL_API const struct [a-z_]* \(.*\);/\1/p' include/rill/*.h); do
        grep -qw "$one" "$pages/librill.3" || { echo "librill.3 does not name $one"; return 1; }
    done
    [ -n "$one" ]
}
every_event_is_told() {
    local one
    for one in $(sed -n 's/^ *\(RILL_EVENT_[A-Z_]*\) = .*/\1/p' include/rill/stack.h); do
        grep -qw "Dv $one" "$pages/rill_stack.3" || { echo "rill_stack.3 does not tell $one"; return 1; }
    done
    [ -n "$one" ]
}
every_header_is_listed() {
    local one
    for one in include/rill/*.h; do
        grep -q "^\.It In rill/$(basename "$one")$" "$pages/librill.3" || { echo "librill.3 does not list $one"; return 1; }
    done
}

for page in "$pages"/*.[13]; do
    if command -v mandoc > /dev/null; then
        check "$(basename "$page") is clean mdoc" clean "$page"
    else
        skip "$(basename "$page") is clean mdoc" "mandoc is not installed"
    fi
done
check "every command has its page" every_command_has_a_page
check "every page of a command is of one that is there" every_page_has_a_command
for one in $(commands); do
    check "rill-$one(1) has the options of --help and no others" same_options "$one"
done
check "every public function has its prototype and a word" every_function_has_its_prototype_and_a_word
check "every part a host may have is named" every_part_is_named
check "every bit of an event is told" every_event_is_told
check "every header is listed" every_header_is_listed
tap_end
