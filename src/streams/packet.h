/* streams/packet.h: a frame taken apart: the TCP segment in it, or an ICMP error that quotes one.
 *
 * Nothing is copied: `payload` points into the frame, or into the reassembled datagram, and is
 * valid until the next frame. */
#ifndef RILL_STREAMS_PACKET_H
#define RILL_STREAMS_PACKET_H

#include "wire/tcp.h"
#include <rill/base.h>

#define STREAMS_NOWHERE UINT64_MAX

struct streams_frame {
    const uint8_t *data;
    uint32_t length, wire_length;
    rill_time when;
    uint64_t number; /* from 1, as it stands in the file */
    uint64_t offset; /* of `data` in the source; STREAMS_NOWHERE: it cannot be read again */
    uint64_t record; /* of what the file has around it; handed back as first_record */
    uint32_t interface;
    uint16_t link_type;
};

struct streams_packet {
    rill_time when;
    uint64_t frame;
    uint64_t offset; /* of the payload in the source; STREAMS_NOWHERE */
    uint64_t record; /* of its frame, or of its datagram's last fragment's */
    const uint8_t *payload;
    uint32_t length;   /* of the payload as it was sent */
    uint32_t captured; /* bytes of it that are there */
    struct rill_address source, destination;
    uint16_t source_port, destination_port;
    uint32_t scope; /* VLANs and tunnels around it: a number of the decapsulator's */
    rill_seq sequence, acknowledgement;
    uint32_t timestamp_value, timestamp_echo;
    uint32_t interface;
    uint16_t window, checksum, identification;
    uint16_t mss;
    uint8_t flags; /* enum wire_tcp_flag */
    uint8_t ttl;
    uint8_t window_scale;
    uint8_t sack_count;
    bool has_timestamps, has_window_scale, sack_permitted;
    bool ipv6;
    bool icmp; /* not a segment: an ICMP error quotes this one; addresses as in the quoted one */
    uint8_t icmp_type, icmp_code;
    struct wire_sack sacks[WIRE_SACK_MAX];
};

#endif
