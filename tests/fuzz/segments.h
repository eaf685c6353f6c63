/* tests/fuzz/segments.h: a run of the segments target, and the steps it is made of. Host 1 is the
 * one that is aimed at. */
#ifndef TESTS_FUZZ_SEGMENTS_H
#define TESTS_FUZZ_SEGMENTS_H

#include "fuzz/harness.h"
#include "tcp/host.h"

#define SEGMENTS_HANDLES 12
#define SEGMENTS_KEPT 8
#define SEGMENTS_BYTES 2048
#define SEGMENTS_TEXT 20000

struct kept { /* a frame on its way to host 1 */
    size_t length;
    uint8_t bytes[SEGMENTS_BYTES];
};

struct run {
    struct fuzz_input input;
    struct test_world test;
    bool ethernet;
    rill_handle listeners[2][3], udp[2];
    rill_handle handles[2][SEGMENTS_HANDLES];
    unsigned owned[2], kept_at;
    struct kept kept[SEGMENTS_KEPT];
    bool tainted;     /* bytes have been changed that may have been taken for right */
    uint64_t counted; /* trace records of host 1: received, or dropped */
};

/* What a segment is aimed at: a connection, a half-open record or one in TIME-WAIT. */
struct aim {
    struct tcp_key key;
    rill_seq rcv_nxt, snd_una;
    uint32_t window, flight; /* bytes from these on */
    uint32_t ts_recent;
    bool timestamps;
};

extern const uint8_t segments_macs[2][6];

/* segments.c */
void segments_own(struct run *run, int host, rill_handle handle);
/* To host 1; `must_count`: it may not be taken without a word. */
void segments_deliver(struct run *run, const uint8_t *bytes, size_t length, uint8_t shape,
                      bool must_count);

/* segments_steps.c */
bool segments_take_aim(struct run *run, struct aim *aim);
/* A number near one that means something: one byte says which way and how far. */
uint32_t segments_near(struct run *run, uint32_t number, uint32_t reach);
/* An IP packet at bytes + 14, sent as the link has it. */
void segments_send_ip(struct run *run, uint8_t *bytes, size_t length, uint8_t shape,
                      bool must_count);

/* Steps; `how` has four bits. segments_messages.c has errors and neighbours. */
void segments_aimed(struct run *run, uint8_t how);     /* a segment to a live connection */
void segments_syn(struct run *run, uint8_t how);       /* a SYN to a listener */
void segments_replay(struct run *run, uint8_t how);    /* one kept, as it was or changed */
void segments_error(struct run *run, uint8_t how);     /* ICMP that quotes a live connection */
void segments_neighbour(struct run *run, uint8_t how); /* ARP, neighbour discovery, MLD, IGMP */
void segments_raw(struct run *run, uint8_t how);       /* any bytes */
void segments_network(struct run *run, uint8_t how);   /* links, addresses, routes, groups */
void segments_application(struct run *run, int host, uint8_t how);

#endif
