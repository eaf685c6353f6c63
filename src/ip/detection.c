/* ip/detection.c: making sure that an address is nobody else's (RFC 4862 §5.4, RFC 5227), and what
 * happens when it is.
 *
 *   IPv6   wait 0 … 1 s | ask once | wait 1 s | ours; told
 *   IPv4   wait 0 … 1 s | ask three times, 1 … 2 s apart | wait 2 s | ours; told twice, 2 s apart
 *
 * By default the address is used meanwhile (RFC 4429), because a host that cannot speak for seconds
 * is of no use to those who start one for a single connection; an IPv4 one is told of at once, for
 * neighbours may remember another station there.
 *
 * DEVIATION: RFC 5227 §2.1.1 has no such use before the probes for IPv4; a strict interface waits.
 *
 * An address in use is never given up because somebody else claims it, as RFC 5227 §2.4 (c) allows:
 * two frames from anybody on the link would be enough to silence us. It is defended, at most every
 * 10 s, and the application is told. */
#include "ip/neighbour.h"

#define SECOND_AT_MOST(core) rill__random_below(&(core)->random, RILL_SECOND)
#define DEFEND_INTERVAL (10 * RILL_SECOND) /* RFC 5227 §1.1 */
#define ANNOUNCE_INTERVAL (2 * RILL_SECOND)

enum { PROBES = 3 };

static void settle(struct ip_address *own) {
    bool was_tentative = own->state == RILL_ADDRESS_TENTATIVE;
    bool old = own->preferred_until <= own->interface->host->core->now;
    own->state = old ? RILL_ADDRESS_DEPRECATED : RILL_ADDRESS_PREFERRED;
    if (was_tentative)
        rill__ip_raise(own->interface, RILL_EVENT_ADDRESS_GAINED);
}

static void step_ipv6(struct ip_address *own) {
    struct core *core = own->interface->host->core;
    rill_time said = own->interface->retransmit_said;
    if (own->step == 1) {
        rill__ndp_detect(own);
        own->check_at = core->now + (said ? said : RILL_SECOND);
    } else {
        settle(own);
        rill__ndp_announce(own);
    }
}

static void step_ipv4(struct ip_address *own) {
    struct core *core = own->interface->host->core;
    if (own->step <= PROBES) {
        rill__arp_tell(own->interface, &own->address, true);
        own->check_at = core->now + (own->step < PROBES ? RILL_SECOND + SECOND_AT_MOST(core)
                                                        : ANNOUNCE_INTERVAL);
        return;
    }
    rill__arp_tell(own->interface, &own->address, false);
    if (own->step == PROBES + 1) {
        settle(own);
        own->check_at = core->now + ANNOUNCE_INTERVAL;
    }
}

void rill__detection_step(struct ip_address *own) {
    struct ip_interface *interface = own->interface;
    struct core *core = interface->host->core;
    bool ipv4 = rill_address_is_ipv4(&own->address);
    if (own->step == 0) {
        if (!ipv4)
            rill__membership_of_address(own);
        if (interface->detection == RILL_DETECTION_OFF) {
            settle(own);
            return;
        }
        own->state = interface->detection == RILL_DETECTION_STRICT ? RILL_ADDRESS_TENTATIVE
                                                                   : RILL_ADDRESS_OPTIMISTIC;
        if (ipv4 && own->state == RILL_ADDRESS_OPTIMISTIC)
            rill__arp_tell(interface, &own->address, false);
        own->nonce = rill__random_next(&core->random);
        own->check_at = core->now + SECOND_AT_MOST(core); /* RFC 4862 §5.4.2 */
        own->step = 1;
        return;
    }
    if (!interface->up)
        return; /* it begins anew when the link comes back */
    if (ipv4)
        step_ipv4(own);
    else
        step_ipv6(own);
    own->step++;
}

static void give_up(struct ip_address *own) {
    struct ip_interface *interface = own->interface;
    bool lost = address_usable(own);
    own->state = RILL_ADDRESS_DUPLICATE;
    own->check_at = RILL_TIME_NEVER;
    interface->host->addresses_lost++;
    rill__ip_raise(interface, RILL_EVENT_ADDRESS_DUPLICATE | (lost ? RILL_EVENT_ADDRESS_LOST : 0));
    if (own->automatic)
        rill__autoconf_collision(own);
    else
        rill__ip_address_file(interface->host, own);
}

void rill__detection_conflict(struct ip_address *own) {
    struct core *core = own->interface->host->core;
    if (own->state == RILL_ADDRESS_DUPLICATE)
        return;
    if (own->state == RILL_ADDRESS_TENTATIVE || own->state == RILL_ADDRESS_OPTIMISTIC) {
        give_up(own);
        return;
    }
    rill__ip_raise(own->interface, RILL_EVENT_ADDRESS_DUPLICATE);
    if (rill_address_is_ipv4(&own->address) &&
        (!own->defended_at || core->now - own->defended_at >= DEFEND_INTERVAL)) {
        own->defended_at = core->now;
        rill__arp_tell(own->interface, &own->address, false);
    }
}
