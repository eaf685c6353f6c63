#!/usr/bin/env bash
# The two files of tools/amalgamate, compiled alone as C11 and as C++, by two compilers, for 64 and 32 bits and both
# byte orders: no warning, the mission holds, points of the grid end as everywhere else, and the simulation of
# tests/sim/trace_tool.c gives the same pcapng, byte for byte. Tests are C, whatever the two files were compiled as.
set -u
cd "$(dirname "$0")/.."
. tests/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
POINTS=40          # of the path grid; where a processor is emulated:
POINTS_EMULATED=8
tools/amalgamate "$work/rill" || exit 1

# A target is a C compiler for the tests and a way to run them: tests_of NAME COMPILER...
tests_of() {
    local target=$1 one
    shift
    set -- "$@" -std=c11 -O2 -D_GNU_SOURCE -Iinclude -Isrc -Itests -Itests/amalgamation -c
    mkdir -p "$work/$target"
    for one in mission_test world sim/grid sim/point sim/trace_tool amalgamation/grid_tool; do
        "$@" "tests/$one.c" -o "$work/$target/$(basename "$one").o" || return 1
    done
}
link() { # VARIANT TARGET LINKER...: by the C compiler: what was compiled as C++ needs no library of C++
    local variant=$1 tests=$work/$2
    shift 2
    "$@" -o "$work/$variant.mission" "$work/$variant.o" "$tests"/{mission_test,world}.o &&
        "$@" -o "$work/$variant.grid" "$work/$variant.o" "$tests"/{grid_tool,grid,point,world}.o &&
        "$@" -o "$work/$variant.trace" "$work/$variant.o" "$tests/trace_tool.o"
}
compile() { # VARIANT COMPILER...: rill.c by itself; not a word is said
    local variant=$1
    shift
    (cd "$work/rill" && "$@" -O2 -Wall -Wextra -Werror -ffunction-sections -fdata-sections -c rill.c -o "$work/$variant.o")
}
mission() { # VARIANT RUNNER...
    local variant=$1
    shift
    "$@" "$work/$variant.mission"
}
same_grid() { # VARIANT POINTS RUNNER...
    local variant=$1 points=$2
    shift 2
    "$@" "$work/$variant.grid" "$points" > "$work/grid" || { cat "$work/grid"; return 1; }
    diff <(head -n "$points" "$work/reference.grid.txt") "$work/grid"
}
same_capture() { # VARIANT RUNNER...
    local variant=$1
    shift
    "$@" "$work/$variant.trace" 1 > "$work/capture" && cmp "$work/reference.pcapng" "$work/capture"
}
can() { # COMPILER...: does it make a program?
    echo 'int main(void) { return 0; }' | "$@" -x c - -o "$work/probe" 2> "$work/probe.log"
}

# variant NAME TARGET "C COMPILER OF THE TARGET" "RUNNER" COMPILER...
variant() {
    local name=$1 target=$2 cc=$3 runner=$4 points=$POINTS
    shift 4
    if ! command -v "$1" > /dev/null || ! can $cc || { [ -n "$runner" ] && ! command -v "${runner%% *}" > /dev/null; }; then
        skip "$name" "$1, $cc or ${runner:-its libraries} not installed"
        return
    fi
    [ -z "$runner" ] || points=$POINTS_EMULATED
    [ -d "$work/$target" ] || tests_of "$target" $cc > "$work/log" 2>&1 || cat "$work/log"
    check "$name: compiles without a warning" compile "$name" "$@"
    check "$name: links with tests in C" link "$name" "$target" $cc
    check "$name: the mission" mission "$name" $runner
    check "$name: $points points of the grid end as in the tree" same_grid "$name" "$points" $runner
    check "$name: the simulation gives the same bytes" same_capture "$name" $runner
}

# What the tree itself does, file by file, is the reference.
reference() {
    mkdir -p "$work/tree"
    local one objects=()
    for one in $(cat src/core.list src/link.list); do
        gcc -std=c11 -O2 -Iinclude -Isrc -c "src/$one" -o "$work/tree/${one//\//_}.o" || return 1
        objects+=("$work/tree/${one//\//_}.o")
    done
    tests_of 64 gcc &&
        gcc -o "$work/reference.grid" "${objects[@]}" "$work/64"/{grid_tool,grid,point,world}.o &&
        gcc -o "$work/reference.trace" "${objects[@]}" "$work/64/trace_tool.o" &&
        "$work/reference.grid" "$POINTS" > "$work/reference.grid.txt" &&
        "$work/reference.trace" 1 > "$work/reference.pcapng" &&
        [ "$(stat -c %s "$work/reference.pcapng")" -gt 500000 ]
}
nothing_is_missing() { # every function and table that rill.h speaks of is in the object
    local names missing
    names=$(sed -n 's/^RILL_API \(.*\)$/\1/p' "$work/rill/rill.h" | sed 's/RILL_MUST_CHECK//; s/extern const struct [a-z_]* //' |
        grep -oE '\brill_[a-z0-9_]+ *[(;]' | tr -d ' (;')
    [ "$(echo "$names" | wc -l)" -gt 60 ] || { echo "only these found: $names"; return 1; }
    missing=$(comm -23 <(echo "$names" | sort -u) <(nm -g --defined-only "$work/$1.o" | awk '{print $3}' | sort -u))
    [ -z "$missing" ] || { echo "missing: $missing"; return 1; }
}
only_named_parts_stay() { # VARIANT: the linker leaves out what a bare host does not name
    local found
    gcc -std=c11 -Iinclude tests/composition_host.c "$work/$1.o" -Wl,--gc-sections -o "$work/host" && "$work/host" || return 1
    nm "$work/host" | grep -q ' rill_reno$' || { echo "no rill_reno: is this a host at all?"; return 1; }
    found=$(nm "$work/host" | awk '{print $3}' | grep -iE 'ipv6|udp|fragment|cubic|emulator')
    [ -z "$found" ] || { echo "linked too: $found"; return 1; }
}
two_files_embed() { # the example, with nothing but the two files
    sed 's,<rill/rill.h>,"rill.h",' examples/two_hosts.c > "$work/rill/example.c"
    (cd "$work/rill" && gcc -std=c11 -Wall -Wextra -Werror example.c rill.c -o example &&
        ./example | grep -qx '10.0.0.2 received: hello')
}

check "the tree is built and gives the reference" reference
variant "gcc, C11" 64 gcc "" gcc -std=c11 -pedantic
variant "gcc, C++17" 64 gcc "" g++ -std=c++17
variant "gcc, C++20" 64 gcc "" g++ -std=c++20 -pedantic
variant "clang, C11" 64 gcc "" clang -std=c11 -pedantic
variant "clang, C++17" 64 gcc "" clang++ -x c++ -std=c++17
variant "clang, C++20" 64 gcc "" clang++ -x c++ -std=c++20 -pedantic
x86="i686-linux-gnu-gcc -static" # beside which Debian's compilers for other processors can be installed; gcc-multilib cannot
variant "gcc, 32 bits, C11" 32 "$x86" "" i686-linux-gnu-gcc -std=c11
variant "gcc, 32 bits, C++20" 32 "$x86" "" i686-linux-gnu-g++ -std=c++20
variant "clang, 32 bits, C11" 32 "$x86" "" clang --target=i686-linux-gnu -std=c11
ppc="powerpc-linux-gnu-gcc -static"
variant "gcc, 32 bits, big-endian, C11" ppc "$ppc" qemu-ppc powerpc-linux-gnu-gcc -std=c11
variant "gcc, 32 bits, big-endian, C++20" ppc "$ppc" qemu-ppc powerpc-linux-gnu-g++ -std=c++20
for one in "gcc, C11" "gcc, C++20"; do
    check "$one: all of rill.h is there" nothing_is_missing "$one"
    check "$one: a host keeps only the parts it names" only_named_parts_stay "$one"
done
check "two files are enough to embed it" two_files_embed
tap_end
