#!/usr/bin/env bash
# The library as others take it: only the parts they name, installed, found by pkg-config and by CMake. Needs
# build/.
set -u
cd "$(dirname "$0")/.."
. tests/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

only_named_parts_are_linked() {
    cc -std=c11 -Iinclude tests/composition_host.c build/librill.a -o "$work/host" && "$work/host" || return 1
    local found
    found=$(nm "$work/host" | awk '{print $3}' | grep -iE 'ipv6|udp|fragment|cubic')
    [ -z "$found" ] || { echo "linked too: $found"; return 1; }
}
symbols_are_ours() { # the shared library exports rill_ and nothing of rill__; the archive nothing else either
    local shared archive
    shared=$(nm -D --defined-only build/librill.so | awk '{print $3}' | grep -vE '^rill_[a-z]' )
    archive=$(nm -g --defined-only build/librill.a 2>/dev/null | awk 'NF == 3 {print $3}' | grep -vE '^rill_')
    echo "$shared$archive"
    [ -z "$shared$archive" ] && nm -D --defined-only build/librill.so | grep -q ' rill_stack_open$'
}
install_works() {
    cmake --install build --prefix "$work/prefix" && "$work/prefix/bin/rill" version || return 1
    local one missing=
    for one in include/rill/*.h; do [ -f "$work/prefix/$one" ] || missing+=" $one"; done
    for one in librill.a librill.so rill.pc rill-config.cmake rill-config-version.cmake; do
        [ -n "$(find "$work/prefix" -name "$one")" ] || missing+=" $one"
    done
    for one in docs/man/*; do
        [ -f "$work/prefix/share/man/man${one##*.}/${one##*/}" ] || missing+=" ${one##*/}"
    done
    for one in rill.c rill.h; do
        cmp "$work/prefix/share/rill/amalgamation/$one" build/amalgamation/$one || missing+=" amalgamation/$one"
    done
    [ -z "$missing" ] || { echo "not installed:$missing"; return 1; }
}
example_is_short() { [ "$(wc -l < examples/two_hosts.c)" -le 60 ]; }
amalgamation_embeds() ( # the installed pair and the example, in a folder of their own
    mkdir -p "$work/pair" && cp "$work/prefix/share/rill/amalgamation/rill.c" examples/two_hosts.c "$work/pair" &&
        cp "$work/prefix/share/rill/amalgamation/rill.h" "$work/pair" && sed -i 's,<rill/rill.h>,"rill.h",' "$work/pair/two_hosts.c" &&
        cd "$work/pair" && cc -std=c11 two_hosts.c rill.c -o two_hosts && ./two_hosts | grep -qx '10.0.0.2 received: hello'
)
found_by_pkg_config() {
    local lib
    lib=$(dirname "$(find "$work/prefix" -name librill.so)")
    PKG_CONFIG_PATH=$lib/pkgconfig
    export PKG_CONFIG_PATH
    cc -std=c11 examples/two_hosts.c $(pkg-config --cflags --libs rill) -o "$work/by_pc" &&
        LD_LIBRARY_PATH=$lib "$work/by_pc" | grep -qx '10.0.0.2 received: hello' &&
        cc -std=c11 examples/udp_relay.c $(pkg-config --cflags --libs rill) -o "$work/relay" &&
        [ "$(pkg-config --modversion rill)" = "$("$work/prefix/bin/rill" version | cut -d' ' -f2)" ]
}
found_by_cmake() {
    mkdir -p "$work/app"
    cp examples/two_hosts.c "$work/app/"
    cat > "$work/app/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(app C)
find_package(rill 0.1 REQUIRED)
add_executable(with_static two_hosts.c)
target_link_libraries(with_static rill::static)
add_executable(with_shared two_hosts.c)
target_link_libraries(with_shared rill::shared)
CMAKE
    cmake -S "$work/app" -B "$work/app/build" -DCMAKE_PREFIX_PATH="$work/prefix" && cmake --build "$work/app/build" &&
        "$work/app/build/with_static" | grep -qx '10.0.0.2 received: hello' &&
        "$work/app/build/with_shared" | grep -qx '10.0.0.2 received: hello'
}

check "a host links only the parts it names" only_named_parts_are_linked
check "no symbol but rill_ is exported" symbols_are_ours
check "make install puts everything in place" install_works
check "the program that embeds it has 60 lines at most" example_is_short
check "the installed library is found by pkg-config" found_by_pkg_config
check "the installed library is found by CMake" found_by_cmake
check "the installed two files embed it without either" amalgamation_embeds
tap_end
