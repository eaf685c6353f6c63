/* wire/ethernet.h: the Ethernet II header, ARP for IPv4 (RFC 826), and the multicast mapping of
 * addresses. */
#ifndef RILL_WIRE_ETHERNET_H
#define RILL_WIRE_ETHERNET_H

#include <rill/trace.h>

#define WIRE_ETHERNET_HEADER 14
#define WIRE_ARP_LENGTH 28

enum wire_ethertype { WIRE_TYPE_IPV4 = 0x0800, WIRE_TYPE_ARP = 0x0806, WIRE_TYPE_IPV6 = 0x86dd };

void rill__ethernet_emit(uint8_t *out, const uint8_t destination[6], const uint8_t source[6],
                         uint16_t type);

struct wire_arp {
    bool reply; /* else a request */
    uint8_t sender_mac[6], target_mac[6];
    uint8_t sender[4], target[4];
};

/* Reads ARP for IPv4 over Ethernet. Returns 0 or why not. */
enum rill_drop rill__arp_parse(const uint8_t *data, size_t length, struct wire_arp *out);
/* Writes 28 bytes. */
void rill__arp_emit(const struct wire_arp *arp, uint8_t *out);

#endif
