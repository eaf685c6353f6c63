#!/usr/bin/env bash
# rill lab between two hosts, in virtual time: what it prints, that it is the same each time, that each option of a path
# does what it says, and what it says of options that make no sense. Needs build/rill.
set -u
cd "$(dirname "$0")/.."
. tests/tap.sh
rill=${RILL:-build/rill}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

lab() { "$rill" lab --a host --b host "$@"; }
# told CONDITION OPTIONS…: the JSON, one line, fulfils it.
told() {
    local condition=$1; shift
    lab --json "$@" > "$work/json" 2> "$work/err" || { cat "$work/err" "$work/json"; return 1; }
    jq -c . "$work/json"
    [ "$(wc -l < "$work/json")" -eq 1 ] && [ "$(jq -r "$condition" "$work/json")" = true ]
}
one_line_error() { # CODE WORD OPTIONS…
    local want=$1 word=$2 got; shift 2
    "$rill" lab "$@" > "$work/out" 2> "$work/err"
    got=$?
    cat "$work/err"
    [ "$got" -eq "$want" ] && [ ! -s "$work/out" ] && [ "$(wc -l < "$work/err")" -eq 1 ] && grep -qF -- "$word" "$work/err"
}
refused() { one_line_error 2 "$1" --a host --b host "${@:2}"; }
same_each_time() {
    local bad=(--rate 20M --delay 10ms --jitter 1ms --loss 1% --reorder 1% --duplicate 1% --corrupt 1% --aqm codel --flows 3)
    local run
    for run in 1 2 3; do
        lab "${bad[@]}" --seed $((run / 3 + 5)) --capture "$work/$run.pcapng" --trace "$work/$run.trace" --json \
            > "$work/$run.json" || return 1
    done
    cmp "$work/1.pcapng" "$work/2.pcapng" && cmp "$work/1.trace" "$work/2.trace" && cmp "$work/1.json" "$work/2.json" &&
        ! cmp -s "$work/1.pcapng" "$work/3.pcapng" && [ "$(wc -l < "$work/1.trace")" -gt 1000 ] &&
        jq -es 'length > 1000' "$work/1.trace"
}
replayed() { # what --journal writes is a journal of both
    lab --loss 2% --delay 5ms --journal "$work/journal" > "$work/out" && "$rill" replay "$work/journal" > "$work/out"
}
lines() { # for people: two lines a flow, one a direction, one of time
    lab --rate 10M --delay 20ms --flows 3 > "$work/out"
    cat "$work/out"
    [ "$(grep -cE '^flow [123]  10\.88\.0\.1:[0-9]+ -> 10\.88\.0\.2:9  1\.0 MiB in .* s, .*bit/s, [0-9]+ resent$' "$work/out")" -eq 3 ] &&
        [ "$(grep -cE '^(a to b|b to a)  [0-9]+ frames in, [0-9]+ out; queue .* at most, .* in the median' "$work/out")" -eq 2 ] &&
        [ "$(grep -cE '^        \[h[a-z]{39}\]  [a-z] [a-z_]+ [0-9.]+ %, ' "$work/out")" -eq 3 ] &&
        [ "$(wc -l < "$work/out")" -eq 9 ]
}
no_completion() { # nothing arrives: an error, told in both forms
    ! lab --loss 100% > "$work/out" && grep -q 'then it failed: connection timed out' "$work/out" || return 1
    ! lab --loss 100% --json > "$work/json" &&
        [ "$(jq -r '.ok == false and (.flows[0] | .ok == false and .completion_ns == null)' "$work/json")" = true ]
}
the_list_is_lost() {
    echo '7 3 # in any order
        12' > "$work/list"
    told '.paths[0].drops.list == 6 and .paths[0].drops.loss == 0 and .paths[1].drops.list == 0 and
        ([.flows[].resent_segments] | add) >= 6' --flows 2 --delay 10ms --rate 10M --loss-ab "list:$work/list" || return 1
    # The data segments of which there are two in the capture: those three are among them.
    lab --delay 10ms --rate 10M --loss-ab "list:$work/list" --capture "$work/list.pcapng" > "$work/out" || return 1
    command -v tshark > /dev/null || return 0
    tshark -r "$work/list.pcapng" -Y 'tcp.dstport == 9 and tcp.len > 0' -T fields -e tcp.seq 2> /dev/null |
        awk '!seen[$1]++ {ordinal[$1] = ++n} {times[$1]++} END {for (s in times) if (times[s] > 1) print ordinal[s]}' |
        sort -n | tr '\n' ' ' > "$work/resent"
    cat "$work/resent"
    grep -qE '^3 (.* )?7 (.* )?12 ' "$work/resent"
}
schedule() {
    printf '0s rate=100M delay=5ms # fast\n\n# then nothing\n50ms loss=100%%\n500ms loss=0 rate=50M jitter=1ms\n' > "$work/schedule"
    told '.ok and .flows[0].completion_ns > 500000000 and .paths[0].drops.loss > 0 and .paths[1].drops.loss == 0' \
        --schedule-ab "$work/schedule" --bytes 4M
}
bad_schedule() { # LINE WORD
    printf '1s rate=5M\n%s\n' "$1" > "$work/bad"
    refused "$2" --schedule "$work/bad" && grep -q "bad:2:" "$work/err"
}
bad_list() {
    printf '1 2\n3 %s 5\n' "$1" > "$work/bad"
    refused "'$1'" --loss "list:$work/bad" && grep -q "bad:2:" "$work/err"
}
median_and_max() { # the queue never holds more than it may
    told '.ok and .paths[0].queue_bytes.max <= 62500 and .paths[0].queue_bytes.max > 40000 and
        .paths[0].queue_bytes.median <= .paths[0].queue_bytes.max and .paths[0].drops.queue > 0 and
        .paths[1].queue_bytes.median == 0' --rate 10M --delay 25ms --queue 1xBDP --bytes 4M
}

if ! command -v jq > /dev/null; then
    skip "rill lab in virtual time" "jq is not installed"
    tap_end
    exit
fi
check "the JSON has the fields promised" told \
    '(keys == ["congestion", "flows", "ok", "paths", "real_time", "seed", "time_ns"]) and .ok and .real_time == false and .seed == 1 and
    (.flows | length == 1) and (.flows[0] | keys == ["a", "b", "bytes", "completion_ns", "goodput_bps", "limiter", "ok", "resent_segments", "sender"]) and
    (.paths | length == 2) and (.paths[0] | keys == ["bytes_in", "bytes_out", "corrupted", "drops", "duplicated", "frames_in", "frames_out", "from", "marked", "queue_bytes", "reordered", "to"]) and
    (.paths[0].drops | keys == ["codel", "list", "loss", "mtu", "no_memory", "policer", "queue"]) and
    .paths[0].from == "a" and .paths[0].to == "b" and .paths[1].from == "b" and .paths[1].to == "a"'
check "what people read" lines
check "the same seed, the same bytes; another, others" same_each_time
check "a journal replays" replayed
check "a flow that cannot complete is an error" no_completion
check "bytes, flows and who sends" told \
    '[.flows[] | .bytes == 300000 and .sender == "b"] | length == 5 and all' --flows 5 --bytes 300000 --send b
check "no bytes at all" told '.ok and .flows[0].bytes == 0 and .flows[0].completion_ns == 60000000' --bytes 0 --delay 20ms
check "the round trip is the path's, each way its own" told '.flows[0].completion_ns == 80000000' --bytes 100 \
    --delay-ab 30ms --delay-ba 20ms
check "one direction counts before both, in any order" told '.flows[0].completion_ns == 80000000' --bytes 100 \
    --delay-ab 30ms --delay 20ms
check "a time ends the sending" told \
    '.ok and .flows[0].bytes > 1000000 and .flows[0].completion_ns > 3000000000 and .flows[0].completion_ns < 4000000000' \
    --time 3s --rate 10M --delay 5ms --queue 1xBDP
check "a rate bounds the goodput, and is used" told '.flows[0].goodput_bps < 10000000 and .flows[0].goodput_bps > 6000000' \
    --rate 10M --delay 1ms --bytes 4M --queue 64K
check "the queue in BDP, its most and its median" median_and_max
check "IPv6" told '.ok and (.flows[0].b == "[fd00::2]:9")' --a-address fd00::1/64 --b-address fd00::2/64
check "loss by chance" told '.ok and .paths[0].drops.loss > 0 and .paths[1].drops.loss > 0' --loss 2% --delay 5ms
check "loss in bursts, one way" told '.ok and .paths[0].drops.loss > 0 and .paths[1].drops.loss == 0' --loss-ab burst:1%:4 --delay 5ms
check "loss by a list" the_list_is_lost
check "duplicates, corruption, reordering" told \
    '.ok and ([.paths[] | .duplicated > 0 and .corrupted > 0 and .reordered > 0] | all)' \
    --duplicate 1% --corrupt 1% --reorder 1%:3ms --delay 5ms --bytes 4M
check "codel drops" told '.ok and .paths[0].drops.codel > 0 and .paths[0].drops.queue == 0' \
    --rate 10M --delay 10ms --aqm codel --time 5s
check "a policer drops, and nothing waits" told '.ok and .paths[0].drops.policer > 0 and .paths[0].queue_bytes.max == 0' \
    --delay 10ms --aqm-ab policer:5M:30K --bytes 2M
check "an MTU both hosts know" told '.ok and .paths[0].drops.mtu == 0 and .paths[0].frames_in > 800' --mtu-ba 1300
check "a schedule" schedule
check "many flows" told '.ok and ([.flows[].bytes] | add) == 200 * 20480' --flows 200 --bytes 20K --rate 10M --delay 5ms --loss 1%

check "no ends" one_line_error 2 "--a host"
check "one end" one_line_error 2 "--b host" --a host
check "an end that is none" one_line_error 2 "'nowhere' is no link" --a host --b nowhere --listen 5
check "a rate that is none" refused "--rate-ab" --rate-ab much
check "a direction of what has none" refused "--flows-ab" --flows-ab 3
check "a queue without a rate" refused "needs a rate" --queue 64K
check "a queue in BDP without a delay" refused "needs a --delay" --queue 1xBDP --rate 1M
check "codel without a rate" refused "needs a rate" --aqm-ba codel --rate-ab 1M
check "an AQM that is none" refused "'red'" --aqm red
check "a loss that is none" refused "burst:" --loss burst:1%
check "an MTU too small" refused "576" --mtu 500
check "a congestion control that is none" refused "'vegas'" --cc vegas
check "a sender that is none" refused "--send" --send c
check "flows out of range" refused "--flows" --flows 0
check "--connect between hosts" refused "--connect" --connect 10.0.0.1:80
check "--connect without a port" refused "--connect" --connect 10.0.0.1
check "a host beside a link that does nothing" one_line_error 2 "--listen" --a host --b tun:x
check "bytes between two links" one_line_error 2 "--bytes" --a tun:x --b tun:y --bytes 3
check "a schedule with a key that is none" bad_schedule '2s speed=3' "'speed=3'"
check "a schedule with a value that is none" bad_schedule '2s rate=fast' "'rate=fast'"
check "a schedule that runs back" bad_schedule '500ms rate=3M' "earlier"
check "a schedule without a time" bad_schedule 'rate=3M' "'rate=3M'"
check "a list with what is no number" bad_list x
check "a list with zero" bad_list 0
check "a list that is not there" one_line_error 1 "/nowhere/list" --a host --b host --loss list:/nowhere/list
check "a capture that cannot be written" one_line_error 1 "/nowhere/x" --a host --b host --capture /nowhere/x
tap_end
