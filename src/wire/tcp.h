/* wire/tcp.h: the TCP header (RFC 9293 §3.1) and the options rill speaks: MSS (RFC 9293 §3.7.1),
 * window scale and timestamps (RFC 7323), SACK permitted and SACK (RFC 2018), Fast Open (RFC 7413),
 * user timeout (RFC 5482). */
#ifndef RILL_WIRE_TCP_H
#define RILL_WIRE_TCP_H

#include <rill/trace.h>

#define WIRE_TCP_HEADER 20
#define WIRE_TCP_HEADER_MAX 60
#define WIRE_SACK_MAX 4
#define WIRE_COOKIE_MAX 16 /* RFC 7413 §4.1.1 */

enum wire_tcp_flag {
    WIRE_FIN = 1,
    WIRE_SYN = 2,
    WIRE_RST = 4,
    WIRE_PSH = 8,
    WIRE_ACK = 16,
    WIRE_URG = 32,
    WIRE_ECE = 64,
    WIRE_CWR = 128,
};

struct wire_sack {
    rill_seq left, right;
};

struct wire_tcp {
    uint16_t source_port, destination_port;
    rill_seq sequence, acknowledgement;
    uint16_t window; /* as on the wire */
    uint16_t urgent;
    uint8_t flags; /* enum wire_tcp_flag */
    uint8_t header_length;
    uint8_t sack_count;
    uint8_t window_scale;
    uint16_t mss;          /* 0: option absent */
    uint16_t user_timeout; /* RFC 5482 §3.3, as on the wire; 0: absent */
    bool has_window_scale, has_timestamps, sack_permitted;
    bool has_fast_open, fast_open_experimental; /* the latter: in the option's older form */
    uint8_t cookie_length;                      /* 0: one is asked for */
    uint8_t cookie[WIRE_COOKIE_MAX];
    uint32_t timestamp_value, timestamp_echo;
    struct wire_sack sacks[WIRE_SACK_MAX];
};

/* Reads the header in `data`, of `length` bytes. The checksum is not looked at. Returns 0 or why
 * not. */
enum rill_drop rill__wire_tcp_parse(const uint8_t *data, size_t length, struct wire_tcp *out);

/* Writes header and options, checksum 0, in the order Linux uses; sets `header_length`. `out` has
 * WIRE_TCP_HEADER_MAX bytes. As many SACK blocks as fit are written; a user timeout in a SYN if it
 * does. Returns the header's length.
 */
size_t rill__wire_tcp_emit(struct wire_tcp *header, uint8_t *out);

/* The length of a header that is no SYN's with its options, without writing it. */
size_t rill__tcp_header_length(const struct wire_tcp *header);

#endif
