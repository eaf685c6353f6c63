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
    cmake --install build --prefix "$work/prefix" && "$work/prefix/bin/rill" version &&
        [ -f "$work/prefix/include/rill/rill.h" ]
}
found_by_pkg_config() {
    local lib
    lib=$(dirname "$(find "$work/prefix" -name librill.so)")
    PKG_CONFIG_PATH=$lib/pkgconfig
    export PKG_CONFIG_PATH
    cc -std=c11 examples/two_hosts.c $(pkg-config --cflags --libs rill) -o "$work/by_pc" &&
        LD_LIBRARY_PATH=$lib "$work/by_pc" | grep -qx '10.0.0.2 received: hello' &&
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
check "the installed library is found by pkg-config" found_by_pkg_config
check "the installed library is found by CMake" found_by_cmake
tap_end
