/* cli/demo_print.c: the demo's outcome, as a table with its four lines of explanation, or as JSON.
 */
#include "cli/demo.h"

#include "cli/limiter_bar.h"
#include "cli/text.h"
#include <string.h>

static void print_path(const struct demo *demo) {
    char rtt[32], rate[48] = "no rate limit";
    if (demo->rate)
        snprintf(rate, sizeof rate, "%.4g Mbit/s", (double)demo->rate / 1e6);
    printf(
        "Two hosts in this process, 10.77.0.1 and 10.77.0.2; the path between them: %s round trip, "
        "%s,\n%.3g %% loss, %.3g %% reordered. Time is virtual; seed %llu.\n\n",
        cli_time_text(demo->rtt, rtt, sizeof rtt), rate, (double)demo->loss / 1e7,
        (double)demo->reorder / 1e7, (unsigned long long)demo->seed);
}

static void print_row(const struct demo *demo, uint64_t i) {
    const struct demo_connection *connection = &demo->list[i];
    char local[RILL_ENDPOINT_TEXT], remote[RILL_ENDPOINT_TEXT], size[32], took[32], rtt[32];
    printf("%4llu  %-16s -> %-13s %10s  %-9s %9s %9llu %7llu %9s  %s%s%s\n",
           (unsigned long long)i + 1, rill_endpoint_format(&connection->local, local),
           rill_endpoint_format(&connection->remote, remote),
           cli_size_text(connection->received, size, sizeof size),
           connection->failed ? "NO" : "yes",
           cli_time_text(connection->finished - connection->opened, took, sizeof took),
           (unsigned long long)connection->segments_sent,
           (unsigned long long)connection->segments_resent,
           cli_time_text(connection->rtt, rtt, sizeof rtt),
           connection->client_closes ? "client" : "server", connection->error ? ": " : "",
           connection->error ? rill_error_text(connection->error) : "");
}

static void print_lesson(const struct demo *demo) {
    const struct demo_connection *first = &demo->list[0], *last = &demo->list[demo->count - 1];
    char local[RILL_ENDPOINT_TEXT], remote[RILL_ENDPOINT_TEXT];
    rill_endpoint_format(&first->local, local);
    rill_endpoint_format(&first->remote, remote);
    printf("\nA socket is an address and a port: %s is one, and all %llu connections end there.\n",
           remote, (unsigned long long)demo->count);
    printf(
        "A connection is a pair of sockets: the server tells them apart by the client's, such as "
        "%s.\n",
        local);
    printf(
        "A stream is the ordered bytes that one direction of a connection carries: each connection "
        "has two.\n");
    printf(
        "Connection %llu has the same pair of sockets as connection 1, yet is another one: 1 had "
        "ended, and a new handshake began new streams (initial sequence number %lu then, %lu "
        "now).\n",
        (unsigned long long)demo->count, (unsigned long)first->isn, (unsigned long)last->isn);
}

void demo_print_table(const struct demo *demo) {
    print_path(demo);
    printf("%4s  %-16s    %-13s %10s  %-9s %9s %9s %7s %9s  %s\n", "", "client", "server",
           "received", "as sent", "took", "segments", "resent", "rtt", "closed first by");
    for (uint64_t i = 0; i < demo->count; i++) {
        if (demo->count > 40 && i == 20) {
            printf("      ... %llu more ...\n", (unsigned long long)demo->count - 25);
            i = demo->count - 5;
        }
        print_row(demo, i);
    }
    printf("\nWhat held the senders, of all their time:\n");
    cli_limiter_bar("  ", demo->limited_ns);
    if (demo->count == demo->connections + 1)
        print_lesson(demo);
    printf("\n%s: %.3f s of virtual time in %.3f s.\n",
           demo->ok ? "Every byte arrived as sent" : "NOT every byte arrived as sent",
           (double)demo->world.now / 1e9, demo->wall_seconds);
}

void demo_print_json(const struct demo *demo) {
    printf(
        "{\"ok\":%s,\"seed\":%llu,\"virtual_seconds\":%.9f,\"wall_seconds\":%.6f,\"connections\":[",
        demo->ok ? "true" : "false", (unsigned long long)demo->seed, (double)demo->world.now / 1e9,
        demo->wall_seconds);
    for (uint64_t i = 0; i < demo->count; i++) {
        const struct demo_connection *connection = &demo->list[i];
        char local[RILL_ENDPOINT_TEXT], remote[RILL_ENDPOINT_TEXT];
        printf("%s{\"incarnation\":%u,\"local\":\"%s\",\"remote\":\"%s\",\"bytes_received\":%llu,"
               "\"sha256\":\"%s\",\"ok\":%s,\"segments_sent\":%llu,\"segments_resent\":%llu,"
               "\"rtt_ms\":%.6f,\"closed_by\":\"%s\"}",
               i ? "," : "", connection->incarnation,
               rill_endpoint_format(&connection->local, local),
               rill_endpoint_format(&connection->remote, remote),
               (unsigned long long)connection->received, connection->received_hex,
               connection->failed ? "false" : "true", (unsigned long long)connection->segments_sent,
               (unsigned long long)connection->segments_resent, (double)connection->rtt / 1e6,
               connection->client_closes ? "client" : "server");
    }
    printf("]}\n");
}
