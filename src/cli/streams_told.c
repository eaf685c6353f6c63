/* cli/streams_told.c: see streams_told.h. */
#include "cli/streams_told.h"

#include "base/util.h"
#include "cli/allocator.h"
#include "cli/text.h"

#include <stdio.h>
#include <string.h>

/* A stretch of time nobody is blamed for yet: it is told later, when it is known who ended it. */
#define PENDING STREAMS_BLAME_COUNT
#define BIT(kind) (UINT32_C(1) << STREAMS_EVENT_##kind)

bool told_init(struct told *told, const struct streams_connection *connection, rill_time since,
               size_t points) {
    struct rill_allocator allocator = cli_allocator();
    memset(told, 0, sizeof *told);
    told->connection = *connection;
    told->since = since;
    told->last = connection->start;
    for (size_t side = 0; side < 2; side++)
        for (size_t i = 0; i < TOLD_LINES; i++)
            report_recorder_init(&told->sides[side].lines[i], &allocator, points, i < TOLD_BARS);
    report_strip_init(&told->strip, &allocator, points);
    return true;
}

void told_fini(struct told *told) {
    for (size_t side = 0; side < 2; side++)
        for (size_t i = 0; i < TOLD_LINES; i++)
            report_recorder_fini(&told->sides[side].lines[i]);
    report_strip_fini(&told->strip);
}

static rill_time place(const struct told *told, rill_time when) {
    return when > told->since ? when - told->since : 0;
}

/* ---- states over time ---- */

/* Time that was charged to the network, and is charged to another state now: which one has gained.
 */
static void move(struct told *told, unsigned from, uint64_t less, uint64_t *more) {
    static const uint8_t gainers[] = {STREAMS_BLAME_LOSS, STREAMS_BLAME_SENDER_WINDOW,
                                      STREAMS_BLAME_CLIENT, STREAMS_BLAME_SERVER};
    for (unsigned i = 0; i < sizeof gainers && less; i++) {
        uint64_t part = RILL_MIN(more[gainers[i]], less);
        report_strip_relabel(&told->strip, from, gainers[i], part);
        more[gainers[i]] -= part;
        less -= part;
    }
    report_strip_relabel(&told->strip, from, STREAMS_BLAME_LOSS, less);
}

/* What the account has in more than before is time since the last packet, or time before that it
 * left open, or time that it had charged to the network and now charges to others. */
static void settle(struct told *told, const uint64_t *account, rill_time elapsed,
                   uint64_t more[STREAMS_BLAME_COUNT]) {
    uint64_t sum = 0;
    unsigned most = 0;
    if (!account) { /* there is none before the first data; but this much of it is known */
        uint64_t left =
            told->connection.blame[STREAMS_BLAME_HANDSHAKE] - told->blame[STREAMS_BLAME_HANDSHAKE];
        memset(more, 0, STREAMS_BLAME_COUNT * sizeof *more);
        more[STREAMS_BLAME_HANDSHAKE] = RILL_MIN(left, elapsed);
        told->blame[STREAMS_BLAME_HANDSHAKE] += more[STREAMS_BLAME_HANDSHAKE];
        return;
    }
    for (unsigned i = 0; i < STREAMS_BLAME_COUNT; i++)
        more[i] = account[i] > told->blame[i] ? account[i] - told->blame[i] : 0;
    for (unsigned i = 0; i < STREAMS_BLAME_COUNT; i++) {
        uint64_t less = told->blame[i] > account[i] ? told->blame[i] - account[i] : 0;
        move(told, i, less, more);
        told->blame[i] = account[i];
    }
    for (unsigned i = 0; i < STREAMS_BLAME_COUNT; i++) {
        sum += more[i];
        if (more[i] > more[most])
            most = i;
    }
    if (sum > elapsed) {
        report_strip_relabel(&told->strip, PENDING, most, sum - elapsed);
        more[most] -= RILL_MIN(more[most], sum - elapsed);
    }
}

static void charge(struct told *told, const uint64_t *account, rill_time when) {
    /* What a silence is made of: the way of the packet, then who let it wait. */
    static const uint8_t order[STREAMS_BLAME_COUNT] = {
        STREAMS_BLAME_HANDSHAKE,     STREAMS_BLAME_LOSS,
        STREAMS_BLAME_QUEUE,         STREAMS_BLAME_DISTANCE,
        STREAMS_BLAME_CLIENT,        STREAMS_BLAME_SERVER,
        STREAMS_BLAME_SENDER_WINDOW, STREAMS_BLAME_RECEIVER_WINDOW,
        STREAMS_BLAME_CLOSING,       STREAMS_BLAME_IDLE,
        STREAMS_BLAME_UNKNOWN};
    uint64_t more[STREAMS_BLAME_COUNT];
    rill_time at = place(told, told->last), end = place(told, RILL_MAX(when, told->last));
    settle(told, account, end - at, more);
    for (unsigned i = 0; i < STREAMS_BLAME_COUNT; i++) {
        rill_time to = RILL_MIN(at + more[order[i]], end);
        report_strip_push(&told->strip, (struct report_span){at, to, order[i]});
        at = to;
    }
    report_strip_push(&told->strip, (struct report_span){at, end, PENDING});
    told->last = RILL_MAX(when, told->last);
}

/* ---- lines ---- */

static void push(struct told_side *side, enum told_line line, struct report_point point) {
    report_recorder_push(&side->lines[line], point);
}

static void level(struct told_side *side, enum told_line line, rill_time at, uint64_t value) {
    struct report_recorder *recorder = &side->lines[line];
    if (!recorder->count || recorder->points[recorder->count - 1].low != value)
        push(side, line, (struct report_point){at, value, value, 0, 0});
}

static enum told_line line_of(uint32_t labels) {
    if (labels & (BIT(KEEPALIVE) | BIT(WINDOW_PROBE)))
        return TOLD_PROBE;
    if (labels & BIT(SPURIOUS))
        return TOLD_SPURIOUS;
    if (labels & BIT(RESENT))
        return TOLD_RESENT;
    if (labels & BIT(REPAIRED))
        return TOLD_REPAIRED;
    return labels & BIT(REORDERED) ? TOLD_REORDERED : TOLD_DATA;
}

static void note_data(struct told *told, const struct streams_segment *segment, rill_time at) {
    struct told_side *side = &told->sides[segment->side];
    const struct streams_packet *packet = segment->packet;
    enum told_line line = line_of(segment->labels);
    uint64_t note = line != TOLD_DATA && told->event_frame == packet->frame ? told->event_note : 0;
    if (segment->position < 0 || (!packet->length && line != TOLD_PROBE))
        return;
    uint64_t from = (uint64_t)segment->position, to = from + packet->length;
    push(side, line, (struct report_point){at, from, to, packet->frame, note});
    if (line == TOLD_PROBE)
        return;
    if (from < side->highest)
        report_timer_again(&side->timer, from, to);
    else
        report_timer_sent(&side->timer, from, to, at);
    if (to <= side->highest)
        return;
    side->highest = to;
    level(side, TOLD_BYTES, at, to);
}

/* What the receiver says it has beyond a hole (RFC 2018); of what it says it had twice (RFC 2883
 * §4) the labels tell. `side` is whose bytes they are. */
static void note_sacks(struct told_side *side, const struct streams_segment *segment,
                       rill_time at) {
    const struct streams_packet *packet = segment->packet;
    for (unsigned i = 0; i < packet->sack_count; i++) {
        int64_t left = segment->acked + (int32_t)(packet->sacks[i].left - packet->acknowledgement),
                right =
                    segment->acked + (int32_t)(packet->sacks[i].right - packet->acknowledgement);
        if (left > segment->acked && left < right && (uint64_t)right <= side->highest)
            push(side, TOLD_SACK,
                 (struct report_point){at, (uint64_t)left, (uint64_t)right, packet->frame, 0});
    }
}

/* `side` is whose bytes are acknowledged. */
static void note_answer(struct told_side *side, const struct streams_segment *segment,
                        rill_time at) {
    uint64_t acked = segment->acked > 0 ? RILL_MIN((uint64_t)segment->acked, side->highest) : 0;
    side->window = segment->window;
    if (acked > side->acked || !side->lines[TOLD_ACKED].count) {
        rill_time trip = report_timer_acked(&side->timer, acked, at);
        side->acked = acked;
        level(side, TOLD_ACKED, at, acked);
        if (trip)
            push(side, TOLD_TRIP, (struct report_point){at, trip, trip, segment->packet->frame, 0});
    }
    level(side, TOLD_EDGE, at, side->acked + side->window);
    level(side, TOLD_WINDOW, at, side->window);
}

static void note_flight(struct told_side *side, rill_time at) {
    if (side->highest)
        level(side, TOLD_FLIGHT, at, side->highest - side->acked);
}

/* ---- the ladder ---- */

static struct told_rung *rung(struct told *told, rill_time at, uint32_t direction,
                              enum report_step kind, uint64_t frame) {
    if (told->rung_count == TOLD_RUNGS) {
        told->untold++;
        return 0;
    }
    struct told_rung *it = &told->rungs[told->rung_count++];
    it->rung = (struct report_rung){at, direction, kind, it->text, frame};
    return it;
}

/* "zero_window" as people read it. */
static void as_words(char *text) {
    for (; *text; text++)
        if (*text == '_')
            *text = ' ';
}

/* The packets since the last rung, of which there is nothing to say one by one. */
static void fold(struct told *told, rill_time at) {
    char size[32];
    struct told_rung *it = told->skipped ? rung(told, at, 0, REPORT_STEP_FOLD, 0) : 0;
    size_t used = 0;
    if (it)
        used = (size_t)snprintf(it->text, sizeof it->text, "%llu packet%s, %s",
                                (unsigned long long)told->skipped, told->skipped == 1 ? "" : "s",
                                cli_size_text(told->skipped_bytes, size, sizeof size));
    for (unsigned i = 0; it && i < STREAMS_EVENT_COUNT && used < sizeof it->text; i++)
        if (told->folded[i])
            used += (size_t)snprintf(it->text + used, sizeof it->text - used, ", %llu %s",
                                     (unsigned long long)told->folded[i],
                                     rill__streams_event_text((enum streams_event_kind)i));
    if (it)
        as_words(it->text);
    told->skipped = told->skipped_bytes = 0;
    memset(told->folded, 0, sizeof told->folded);
}

/* Is this packet told by itself: handshake, first data, what ends a silence, the first of what is
 * lost or late, the end. */
static bool stands_out(struct told *told, const struct streams_segment *segment) {
    const struct streams_packet *packet = segment->packet;
    rill_time silence = packet->when > told->last ? packet->when - told->last : 0;
    uint64_t trip = told->connection.rtt_median;
    bool first = packet->length && !told->sides[segment->side].spoken;
    told->sides[segment->side].spoken |= packet->length != 0;
    return !told->begun || first || packet->flags & (WIRE_SYN | WIRE_FIN | WIRE_RST) ||
           (segment->labels && !told->skipped) ||
           (silence > 10 * RILL_MILLISECOND && silence / 2 > (trip == STREAMS_UNKNOWN ? 0 : trip));
}

static void say_packet(const struct streams_segment *segment, char *out, size_t size) {
    static const struct {
        uint8_t flag;
        const char *name;
    } flags[] = {{WIRE_SYN, "SYN "}, {WIRE_FIN, "FIN "}, {WIRE_RST, "RST "}};
    const struct streams_packet *packet = segment->packet;
    size_t used = 0;
    *out = 0;
    for (unsigned i = 0; i < 3; i++)
        if (packet->flags & flags[i].flag)
            used += (size_t)snprintf(out + used, size - used, "%s", flags[i].name);
    if (packet->length)
        used += (size_t)snprintf(out + used, size - used, "%u bytes at %lld", packet->length,
                                 (long long)segment->position);
    else if (packet->flags & WIRE_ACK)
        used += (size_t)snprintf(out + used, size - used, "ACK");
    for (unsigned i = 0; i < STREAMS_EVENT_COUNT && used < size; i++)
        if (segment->labels & UINT32_C(1) << i)
            used += (size_t)snprintf(out + used, size - used, ", %s",
                                     rill__streams_event_text((enum streams_event_kind)i));
    as_words(out);
}

static void note_rung(struct told *told, const struct streams_segment *segment, rill_time at) {
    const struct streams_packet *packet = segment->packet;
    if (!stands_out(told, segment)) {
        told->skipped++;
        told->skipped_bytes += packet->length;
        for (unsigned i = 0; i < STREAMS_EVENT_COUNT; i++)
            told->folded[i] += segment->labels >> i & 1;
        return;
    }
    fold(told, place(told, told->last));
    uint32_t odd = BIT(REORDERED) | BIT(KEEPALIVE) | BIT(WINDOW_PROBE) | BIT(SECOND_SIGHTING);
    enum report_step kind = segment->labels & ~odd || packet->flags & WIRE_RST ? REPORT_STEP_BAD
                            : segment->labels                                  ? REPORT_STEP_ODD
                                                                               : REPORT_STEP_PLAIN;
    struct told_rung *it = rung(told, at, segment->side, kind, packet->frame);
    if (it)
        say_packet(segment, it->text, sizeof it->text);
}

/* ---- what comes ---- */

void told_segment(struct told *told, const struct streams_segment *segment) {
    const struct streams_packet *packet = segment->packet;
    rill_time at = place(told, packet->when);
    note_rung(told, segment, at);
    talk_add(&told->talk, segment, at);
    if (segment->known)
        note_data(told, segment, at);
    if (packet->flags & WIRE_ACK) {
        note_answer(&told->sides[!segment->side], segment, at);
        if (segment->acknowledgement_known)
            note_sacks(&told->sides[!segment->side], segment, at);
    }
    for (size_t i = 0; i < 2; i++)
        note_flight(&told->sides[i], at);
    charge(told, segment->blame, packet->when);
    told->begun = true;
}

void told_event(struct told *told, const struct streams_event *event) {
    struct told_side *side = &told->sides[event->side];
    uint64_t note = 2 * (uint64_t)event->evidence + (event->sure ? 1 : 2);
    if (event->kind == STREAMS_EVENT_MISSING || event->kind == STREAMS_EVENT_LOST)
        push(side, TOLD_MISSING,
             (struct report_point){place(told, event->when), event->position,
                                   event->position + event->length, event->frame, note});
    if (event->kind == STREAMS_EVENT_STALL || event->kind == STREAMS_EVENT_HOLE)
        return;
    told->event_frame = event->frame;
    told->event_note = note;
}

bool told_finish(struct told *told) {
    bool failed = told->strip.failed;
    charge(told, told->connection.blame, told->connection.start + told->connection.duration);
    report_strip_relabel(&told->strip, PENDING, STREAMS_BLAME_UNKNOWN, RILL_TIME_NEVER);
    fold(told, place(told, told->last));
    if (told->untold) {
        struct told_rung *last = &told->rungs[TOLD_RUNGS - 1];
        last->rung.kind = REPORT_STEP_FOLD;
        last->rung.frame = 0;
        snprintf(last->text, sizeof last->text, "%llu lines more",
                 (unsigned long long)told->untold + 1);
    }
    for (size_t side = 0; side < 2; side++)
        for (size_t i = 0; i < TOLD_LINES; i++)
            failed |= told->sides[side].lines[i].failed;
    return !failed;
}

const char *const *told_notes(size_t *count) {
#define TOLD_NOTE(name, text) text " (sure)", text " (likely)",
    static const char *const notes[] = {STREAMS_EVIDENCES(TOLD_NOTE)};
#undef TOLD_NOTE
    *count = sizeof notes / sizeof *notes;
    return notes;
}
