/* streams/shelf.c: see shelf.h. */
#include "streams/shelf.h"

#include <string.h>

enum { FREE_NONE = 0xffff, PAGES_LOOKED_AT = 4 };

/* At the beginning of a page. */
struct shelf_page {
    uint32_t before, after; /* pages of this size with free places; SHELF_NONE ends */
    uint16_t size;          /* of a piece */
    uint16_t slots, used;
    uint16_t fresh;      /* places from here on were never used */
    uint16_t free_first; /* places given back, one linked to the other; FREE_NONE ends */
};

void rill__shelf_init(struct shelf *shelf, const struct rill_allocator *allocator) {
    memset(shelf, 0, sizeof *shelf);
    shelf->allocator = allocator;
    shelf->gone_first = SHELF_NONE;
    for (unsigned i = 0; i < SHELF_CLASSES; i++)
        shelf->open[i] = SHELF_NONE;
}

static void release(const struct shelf *shelf, void *memory, size_t size) {
    if (memory)
        shelf->allocator->release(shelf->allocator->context, memory, size);
}

void rill__shelf_fini(struct shelf *shelf) {
    for (uint32_t i = 0; i < shelf->page_count; i++)
        release(shelf, shelf->pages[i], SHELF_PAGE + SHELF_SLACK);
    release(shelf, shelf->pages, shelf->page_capacity * sizeof *shelf->pages);
    release(shelf, shelf->gone, shelf->page_capacity * sizeof *shelf->gone);
    rill__shelf_init(shelf, shelf->allocator);
}

static struct shelf_page *page_at(const struct shelf *shelf, uint32_t number) {
    return (struct shelf_page *)(void *)shelf->pages[number];
}

static uint8_t *place(struct shelf_page *page, uint32_t slot) {
    return (uint8_t *)page + sizeof *page + (size_t)slot * page->size;
}

static unsigned class_of(size_t size) {
    return size <= SHELF_LEAST ? 0 : (unsigned)((size - SHELF_LEAST + SHELF_STEP - 1) / SHELF_STEP);
}

static void open_page(struct shelf *shelf, uint32_t number) {
    struct shelf_page *page = page_at(shelf, number);
    uint32_t *first = &shelf->open[class_of(page->size)];
    page->before = SHELF_NONE;
    page->after = *first;
    if (*first != SHELF_NONE)
        page_at(shelf, *first)->before = number;
    *first = number;
}

static void close_page(struct shelf *shelf, uint32_t number) {
    const struct shelf_page *page = page_at(shelf, number);
    if (page->before != SHELF_NONE)
        page_at(shelf, page->before)->after = page->after;
    else
        shelf->open[class_of(page->size)] = page->after;
    if (page->after != SHELF_NONE)
        page_at(shelf, page->after)->before = page->before;
}

/* The two arrays grow together or not at all. */
static bool grow(struct shelf *shelf) {
    uint32_t room = shelf->page_capacity ? 2 * shelf->page_capacity : 64;
    void *(*allocate)(void *, size_t) = shelf->allocator->allocate;
    uint8_t **pages = allocate(shelf->allocator->context, room * sizeof *pages);
    uint32_t *gone = allocate(shelf->allocator->context, room * sizeof *gone);
    if (!pages || !gone) {
        release(shelf, pages, room * sizeof *pages);
        release(shelf, gone, room * sizeof *gone);
        return false;
    }
    if (shelf->page_count) {
        memcpy(pages, shelf->pages, shelf->page_count * sizeof *pages);
        memcpy(gone, shelf->gone, shelf->page_count * sizeof *gone);
    }
    release(shelf, shelf->pages, shelf->page_capacity * sizeof *pages);
    release(shelf, shelf->gone, shelf->page_capacity * sizeof *gone);
    shelf->pages = pages;
    shelf->gone = gone;
    shelf->page_capacity = room;
    return true;
}

static bool add_page(struct shelf *shelf, unsigned class) {
    uint32_t number = shelf->gone_first;
    if (number == SHELF_NONE) {
        number = shelf->page_count;
        /* Handles have 31 bits. */
        if (number >= (UINT32_C(1) << 31) / SHELF_SLOTS - 1 ||
            (number == shelf->page_capacity && !grow(shelf)))
            return false;
    }
    uint8_t *memory =
        shelf->allocator->allocate(shelf->allocator->context, SHELF_PAGE + SHELF_SLACK);
    if (!memory)
        return false;
    if (number == shelf->page_count)
        shelf->page_count++;
    else
        shelf->gone_first = shelf->gone[number];
    shelf->pages[number] = memory;
    shelf->page_held++;
    struct shelf_page *page = page_at(shelf, number);
    page->size = (uint16_t)(SHELF_LEAST + class * SHELF_STEP);
    page->slots = (uint16_t)((SHELF_PAGE - sizeof *page) / page->size);
    page->used = page->fresh = 0;
    page->free_first = FREE_NONE;
    memset(memory + SHELF_PAGE, 0, SHELF_SLACK);
    open_page(shelf, number);
    return true;
}

static uint8_t *put_into(struct shelf *shelf, uint32_t number, uint32_t *handle) {
    struct shelf_page *page = page_at(shelf, number);
    uint32_t slot = page->free_first;
    if (slot != FREE_NONE)
        memcpy(&page->free_first, place(page, slot) + 2, sizeof page->free_first);
    else
        slot = page->fresh++;
    if (++page->used == page->slots)
        close_page(shelf, number);
    shelf->pieces++;
    shelf->bytes += page->size;
    *handle = number * SHELF_SLOTS + slot;
    return place(page, slot);
}

uint8_t *rill__shelf_put(struct shelf *shelf, size_t size, uint32_t *handle) {
    unsigned class = class_of(size);
    if (shelf->open[class] == SHELF_NONE && !add_page(shelf, class))
        return 0;
    return put_into(shelf, shelf->open[class], handle);
}

uint8_t *rill__shelf_at(const struct shelf *shelf, uint32_t handle) {
    return place(page_at(shelf, handle / SHELF_SLOTS), handle % SHELF_SLOTS);
}

void rill__shelf_take(struct shelf *shelf, uint32_t handle) {
    uint32_t number = handle / SHELF_SLOTS, slot = handle % SHELF_SLOTS;
    struct shelf_page *page = page_at(shelf, number);
    uint8_t *piece = place(page, slot);
    piece[0] = 0;
    memcpy(piece + 2, &page->free_first, sizeof page->free_first);
    page->free_first = (uint16_t)slot;
    shelf->pieces--;
    shelf->bytes -= page->size;
    if (page->used-- == page->slots)
        open_page(shelf, number);
    if (page->used)
        return;
    close_page(shelf, number);
    release(shelf, page, SHELF_PAGE + SHELF_SLACK);
    shelf->page_held--;
    shelf->pages[number] = 0;
    shelf->gone[number] = shelf->gone_first;
    shelf->gone_first = number;
}

static bool is_sparse(const struct shelf *shelf, uint32_t number) {
    const struct shelf_page *page = shelf->pages[number] ? page_at(shelf, number) : 0;
    return page && page->used < page->slots - page->slots / 8 &&
           (page->before != SHELF_NONE || page->after != SHELF_NONE);
}

uint32_t rill__shelf_sparse(struct shelf *shelf) {
    uint64_t held = (uint64_t)shelf->page_held * SHELF_PAGE;
    if (shelf->bytes >= held - held / 8)
        return SHELF_NONE;
    for (unsigned i = 0; i < PAGES_LOOKED_AT; i++) {
        shelf->hand = shelf->hand + 1 < shelf->page_count ? shelf->hand + 1 : 0;
        if (is_sparse(shelf, shelf->hand))
            return shelf->hand * SHELF_SLOTS;
    }
    return SHELF_NONE;
}

bool rill__shelf_move(struct shelf *shelf, uint32_t handle, uint32_t *other) {
    uint32_t number = handle / SHELF_SLOTS;
    const struct shelf_page *page = page_at(shelf, number);
    uint32_t to = shelf->open[class_of(page->size)];
    if (to == number)
        to = page->after;
    if (to == SHELF_NONE)
        return false;
    memcpy(put_into(shelf, to, other), rill__shelf_at(shelf, handle), page->size);
    rill__shelf_take(shelf, handle);
    return true;
}

uint32_t rill__shelf_next(const struct shelf *shelf, uint32_t from) {
    uint32_t number = from / SHELF_SLOTS, slot = from % SHELF_SLOTS;
    for (; number < shelf->page_count; number++, slot = 0) {
        struct shelf_page *page = shelf->pages[number] ? page_at(shelf, number) : 0;
        for (; page && slot < page->fresh; slot++)
            if (place(page, slot)[0])
                return number * SHELF_SLOTS + slot;
    }
    return SHELF_NONE;
}
