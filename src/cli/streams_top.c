/* cli/streams_top.c: see streams_top.h. */
#include "cli/streams_top.h"

static bool less(const struct top_entry *a, const struct top_entry *b) {
    return a->key != b->key ? a->key < b->key : a->number > b->number;
}

/* Puts an entry where the first of `count` was, or below. */
static void sink(struct top_entry *entries, size_t count, struct top_entry entry) {
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < count && less(&entries[child + 1], &entries[child]))
            child++;
        if (child >= count || !less(&entries[child], &entry))
            break;
        entries[at] = entries[child];
        at = child;
    }
    entries[at] = entry;
}

static bool has_room(struct top *top) {
    size_t room = top->memory.size / sizeof(struct top_entry);
    if (top->count == room) {
        size_t more = room ? 2 * room : 64;
        more = more < top->most ? more : top->most;
        top->failed |= !paged_grow(&top->memory, more * sizeof(struct top_entry));
    }
    return !top->failed;
}

size_t top_add(struct top *top, struct top_entry entry) {
    struct top_entry *entries = top_entries(top);
    bool ours = entry.at == SIZE_MAX;
    if (top->count == top->most) {
        if (!top->most || less(&entry, &entries[0]))
            return SIZE_MAX;
        entry.at = ours ? entries[0].at : entry.at;
        sink(entries, top->count, entry);
        return entry.at;
    }
    if (!has_room(top))
        return SIZE_MAX;
    entries = top_entries(top);
    size_t at = top->count++;
    entry.at = ours ? at : entry.at;
    for (; at && less(&entry, &entries[(at - 1) / 2]); at = (at - 1) / 2)
        entries[at] = entries[(at - 1) / 2];
    entries[at] = entry;
    return entry.at;
}

void top_sort(struct top *top) {
    struct top_entry *entries = top_entries(top);
    for (size_t count = top->count; count > 1; count--) {
        struct top_entry least = entries[0];
        sink(entries, count - 1, entries[count - 1]);
        entries[count - 1] = least;
    }
}

void top_fini(struct top *top) {
    paged_free(&top->memory);
}
