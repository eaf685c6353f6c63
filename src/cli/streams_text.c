/* cli/streams_text.c: what was found, in words. */
#include "cli/streams.h"

#include "cli/sha1.h"
#include "cli/text.h"

#include <stdio.h>
#include <string.h>

char *streams_endpoint_text(const struct streams_connection *connection, unsigned side, char *out) {
    struct rill_endpoint endpoint = {0};
    memcpy(&endpoint.address, connection->addresses[side], 16);
    endpoint.port = (uint16_t)connection->sides[side].port;
    return rill_endpoint_format(&endpoint, out);
}

void streams_scope_text(const struct streams *streams, uint64_t number, char *out, size_t size) {
    const struct scope *scope = rill__streams_scope(streams, (uint32_t)number);
    size_t used = 0;
    out[0] = 0;
    for (uint32_t i = 0; scope && i < scope->count && used < size; i++) {
        const struct scope_layer *layer = &scope->layers[i];
        const char *kind = rill__scope_kind_text(layer->kind);
        bool numbered = layer->number || layer->kind == SCOPE_VLAN || layer->kind == SCOPE_VXLAN;
        int wrote = numbered ? snprintf(out + used, size - used, "%s%s %u", i ? ", " : "", kind,
                                        layer->number)
                             : snprintf(out + used, size - used, "%s%s", i ? ", " : "", kind);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
}

const char *streams_handshake_text(uint64_t handshake) {
    static const char *const texts[] = {"none", "partly", "whole"};
    return handshake < 3 ? texts[handshake] : "none";
}

const char *streams_closed_by_text(uint64_t closed_by) {
    static const char *const texts[] = {0,      "client",          "server",
                                        "both", "reset_by_client", "reset_by_server"};
    return closed_by < sizeof texts / sizeof *texts ? texts[closed_by] : 0;
}

const char *streams_tap_text(uint64_t tap) {
    static const char *const texts[] = {"unknown", "client", "server", "middle"};
    return tap < 4 ? texts[tap] : "unknown";
}

const char *streams_blame_words(enum streams_blame blame) {
    static const char *const words[] = {
        "the handshake",
        "the client's application",
        "the server's application",
        "the sender's window",
        "the receiver",
        "the network (loss)",
        "the network (queue)",
        "the network (distance)",
        "closing",
        "nobody (idle)",
        "unknown",
    };
    return blame < STREAMS_BLAME_COUNT ? words[blame] : "nothing";
}

enum streams_blame streams_worst(const struct streams_connection *connection) {
    enum streams_blame worst = STREAMS_BLAME_COUNT;
    uint64_t most = 0;
    for (unsigned i = 0; i < STREAMS_BLAME_COUNT; i++) {
        if (connection->blame[i] > most) {
            most = connection->blame[i];
            worst = (enum streams_blame)i;
        }
    }
    return worst;
}

/* Who receives most, so that "the receiver" has a name. */
static const char *receiver(const struct streams_connection *connection) {
    bool client_sends = connection->sides[0].bytes > connection->sides[1].bytes;
    if (connection->sides[0].zero_windows != connection->sides[1].zero_windows)
        client_sends = connection->sides[1].zero_windows > connection->sides[0].zero_windows;
    return client_sends ? "server" : "client";
}

static void describe(const struct streams_connection *connection, enum streams_blame worst,
                     char *out, size_t size) {
    uint64_t resent = connection->sides[0].resent_segments + connection->sides[1].resent_segments;
    uint64_t repaired =
        connection->sides[0].repaired_segments + connection->sides[1].repaired_segments;
    char rtt[32];
    cli_time_text(connection->rtt_min == STREAMS_UNKNOWN ? 0 : connection->rtt_min, rtt,
                  sizeof rtt);
    switch (worst) {
    case STREAMS_BLAME_HANDSHAKE:
        snprintf(out, size, "the handshake took");
        break;
    case STREAMS_BLAME_CLIENT:
        snprintf(out, size, "the client's application had nothing to send for");
        break;
    case STREAMS_BLAME_SERVER:
        snprintf(out, size, "the server's application took its time for");
        break;
    case STREAMS_BLAME_SENDER_WINDOW:
        snprintf(out, size, "the sender's own limit (send buffer or pacing) held it for");
        break;
    case STREAMS_BLAME_RECEIVER_WINDOW:
        snprintf(out, size, "the receiver's application (%s) did not read fast enough for",
                 receiver(connection));
        break;
    case STREAMS_BLAME_LOSS:
        snprintf(out, size, "the network lost packets (%llu sent again, %llu repaired) and cost",
                 (unsigned long long)resent, (unsigned long long)repaired);
        break;
    case STREAMS_BLAME_QUEUE:
        snprintf(out, size, "the network's queue was full (round trip over twice its %s) for", rtt);
        break;
    case STREAMS_BLAME_DISTANCE:
        snprintf(out, size, "the network's distance (round trip %s) took", rtt);
        break;
    case STREAMS_BLAME_CLOSING:
        snprintf(out, size, "closing took");
        break;
    case STREAMS_BLAME_IDLE:
        snprintf(out, size, "nobody had anything to send for");
        break;
    default:
        snprintf(out, size, "what held it is not in the capture for");
        break;
    }
}

static bool verdict_of_attempt(const struct streams_connection *connection, char *out,
                               size_t size) {
    char client[RILL_ENDPOINT_TEXT], server[RILL_ENDPOINT_TEXT];
    streams_endpoint_text(connection, 0, client);
    streams_endpoint_text(connection, 1, server);
    unsigned long long frame = (unsigned long long)connection->first_frame;
    if (connection->state == STREAMS_STATE_ATTEMPTED)
        snprintf(out, size, "%s never answered the %llu SYN of %s (frame %llu).", server,
                 (unsigned long long)connection->sides[0].packets, client, frame);
    else if (connection->state == STREAMS_STATE_REFUSED)
        snprintf(out, size, "%s refused the connection with RST (frame %llu).", server,
                 (unsigned long long)connection->last_frame);
    else if (connection->state == STREAMS_STATE_REJECTED)
        snprintf(out, size,
                 "%s answered the SYN with an ACK of something else: it still knows an older "
                 "connection (frame %llu).",
                 server, (unsigned long long)connection->last_frame);
    else
        return false;
    return true;
}

void streams_verdict(const struct streams_connection *connection, char *out, size_t size) {
    char what[160], time[32], whole[32];
    enum streams_blame worst = streams_worst(connection);
    if (verdict_of_attempt(connection, out, size))
        return;
    if (worst == STREAMS_BLAME_COUNT) {
        snprintf(out, size, "All of it lies in one instant (frame %llu).",
                 (unsigned long long)connection->first_frame);
        return;
    }
    describe(connection, worst, what, sizeof what);
    cli_time_text(connection->blame[worst], time, sizeof time);
    cli_time_text(connection->duration, whole, sizeof whole);
    what[0] = (char)(what[0] - ('a' - 'A'));
    snprintf(out, size, "%s %s of %s (see frame %llu).", what, time, whole,
             (unsigned long long)connection->evidence[worst]);
}

/* The community ID of version 1 with seed 0: a SHA-1 over the five-tuple, its lower end first. */
void streams_community_id(const struct streams_connection *connection, char *out, size_t size) {
    uint8_t bytes[40], digest[20];
    size_t length = connection->ipv6 ? 16 : 4, used = 0;
    const uint8_t *ends[2];
    for (unsigned i = 0; i < 2; i++)
        ends[i] = (const uint8_t *)connection->addresses[i] + (connection->ipv6 ? 0 : 12);
    int order = memcmp(ends[0], ends[1], length);
    unsigned low =
        order < 0 || (order == 0 && connection->sides[0].port < connection->sides[1].port) ? 0 : 1;
    bytes[used++] = 0;
    bytes[used++] = 0; /* the seed */
    for (unsigned i = 0; i < 2; i++, used += length)
        memcpy(bytes + used, ends[low ^ i], length);
    bytes[used++] = 6; /* TCP */
    bytes[used++] = 0;
    for (unsigned i = 0; i < 2; i++) {
        bytes[used++] = (uint8_t)(connection->sides[low ^ i].port >> 8);
        bytes[used++] = (uint8_t)connection->sides[low ^ i].port;
    }
    cli_sha1(bytes, used, digest);
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[32];
    size_t at = 0;
    for (size_t i = 0; i < 20; i += 3) {
        uint32_t three = (uint32_t)digest[i] << 16 |
                         (i + 1 < 20 ? (uint32_t)digest[i + 1] << 8 : 0) |
                         (i + 2 < 20 ? digest[i + 2] : 0);
        text[at++] = digits[three >> 18 & 63];
        text[at++] = digits[three >> 12 & 63];
        text[at++] = i + 1 < 20 ? digits[three >> 6 & 63] : '=';
        text[at++] = i + 2 < 20 ? digits[three & 63] : '=';
    }
    text[at] = 0;
    snprintf(out, size, "1:%s", text);
}
