/* wire/ethernet.c: see ethernet.h. */
#include "wire/ethernet.h"

#include "base/bytes.h"
#include <string.h>

void rill__ethernet_emit(uint8_t *out, const uint8_t destination[6], const uint8_t source[6],
                         uint16_t type) {
    memcpy(out, destination, 6);
    memcpy(out + 6, source, 6);
    bytes_put16(out + 12, type);
}

enum rill_drop rill__arp_parse(const uint8_t *data, size_t length, struct wire_arp *out) {
    static const uint8_t ethernet_ipv4[6] = {0, 1, 8, 0, 6, 4};
    if (length < WIRE_ARP_LENGTH)
        return RILL_DROP_TRUNCATED;
    uint16_t operation = bytes_get16(data + 6);
    if (memcmp(data, ethernet_ipv4, sizeof ethernet_ipv4) != 0 || operation < 1 || operation > 2)
        return RILL_DROP_ARP_MALFORMED;
    out->reply = operation == 2;
    memcpy(out->sender_mac, data + 8, 6);
    memcpy(out->sender, data + 14, 4);
    memcpy(out->target_mac, data + 18, 6);
    memcpy(out->target, data + 24, 4);
    /* A group address is nobody's own. */
    return out->sender_mac[0] & 1 ? RILL_DROP_ARP_MALFORMED : RILL_DROP_NONE;
}

void rill__arp_emit(const struct wire_arp *arp, uint8_t *out) {
    static const uint8_t ethernet_ipv4[6] = {0, 1, 8, 0, 6, 4};
    memcpy(out, ethernet_ipv4, sizeof ethernet_ipv4);
    bytes_put16(out + 6, arp->reply ? 2 : 1);
    memcpy(out + 8, arp->sender_mac, 6);
    memcpy(out + 14, arp->sender, 4);
    memcpy(out + 18, arp->target_mac, 6);
    memcpy(out + 24, arp->target, 4);
}
