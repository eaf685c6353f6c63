/* stack/journal.h: what a journal says of each call (base/journal.h says how), and the hooks of a
 * replay.
 *
 * A call is a run of records of one stack:
 *
 *     the call       its arguments; bytes the application gives are not among them
 *     PACKET_IN      of rill_input: each packet, its shape, its bytes
 *     SLICE          of a sending by reference: the shape of each slice
 *                      -- here it runs --
 *     FAILED         a request for memory that failed, counted since the stack was opened
 *     PACKET_OUT     of rill_output: each packet, its bytes as a digest
 *     EVENT          of rill_events
 *     DATA           bytes the stack took of what was offered
 *     RESULT         what was returned, and what was written to the caller
 *
 * What comes before the call runs is written before it runs: a crash leaves the call that led to
 * it. The replay runs the same calls on a stack that writes a journal too, and compares the two
 * bytewise: so nothing but the encoder knows what a result is.
 *
 * A new public call that takes a `struct rill_stack *` (tests/journal.sh finds those forgotten):
 *   1. a line in JOURNAL_CALLS below, with a number not used before;
 *   2. in the call, journal_called(stack, JOURNAL_name, up to three numbers) at its beginning, and
 *      journal_returned(stack, result) around what it returns, or journal_returned_handle. More
 *      than three numbers: rill__journal_call, within `if (stack->journal)`; what it gives by
 *      pointer goes into rill__journal_return;
 *   3. play_name in stack/replay_*.c, which makes the call from the numbers;
 *   4. a use of it in tests/journal_calls.c.
 * A call that changes nothing takes a const stack, or stands in the short list of tests/journal.sh.
 * A new field of a config is a word in one of the lists below. */
#ifndef RILL_STACK_JOURNAL_H
#define RILL_STACK_JOURNAL_H

#include "base/core.h"
#include "base/journal.h"
#include "packet/pool.h"
#include <rill/tcp.h>
#include <rill/udp.h>

enum journal_kind {
    JOURNAL_RESULT = 1,
    JOURNAL_FAILED,
    JOURNAL_PACKET_IN,
    JOURNAL_PACKET_OUT,
    JOURNAL_EVENT,
    JOURNAL_SLICE,
    JOURNAL_DATA,
};

/* number in the file, name without rill_ */
#define JOURNAL_CALLS(X)                                                                           \
    X(15, stack_configure)                                                                         \
    X(16, stack_open)                                                                              \
    X(17, stack_close)                                                                             \
    X(18, interface_add)                                                                           \
    X(19, address_add)                                                                             \
    X(20, route_add)                                                                               \
    X(21, input)                                                                                   \
    X(22, advance)                                                                                 \
    X(23, output)                                                                                  \
    X(24, events)                                                                                  \
    X(25, user_set)                                                                                \
    X(26, link_set)                                                                                \
    X(27, address_remove)                                                                          \
    X(28, route_remove)                                                                            \
    X(29, group_join)                                                                              \
    X(30, group_leave)                                                                             \
    X(31, route_get)                                                                               \
    X(32, tcp_listen)                                                                              \
    X(33, tcp_accept)                                                                              \
    X(34, tcp_pending)                                                                             \
    X(35, tcp_pending_accept)                                                                      \
    X(36, tcp_pending_refuse)                                                                      \
    X(37, tcp_pending_drop)                                                                        \
    X(38, tcp_connect)                                                                             \
    X(39, tcp_send)                                                                                \
    X(40, tcp_send_slices)                                                                         \
    X(41, tcp_receive)                                                                             \
    X(42, tcp_receive_slices)                                                                      \
    X(43, tcp_shutdown)                                                                            \
    X(44, tcp_close)                                                                               \
    X(45, tcp_abort)                                                                               \
    X(46, tcp_set_option)                                                                          \
    X(47, tcp_bind)                                                                                \
    X(48, tcp_bound_listen)                                                                        \
    X(49, tcp_shutdown_read)                                                                       \
    X(50, tcp_fast_open_set)                                                                       \
    X(51, tcp_fast_open_keys)                                                                      \
    X(56, tcp_send_more)                                                                           \
    X(64, udp_open)                                                                                \
    X(65, udp_send)                                                                                \
    X(66, udp_receive)                                                                             \
    X(67, udp_close)                                                                               \
    X(68, udp_connect)                                                                             \
    X(69, udp_take_error)                                                                          \
    X(70, udp_set_option)

enum journal_call {
#define JOURNAL_CALL_ENUM(number, name) JOURNAL_##name = number,
    JOURNAL_CALLS(JOURNAL_CALL_ENUM)
#undef JOURNAL_CALL_ENUM
};

/* The fields of the configs, in the order of the file: N a number, E an endpoint. */
#define JOURNAL_STACK_CONFIG(N)                                                                    \
    N(seed[0])                                                                                     \
    N(seed[1])                                                                                     \
    N(memory_limit)                                                                                \
    N(receive_buffer)                                                                              \
    N(receive_buffer_min)                                                                          \
    N(receive_buffer_max)                                                                          \
    N(send_buffer)                                                                                 \
    N(send_buffer_min)                                                                             \
    N(send_buffer_max)                                                                             \
    N(initial_window)                                                                              \
    N(window_scaling)                                                                              \
    N(timestamps)                                                                                  \
    N(sack)                                                                                        \
    N(ecn)                                                                                         \
    N(pacing)                                                                                      \
    N(bursts)                                                                                      \
    N(nagle)                                                                                       \
    N(check)                                                                                       \
    N(statistics)                                                                                  \
    N(mtu_probing)                                                                                 \
    N(mtu_base)                                                                                    \
    N(mtu_floor)                                                                                   \
    N(mtu_interval)                                                                                \
    N(mss_max)                                                                                     \
    N(clock_resolution)                                                                            \
    N(rto_initial)                                                                                 \
    N(rto_min)                                                                                     \
    N(rto_max)                                                                                     \
    N(delayed_ack)                                                                                 \
    N(peer_delayed_ack)                                                                            \
    N(quick_acks)                                                                                  \
    N(ack_every_second)                                                                            \
    N(time_wait)                                                                                   \
    N(fin_wait_2)                                                                                  \
    N(keepalive_idle)                                                                              \
    N(keepalive_interval)                                                                          \
    N(keepalive_count)                                                                             \
    N(syn_retries)                                                                                 \
    N(syn_ack_retries)                                                                             \
    N(data_retries)                                                                                \
    N(user_timeout_offer)                                                                          \
    N(user_timeout_min)                                                                            \
    N(user_timeout_max)                                                                            \
    N(port_first)                                                                                  \
    N(port_last)                                                                                   \
    N(time_wait_max)                                                                               \
    N(connections_max)                                                                             \
    N(orphans_max)                                                                                 \
    N(half_open_max)                                                                               \
    N(syn_cookies)                                                                                 \
    N(fast_open)                                                                                   \
    N(share_paths)                                                                                 \
    N(address_secret[0])                                                                           \
    N(address_secret[1])

/* Behind them: which parts. */
#define JOURNAL_PART_IPV4 1u
#define JOURNAL_PART_IPV6 2u
#define JOURNAL_PART_FRAGMENTS 4u

#define JOURNAL_LISTEN_CONFIG(N, E)                                                                \
    E(local) N(backlog) N(deferred) N(any_port) N(family) N(fast_open)
#define JOURNAL_BIND_CONFIG(N, E) E(local) N(family) N(reuse) N(foreign)
#define JOURNAL_CONNECT_CONFIG(N, E) E(local) E(remote) N(receive_buffer) N(fast_open)
#define JOURNAL_UDP_CONFIG(N, E)                                                                   \
    E(local) E(remote) N(receive_buffer) N(send_buffer) N(family) N(exclusive) N(reuse)
#define JOURNAL_UDP_MESSAGE(N, E) E(remote) E(local) N(hop_limit) N(traffic_class)

/* A config as numbers. */
struct journal_values {
    uint64_t list[JOURNAL_VALUES_MAX];
    unsigned count; /* while reading: how many are read */
};

static inline void journal_add(struct journal_values *values, uint64_t value) {
    values->list[values->count++] = value;
}

static inline uint64_t journal_next(struct journal_values *values) {
    return values->list[values->count++];
}

void rill__journal_add_address(struct journal_values *values, const struct rill_address *address);
void rill__journal_add_endpoint(struct journal_values *values,
                                const struct rill_endpoint *endpoint);
struct rill_address rill__journal_next_address(struct journal_values *values);
struct rill_endpoint rill__journal_next_endpoint(struct journal_values *values);

/* What a replay does beside. All may be null. */
struct journal_hooks {
    bool (*refuse)(void *context, uint64_t request); /* whether this request is to fail */
    void (*ended)(void *context);                    /* a record is whole */
    void *context;
};

struct journal {
    struct journal_writer writer;
    struct pool_watch watch;      /* numbers the requests: the pool's and the allocator's */
    struct rill_allocator memory; /* the one of the config; the stack is given ours */
    struct rill_pool *pool;
    bool *in_leaf; /* of the stack's core; null before and after there is one */
    void (*write)(void *context, const void *bytes, size_t length);
    void *write_context;
    struct journal_hooks hooks;
};

/* stack.c: rill_stack_open with the hooks of a replay, or null. */
int rill__stack_open(const struct rill_stack_config *config, const struct journal_hooks *hooks,
                     struct rill_stack **out);

/* Null: no memory. */
struct journal *rill__journal_open(const struct rill_stack_config *config,
                                   const struct journal_hooks *hooks);
void rill__journal_close(struct journal *journal);
/* What a stack asks for memory, so that requests are counted. */
struct rill_allocator rill__journal_allocator(struct journal *journal);

/* A call begins; with numbers. */
void rill__journal_call(struct journal *journal, enum journal_call call, const uint64_t *values,
                        unsigned count);
/* It ends. */
void rill__journal_return(struct journal *journal, int64_t result, const uint64_t *values,
                          unsigned count);

/* The calls with more to tell. */
void rill__journal_stack_open(struct journal *journal, const struct rill_stack_config *config);
void rill__journal_stack_configure(struct journal *journal, const struct rill_stack_config *config);
void rill__journal_interface_add(struct journal *journal,
                                 const struct rill_interface_config *config);
void rill__journal_prefix(struct journal *journal, enum journal_call call, uint32_t interface,
                          const struct rill_address *prefix, uint8_t length,
                          const struct rill_address *gateway);
void rill__journal_route_get(struct journal *journal, const struct rill_endpoint *remote,
                             const struct rill_endpoint *local);
void rill__journal_input(struct journal *journal, uint32_t interface,
                         struct rill_packet *const *packets, size_t count, rill_time now);
void rill__journal_output(struct journal *journal, struct rill_packet *const *packets,
                          size_t count);
void rill__journal_events(struct journal *journal, const struct rill_event *events, size_t count);
/* Offered by reference; then how many of them were taken. */
void rill__journal_slices(struct journal *journal, const struct rill_slice *slices, size_t count);
void rill__journal_taken(struct journal *journal, const struct rill_slice *slices, size_t count);
/* Bytes given to the application: `count` slices. */
void rill__journal_given(struct journal *journal, int64_t result, const struct rill_slice *slices,
                         size_t count);

#endif
