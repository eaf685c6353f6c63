/* cli/streams_ladder.c: `ladder N`: the packets of a connection between two lines, with what is of
 * interest spelled out and the rest counted. */
#include "cli/streams.h"

#include "cli/text.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH = 44 };

struct ladder {
    struct streams_run run;
    bool begun;
    rill_time start, last;
    uint64_t skipped, skipped_bytes;
    uint64_t folded[STREAMS_EVENT_COUNT];
    bool data_seen[2];
    uint64_t rtt;
    rill_time syn_at;
};

static bool all(const struct ladder *ladder) {
    return ladder->run.options->json;
}

static void flush_skipped(struct ladder *ladder) {
    char bytes[32];
    if (ladder->skipped) {
        char text[160];
        int used = snprintf(text, sizeof text, "... %llu packet%s, %s",
                            (unsigned long long)ladder->skipped, ladder->skipped == 1 ? "" : "s",
                            cli_size_text(ladder->skipped_bytes, bytes, sizeof bytes));
        for (unsigned i = 0; i < STREAMS_EVENT_COUNT && used < 120; i++)
            if (ladder->folded[i])
                used += snprintf(text + used, sizeof text - (size_t)used, ", %llu %s",
                                 (unsigned long long)ladder->folded[i],
                                 rill__streams_event_text((enum streams_event_kind)i));
        printf("%10s  : %-*s :\n", "", WIDTH, text);
    }
    ladder->skipped = ladder->skipped_bytes = 0;
    memset(ladder->folded, 0, sizeof ladder->folded);
}

static void flags_text(const struct streams_packet *packet, char *out, size_t size) {
    static const struct {
        uint8_t flag;
        const char *name;
    } names[] = {{WIRE_SYN, "SYN "}, {WIRE_FIN, "FIN "}, {WIRE_RST, "RST "}, {WIRE_PSH, "PSH "}};
    size_t used = 0;
    out[0] = 0;
    for (unsigned i = 0; i < 4; i++)
        if (packet->flags & names[i].flag)
            used += (size_t)snprintf(out + used, size - used, "%s", names[i].name);
}

static void print_packet(struct ladder *ladder, const struct streams_segment *segment) {
    const struct streams_packet *packet = segment->packet;
    char flags[24], text[96], time[32], labels[160] = "";
    size_t used = 0;
    flags_text(packet, flags, sizeof flags);
    if (packet->length)
        snprintf(text, sizeof text, "%s%u bytes at %lld", flags, packet->length,
                 (long long)segment->position);
    else
        snprintf(text, sizeof text, "%s%s", flags, packet->flags & WIRE_ACK ? "ACK" : "");
    for (unsigned i = 0; i < STREAMS_EVENT_COUNT && used < sizeof labels; i++)
        if (segment->labels & UINT32_C(1) << i)
            used += (size_t)snprintf(labels + used, sizeof labels - used, "  %s",
                                     rill__streams_event_text((enum streams_event_kind)i));
    cli_time_text(packet->when > ladder->start ? packet->when - ladder->start : 0, time,
                  sizeof time);
    char line[WIDTH + 1];
    memset(line, '-', WIDTH);
    line[WIDTH] = 0;
    size_t length = strlen(text);
    while (length && text[length - 1] == ' ')
        length--;
    if (length > WIDTH - 6)
        length = WIDTH - 6;
    size_t at = segment->side ? WIDTH - 3 - length : 3;
    line[at - 1] = line[at + length] = ' ';
    memcpy(line + at, text, length);
    printf("%10s  |%c%s%c|  frame %llu%s\n", time, segment->side ? '<' : '-', line,
           segment->side ? '-' : '>', (unsigned long long)packet->frame, labels);
}

static void print_json_packet(const struct streams_segment *segment) {
    const struct streams_packet *packet = segment->packet;
    printf("{\"connection\":%llu,\"frame\":%llu,\"time\":\"%llu\",\"from\":\"%s\",\"flags\":%u,"
           "\"position\":%lld,\"bytes\":%u,\"acked\":%lld,\"window\":%llu,\"sack\":[",
           (unsigned long long)segment->connection, (unsigned long long)packet->frame,
           (unsigned long long)packet->when, segment->side ? "server" : "client", packet->flags,
           (long long)segment->position, packet->length, (long long)segment->acked,
           (unsigned long long)segment->window);
    for (unsigned i = 0; i < packet->sack_count; i++)
        printf("%s[%lld,%lld]", i ? "," : "",
               (long long)segment->acked +
                   (int32_t)(packet->sacks[i].left - packet->acknowledgement),
               (long long)segment->acked +
                   (int32_t)(packet->sacks[i].right - packet->acknowledgement));
    printf("],\"labels\":[");
    bool any = false;
    for (unsigned i = 0; i < STREAMS_EVENT_COUNT; i++) {
        if (!(segment->labels & UINT32_C(1) << i))
            continue;
        printf("%s\"%s\"", any ? "," : "", rill__streams_event_text((enum streams_event_kind)i));
        any = true;
    }
    printf("]}\n");
}

static void print_head(const struct streams_segment *segment) {
    const struct streams_packet *packet = segment->packet;
    struct rill_endpoint ends[2] = {{packet->source, packet->source_port, 0},
                                    {packet->destination, packet->destination_port, 0}};
    char client[RILL_ENDPOINT_TEXT], server[RILL_ENDPOINT_TEXT];
    rill_endpoint_format(&ends[segment->side], client);
    rill_endpoint_format(&ends[!segment->side], server);
    printf("%10s  %-*s %s\n", "", WIDTH, client, server);
}

static bool interesting(struct ladder *ladder, const struct streams_segment *segment) {
    const struct streams_packet *packet = segment->packet;
    rill_time silence = packet->when > ladder->last ? packet->when - ladder->last : 0;
    bool first_data = packet->length && !ladder->data_seen[segment->side];
    if (packet->length)
        ladder->data_seen[segment->side] = true;
    if (packet->flags & WIRE_SYN && segment->side == 0)
        ladder->syn_at = packet->when;
    else if (!ladder->rtt && ladder->syn_at)
        ladder->rtt = packet->when - ladder->syn_at;
    if (packet->flags & (WIRE_SYN | WIRE_FIN | WIRE_RST) || first_data || !ladder->begun)
        return true;
    if (silence > 2 * ladder->rtt && silence > 10 * RILL_MILLISECOND)
        return true;
    return segment->labels && !ladder->skipped;
}

static void take_segment(void *context, const struct streams_segment *segment) {
    struct ladder *ladder = context;
    const struct streams_packet *packet = segment->packet;
    if (segment->connection != ladder->run.options->number)
        return;
    if (all(ladder)) {
        print_json_packet(segment);
        return;
    }
    if (!ladder->begun) {
        print_head(segment);
        ladder->start = ladder->last = packet->when;
    }
    rill_time silence = packet->when > ladder->last ? packet->when - ladder->last : 0;
    if (interesting(ladder, segment)) {
        char time[32];
        flush_skipped(ladder);
        if (silence > 2 * ladder->rtt && silence > 10 * RILL_MILLISECOND)
            printf("%10s  |   %-*s|\n", "", WIDTH - 1, cli_time_text(silence, time, sizeof time));
        print_packet(ladder, segment);
    } else {
        ladder->skipped++;
        ladder->skipped_bytes += packet->length;
        for (unsigned i = 0; i < STREAMS_EVENT_COUNT; i++)
            ladder->folded[i] += segment->labels >> i & 1;
    }
    ladder->begun = true;
    ladder->last = packet->when > ladder->last ? packet->when : ladder->last;
}

int streams_ladder(const struct streams_options *options) {
    struct ladder ladder = {0};
    struct streams_connection connection;
    ladder.run.options = options;
    ladder.run.context = &ladder;
    ladder.run.segment = take_segment;
    ladder.run.quiet = true;
    int code = streams_pass(&ladder.run);
    if (code == CLI_DONE || code == CLI_PARTIAL) {
        if (!all(&ladder))
            flush_skipped(&ladder);
        if (!streams_connection_get(&ladder.run, options->number, &connection))
            code = CLI_FAILED;
    }
    streams_run_close(&ladder.run);
    return code;
}
