/* link/replay_compare.c: what a stack writes in a replay, against what is written; and the first
 * difference in words. */
#include "link/replay.h"

#include "base/util.h"
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *values[8];
} parts[] = {
    {0, {0}}, /* in the order of enum journal_kind, from 1 */
    {"the result", {"value"}},
    {"a failed request", {"number"}},
    {"a packet in", {"arrival"}},
    {"a packet out",
     {"length", "gso_size", "checksum_start", "checksum_offset", "flags", "cause", "link_length",
      "digest"}},
    {"an event", {"handle", "bits", "user"}},
    {"a slice", {"length", "wrapped", "capacity"}},
    {"the bytes taken", {0}},
};

static const char *part_name(uint8_t kind) {
    if (kind < sizeof parts / sizeof *parts && parts[kind].name)
        return parts[kind].name;
    return rill__replay_call_name(kind) ? "the arguments" : "something else";
}

/* What is different: the kind of record, a value, or the bytes behind the values. */
static void describe(struct player *player) {
    const struct journal_record *expected = &player->expected;
    struct journal_record made;
    char *what = player->result->what;
    const size_t size = sizeof player->result->what;
    uint64_t was[24], is[24];
    const uint8_t *end = player->made_head + RILL_MIN(player->made, sizeof player->made_head);
    const uint8_t *at = player->made_head + 2;
    uint64_t length;
    if (expected->kind != player->made_head[0] || !rill__journal_take(&at, end, &length)) {
        snprintf(what, size, "the journal has %s, the replay %s", part_name(expected->kind),
                 part_name(player->made_head[0]));
        return;
    }
    memset(&made, 0, sizeof made);
    made.kind = expected->kind;
    made.body = at;
    made.length = RILL_MIN((size_t)length, (size_t)(end - at));
    rill__journal_values(expected, was, 24);
    rill__journal_values(&made, is, 24);
    size_t i = 0;
    while (i < 24 && was[i] == is[i])
        i++;
    bool bytes = i == 24 || expected->kind == JOURNAL_DATA || expected->kind == JOURNAL_PACKET_IN;
    if (bytes)
        snprintf(what, size, "%s: other bytes", part_name(expected->kind));
    else if (expected->kind == JOURNAL_RESULT && i == 0)
        snprintf(what, size, "the result is %lld in the journal and %lld in the replay",
                 (long long)journal_signed(was[0]), (long long)journal_signed(is[0]));
    else
        snprintf(what, size, "%s: %s %zu is %llu in the journal and %llu in the replay",
                 part_name(expected->kind),
                 i < 8 && expected->kind <= JOURNAL_DATA && parts[expected->kind].values[i]
                     ? parts[expected->kind].values[i]
                     : "value",
                 i, (unsigned long long)was[i], (unsigned long long)is[i]);
}

/* The checks are left out where they are not believed: one changed byte changes all that follow. */
static void compare(struct player *player, const uint8_t *bytes, size_t length) {
    const struct journal_record *expected = &player->expected;
    size_t check = (size_t)(expected->check - expected->start);
    size_t whole = (size_t)(expected->next - expected->start);
    size_t from = player->made;
    size_t most = player->config->ignore_checks ? check : whole;
    size_t n = from < most ? RILL_MIN(length, most - from) : 0;
    if (from + length > whole || (n && memcmp(expected->start + from, bytes, n) != 0))
        player->differs = true;
}

void rill__replay_written(void *context, const void *bytes, size_t length) {
    struct player *player = (struct player *)context;
    if (!player->comparing || player->ended)
        return;
    if (!player->made && rill__journal_read(player->expected_at, player->group_end,
                                            &player->expected) != JOURNAL_READ)
        return; /* the journal was cut off here, or ends a call that goes on: seen afterwards */
    compare(player, (const uint8_t *)bytes, length);
    if (player->made < sizeof player->made_head)
        memcpy(player->made_head + player->made, bytes,
               RILL_MIN(length, sizeof player->made_head - player->made));
    player->made += length;
}

void rill__replay_written_record(void *context) {
    struct player *player = (struct player *)context;
    if (!player->comparing || player->ended || !player->made)
        return;
    if (player->made != (size_t)(player->expected.next - player->expected.start))
        player->differs = true;
    if (player->differs) {
        rill__replay_end(player, RILL_REPLAY_MISMATCH, "");
        if (player->result->end == RILL_REPLAY_MISMATCH)
            describe(player);
        player->result->offset = (uint64_t)(player->expected.start - player->begin);
    }
    player->expected_at = player->expected.next;
    player->made = 0;
}
