# Sourced by test scripts: TAP on standard output. check NAME COMMAND…, skip NAME REASON, tap_end.
tap_count=0
tap_failed=0
check() {
    local name=$1; shift
    tap_count=$((tap_count + 1))
    if "$@" > "$tap_out" 2>&1; then
        echo "ok $tap_count - $name"
    else
        echo "not ok $tap_count - $name"
        sed 's/^/# /' "$tap_out" | tail -n 30
        tap_failed=$((tap_failed + 1))
    fi
}
skip() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $1 # SKIP $2"
}
tap_end() {
    echo "1..$tap_count"
    rm -f "$tap_out"
    [ "$tap_failed" -eq 0 ]
}
tap_out=$(mktemp)
