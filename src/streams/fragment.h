/* streams/fragment.h: IP fragments put together again (RFC 791 §3.2, RFC 8200 §4.5), within bounds:
 * what does not fit pushes out the oldest, counted. Of two fragments that overlap, the first bytes
 * stay; the overlap is counted. */
#ifndef RILL_STREAMS_FRAGMENT_H
#define RILL_STREAMS_FRAGMENT_H

#include <rill/base.h>

#define FRAGMENT_DATAGRAMS_MAX 256
#define FRAGMENT_FRAMES_MAX 64 /* frames named of a datagram */
#define FRAGMENT_AGE_MAX (30 * RILL_SECOND)

struct fragment_key {
    uint8_t source[16], destination[16];
    uint32_t identification, scope;
    uint32_t protocol, spare;
};

struct fragment {
    struct fragment_key key;
    const uint8_t *data;
    uint32_t length, captured; /* as sent; there */
    uint32_t offset;           /* bytes */
    bool more;
    uint64_t frame;
    rill_time when;
};

struct fragment_datagram; /* of fragment.c */

struct fragments {
    const struct rill_allocator *allocator;
    struct fragment_datagram *list; /* FRAGMENT_DATAGRAMS_MAX, or null: none came yet */
    uint64_t counter;
    uint64_t fragments, completed, given_up, overlaps; /* counts; given_up of datagrams */
    uint64_t frames[FRAGMENT_FRAMES_MAX];              /* of the datagram completed last */
    uint32_t frame_count;
};

void rill__fragments_init(struct fragments *fragments, const struct rill_allocator *allocator);
void rill__fragments_fini(struct fragments *fragments);

/* Takes a fragment. True: the datagram is whole: `*data`, `*length`, valid until the next call. */
bool rill__fragments_add(struct fragments *fragments, const struct fragment *fragment,
                         const uint8_t **data, uint32_t *length);

/* Datagrams that are not whole yet. */
uint32_t rill__fragments_waiting(const struct fragments *fragments);

#endif
