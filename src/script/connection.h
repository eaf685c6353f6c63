/* script/connection.h: a connection as a script sees it, and what its numbers are on the wire.
 *
 * A script counts sequence numbers from the first SYN of each direction: that SYN's own number is
 * taken as written (`S 123:123(0)`), and every segment without SYN counts from it (`1:1(0)` is the
 * byte after the SYN). What the script lets arrive keeps its first number on the wire; what rill
 * sends begins where rill wants. Timestamps of rill's are matched as they come, and echoes the
 * script lets arrive carry what was really sent. */
#ifndef RILL_SCRIPT_CONNECTION_H
#define RILL_SCRIPT_CONNECTION_H

#include "script/arena.h"
#include "script/packet.h"

struct connection_stamp; /* a timestamp of rill's: as written, and as sent */
struct connection_mark;  /* where a write of the application's ended */

struct script_connection {
    struct script_connection *next;
    int fd; /* rill's descriptor, or -1: not accepted yet */
    bool passive;
    bool settled; /* local_port is known: rill has chosen it, or it is the listener's */
    uint16_t local_port, remote_port;
    bool local_known, remote_known;       /* a SYN was seen in that direction */
    uint32_t local_isn, local_script_isn; /* on the wire, and as written */
    uint32_t remote_isn;                  /* both */
    uint64_t written;                     /* bytes the application has given so far */
    struct connection_mark *marks;
    struct connection_stamp *stamps; /* latest first */
    rill_time timestamp_tick, timestamp_tolerance;
};

/* A packet of the script's that arrives: to the numbers of the wire. */
void connection_to_wire(struct script_connection *connection, struct script_packet *packet);

/* A segment that rill sent: to the script's numbers. `expected` is what the script writes of it. */
void connection_from_wire(struct script_connection *connection, struct script_packet *packet,
                          const struct script_packet *expected);

/* `came` is the segment that the script wrote as `expected`: its timestamp counts from now on.
 * `wire` is the value that was sent. Returns false when out of memory. */
bool connection_note_stamp(struct script_connection *connection, struct arena *arena,
                           const struct script_packet *expected, const struct script_packet *came);

/* Whether rill's timestamp is the script's, where ticks are told. */
bool connection_stamp_fits(void *connection, uint32_t expected, uint32_t came);

/* The application has written so many bytes, as one piece (`ends`) or with more to come. */
bool connection_note_write(struct script_connection *connection, struct arena *arena,
                           uint64_t bytes, bool ends);

/* Whether a write ended at this sequence number (the script's). */
bool connection_write_ended(const struct script_connection *connection, uint32_t sequence);

#endif
