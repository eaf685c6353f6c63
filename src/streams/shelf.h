/* streams/shelf.h: pieces of memory of many sizes, named by a 31-bit handle that stays valid while
 * they lie there. Pieces of one size share pages; a page without pieces is given back.
 *
 * The first byte of a piece is its user's, and never zero: zero is a free place. */
#ifndef RILL_STREAMS_SHELF_H
#define RILL_STREAMS_SHELF_H

#include <rill/base.h>

enum {
    SHELF_PAGE = 16384,
    SHELF_STEP = 8, /* sizes are multiples of it */
    SHELF_LEAST = 64,
    SHELF_MOST = 2048,
    SHELF_SLOTS = 256, /* of a page, at most */
    SHELF_SLACK = 8,   /* behind a page, so that eight bytes can be read of its last piece */
    SHELF_CLASSES = (SHELF_MOST - SHELF_LEAST) / SHELF_STEP + 1,
};
#define SHELF_NONE UINT32_MAX

struct shelf {
    const struct rill_allocator *allocator;
    uint8_t **pages; /* null: given back */
    uint32_t *gone;  /* page numbers without memory: the next such one */
    uint32_t page_count, page_capacity, gone_first;
    uint32_t open[SHELF_CLASSES]; /* the first page of each size with a free place */
    uint64_t pieces, bytes;       /* in use */
    uint32_t page_held, hand;     /* pages with memory; where rill__shelf_sparse looks next */
};

void rill__shelf_init(struct shelf *shelf, const struct rill_allocator *allocator);
void rill__shelf_fini(struct shelf *shelf);

/* A piece of at least `size` bytes, up to SHELF_MOST; null: no memory. */
uint8_t *rill__shelf_put(struct shelf *shelf, size_t size, uint32_t *handle);
void rill__shelf_take(struct shelf *shelf, uint32_t handle);
uint8_t *rill__shelf_at(const struct shelf *shelf, uint32_t handle);

/* A page that is to be emptied, as the handle of its first place: when an eighth of all memory lies
 * idle, one that is not seven eighths full while others of its size have room. SHELF_NONE: none.
 */
uint32_t rill__shelf_sparse(struct shelf *shelf);
/* A piece goes to another page of its size; false: none has room. */
bool rill__shelf_move(struct shelf *shelf, uint32_t handle, uint32_t *other);

/* The next piece in use from the handle `from` on; SHELF_NONE: there is none. */
uint32_t rill__shelf_next(const struct shelf *shelf, uint32_t from);

#endif
