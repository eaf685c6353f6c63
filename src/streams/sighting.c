/* streams/sighting.c: the same packet seen twice: at two interfaces, in two VLANs, before and after
 * a router, or mirrored twice. It is the sender's once, and not a retransmission.
 *
 * A small table remembers the packets of late by a sum over all that a router leaves as it is. What
 * is found there again at another place is a second sighting; at the same place only if it comes so
 * soon that no sender can have sent it again. */
#include "streams/connection.h"

#include <string.h>

enum { SETS = 8192, WAYS = 4 };
#define PLACE_AGE (2 * RILL_SECOND)              /* from one place to another: queues are shorter */
#define SAME_AGE (RILL_MILLISECOND)              /* mirrored twice */
#define SAME_AGE_NUMBERED (5 * RILL_MILLISECOND) /* when a new copy would have a new IP id */

struct sighting {
    uint64_t sum; /* 0: free */
    rill_time when;
    uint32_t scope;
    uint32_t places; /* one bit of 32 for each place it was seen at */
    uint32_t checksum;
    uint32_t order;
};

static uint64_t mix(uint64_t sum, uint64_t word) {
    sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ sum >> 29;
}

static uint64_t sum_of(const struct streams_packet *packet) {
    uint64_t words[4], sum;
    memcpy(words, &packet->source, 16);
    memcpy(words + 2, &packet->destination, 16);
    sum = mix(mix(mix(mix(1, words[0]), words[1]), words[2]), words[3]);
    sum = mix(sum, (uint64_t)packet->source_port << 16 | packet->destination_port |
                       (uint64_t)packet->length << 32);
    sum = mix(sum, (uint64_t)packet->sequence << 32 | packet->acknowledgement);
    sum = mix(sum, (uint64_t)packet->identification << 32 | (uint64_t)packet->flags << 16 |
                       packet->window);
    if (packet->has_timestamps)
        sum = mix(sum, (uint64_t)packet->timestamp_value << 32 | packet->timestamp_echo);
    for (unsigned i = 0; i < packet->sack_count; i++)
        sum = mix(sum, (uint64_t)packet->sacks[i].left << 32 | packet->sacks[i].right);
    return sum | 1;
}

/* Where it was seen: interface, scope, and hops already made. */
static uint32_t place_of(const struct streams_packet *packet) {
    uint64_t sum = mix(mix(mix(7, packet->interface), packet->scope), packet->ttl);
    return UINT32_C(1) << (sum >> 40 & 31);
}

static bool is_again(const struct sighting *sighting, const struct streams_packet *packet,
                     uint32_t place, enum streams_evidence *evidence) {
    uint64_t age = packet->when > sighting->when ? packet->when - sighting->when
                                                 : sighting->when - packet->when;
    if (!(sighting->places & place)) {
        *evidence = STREAMS_EVIDENCE_OTHER_PLACE;
        return age <= PLACE_AGE;
    }
    *evidence = STREAMS_EVIDENCE_SAME_PLACE;
    bool numbered = packet->identification && packet->has_timestamps;
    return sighting->checksum == packet->checksum &&
           age <= (numbered ? SAME_AGE_NUMBERED : SAME_AGE);
}

bool rill__sighting_check(struct streams *streams, const struct streams_packet *packet,
                          enum streams_evidence *evidence, uint32_t *scope) {
    size_t size = (size_t)SETS * WAYS * sizeof *streams->sightings;
    if (!streams->sightings) {
        streams->sightings = rill__streams_allocate(streams, size);
        if (!streams->sightings)
            return false;
        memset(streams->sightings, 0, size);
    }
    uint64_t sum = sum_of(packet);
    uint32_t place = place_of(packet);
    struct sighting *set = &streams->sightings[(sum >> 32) % SETS * WAYS], *oldest = set;
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].sum == sum) {
            bool again = is_again(&set[i], packet, place, evidence);
            *scope = set[i].scope;
            set[i].places = again ? set[i].places | place : place;
            if (!again) {
                set[i].when = packet->when;
                set[i].scope = packet->scope;
                set[i].checksum = packet->checksum;
            }
            return again;
        }
        if (set[i].sum == 0 || (oldest->sum && set[i].when < oldest->when))
            oldest = &set[i];
    }
    *oldest = (struct sighting){sum, packet->when, packet->scope, place, packet->checksum, 0};
    return false;
}

void rill__sighting_fini(struct streams *streams) {
    if (streams->sightings)
        rill__streams_release(streams, streams->sightings,
                              (size_t)SETS * WAYS * sizeof *streams->sightings);
    streams->sightings = 0;
}
