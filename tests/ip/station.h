/* tests/ip/station.h: one stack on an Ethernet against hand-made frames.
 *
 * The stack is at 02:00:00:00:00:01, 10.0.0.1/24 and fd00::1/64; addresses are not checked for
 * duplicates unless a test asks for it, so nothing is said that a test has not caused. */
#ifndef TESTS_IP_STATION_H
#define TESTS_IP_STATION_H

#include "ip/neighbour.h"
#include "stack/stack.h"
#include "world.h"
#include <rill/udp.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STATION_PORT 1000

struct station {
    struct test_memory memory;
    struct rill_allocator allocator;
    struct rill_pool *pool;
    struct rill_stack_config config;
    struct rill_interface_config interface;
    struct rill_stack *stack;
    rill_time now;
    struct rill_address local4, local6;
    rill_handle socket; /* UDP, bound to STATION_PORT */
};

/* A frame of the stack's. */
struct frame {
    size_t length;
    uint8_t bytes[70000];
};

/* Fill in defaults, to be changed; then open. */
void station_init(struct station *station);
void station_open(struct station *station);
/* Closes everything and asserts that no memory is left. */
void station_close(struct station *station);

struct rill_address address(const char *text);
uint64_t station_drops(const struct station *station, enum rill_drop drop);
struct ip_interface *station_link(const struct station *station);

/* A frame from the station with this last byte of its link address. */
void station_input(struct station *station, const uint8_t *frame, size_t length);

/* An IP packet in a frame: `mac` is the sender's last byte; `to_all`: the frame goes to everybody.
 */
struct packet {
    const char *source, *destination;
    uint8_t protocol, hop_limit; /* 0: 64 */
    uint8_t mac;
    bool to_all;
    const uint8_t *data;
    size_t length;
};
void station_packet(struct station *station, const struct packet *packet);
/* The same of an ICMP or ICMPv6 message, whose checksum is made; hop limit 255 if not said. */
void station_icmp(struct station *station, struct packet packet, uint8_t *message);

/* The next frame the stack sends now; false: none. */
bool station_take(struct station *station, struct frame *frame);
/* The next that holds an ICMPv6 message of this type, of those it sends now. */
bool station_take_icmp6(struct station *station, uint8_t type, struct frame *frame);
/* What it sends now is thrown away. Returns how many. */
size_t station_drain(struct station *station);
/* Lets time pass; what is sent meanwhile is thrown away. */
void station_wait(struct station *station, rill_time time);
/* The events of the interface. */
uint32_t station_events(struct station *station);

/* The neighbour says where he is, in answer to a question, whether or not one was asked. */
void station_answer(struct station *station, const char *who, uint8_t mac);

/* Has the stack send `length` bytes there, to port 9. Returns what rill_udp_send does. */
int64_t station_send_to(struct station *station, const char *to, size_t length);

int neighbourhood_tests(void);
int router_tests(void);
int errors_tests(void);
int fragments_tests(void);
int tables_tests(void);

#endif
