/* streams/scope.h: the VLANs and tunnels around a packet, as a small number. Equal addresses in two
 * VLANs are two hosts. */
#ifndef RILL_STREAMS_SCOPE_H
#define RILL_STREAMS_SCOPE_H

#include "base/hash.h"
#include <rill/base.h>

#define SCOPE_DEPTH 6 /* layers kept */
#define SCOPES_MAX 65536u
#define SCOPE_NONE 0u
#define SCOPE_OTHERS UINT32_MAX /* one of more than SCOPES_MAX */

enum scope_kind {
    SCOPE_VLAN,
    SCOPE_PPPOE,
    SCOPE_VXLAN,
    SCOPE_GENEVE,
    SCOPE_GRE,
    SCOPE_IPIP,
    SCOPE_GTP
};

/* One layer. `ends` tells tunnels without a number apart: a sum over both outer addresses that is
 * the same both ways; 0 where the number is enough. */
struct scope_layer {
    uint32_t kind; /* enum scope_kind */
    uint32_t number;
    uint64_t ends;
};

struct scope {
    struct scope_layer layers[SCOPE_DEPTH]; /* outermost first */
    uint32_t count;
    uint32_t spare; /* 0, so that scopes compare bytewise */
};

struct scopes {
    const struct rill_allocator *allocator;
    struct scope *list;
    uint32_t count, room;
    struct hash index;
};

void rill__scopes_init(struct scopes *scopes, const struct rill_allocator *allocator);
void rill__scopes_fini(struct scopes *scopes);

/* The number of a scope, new or known; SCOPE_OTHERS when there is no room. */
uint32_t rill__scopes_find(struct scopes *scopes, const struct scope *scope);

/* Null for SCOPE_NONE and SCOPE_OTHERS. Valid until the next scopes_find. */
const struct scope *rill__scopes_at(const struct scopes *scopes, uint32_t number);

/* "vlan", "vxlan", … */
const char *rill__scope_kind_text(uint32_t kind);

/* Another layer inside the others; more than fit are left out. */
static inline void scope_push(struct scope *scope, enum scope_kind kind, uint32_t number,
                              uint64_t ends) {
    if (scope->count == SCOPE_DEPTH)
        return;
    struct scope_layer *layer = &scope->layers[scope->count++];
    layer->kind = (uint32_t)kind;
    layer->number = number;
    layer->ends = ends;
}

#endif
