/* tests/interop/sequence.h: a sequence of segments and calls, and what a TCP answers to it, told in
 * numbers relative to both ends' first: so that two TCPs can be compared. */
#ifndef TESTS_INTEROP_SEQUENCE_H
#define TESTS_INTEROP_SEQUENCE_H

#include "wire/tcp.h"
#include <rill/tcpi.h>

enum { SEQUENCE_STEPS = 9, SEQUENCE_TEXT = 1024, OWN_PORT = 7000 };

enum step_kind { STEP_SEGMENT, STEP_WRITE, STEP_READ, STEP_SHUTDOWN, STEP_CLOSE, STEP_KINDS };

struct step {
    uint8_t kind;                       /* enum step_kind */
    uint8_t flags;                      /* enum wire_tcp_flag */
    uint32_t sequence, acknowledgement; /* relative: 0 is the first byte of data, -1 the SYN */
    uint32_t length;                    /* of payload, or of what is written or read */
    uint16_t window;
    uint32_t sack_left, sack_right; /* equal: none */
};

enum sequence_begin { BEGIN_LISTEN, BEGIN_HALF_OPEN, BEGIN_ESTABLISHED, BEGIN_SYN_SENT, BEGINS };

struct sequence {
    uint8_t begin;   /* enum sequence_begin */
    uint8_t options; /* bits: 1 MSS, 2 SACK, 4 timestamps, 8 window scale; of the peer's SYN */
    uint16_t window; /* what the subject offers at first */
    uint32_t peer_iss;
    uint8_t count;
    struct step steps[SEQUENCE_STEPS + 3]; /* those that lead to the beginning are first */
};

void sequence_make(struct sequence *sequence, uint64_t seed);
/* The step in packetdrill's language. */
void step_text(const struct sequence *sequence, int step, char *out, size_t room);

/* One TCP under test: 10.77.0.1, port OWN_PORT, or as it connects; the peer is 10.77.0.`peer`. */
struct subject {
    const char *name;
    bool (*begin)(const struct sequence *sequence, uint8_t peer, uint16_t peer_port);
    void (*put)(const void *packet, size_t length);
    size_t (*get)(void *packet, size_t room); /* 0: no more for now */
    void (*call)(const struct step *step);
    void (*info)(struct rill_tcpi *out); /* state CLOSE: no connection, or none accepted */
    void (*end)(void);
};
extern const struct subject rill_subject, kernel_subject;

/* What it answered: a text for each step, and one for its state at the end. */
struct answers {
    char step[SEQUENCE_STEPS + 3][SEQUENCE_TEXT];
    char end[SEQUENCE_TEXT];
};
void sequence_run(const struct sequence *sequence, const struct subject *subject,
                  struct answers *answers);

#endif
