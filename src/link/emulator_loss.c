/* link/emulator_loss.c: see emulator_loss.h. */
#include "link/emulator_loss.h"

#include "base/seq.h"
#include "base/util.h"
#include <string.h>

#define FLOWS_MAX 65536u /* beyond, the one longest known is forgotten */

bool rill__path_loss_init(struct path_loss *loss, const struct rill_allocator *allocator,
                          const struct rill_path_config *config) {
    uint64_t seed[2] = {config->seed, 0x72696c6c70617468u};
    loss->allocator = *allocator;
    rill__random_init(&loss->random, seed);
    rill__hash_init(&loss->hash, &loss->allocator);
    if (!config->loss_list_count)
        return true;
    size_t size = config->loss_list_count * sizeof *loss->list;
    loss->list = (uint64_t *)allocator->allocate(allocator->context, size);
    if (!loss->list)
        return false;
    memcpy(loss->list, config->loss_list, size);
    loss->list_count = config->loss_list_count;
    return true;
}

void rill__path_loss_fini(struct path_loss *loss) {
    struct rill_allocator *allocator = &loss->allocator;
    rill__hash_fini(&loss->hash);
    if (loss->list)
        allocator->release(allocator->context, loss->list, loss->list_count * sizeof *loss->list);
    if (loss->flows)
        allocator->release(allocator->context, loss->flows,
                           loss->flow_capacity * sizeof *loss->flows);
}

static bool listed(const struct path_loss *loss, uint64_t ordinal) {
    size_t from = 0, to = loss->list_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (loss->list[middle] < ordinal)
            from = middle + 1;
        else
            to = middle;
    }
    return from < loss->list_count && loss->list[from] == ordinal;
}

static bool same_flow(const void *context, uint32_t value, const void *key) {
    const struct path_loss *loss = (const struct path_loss *)context;
    return memcmp(loss->flows[value].key, key, sizeof loss->flows->key) == 0;
}

static uint32_t tag_of(const struct path_loss *loss, const uint8_t key[36]) {
    return (uint32_t)rill__siphash(&loss->random.key, key, 36);
}

static bool grow(struct path_loss *loss) {
    struct rill_allocator *allocator = &loss->allocator;
    uint32_t capacity = loss->flow_capacity ? loss->flow_capacity * 2 : 16;
    struct listed_flow *flows = (struct listed_flow *)allocator->allocate(
        allocator->context, capacity * sizeof *loss->flows);
    if (!flows)
        return false;
    if (loss->flows) {
        memcpy(flows, loss->flows, loss->flow_count * sizeof *flows);
        allocator->release(allocator->context, loss->flows,
                           loss->flow_capacity * sizeof *loss->flows);
    }
    loss->flows = flows;
    loss->flow_capacity = capacity;
    return true;
}

/* A place for one more flow, or null. */
static struct listed_flow *add(struct path_loss *loss, const uint8_t key[36]) {
    uint32_t at = loss->flow_count;
    if (at == FLOWS_MAX) {
        at = loss->flow_next++ % FLOWS_MAX;
        if (loss->flows[at].hashed)
            rill__hash_remove(&loss->hash, tag_of(loss, loss->flows[at].key), at);
    } else if (at == loss->flow_capacity && !grow(loss)) {
        return 0;
    } else {
        loss->flow_count++;
    }
    struct listed_flow *flow = &loss->flows[at];
    memcpy(flow->key, key, sizeof flow->key);
    flow->hashed = rill__hash_insert(&loss->hash, tag_of(loss, key), at);
    return flow;
}

static bool lost_by_list(struct path_loss *loss, const struct rill_packet *packet) {
    struct frame_segment segment;
    struct listed_flow *flow;
    uint32_t at;
    if (!rill__frame_segment(packet, &segment) || (!segment.length && !segment.syn))
        return false;
    bool known = rill__hash_find(&loss->hash, tag_of(loss, segment.flow), same_flow, loss,
                                 segment.flow, &at);
    flow = known ? &loss->flows[at] : add(loss, segment.flow);
    if (!flow)
        return false;
    rill_seq first = segment.sequence + segment.syn, end = first + segment.length;
    if (segment.syn || !known) {
        flow->end = first;
        flow->count = 0;
    }
    bool is_new = segment.length && seq_geq(first, flow->end);
    flow->end = seq_max(flow->end, end);
    return is_new && listed(loss, ++flow->count);
}

static bool happens(struct path_loss *loss, uint32_t probability) {
    return probability && rill__random_below(&loss->random, RILL_CERTAIN) < probability;
}

static bool lost_by_chance(struct path_loss *loss, const struct rill_path_config *config) {
    if (loss->burst_left) {
        loss->burst_left--;
        return true;
    }
    if (happens(loss, config->burst)) {
        uint32_t mean = RILL_MAX(config->burst_length, 1);
        loss->burst_left = (uint32_t)rill__random_below(&loss->random, 2 * (uint64_t)mean - 1);
        return true;
    }
    return happens(loss, config->loss);
}

enum path_fate rill__path_loss_of(struct path_loss *loss, const struct rill_path_config *config,
                                  const struct rill_packet *packet) {
    bool by_list = loss->list_count && lost_by_list(loss, packet); /* it counts in any case */
    if (lost_by_chance(loss, config))
        return FATE_LOST;
    return by_list ? FATE_LISTED : FATE_PASSES;
}
