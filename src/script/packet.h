/* script/packet.h: packets of a script on the wire, and packets of the wire as a script writes
 * them. */
#ifndef RILL_SCRIPT_PACKET_H
#define RILL_SCRIPT_PACKET_H

#include "script/program.h"
#include "script/text.h"

#define PACKET_MAX 65535

/* From whom to whom, in the direction the packet goes. */
struct packet_path {
    struct rill_address from, to;
    uint16_t from_port, to_port;
    bool ipv4;
};

/* Writes a segment, or an ICMP error about one, whose numbers are those of the wire; `out` has
 * PACKET_MAX bytes. Returns its length; 0: it cannot be written, and `*why` says why not. The
 * payload is zeros. The segment an error quotes went the other way. */
size_t packet_encode(const struct script_packet *packet, const struct packet_path *path,
                     uint8_t *out, const char **why);

/* Reads a TCP segment that rill sent. False: it is none, or not a right one (checksums are
 * verified), and `*why` says what it is. */
bool packet_decode(const uint8_t *bytes, size_t length, struct script_packet *packet,
                   struct packet_path *path, const char **why);

/* Writes the packet as a script would. `pattern`: what the script leaves open is not written. */
void packet_text(const struct script_packet *packet, bool pattern, struct text *text);

/* What a comparison leaves out, beside what the expected packet leaves open. */
struct packet_leniency {
    bool order, window, push, options;
    bool (*timestamp)(void *context, uint32_t expected, uint32_t came); /* judges TS val; may be
                                                                           null: not judged */
    void *context;
};

/* Null if the packet that came is as expected, or the name of what differs. */
const char *packet_differs(const struct script_packet *expected, const struct script_packet *came,
                           const struct packet_leniency *leniency);

const struct script_option *packet_option(const struct script_packet *packet, uint8_t kind);

#endif
