/* cli/streams_filter.c: which connections are wanted, and which findings are failures. */
#include "cli/streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool address_wanted(const char *text, const void *one, const void *other) {
    struct rill_address address;
    if (rill_address_parse(text, &address))
        return false;
    return memcmp(&address, one, 16) == 0 || memcmp(&address, other, 16) == 0;
}

bool streams_packet_wanted(const struct streams_options *options,
                           const struct streams_packet *packet) {
    if (options->address &&
        !address_wanted(options->address, &packet->source, &packet->destination))
        return false;
    return options->port == STREAMS_UNKNOWN || packet->source_port == options->port ||
           packet->destination_port == options->port;
}

/* A whole name of a state, or an end of one: "loss" is network_loss. */
static bool blame_is(const char *text, enum streams_blame blame) {
    const char *name = rill__streams_blame_text(blame);
    size_t length = strlen(name), wanted = strlen(text);
    if (strncmp(name, text, wanted) == 0)
        return true;
    return wanted && wanted < length && name[length - wanted - 1] == '_' &&
           strcmp(name + length - wanted, text) == 0;
}

bool streams_wanted(const struct streams_options *options,
                    const struct streams_connection *connection) {
    if (options->address &&
        !address_wanted(options->address, connection->addresses[0], connection->addresses[1]))
        return false;
    if (options->port != STREAMS_UNKNOWN && connection->sides[0].port != options->port &&
        connection->sides[1].port != options->port)
        return false;
    if (options->state && strcmp(options->state, rill__streams_state_text(
                                                     (enum streams_state)connection->state)) != 0)
        return false;
    if (!options->blame)
        return true;
    enum streams_blame worst = streams_worst(connection);
    return worst < STREAMS_BLAME_COUNT && blame_is(options->blame, worst);
}

/* NAME, one of < <= > >=, a number, perhaps %. */
bool streams_parse_fail_if(struct streams_options *options, const char *text) {
    if (options->fail_count == sizeof options->fail_if / sizeof *options->fail_if)
        return false;
    struct fail_if *fail = &options->fail_if[options->fail_count];
    size_t length = strcspn(text, "<>");
    const char *sign = text + length;
    char *end;
    if (!length || length >= sizeof fail->name || !*sign)
        return false;
    memcpy(fail->name, text, length);
    fail->name[length] = 0;
    fail->compare = (*sign == '<' ? -1 : 1) * (sign[1] == '=' ? 2 : 1);
    fail->value = strtod(sign + (sign[1] == '=' ? 2 : 1), &end);
    fail->percent = *end == '%';
    static const char *const names[] = {"resent",    "lost",         "repaired",    "reordered",
                                        "missing",   "spurious",     "reset",       "refused",
                                        "attempted", "zero_windows", "conflicting", "connections"};
    bool known = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        known = known || strcmp(names[i], fail->name) == 0;
    if (!known || end == sign + 1 || end[fail->percent] != 0)
        return false;
    options->fail_count++;
    return true;
}

struct sums {
    double segments, bytes, connections;
    double resent, lost, repaired, reordered, missing, spurious, reset, refused, attempted;
    double zero_windows, conflicting;
};

static void sum_up(struct sums *sums, const struct streams_connection *connection) {
    sums->connections++;
    sums->reset += connection->state == STREAMS_STATE_RESET;
    sums->refused += connection->state == STREAMS_STATE_REFUSED;
    sums->attempted += connection->state == STREAMS_STATE_ATTEMPTED;
    for (unsigned i = 0; i < 2; i++) {
        const struct streams_side *side = &connection->sides[i];
        sums->segments += (double)side->data_segments;
        sums->bytes += (double)(side->bytes + side->missing_bytes);
        sums->resent += (double)side->resent_segments;
        sums->lost += (double)side->lost_segments;
        sums->repaired += (double)side->repaired_segments;
        sums->reordered += (double)side->reordered_segments;
        sums->spurious += (double)side->spurious_segments;
        sums->missing += (double)side->missing_bytes;
        sums->conflicting += (double)side->conflicting_bytes;
        sums->zero_windows += (double)side->zero_windows;
    }
}

/* What is measured, and of what it is a part. */
static double measure(const struct sums *sums, const char *name, double *of) {
    *of = sums->segments;
    if (strcmp(name, "resent") == 0)
        return sums->resent;
    if (strcmp(name, "lost") == 0)
        return sums->lost;
    if (strcmp(name, "repaired") == 0)
        return sums->repaired;
    if (strcmp(name, "reordered") == 0)
        return sums->reordered;
    if (strcmp(name, "spurious") == 0)
        return sums->spurious;
    *of = sums->bytes;
    if (strcmp(name, "missing") == 0)
        return sums->missing;
    if (strcmp(name, "conflicting") == 0)
        return sums->conflicting;
    *of = sums->connections;
    if (strcmp(name, "reset") == 0)
        return sums->reset;
    if (strcmp(name, "refused") == 0)
        return sums->refused;
    if (strcmp(name, "attempted") == 0)
        return sums->attempted;
    return strcmp(name, "zero_windows") == 0 ? sums->zero_windows : sums->connections;
}

static bool holds(const struct fail_if *fail, double value) {
    switch (fail->compare) {
    case -1:
        return value < fail->value;
    case -2:
        return value <= fail->value;
    case 1:
        return value > fail->value;
    default:
        return value >= fail->value;
    }
}

int streams_fail_code(const struct streams_options *options, struct streams_run *run, int code) {
    struct sums sums = {0};
    struct streams_connection connection;
    if (!options->fail_count || (code != CLI_DONE && code != CLI_PARTIAL))
        return code;
    for (size_t i = 0; i < run->store.count; i++)
        if (store_get(&run->store, i, &connection) && streams_wanted(options, &connection))
            sum_up(&sums, &connection);
    for (size_t i = 0; i < options->fail_count; i++) {
        const struct fail_if *fail = &options->fail_if[i];
        double of, value = measure(&sums, fail->name, &of);
        if (fail->percent)
            value = of > 0 ? 100 * value / of : 0;
        if (!holds(fail, value))
            continue;
        cli_error("%s is %g%s, and --fail-if does not allow it", fail->name, value,
                  fail->percent ? "%" : "");
        code = CLI_FAIL_IF;
    }
    return code;
}
