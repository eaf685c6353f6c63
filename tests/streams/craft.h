/* tests/streams/craft.h: a small capture made byte by byte, and what the analysis says of it. */
#ifndef RILL_TESTS_STREAMS_CRAFT_H
#define RILL_TESTS_STREAMS_CRAFT_H

#include "capture/reader.h"
#include "streams/streams.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CRAFT_FRAMES = 4096, CRAFT_FRAME = 1700, CRAFT_RESULTS = 600, CRAFT_EVENTS = 4096 };
enum { SYN = WIRE_SYN, ACK = WIRE_ACK, FIN = WIRE_FIN, RST = WIRE_RST, PSH = WIRE_PSH };
enum { CLIENT, SERVER };

/* One segment; what is 0 is usual. Numbers are relative: data of each side begins at 1. */
struct craft_segment {
    int side;
    unsigned flags;
    uint32_t seq, ack;
    unsigned length;
    uint32_t timestamp, echo; /* 0: no option */
    unsigned window;          /* 0: 65535; CRAFT_ZERO: 0 */
    unsigned id;              /* 0: the next of that side */
    unsigned ttl;             /* 0: 64 */
    struct wire_sack sacks[2];
    unsigned sack_count;
    unsigned mss;
    int scale; /* -1: no option; 0 is one */
    char fill; /* payload byte; 0: by its position */
    bool sack_permitted;
};
#define CRAFT_ZERO 0x10000u

struct craft_flow {
    uint32_t isn[2];
    uint16_t ports[2];
    uint8_t hosts[2]; /* 10.0.0.x */
    uint16_t vlan;    /* 0: none */
    uint32_t interface;
    uint16_t id[2];
};

struct craft {
    uint8_t bytes[CRAFT_FRAMES][CRAFT_FRAME];
    struct streams_frame frames[CRAFT_FRAMES];
    size_t count;
    rill_time now;
    struct streams_config config;
    struct streams_connection results[CRAFT_RESULTS];
    size_t result_count;
    struct streams_event events[CRAFT_EVENTS];
    size_t event_count;
    struct streams_totals totals;
};

struct craft *craft_new(void);
struct craft_flow craft_flow(void);
/* Adds a frame `after` nanoseconds later; returns its number. */
uint64_t craft_add(struct craft *craft, struct craft_flow *flow, rill_time after,
                   struct craft_segment segment);
/* SYN, SYN/ACK, ACK: 10 ms to the server, 1 ms to the client. */
void craft_handshake(struct craft *craft, struct craft_flow *flow);
/* FIN of the client, FIN of the server, ACK; `sent` and `received` bytes have gone before. */
void craft_close(struct craft *craft, struct craft_flow *flow, uint32_t sent, uint32_t received);
/* A frame as it stands. */
uint64_t craft_frame(struct craft *craft, rill_time after, uint16_t link_type, const uint8_t *bytes,
                     uint32_t length);
/* Runs the analysis over all frames; fills results (by number), events, totals. Runs it once more
 * with every connection asleep between its packets, which must give the same. */
void craft_run(struct craft *craft);
/* Events of one kind. */
size_t craft_events(const struct craft *craft, enum streams_event_kind kind);
/* All frames as a pcap file; returns its length. */
size_t craft_pcap(const struct craft *craft, uint8_t *out, size_t room);
struct rill_allocator craft_allocator(void);

/* Every account must be whole. */
void craft_check_accounts(const struct craft *craft);

int craft_close_test(void **state);

#endif
