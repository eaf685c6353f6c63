/* tests/tcp/loss.h: for tests of loss recovery: a connection whose round trip time is known, and
 * a flight under way. The peer takes SACK, its segments are 1000 bytes, and nothing is paced. */
#ifndef TESTS_TCP_LOSS_H
#define TESTS_TCP_LOSS_H

#include "tcp/segment.h"

enum { MSS = 1000 };
#define RTT (100 * RILL_MILLISECOND)

/* peer_init, and what is said above. Change, then loss_established. */
void loss_init(struct peer *peer);
/* Opens from the stack's side; the handshake takes RTT. */
void loss_established(struct peer *peer);
/* Both, with `window` segments as the initial window. */
void loss_open(struct peer *peer, uint16_t window);
/* Has the application write that many segments, takes `sent` of them (fails if there are not just
 * so many) and lets RTT pass: their ACKs may come. */
void loss_flight(struct peer *peer, uint32_t written, uint32_t sent);

/* Numbers in segments. */
void ack(struct peer *peer, uint32_t next);
/* An ACK of `next` and a SACK of [left, right). */
void sack(struct peer *peer, uint32_t next, uint32_t left, uint32_t right);
/* The same, with a DSACK of [again, again + 1) in front; left and right may be 0: no other block.
 */
void dsack(struct peer *peer, uint32_t next, uint32_t again, uint32_t left, uint32_t right);
struct block segments(uint32_t left, uint32_t right);

/* The next segment sent has this number, cause and length MSS. */
struct seen expect_segment_at(struct peer *peer, uint32_t number, enum rill_cause cause,
                              const char *file, int line);
#define EXPECT_SEGMENT(peer, number, cause)                                                        \
    expect_segment_at(peer, number, cause, __FILE__, __LINE__)
/* The same, and it is sent within `limit` and not before; time passes until then. */
struct seen expect_after_at(struct peer *peer, rill_time wait, uint32_t number,
                            enum rill_cause cause, const char *file, int line);
#define EXPECT_AFTER(peer, wait, number, cause)                                                    \
    expect_after_at(peer, wait, number, cause, __FILE__, __LINE__)

/* The connection's own state. */
struct connection *loss_connection(struct peer *peer);
struct tcp_host *loss_host(struct peer *peer);

/* The groups of the suite. */
int scoreboard_tests(void);
int sack_tests(void);
int rack_tests(void);
int probe_tests(void);
int prr_tests(void);
int undo_tests(void);
int cubic_tests(void);
int slow_start_tests(void);
int rtt_tests(void);
int ecn_tests(void);
int limiter_tests(void);
int tcpi_tests(void);
int tune_tests(void);
int user_timeout_tests(void);
int sharing_tests(void);
int pmtud_tests(void);

#endif
