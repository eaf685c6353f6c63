/* streams/scope.c: see scope.h. */
#include "streams/scope.h"

#include "base/digest.h"

#include <string.h>

void rill__scopes_init(struct scopes *scopes, const struct rill_allocator *allocator) {
    memset(scopes, 0, sizeof *scopes);
    scopes->allocator = allocator;
    rill__hash_init(&scopes->index, allocator);
}

void rill__scopes_fini(struct scopes *scopes) {
    rill__hash_fini(&scopes->index);
    if (scopes->list)
        scopes->allocator->release(scopes->allocator->context, scopes->list,
                                   scopes->room * sizeof *scopes->list);
    scopes->list = 0;
}

static bool equal(const void *context, uint32_t value, const void *key) {
    const struct scopes *scopes = context;
    return memcmp(&scopes->list[value], key, sizeof(struct scope)) == 0;
}

static bool grow(struct scopes *scopes) {
    uint32_t room = scopes->room ? 2 * scopes->room : 16;
    struct scope *list =
        scopes->allocator->allocate(scopes->allocator->context, room * sizeof *list);
    if (!list)
        return false;
    if (scopes->count)
        memcpy(list, scopes->list, scopes->count * sizeof *list);
    if (scopes->list)
        scopes->allocator->release(scopes->allocator->context, scopes->list,
                                   scopes->room * sizeof *list);
    scopes->list = list;
    scopes->room = room;
    return true;
}

uint32_t rill__scopes_find(struct scopes *scopes, const struct scope *scope) {
    if (!scope->count)
        return SCOPE_NONE;
    struct digest digest = {0, 0, 0};
    rill__digest_add(&digest, (const uint8_t *)scope, sizeof *scope);
    uint32_t tag = (uint32_t)rill__digest_sum(&digest), value;
    if (rill__hash_find(&scopes->index, tag, equal, scopes, scope, &value))
        return value + 1;
    if (scopes->count == SCOPES_MAX || (scopes->count == scopes->room && !grow(scopes)))
        return SCOPE_OTHERS;
    scopes->list[scopes->count] = *scope;
    if (!rill__hash_insert(&scopes->index, tag, scopes->count))
        return SCOPE_OTHERS;
    return ++scopes->count;
}

const struct scope *rill__scopes_at(const struct scopes *scopes, uint32_t number) {
    return number == SCOPE_NONE || number > scopes->count ? 0 : &scopes->list[number - 1];
}

const char *rill__scope_kind_text(uint32_t kind) {
    static const char *const texts[] = {"vlan", "pppoe", "vxlan", "geneve", "gre", "ipip", "gtp"};
    return kind < sizeof texts / sizeof *texts ? texts[kind] : "";
}
