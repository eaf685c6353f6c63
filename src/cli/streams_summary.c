/* cli/streams_summary.c: see streams_summary.h. */
#include "cli/streams_summary.h"

#include "cli/streams.h"
#include "cli/text.h"

#include <stdio.h>
#include <string.h>

void streams_summary_add(struct streams_summary *summary,
                         const struct streams_connection *connection) {
    uint64_t end = connection->start + connection->duration;
    const struct streams_side *a = &connection->sides[0], *b = &connection->sides[1];
    if (!summary->connections) {
        summary->first = *connection;
        summary->one_pair = true;
        summary->start = connection->start;
    }
    const struct streams_connection *first = &summary->first;
    bool same = memcmp(connection->addresses, first->addresses, sizeof first->addresses) == 0 &&
                b->port == first->sides[1].port;
    summary->one_pair = summary->one_pair && same;
    summary->parallel += same && connection->incarnation == 1;
    summary->connections++;
    summary->packets += a->packets + b->packets;
    summary->bytes += a->bytes + b->bytes;
    summary->resent += a->resent_segments + b->resent_segments;
    summary->lost +=
        a->lost_segments + a->repaired_segments + b->lost_segments + b->repaired_segments;
    summary->reused += connection->incarnation > 1;
    summary->start = connection->start < summary->start ? connection->start : summary->start;
    summary->end = end > summary->end ? end : summary->end;
    bool most = connection->incarnation > summary->most_lives ||
                (connection->incarnation == summary->most_lives &&
                 connection->number < summary->busiest.number);
    if (most) {
        summary->most_lives = connection->incarnation;
        summary->busiest = *connection;
    }
}

void streams_summary_figures(const struct streams_summary *summary, char *out, size_t size) {
    char bytes[32], time[32];
    if (!summary->connections) {
        snprintf(out, size, "No TCP connection in this capture.");
        return;
    }
    snprintf(out, size, "%llu connection%s, %llu packets, %s in %s",
             (unsigned long long)summary->connections, summary->connections == 1 ? "" : "s",
             (unsigned long long)summary->packets,
             cli_size_text(summary->bytes, bytes, sizeof bytes),
             cli_time_text(summary->end - summary->start, time, sizeof time));
}

void streams_summary_reason(const struct streams_summary *summary, bool column, char *out,
                            size_t size) {
    char client[RILL_ENDPOINT_TEXT], server[RILL_ENDPOINT_TEXT];
    struct streams_connection first = summary->first;
    int used = 0;
    *out = 0;
    if (summary->one_pair && summary->parallel > 1) {
        first.sides[0].port = 0;
        streams_endpoint_text(&first, 0, client);
        *strrchr(client, ':') = 0;
        used = snprintf(out, size,
                        "%s opened %llu connections to %s, each from a port of its own: each is a "
                        "stream of its own.",
                        client, (unsigned long long)summary->parallel,
                        streams_endpoint_text(&first, 1, server));
    }
    if (summary->most_lives < 2)
        return;
    used +=
        snprintf(out + used, size - (size_t)used,
                 "%s%s and %s were used %llu times, one connection after the other: each begins "
                 "with a handshake and numbers of its own%s.",
                 used ? "\n" : "", streams_endpoint_text(&summary->busiest, 0, client),
                 streams_endpoint_text(&summary->busiest, 1, server),
                 (unsigned long long)summary->most_lives, column ? " (column \"life\")" : "");
    if (summary->reused + 1 > summary->most_lives)
        snprintf(out + used, size - (size_t)used,
                 "\n%llu of the connections use again what an earlier one had used.",
                 (unsigned long long)summary->reused);
}
