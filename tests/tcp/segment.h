/* tests/tcp/segment.h: one stack against a peer that is nothing but hand-written segments.
 *
 * Numbers are relative: 0 is the first byte of data in either direction, -1 the SYN. Every byte of
 * data either side sends is test_byte(PEER_STREAM or OWN_STREAM, its number), and is verified where
 * it arrives. After each step the connection's invariants are checked. */
#ifndef TESTS_TCP_SEGMENT_H
#define TESTS_TCP_SEGMENT_H

#include "wire/tcp.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PEER_STREAM = 1, OWN_STREAM = 2, PEER_PORT = 4000, OWN_PORT = 80 };

/* What the peer offers in its SYN. */
enum peer_option { PEER_MSS = 1, PEER_SACK = 2, PEER_TIMESTAMPS = 4, PEER_SCALE = 8 };

/* Bytes [left, right), relative numbers. */
struct block {
    uint32_t left, right;
};

/* A segment of the stack's, parsed. */
struct seen {
    struct wire_tcp header;
    uint32_t sequence, acknowledgement; /* relative */
    uint32_t length;                    /* payload */
    enum rill_cause cause;
    rill_time at;
    struct rill_address source, destination;
    size_t frame; /* bytes of the whole frame */
    uint8_t traffic_class;
    struct block sacks[4]; /* relative, in the peer's stream */
};

struct peer {
    struct test_memory memory;
    struct rill_allocator allocator;
    struct rill_pool_config pool_config;
    struct rill_pool *pool;
    struct rill_stack_config config;
    struct rill_interface_config interface;
    struct rill_stack *stack;
    rill_time now;
    struct rill_address local, remote;
    uint16_t local_port, remote_port; /* the stack's and the peer's */

    /* the peer's side of the connection */
    unsigned options; /* enum peer_option */
    uint16_t mss;
    uint8_t scale;
    uint16_t window; /* as on the wire */
    bool timestamps; /* send them */
    uint32_t tsval, tsecr;
    uint16_t user_timeout; /* the option that every segment carries, as on the wire; 0: none */
    rill_seq iss;          /* the peer's */
    rill_seq own_iss;      /* the stack's, learned from its SYN */

    rill_handle listener, handle;
    uint64_t read, written; /* bytes by the application */
    struct rill_trace_record last_drop;
    uint64_t traced_sent;
    size_t frames_max;          /* how many a super-segment of the stack's may have; default 1 */
    struct rill_packet *packet; /* a super-segment of which `frame` frames have been taken */
    uint32_t frame;
};

/* Defaults: 10.0.0.1, MTU 1500; the peer offers an MSS of 1460 and SACK. Change, then peer_open. */
void peer_init(struct peer *peer);
void peer_open(struct peer *peer);
/* Closes everything and asserts that no memory is left. */
void peer_close(struct peer *peer);

/* The states. Each begins with peer_open and leaves nothing to take. */
void peer_listen(struct peer *peer);
void peer_syn_sent(struct peer *peer);
void peer_syn_received(struct peer *peer); /* of a simultaneous open */
void peer_half_open(struct peer *peer);    /* passive: a SYN-ACK has been taken */
void peer_established(struct peer *peer);  /* active open */
void peer_accepted(struct peer *peer);     /* passive open */
void peer_fin_wait_1(struct peer *peer);
void peer_fin_wait_2(struct peer *peer);
void peer_close_wait(struct peer *peer);
void peer_closing(struct peer *peer);
void peer_last_ack(struct peer *peer);
void peer_time_wait(struct peer *peer); /* the application has closed */

/* The whole of a segment to inject; `data_at` numbers its first byte. */
struct inject {
    uint8_t flags;
    uint32_t sequence, acknowledgement; /* relative */
    uint32_t length;
    unsigned options; /* enum peer_option: those of a SYN */
    bool bad_checksum;
    struct block sacks[4]; /* of the stack's stream; the first empty one ends them */
    uint8_t traffic_class;
};
void peer_inject(struct peer *peer, const struct inject *segment);
/* The same in one line. SYN segments carry the peer's options. */
void peer_send(struct peer *peer, unsigned flags, uint32_t sequence, uint32_t acknowledgement,
               uint32_t length);
/* A bare ACK with up to four SACK blocks; the first empty one ends them. */
void peer_sack(struct peer *peer, uint32_t acknowledgement, struct block first, struct block second,
               struct block third);
/* Any TCP header, any port, no numbers made relative. */
void peer_send_raw(struct peer *peer, struct wire_tcp *header, uint32_t length);
/* Any bytes as a packet. */
void peer_send_bytes(struct peer *peer, const uint8_t *data, size_t length);

/* Takes one frame the stack wants to send now; false: none. */
bool peer_take(struct peer *peer, struct seen *seen);
/* Lets time pass until the stack sends something; false: nothing within `limit`. */
bool peer_take_within(struct peer *peer, rill_time limit, struct seen *seen);
/* Takes all and forgets them; returns how many. */
size_t peer_drain(struct peer *peer);
/* Lets time pass, running timers; what goes out waits. */
void peer_wait(struct peer *peer, rill_time time);

/* The application's side. */
size_t peer_write(struct peer *peer, size_t length); /* returns how many were taken */
size_t peer_read(struct peer *peer, size_t most);    /* verifies, returns how many */
enum rill_tcp_state peer_state(struct peer *peer);
struct rill_tcp_info peer_info(struct peer *peer);
uint64_t peer_drops(struct peer *peer, enum rill_drop drop);
uint32_t peer_events(struct peer *peer, rill_handle handle); /* all bits since the last time */
/* Uses up the acknowledgements at once of a new connection, with 1-byte segments. Returns how many
 * bytes the peer has sent. */
uint32_t peer_end_quick_acks(struct peer *peer);

/* The next segment is this one; the caller's line is named if it is not. Returns it. */
struct seen expect_at(struct peer *peer, unsigned flags, uint32_t sequence,
                      uint32_t acknowledgement, uint32_t length, const char *file, int line);
void expect_none_at(struct peer *peer, const char *file, int line);
#define EXPECT(peer, flags, sequence, acknowledgement, length)                                     \
    expect_at(peer, flags, sequence, acknowledgement, length, __FILE__, __LINE__)
#define EXPECT_NONE(peer) expect_none_at(peer, __FILE__, __LINE__)

/* The groups of the suite. */
int handshake_tests(void);
int listener_tests(void);
int deferred_tests(void);
int receive_tests(void);
int send_tests(void);
int window_tests(void);
int hold_tests(void);
int requirement_tests(void);
int icmp_tests(void);
int acceptance_tests(void);
int closing_tests(void);
int timer_tests(void);
int recovery_tests(void);
int time_wait_tests(void);
int idle_tests(void);
int story_tests(void);

#endif
