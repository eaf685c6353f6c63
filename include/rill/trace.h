/* rill/trace.h: why a segment was sent, and why a packet was refused. */
#ifndef RILL_TRACE_H
#define RILL_TRACE_H

#include <rill/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Why a segment was sent. name, text. */
#define RILL_CAUSES(X)                                                                             \
    X(RILL_CAUSE_NONE, "none")                                                                     \
    X(RILL_CAUSE_SYN, "syn")                                                                       \
    X(RILL_CAUSE_SYN_RESENT, "syn resent")                                                         \
    X(RILL_CAUSE_SYN_ACK, "syn-ack")                                                               \
    X(RILL_CAUSE_SYN_ACK_RESENT, "syn-ack resent")                                                 \
    X(RILL_CAUSE_SYN_COOKIE, "syn-ack with a cookie")                                              \
    X(RILL_CAUSE_DATA, "new data")                                                                 \
    X(RILL_CAUSE_FIN, "fin")                                                                       \
    X(RILL_CAUSE_FAST_RETRANSMIT, "fast retransmit")                                               \
    X(RILL_CAUSE_PARTIAL_ACK, "partial ack retransmit")                                            \
    X(RILL_CAUSE_RACK, "lost by time: retransmit")                                                 \
    X(RILL_CAUSE_TAIL_PROBE, "tail loss probe")                                                    \
    X(RILL_CAUSE_RTO, "retransmission timeout")                                                    \
    X(RILL_CAUSE_WINDOW_PROBE, "window probe")                                                     \
    X(RILL_CAUSE_ACK, "ack")                                                                       \
    X(RILL_CAUSE_DELAYED_ACK, "delayed ack")                                                       \
    X(RILL_CAUSE_DUPLICATE_ACK, "duplicate ack")                                                   \
    X(RILL_CAUSE_CHALLENGE_ACK, "challenge ack")                                                   \
    X(RILL_CAUSE_WINDOW_UPDATE, "window update")                                                   \
    X(RILL_CAUSE_KEEPALIVE, "keepalive")                                                           \
    X(RILL_CAUSE_TIME_WAIT_ACK, "time-wait ack")                                                   \
    X(RILL_CAUSE_RST_NO_SOCKET, "rst: no socket here")                                             \
    X(RILL_CAUSE_RST_REFUSED, "rst: refused by the application")                                   \
    X(RILL_CAUSE_RST_BAD_ACK, "rst: acknowledges what was not sent")                               \
    X(RILL_CAUSE_RST_UNREAD, "rst: data will not be read")                                         \
    X(RILL_CAUSE_RST_ABORT, "rst: aborted by the application")                                     \
    X(RILL_CAUSE_RST_TIMEOUT, "rst: gave up")                                                      \
    X(RILL_CAUSE_RST_ORPHANS, "rst: too many closed ones still send")                              \
    X(RILL_CAUSE_ECHO_REPLY, "echo reply")                                                         \
    X(RILL_CAUSE_ICMP_ERROR, "icmp error")                                                         \
    X(RILL_CAUSE_DATAGRAM, "datagram")                                                             \
    X(RILL_CAUSE_NEIGHBOUR, "neighbour discovery")                                                 \
    X(RILL_CAUSE_MEMBERSHIP, "multicast membership")                                               \
    X(RILL_CAUSE_MTU_PROBE, "path mtu probe")                                                      \
    X(RILL_CAUSE_TOO_BIG, "too big for the path: again, smaller")

enum rill_cause {
#define RILL_CAUSE_ENUM(name, text) name,
    RILL_CAUSES(RILL_CAUSE_ENUM)
#undef RILL_CAUSE_ENUM
        RILL_CAUSE_COUNT
};

/* Why a packet, or a part of it, was refused. name, text, source. */
#define RILL_DROPS(X)                                                                              \
    X(RILL_DROP_NONE, "not dropped", "")                                                           \
    X(RILL_DROP_NO_MEMORY, "no memory", "")                                                        \
    X(RILL_DROP_NO_INTERFACE, "no such interface", "")                                             \
    X(RILL_DROP_NO_ROUTE, "no route", "RFC 1122 §3.3.1")                                           \
    X(RILL_DROP_ETHERNET_NOT_OURS, "frame for another station", "")                                \
    X(RILL_DROP_ETHERNET_TYPE, "no such ethertype", "")                                            \
    X(RILL_DROP_ARP_MALFORMED, "ARP message malformed", "RFC 826")                                 \
    X(RILL_DROP_NDP_INVALID, "neighbour discovery message not valid", "RFC 4861 §7.1")             \
    X(RILL_DROP_NEIGHBOUR_SILENT, "neighbour does not answer", "RFC 4861 §7.2.2")                  \
    X(RILL_DROP_NEIGHBOUR_QUEUE_FULL, "too many packets wait for a neighbour", "RFC 4861 §7.2.2")  \
    X(RILL_DROP_ADDRESS_CONFLICT, "somebody else uses our address", "RFC 5227 §2.4")               \
    X(RILL_DROP_LINK_DOWN, "the link is down", "")                                                 \
    X(RILL_DROP_SOURCE_LOST, "its source address has been taken away", "RFC 1122 §3.3.4.2")        \
    X(RILL_DROP_ROUTER_LIMIT, "more routes or prefixes advertised than are taken",                 \
      "RFC 4861 §6.3.4")                                                                           \
    X(RILL_DROP_ICMP_REDIRECT, "redirect not from the present first hop", "RFC 4861 §8.1")         \
    X(RILL_DROP_TO_GROUP, "addressed to a group", "RFC 1122 §4.2.3.10")                            \
    X(RILL_DROP_TRUNCATED, "shorter than its header", "RFC 1122 §3.2.1")                           \
    X(RILL_DROP_IP_VERSION, "not IPv4 or IPv6, or family not in use", "RFC 1122 §3.2.1.1")         \
    X(RILL_DROP_IP_HEADER_LENGTH, "IP header length wrong", "RFC 791 §3.1")                        \
    X(RILL_DROP_IP_TOTAL_LENGTH, "IP total length wrong", "RFC 791 §3.1")                          \
    X(RILL_DROP_IP_CHECKSUM, "IP header checksum wrong", "RFC 1122 §3.2.1.2")                      \
    X(RILL_DROP_IP_FRAGMENT, "too many fragments", "RFC 791 §3.2")                                 \
    X(RILL_DROP_IP_FRAGMENT_OVERLAP, "fragments overlap or contradict", "RFC 5722 §4")             \
    X(RILL_DROP_IP_REASSEMBLY_TIMEOUT, "fragments missing for too long", "RFC 8200 §4.5")          \
    X(RILL_DROP_IP_EXTENSION, "IPv6 extension header not taken", "RFC 8200 §4")                    \
    X(RILL_DROP_IP_SOURCE, "source address cannot be one", "RFC 1122 §3.2.1.3")                    \
    X(RILL_DROP_IP_NOT_OURS, "not addressed to us", "RFC 1122 §3.2.1.3")                           \
    X(RILL_DROP_IP_PROTOCOL, "no such protocol", "RFC 1122 §3.2.2.1")                              \
    X(RILL_DROP_ICMP_CHECKSUM, "ICMP checksum wrong", "RFC 792")                                   \
    X(RILL_DROP_ICMP_IGNORED, "ICMP message not acted on", "RFC 1122 §3.2.2")                      \
    X(RILL_DROP_ICMP_LIMITED, "ICMP error not sent: limit", "RFC 4443 §2.4")                       \
    X(RILL_DROP_UDP_LENGTH, "UDP length wrong", "RFC 768")                                         \
    X(RILL_DROP_UDP_CHECKSUM, "UDP checksum wrong or missing", "RFC 768")                          \
    X(RILL_DROP_UDP_NO_SOCKET, "no UDP socket at that port", "RFC 1122 §4.1.3.1")                  \
    X(RILL_DROP_UDP_QUEUE_FULL, "UDP receive buffer full", "")                                     \
    X(RILL_DROP_TCP_HEADER_LENGTH, "TCP header length wrong", "RFC 9293 §3.1")                     \
    X(RILL_DROP_TCP_OPTIONS, "TCP options malformed", "RFC 9293 §3.1")                             \
    X(RILL_DROP_TCP_CHECKSUM, "TCP checksum wrong", "RFC 9293 §3.1")                               \
    X(RILL_DROP_TCP_PORT_ZERO, "TCP port 0", "RFC 6335 §6")                                        \
    X(RILL_DROP_TCP_NO_SOCKET, "no socket at that port", "RFC 9293 §3.10.7.1")                     \
    X(RILL_DROP_TCP_RST_NO_SOCKET, "RST for no connection", "RFC 9293 §3.10.7.1")                  \
    X(RILL_DROP_TCP_SEQUENCE, "outside the receive window", "RFC 9293 §3.10.7.4")                  \
    X(RILL_DROP_TCP_PAWS, "older than the last timestamp", "RFC 7323 §5.3")                        \
    X(RILL_DROP_TCP_TIMESTAMP_MISSING, "timestamp agreed on but missing", "RFC 7323 §3.2")         \
    X(RILL_DROP_TCP_RST_CHALLENGED, "RST in window but not exact", "RFC 5961 §3.2")                \
    X(RILL_DROP_TCP_SYN_CHALLENGED, "SYN on a synchronized connection", "RFC 5961 §4.2")           \
    X(RILL_DROP_TCP_ACK_MISSING, "no ACK bit", "RFC 9293 §3.10.7.4")                               \
    X(RILL_DROP_TCP_ACK_FUTURE, "acknowledges what was not sent", "RFC 9293 §3.10.7.4")            \
    X(RILL_DROP_TCP_ACK_OLD, "acknowledges too far back", "RFC 5961 §5.2")                         \
    X(RILL_DROP_TCP_SYN_BAD_ACK, "answer to a SYN that was not sent", "RFC 9293 §3.10.7.3")        \
    X(RILL_DROP_TCP_RST_IN_SYN_SENT, "RST without a good ACK", "RFC 9293 §3.10.7.3")               \
    X(RILL_DROP_TCP_NOTHING_IN_SYN_SENT, "neither SYN nor RST", "RFC 9293 §3.10.7.3")              \
    X(RILL_DROP_TCP_NOTHING_IN_LISTEN, "no SYN, or one that ends at once", "RFC 9293 §3.10.7.2")   \
    X(RILL_DROP_TCP_DUPLICATE, "bytes already received", "RFC 9293 §3.10.7.4")                     \
    X(RILL_DROP_TCP_CLOSED_WINDOW, "no window open", "RFC 9293 §3.10.7.4")                         \
    X(RILL_DROP_TCP_AFTER_CLOSE, "nobody will read it", "RFC 9293 §3.10.7.4")                      \
    X(RILL_DROP_TCP_PRESSURE, "budget spent", "")                                                  \
    X(RILL_DROP_TCP_EVICTED, "out-of-order data given up", "RFC 2018 §8")                          \
    X(RILL_DROP_TCP_RANGES, "too many holes", "")                                                  \
    X(RILL_DROP_TCP_BACKLOG_FULL, "backlog full", "RFC 9293 §3.10.7.2")                            \
    X(RILL_DROP_TCP_HALF_OPEN_RST, "half-open connection reset", "RFC 9293 §3.10.7.4")             \
    X(RILL_DROP_TCP_TIME_WAIT, "segment for a connection in TIME-WAIT", "RFC 9293 §3.10.7.4")      \
    X(RILL_DROP_TCP_TIME_WAIT_RST, "RST in TIME-WAIT ignored", "RFC 1337 §3")                      \
    X(RILL_DROP_TCP_PARKED, "repeats a SYN that waits for the application", "")                    \
    X(RILL_DROP_REPLY_RING_FULL, "reply ring full", "")

enum rill_drop {
#define RILL_DROP_ENUM(name, text, source) name,
    RILL_DROPS(RILL_DROP_ENUM)
#undef RILL_DROP_ENUM
        RILL_DROP_COUNT
};

RILL_API const char *rill_cause_text(enum rill_cause cause);
RILL_API const char *rill_drop_text(enum rill_drop drop);
RILL_API const char *rill_drop_source(enum rill_drop drop);
/* The enumerator's own name, for machines: "RILL_DROP_TCP_PAWS". */
RILL_API const char *rill_drop_name(enum rill_drop drop);

enum rill_trace_kind { RILL_TRACE_SENT, RILL_TRACE_RECEIVED, RILL_TRACE_DROPPED, RILL_TRACE_STATE };

/* One thing that happened. */
struct rill_trace_record {
    rill_time now;
    enum rill_trace_kind kind;
    enum rill_cause cause; /* SENT */
    enum rill_drop drop;   /* DROPPED */
    rill_handle handle;    /* 0 when no connection is concerned */
    struct rill_endpoint local, remote;
    rill_seq sequence, acknowledgement;
    uint32_t length;         /* payload bytes */
    uint32_t window;         /* as on the wire, not scaled */
    uint8_t flags;           /* FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128 */
    uint8_t state;           /* enum rill_tcp_state, after */
    uint32_t cwnd, ssthresh; /* bytes */
    uint32_t in_flight;      /* bytes */
};

/* A leaf callback. */
typedef void (*rill_trace_function)(void *context, const struct rill_trace_record *record);

#ifdef __cplusplus
}
#endif
#endif
