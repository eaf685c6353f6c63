/* tests/tcp/arrives.h: a segment arrives: one case of RFC 9293 §3.10.7, and what comes of it. */
#ifndef TESTS_TCP_ARRIVES_H
#define TESTS_TCP_ARRIVES_H

#include "tcp/segment.h"

/* SYN-RECEIVED twice: after a passive open the record of a SYN stands for the connection. */
enum situation_state {
    IN_CLOSED,
    IN_LISTEN,
    IN_SYN_SENT,
    IN_SYN_RECEIVED, /* of a passive open */
    IN_SYN_RECEIVED_ACTIVE,
    IN_ESTABLISHED,
    IN_FIN_WAIT_1,
    IN_FIN_WAIT_2,
    IN_CLOSE_WAIT,
    IN_CLOSING,
    IN_LAST_ACK,
    IN_TIME_WAIT, /* and somebody listens at the port */
    IN_COUNT
};

/* Where a connection stands; numbers are relative, 0 is the first byte of either side. */
struct situation {
    enum situation_state state;
    uint32_t rcv_nxt, rcv_wnd;
    uint32_t snd_una, snd_nxt;
    uint32_t snd_wnd_max;
    bool fin_sent; /* snd_nxt - 1 is our FIN */
};

struct arriving {
    uint8_t flags;
    uint32_t sequence, acknowledgement, length;
};

struct outcome {
    unsigned replies;
    uint8_t flags;                      /* of the reply, PSH apart */
    uint32_t sequence, acknowledgement; /* of the reply; the latter 0 without ACK */
    uint32_t acked;                     /* bytes of ours that are acknowledged by it */
    enum rill_tcp_state next;
};

/* arrives_model.c: what RFC 9293 with RFC 5961, RFC 1337, RFC 6191 and the errata want. Written
 * from these texts, not from the program. */
struct outcome arrives_expected(const struct situation *at, const struct arriving *segment);

/* arrives_run.c: the same from the program. */
struct outcome arrives_run(enum situation_state state, const struct arriving *segment);
/* Where the program stands in that state. */
struct situation arrives_situation(enum situation_state state);

#endif
