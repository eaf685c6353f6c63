/* streams/sighting.c: the same packet seen twice: at two interfaces, in two VLANs, before and after
 * a router, or mirrored twice. It is the sender's once, and not a retransmission.
 *
 * A small table remembers the packets of late by a sum over all that a router leaves as it is. What
 * is found there again at another place is a second sighting; at the same place only if it comes so
 * soon that no sender can have sent it again. */
#include "streams/connection.h"

#include <string.h>

enum {
    SETS = 4096,
    WAYS = 4,
    MIRRORED_MOST = 16,
    MIRRORED = 2, /* from here on all is taken to come twice */
};
#define PLACE_AGE (2 * RILL_SECOND)              /* from one place to another: queues are shorter */
#define SAME_AGE (RILL_MILLISECOND)              /* mirrored twice */
#define SAME_AGE_NUMBERED (5 * RILL_MILLISECOND) /* when a new copy would have a new IP id */
#define SAME_AGE_PLAIN (50 * RILL_MICROSECOND)   /* when it would look the same */

struct sighting {
    uint64_t sum; /* 0: free */
    rill_time when;
    uint32_t scope;
    uint32_t places[2]; /* where it was seen; 0: nowhere else yet */
    uint32_t checksum;
};

static uint64_t mix(uint64_t sum, uint64_t word) {
    sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ sum >> 29;
}

/* Two words at once; the order in which pairs come counts, by the constants. */
static uint64_t pair(uint64_t a, uint64_t b, uint64_t constant) {
    a += constant;
    return (a ^ a >> 32) * (b ^ UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t rill__sighting_sum(const struct streams_packet *packet) {
    uint64_t words[4], sum;
    memcpy(words, &packet->source, 16);
    memcpy(words + 2, &packet->destination, 16);
    uint64_t ports = (uint64_t)packet->length << 32 | (uint32_t)packet->source_port << 16 |
                     packet->destination_port;
    uint64_t numbers = (uint64_t)packet->sequence << 32 | packet->acknowledgement;
    uint64_t rest =
        (uint64_t)packet->identification << 32 | (uint64_t)packet->flags << 16 | packet->window;
    uint64_t times = (uint64_t)packet->timestamp_value << 32 | packet->timestamp_echo;
    sum = mix(pair(words[1], words[3], UINT64_C(0x2545f4914f6cdd1d)),
              pair(ports, numbers, UINT64_C(0xd6e8feb86659fd93)));
    if (packet->ipv6)
        sum = mix(sum, pair(words[0], words[2], UINT64_C(0xa0761d6478bd642f)));
    sum = mix(sum, packet->has_timestamps ? pair(rest, times, UINT64_C(0xe7037ed1a0b428db)) : rest);
    for (unsigned i = 0; i < packet->sack_count; i++)
        sum = mix(sum, (uint64_t)packet->sacks[i].left << 32 | packet->sacks[i].right);
    return sum | 1;
}

/* Where it was seen: interface, scope, and hops already made. */
static uint32_t place_of(const struct streams_packet *packet) {
    uint64_t place = (uint64_t)packet->scope << 32 | packet->interface << 8 | packet->ttl;
    return (uint32_t)(mix(7, place) >> 32) | 1;
}

/* What no sender sends twice within microseconds, as it may a bare ACK or an RST. */
static bool comes_once(const struct streams_packet *packet) {
    return packet->length || packet->flags & (WIRE_SYN | WIRE_FIN);
}

/* How much speaks for a tap that shows each packet twice at the same place. */
static void judge_mirror(struct streams *streams, const struct streams_packet *packet, bool again) {
    if (again && comes_once(packet))
        streams->mirrored =
            streams->mirrored < MIRRORED_MOST ? streams->mirrored + 2 : MIRRORED_MOST;
    else if (streams->mirrored && !again && comes_once(packet)) /* seldom so far */
        streams->mirrored--;
}

static bool is_again(const struct streams *streams, const struct sighting *sighting,
                     const struct streams_packet *packet, uint32_t place,
                     enum streams_evidence *evidence) {
    uint64_t age = packet->when > sighting->when ? packet->when - sighting->when
                                                 : sighting->when - packet->when;
    if (sighting->places[0] != place && sighting->places[1] != place) {
        *evidence = STREAMS_EVIDENCE_OTHER_PLACE;
        return age <= PLACE_AGE;
    }
    *evidence = STREAMS_EVIDENCE_SAME_PLACE;
    if (sighting->checksum != packet->checksum)
        return false;
    if (packet->identification)
        return age <= (packet->has_timestamps ? SAME_AGE_NUMBERED : SAME_AGE);
    /* Without ids a bare ACK that comes twice may be meant so, unless all comes twice. */
    return (comes_once(packet) || streams->mirrored >= MIRRORED) && age <= SAME_AGE_PLAIN;
}

static struct sighting *set_of(const struct streams *streams, uint64_t sum) {
    return &streams->sightings[(sum >> 32) % SETS * WAYS];
}

bool rill__sighting_init(struct streams *streams) {
    size_t size = (size_t)SETS * WAYS * sizeof *streams->sightings;
    streams->sightings = rill__streams_allocate(streams, size);
    if (streams->sightings)
        memset(streams->sightings, 0, size);
    return streams->sightings;
}

void rill__sighting_prefetch(const struct streams *streams, uint64_t sum) {
    const struct sighting *set = set_of(streams, sum);
    __builtin_prefetch(set);
    __builtin_prefetch(set + 2);
}

bool rill__sighting_check(struct streams *streams, const struct streams_packet *packet,
                          uint64_t sum, enum streams_evidence *evidence, uint32_t *scope) {
    uint32_t place = place_of(packet);
    struct sighting *set = set_of(streams, sum), *oldest = set;
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].sum == sum) {
            bool again = is_again(streams, &set[i], packet, place, evidence);
            *scope = set[i].scope;
            judge_mirror(streams, packet, again && *evidence == STREAMS_EVIDENCE_SAME_PLACE);
            if (again && set[i].places[0] != place)
                set[i].places[1] = place;
            if (!again) {
                set[i].when = packet->when;
                set[i].places[0] = place;
                set[i].places[1] = 0;
                set[i].scope = packet->scope;
                set[i].checksum = packet->checksum;
            }
            return again;
        }
        if (set[i].sum == 0 || (oldest->sum && set[i].when < oldest->when))
            oldest = &set[i];
    }
    judge_mirror(streams, packet, false);
    *oldest = (struct sighting){sum, packet->when, packet->scope, {place, 0}, packet->checksum};
    return false;
}

void rill__sighting_fini(struct streams *streams) {
    if (streams->sightings)
        rill__streams_release(streams, streams->sightings,
                              (size_t)SETS * WAYS * sizeof *streams->sightings);
    streams->sightings = 0;
}
