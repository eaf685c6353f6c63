/* stack/journal.c: see journal.h. */
#include "stack/journal.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/util.h"
#include "ip/ip.h"
#include "tcp/congestion.h"
#include <string.h>

/* Leaf: the stack may not be entered from the application's function. */
static void write_leaf(void *context, const void *bytes, size_t length) {
    struct journal *journal = (struct journal *)context;
    if (journal->in_leaf)
        *journal->in_leaf = true;
    journal->write(journal->write_context, bytes, length);
    if (journal->in_leaf)
        *journal->in_leaf = false;
}

static void record_ended(void *context) {
    struct journal *journal = (struct journal *)context;
    journal->hooks.ended(journal->hooks.context);
}

static void on_failed(struct pool_watch *watch) {
    struct journal *journal = RILL_CONTAINER(watch, struct journal, watch);
    rill__journal_begin(&journal->writer, JOURNAL_FAILED);
    rill__journal_put(&journal->writer, watch->requests);
    rill__journal_end(&journal->writer, 0, 0);
}

static bool on_request(struct pool_watch *watch) {
    struct journal *journal = RILL_CONTAINER(watch, struct journal, watch);
    return journal->hooks.refuse(journal->hooks.context, watch->requests);
}

static void *allocate(void *context, size_t size) {
    struct journal *journal = (struct journal *)context;
    struct pool_watch *watch = &journal->watch;
    watch->requests++;
    bool refused = watch->refuse && watch->refuse(watch);
    void *memory = refused ? 0 : journal->memory.allocate(journal->memory.context, size);
    if (!memory)
        watch->failed(watch);
    return memory;
}

static void release(void *context, void *memory, size_t size) {
    struct journal *journal = (struct journal *)context;
    journal->memory.release(journal->memory.context, memory, size);
}

struct journal *rill__journal_open(const struct rill_stack_config *config,
                                   const struct journal_hooks *hooks) {
    struct journal *journal =
        (struct journal *)config->allocator.allocate(config->allocator.context, sizeof *journal);
    if (!journal)
        return 0;
    memset(journal, 0, sizeof *journal);
    journal->memory = config->allocator;
    journal->pool = config->pool;
    journal->write = config->journal;
    journal->write_context = config->journal_context;
    journal->writer.write = write_leaf;
    journal->writer.context = journal;
    journal->writer.stack = config->journal_number;
    journal->watch.failed = on_failed;
    if (hooks) {
        journal->hooks = *hooks;
        journal->watch.refuse = hooks->refuse ? on_request : 0;
        journal->writer.ended = hooks->ended ? record_ended : 0;
    }
    return journal;
}

void rill__journal_close(struct journal *journal) {
    struct rill_allocator memory = journal->memory;
    memory.release(memory.context, journal, sizeof *journal);
}

struct rill_allocator rill__journal_allocator(struct journal *journal) {
    struct rill_allocator allocator = {journal, allocate, release};
    return allocator;
}

void rill__journal_call(struct journal *journal, enum journal_call call, const uint64_t *values,
                        unsigned count) {
    rill__journal_begin(&journal->writer, (uint8_t)call);
    for (unsigned i = 0; i < count; i++)
        rill__journal_put(&journal->writer, values[i]);
    rill__journal_end(&journal->writer, 0, 0);
    journal->pool->watch = &journal->watch;
}

void rill__journal_return(struct journal *journal, int64_t result, const uint64_t *values,
                          unsigned count) {
    journal->pool->watch = 0;
    rill__journal_begin(&journal->writer, JOURNAL_RESULT);
    rill__journal_put_signed(&journal->writer, result);
    for (unsigned i = 0; i < count; i++)
        rill__journal_put(&journal->writer, values[i]);
    rill__journal_end(&journal->writer, 0, 0);
}

void rill__journal_add_address(struct journal_values *values, const struct rill_address *address) {
    static const struct rill_address none = {{0}};
    const struct rill_address *a = address ? address : &none;
    journal_add(values, bytes_get64_little(a->bytes));
    journal_add(values, bytes_get64_little(a->bytes + 8));
}

void rill__journal_add_endpoint(struct journal_values *values,
                                const struct rill_endpoint *endpoint) {
    rill__journal_add_address(values, &endpoint->address);
    journal_add(values, endpoint->port);
    journal_add(values, endpoint->zone);
}

struct rill_address rill__journal_next_address(struct journal_values *values) {
    struct rill_address address;
    uint64_t low = journal_next(values), high = journal_next(values);
    for (int i = 0; i < 8; i++) {
        address.bytes[i] = (uint8_t)(low >> (8 * i));
        address.bytes[8 + i] = (uint8_t)(high >> (8 * i));
    }
    return address;
}

struct rill_endpoint rill__journal_next_endpoint(struct journal_values *values) {
    struct rill_endpoint endpoint;
    endpoint.address = rill__journal_next_address(values);
    endpoint.port = (uint16_t)journal_next(values);
    endpoint.zone = (uint16_t)journal_next(values);
    return endpoint;
}

/* The first eight letters of a name. */
static uint64_t name_value(const char *name) {
    uint64_t value = 0;
    for (int i = 0; i < 8 && name[i]; i++)
        value |= (uint64_t)(uint8_t)name[i] << (8 * i);
    return value;
}

void rill__journal_stack_open(struct journal *journal, const struct rill_stack_config *config) {
    struct journal_values values = {.count = 0};
#define N(field) journal_add(&values, config->field);
    JOURNAL_STACK_CONFIG(N)
#undef N
    journal_add(&values, (config->ipv4 ? JOURNAL_PART_IPV4 : 0) |
                             (config->ipv6 ? JOURNAL_PART_IPV6 : 0) |
                             (config->fragments ? JOURNAL_PART_FRAGMENTS : 0));
    journal_add(&values, name_value(config->congestion->name));
    for (int i = 0; i < RILL_CONGESTIONS; i++)
        journal_add(&values,
                    config->congestion_more[i] ? name_value(config->congestion_more[i]->name) : 0);
    for (int i = 0; i < RILL_TRANSPORTS; i++)
        journal_add(&values, config->transports[i] ? config->transports[i]->protocol : 0);
    rill__journal_call(journal, JOURNAL_stack_open, values.list, values.count);
}

void rill__journal_stack_configure(struct journal *journal,
                                   const struct rill_stack_config *config) {
    struct journal_values values = {.count = 0};
#define N(field) journal_add(&values, config->field);
    JOURNAL_STACK_CONFIG(N)
#undef N
    rill__journal_call(journal, JOURNAL_stack_configure, values.list, values.count);
}

void rill__journal_interface_add(struct journal *journal,
                                 const struct rill_interface_config *config) {
    uint64_t mac = 0;
    for (int i = 0; i < 6; i++)
        mac |= (uint64_t)config->mac[i] << (8 * i);
    const uint64_t values[] = {config->size == sizeof *config,
                               config->mtu,
                               config->flags,
                               config->framing ? config->framing->header_length : 0u,
                               mac,
                               config->detection,
                               config->autoconfigure};
    rill__journal_call(journal, JOURNAL_interface_add, values, 7);
}

void rill__journal_prefix(struct journal *journal, enum journal_call call, uint32_t interface,
                          const struct rill_address *prefix, uint8_t length,
                          const struct rill_address *gateway) {
    struct journal_values values = {.count = 0};
    journal_add(&values, interface);
    rill__journal_add_address(&values, prefix);
    journal_add(&values, length);
    if (gateway)
        rill__journal_add_address(&values, gateway);
    rill__journal_call(journal, call, values.list, values.count);
}

void rill__journal_route_get(struct journal *journal, const struct rill_endpoint *remote,
                             const struct rill_endpoint *local) {
    struct journal_values values = {.count = 0};
    rill__journal_add_endpoint(&values, remote);
    rill__journal_add_endpoint(&values, local);
    rill__journal_call(journal, JOURNAL_route_get, values.list, values.count);
}

/* Its shape decides what the stack keeps and what it copies: a slice's block by its serial number,
 * since bytes that follow others in the same block are joined to them. */
static void packet_in(struct journal *journal, const struct rill_packet *packet) {
    struct journal_writer *writer = &journal->writer;
    struct rill_slice bytes[1 + RILL_PACKET_SLICES];
    rill__journal_begin(writer, JOURNAL_PACKET_IN);
    rill__journal_put(writer, packet->arrival + 1); /* never: 0 */
    rill__journal_put(writer, packet->gso_size);
    rill__journal_put(writer, packet->checksum_start);
    rill__journal_put(writer, packet->checksum_offset);
    rill__journal_put(writer, packet->flags);
    rill__journal_put(writer, packet->cause);
    rill__journal_put(writer, packet->link_length);
    rill__journal_put(writer, packet->header_offset);
    rill__journal_put(writer, packet->header_length);
    rill__journal_put(writer, packet->slice_count);
    bytes[0].data = packet->headroom + packet->header_offset;
    bytes[0].length = packet->header_length;
    for (int i = 0; i < packet->slice_count; i++) {
        const struct rill_slice *slice = &packet->slices[i];
        rill__journal_put(writer, slice->block->serial);
        rill__journal_put(writer, slice->block->wrapped);
        rill__journal_put(writer, slice->block->capacity);
        rill__journal_put(writer, (uint64_t)(slice->data - slice->block->data));
        rill__journal_put(writer, slice->length);
        bytes[1 + i] = *slice;
    }
    rill__journal_end(writer, bytes, 1u + packet->slice_count);
}

void rill__journal_input(struct journal *journal, uint32_t interface,
                         struct rill_packet *const *packets, size_t count, rill_time now) {
    const uint64_t values[] = {interface, count, now};
    rill__journal_call(journal, JOURNAL_input, values, 3);
    for (size_t i = 0; i < count; i++)
        packet_in(journal, packets[i]);
}

static void packet_out(struct journal *journal, const struct rill_packet *packet) {
    struct journal_writer *writer = &journal->writer;
    struct digest digest = {0};
    rill__digest_add(&digest, packet->headroom + packet->header_offset, packet->header_length);
    for (int i = 0; i < packet->slice_count; i++)
        rill__digest_add(&digest, packet->slices[i].data, packet->slices[i].length);
    rill__journal_begin(writer, JOURNAL_PACKET_OUT);
    rill__journal_put(writer, packet->length);
    rill__journal_put(writer, packet->gso_size);
    rill__journal_put(writer, packet->checksum_start);
    rill__journal_put(writer, packet->checksum_offset);
    rill__journal_put(writer, packet->flags);
    rill__journal_put(writer, packet->cause);
    rill__journal_put(writer, packet->link_length);
    rill__journal_put(writer, rill__digest_sum(&digest));
    rill__journal_end(writer, 0, 0);
}

void rill__journal_output(struct journal *journal, struct rill_packet *const *packets,
                          size_t count) {
    for (size_t i = 0; i < count; i++)
        packet_out(journal, packets[i]);
    rill__journal_return(journal, (int64_t)count, 0, 0);
}

void rill__journal_events(struct journal *journal, const struct rill_event *events, size_t count) {
    for (size_t i = 0; i < count; i++) {
        rill__journal_begin(&journal->writer, JOURNAL_EVENT);
        rill__journal_put(&journal->writer, events[i].handle);
        rill__journal_put(&journal->writer, events[i].bits);
        rill__journal_put(&journal->writer, events[i].user != 0);
        rill__journal_end(&journal->writer, 0, 0);
    }
    rill__journal_return(journal, (int64_t)count, 0, 0);
}

void rill__journal_slices(struct journal *journal, const struct rill_slice *slices, size_t count) {
    for (size_t i = 0; i < count; i++) {
        rill__journal_begin(&journal->writer, JOURNAL_SLICE);
        rill__journal_put(&journal->writer, slices[i].length);
        const struct rill_block *block = slices[i].block;
        rill__journal_put(&journal->writer, block->wrapped);
        rill__journal_put(&journal->writer, block->wrapped ? 0 : block->capacity);
        rill__journal_end(&journal->writer, 0, 0);
    }
}

void rill__journal_taken(struct journal *journal, const struct rill_slice *slices, size_t count) {
    for (size_t i = 0; i < count; i++) {
        rill__journal_begin(&journal->writer, JOURNAL_DATA);
        rill__journal_end(&journal->writer, &slices[i], slices[i].length ? 1 : 0);
    }
}

void rill__journal_given(struct journal *journal, int64_t result, const struct rill_slice *slices,
                         size_t count) {
    struct digest digest = {0};
    for (size_t i = 0; i < count; i++)
        rill__digest_add(&digest, slices[i].data, slices[i].length);
    const uint64_t values[] = {digest.length, rill__digest_sum(&digest)};
    rill__journal_return(journal, result, values, 2);
}
