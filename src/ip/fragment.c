/* ip/fragment.c: a datagram longer than the link takes, cut into fragments (RFC 791 §3.2, RFC 8200
 * §4.5). */
#include "base/util.h"
#include "ip/ip.h"
#include "packet/segment.h"
#include <string.h>

struct cut {
    struct ip_host *host;
    const struct rill_packet *whole;
    const struct rill_network_ops *network;
    struct rill_block *block; /* the datagram behind its IP header, contiguous */
    struct ip_datagram header;
    uint32_t total;
};

/* One fragment of `length` bytes from `offset` on; null: no memory. */
static struct rill_packet *piece(struct cut *cut, uint32_t offset, uint32_t length) {
    struct rill_packet *packet = rill_packet_open(cut->host->core->pool);
    if (!packet)
        return 0;
    struct rill_slice slice = {rill_block_data(cut->block) + offset, length, cut->block};
    int full = rill_packet_append(packet, slice);
    (void)full; /* the first slice of an empty packet */
    rill_block_hold(cut->block);
    cut->header.is_fragment = true;
    cut->header.fragment_offset = (uint16_t)offset;
    cut->header.more_fragments = offset + length < cut->total;
    cut->header.length = length;
    uint32_t header = cut->network->header_length + cut->network->fragment_header;
    packet->header_offset = (uint16_t)(packet->header_offset - header);
    packet->header_length = (uint16_t)header;
    packet->length += header;
    packet->cause = cut->whole->cause;
    cut->network->emit(&cut->header, packet->headroom + packet->header_offset);
    return packet;
}

static void drop_list(struct rill_packet *list) {
    while (list) {
        struct rill_packet *next = list->next;
        rill_packet_drop(list);
        list = next;
    }
}

static struct rill_packet *cut_all(struct cut *cut, uint32_t most) {
    struct rill_packet *first = 0, **end = &first;
    for (uint32_t offset = 0; offset < cut->total; offset += most) {
        *end = piece(cut, offset, RILL_MIN(most, cut->total - offset));
        if (!*end) {
            drop_list(first);
            return 0;
        }
        end = &(*end)->next;
    }
    return first;
}

struct rill_packet *rill__ip_fragment(struct ip_host *host, struct rill_packet *packet,
                                      uint32_t mtu) {
    if (packet->length <= mtu)
        return packet;
    struct cut cut = {.host = host, .whole = packet};
    size_t contiguous;
    const uint8_t *head = rill__packet_head(packet, &contiguous);
    cut.network = host->networks[head[0] >> 4 == 4 ? 0 : 1];
    struct rill_packet *list = 0;
    if (!cut.network->parse(head, contiguous, packet->length, &cut.header)) {
        cut.total = packet->length - cut.header.header_length;
        cut.block = rill_block_open(host->core->pool, cut.total);
        if (!cut.header.fragment_id) /* there is none until it is cut */
            cut.header.fragment_id =
                rill__ip_identification(host, &cut.header.source, &cut.header.destination);
        uint32_t overhead = cut.network->header_length + cut.network->fragment_header;
        if (cut.block) {
            rill__packet_copy(packet, cut.header.header_length, rill_block_data(cut.block),
                              cut.total);
            list = cut_all(&cut, (mtu - overhead) & ~7u);
            rill_block_drop(cut.block);
        }
    }
    rill_packet_drop(packet);
    return list;
}
