/* ip/membership.c: what the routers of a link are told of our groups: MLDv2 (RFC 3810) and IGMPv3
 * (RFC 3376), as a host without source filters.
 *
 *   a change    told at once and once more within a second (robustness 2)
 *   a question  answered at a random moment of the time it grants, for all groups or the one
 *
 * One timer an interface serves both. DEVIATION: routers of the older versions are not answered in
 * their own (RFC 3810 §8, RFC 3376 §7): they ask again, and switches forward what they do not know.
 */
#include "ip/neighbour.h"

#include "base/address.h"
#include "base/bytes.h"
#include "base/checksum.h"
#include "base/util.h"
#include "packet/pool.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include <string.h>

enum {
    IS_EXCLUDE = 2, /* RFC 3810 §5.2.12: everything of this group is wanted */
    TO_INCLUDE = 3, /* nothing any more */
    TO_EXCLUDE = 4,
    MLD_QUERY = 130,
    MLD_REPORT = 143,
    IGMP = 2,
    IGMP_QUERY = 0x11,
    IGMP_REPORT = 0x22,
    RECORDS_MAX = 50, /* a message */
    ROBUSTNESS = 2,
    REPORT_HEADER = 8,
    ROUTER_ALERT_V6 = 8, /* bytes of the hop-by-hop header */
    ROUTER_ALERT_V4 = 4,
};

struct ip_membership {
    struct core_timer timer;
    struct ip_interface *interface;
    bool all_asked[2]; /* IPv4, IPv6 */
};

/* A message being put together. */
struct report {
    struct ip_interface *interface;
    bool ipv4;
    uint32_t count, length;
    uint8_t bytes[REPORT_HEADER + RECORDS_MAX * 20];
};

/* RFC 3810 §5.2.13: from a link-local address, or from none. */
static struct rill_address source_of(const struct ip_interface *interface) {
    struct rill_address none = {{0}};
    for (uint32_t i = 0; i < interface->address_count; i++)
        if (address_usable(interface->addresses[i]) &&
            rill__address_is_link_local(&interface->addresses[i]->address))
            return interface->addresses[i]->address;
    return none;
}

/* IPv4 header with the router alert option (RFC 3376 §4, RFC 2113). */
static uint32_t write_ipv4(const struct report *report, uint8_t *out) {
    static const uint8_t to[4] = {224, 0, 0, 22}, alert[4] = {0x94, 4, 0, 0};
    struct rill_address group = rill__address_from_ipv4(to);
    const struct ip_address *own =
        rill__ip_select(report->interface->host, report->interface, &group, &group);
    struct wire_ipv4 header = {.total_length =
                                   (uint16_t)(WIRE_IPV4_HEADER + ROUTER_ALERT_V4 + report->length),
                               .traffic_class = 0xc0,
                               .ttl = 1,
                               .protocol = IGMP,
                               .dont_fragment = true};
    if (own)
        memcpy(header.source, own->address.bytes + 12, 4);
    memcpy(header.destination, to, 4);
    rill__ipv4_emit(&header, out);
    out[0] = 0x46;
    memcpy(out + WIRE_IPV4_HEADER, alert, sizeof alert);
    bytes_put16(out + 10, 0);
    uint64_t sum = rill__checksum_add(0, out, WIRE_IPV4_HEADER + ROUTER_ALERT_V4);
    rill__checksum_store(out + 10, (uint16_t)~rill__checksum_fold(sum));
    return WIRE_IPV4_HEADER + ROUTER_ALERT_V4;
}

/* IPv6 header and a hop-by-hop header with the router alert (RFC 3810 §5, RFC 2711). */
static uint32_t write_ipv6(const struct report *report, uint8_t *out) {
    static const uint8_t to[16] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16};
    static const uint8_t alert[ROUTER_ALERT_V6] = {WIRE_PROTOCOL_ICMPV6, 0, 5, 2, 0, 0, 1, 0};
    struct rill_address source = source_of(report->interface);
    struct wire_ipv6 header = {.payload_length = (uint16_t)(ROUTER_ALERT_V6 + report->length),
                               .next_header = 0,
                               .hop_limit = 1};
    memcpy(header.source, source.bytes, 16);
    memcpy(header.destination, to, 16);
    rill__ipv6_emit(&header, out);
    memcpy(out + WIRE_IPV6_HEADER, alert, sizeof alert);
    return WIRE_IPV6_HEADER + ROUTER_ALERT_V6;
}

static void finish_message(struct report *report, const uint8_t *ip) {
    uint8_t *message = report->bytes;
    memset(message, 0, REPORT_HEADER);
    message[0] = report->ipv4 ? IGMP_REPORT : MLD_REPORT;
    bytes_put16(message + 6, report->count);
    uint64_t sum =
        report->ipv4 ? 0
                     : rill__ipv6_pseudo_sum(ip + 8, ip + 24, WIRE_PROTOCOL_ICMPV6, report->length);
    sum = rill__checksum_add(sum, message, report->length);
    rill__checksum_store(message + 2, (uint16_t)~rill__checksum_fold(sum));
}

static void send(struct report *report) {
    struct ip_interface *interface = report->interface;
    struct core *core = interface->host->core;
    if (!report->count)
        return;
    uint8_t *data;
    struct rill_packet *packet = rill__packet_open_filled(core->pool, report->length, &data);
    if (packet) {
        uint8_t ip[WIRE_IPV6_HEADER + ROUTER_ALERT_V6];
        uint32_t length = report->ipv4 ? write_ipv4(report, ip) : write_ipv6(report, ip);
        finish_message(report, ip);
        memcpy(data, report->bytes, report->length);
        packet->header_offset = (uint16_t)(packet->header_offset - length);
        packet->header_length = (uint16_t)length;
        packet->length += length;
        packet->cause = RILL_CAUSE_MEMBERSHIP;
        memcpy(packet->headroom + packet->header_offset, ip, length);
        rill__ip_reply(interface->host, interface, packet, false);
    } else {
        rill__core_drop(core, RILL_DROP_NO_MEMORY);
    }
    report->count = 0;
    report->length = REPORT_HEADER;
}

static void add(struct report *report, uint8_t type, const struct rill_address *group) {
    uint8_t *record = report->bytes + report->length;
    memset(record, 0, 4);
    record[0] = type;
    memcpy(record + 4, group->bytes + (report->ipv4 ? 12 : 0), report->ipv4 ? 4 : 16);
    report->length += report->ipv4 ? 8 : 20;
    if (++report->count == RECORDS_MAX)
        send(report);
}

static struct rill_address solicited_node(const struct rill_address *address) {
    struct rill_address group = {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff}};
    memcpy(group.bytes + 13, address->bytes + 13, 3);
    return group;
}

static struct ip_membership *table_of(struct ip_interface *interface);

static void arm(struct ip_membership *table, rill_time within) {
    struct core *core = table->interface->host->core;
    rill_time at = core->now + rill__random_below(&core->random, within + 1);
    rill__wheel_disarm(&core->wheel, &table->timer.entry);
    rill__wheel_arm(&core->wheel, &table->timer.entry, at);
}

/* RFC 3810 §6: all nodes, and what does not leave a link's interface, is never told of. */
static bool is_told(const struct rill_address *group) {
    static const uint8_t all_hosts[4] = {224, 0, 0, 1};
    if (rill_address_is_ipv4(group))
        return memcmp(group->bytes + 12, all_hosts, 4) != 0;
    bool all_nodes = (group->bytes[1] & 15) == 2 && group->bytes[15] == 1;
    for (int i = 2; i < 15; i++)
        all_nodes = all_nodes && group->bytes[i] == 0;
    return (group->bytes[1] & 15) >= 2 && !all_nodes;
}

/* The group in which an own address is asked for; true while it is to be told again. */
static bool report_address(struct report *report, struct ip_address *own, bool all) {
    struct rill_address group = solicited_node(&own->address);
    if (rill_address_is_ipv4(&own->address) || !(own->reports || all))
        return false;
    add(report, own->reports ? TO_EXCLUDE : IS_EXCLUDE, &group);
    own->reports -= own->reports > 0;
    return own->reports > 0;
}

/* What is due of one family; true while something remains. */
static bool report_family(struct ip_membership *table, bool ipv4) {
    struct ip_interface *interface = table->interface;
    struct report report;
    bool all = table->all_asked[!ipv4], more = false;
    report.interface = interface;
    report.ipv4 = ipv4;
    report.count = 0;
    report.length = REPORT_HEADER;
    table->all_asked[!ipv4] = false;
    for (uint32_t i = 0; !ipv4 && i < interface->address_count; i++)
        more = report_address(&report, interface->addresses[i], all) || more;
    struct ip_group *next;
    for (struct ip_group *group = interface->groups; group; group = next) {
        next = group->next;
        if (rill_address_is_ipv4(&group->address) != ipv4 || !is_told(&group->address))
            continue;
        if (group->reports) {
            add(&report, group->users ? TO_EXCLUDE : TO_INCLUDE, &group->address);
            group->reports--;
        } else if ((all || group->asked) && group->users) {
            add(&report, IS_EXCLUDE, &group->address);
        }
        group->asked = false;
        more = more || group->reports;
        if (!group->users && !group->reports)
            rill__ip_group_forget(interface, group);
    }
    send(&report);
    return more;
}

static void expired(void *context, struct core_timer *timer) {
    struct ip_membership *table = RILL_CONTAINER(timer, struct ip_membership, timer);
    (void)context;
    if (!table->interface->up)
        return;
    bool more = report_family(table, true);
    more = report_family(table, false) || more;
    if (more)
        arm(table, RILL_SECOND);
}

static struct ip_membership *table_of(struct ip_interface *interface) {
    if (interface->membership)
        return interface->membership;
    struct ip_membership *table =
        (struct ip_membership *)rill__core_allocate(interface->host->core, sizeof *table);
    if (!table)
        return 0;
    memset(table, 0, sizeof *table);
    table->interface = interface;
    table->timer.expire = expired;
    interface->membership = table;
    return table;
}

void rill__membership_fini(struct ip_interface *interface) {
    struct ip_membership *table = interface->membership;
    if (!table)
        return;
    rill__wheel_disarm(&interface->host->core->wheel, &table->timer.entry);
    rill__core_release(interface->host->core, table, sizeof *table);
    interface->membership = 0;
}

void rill__membership_changed(struct ip_interface *interface, struct ip_group *group) {
    struct ip_membership *table = table_of(interface);
    bool told = table && is_told(&group->address) && interface->up;
    group->reports = told ? ROBUSTNESS : 0;
    if (told)
        arm(table, 0);
    else if (!group->users)
        rill__ip_group_forget(interface, group);
}

void rill__membership_of_address(struct ip_address *own) {
    struct ip_membership *table = table_of(own->interface);
    if (!table)
        return;
    own->reports = ROBUSTNESS;
    arm(table, 0);
}

/* Told once: nothing is left that would remember to tell it again. */
void rill__membership_address_gone(struct ip_interface *interface,
                                   const struct rill_address *address) {
    struct rill_address group = solicited_node(address);
    struct report report;
    if (!interface->up || rill_address_is_ipv4(address))
        return;
    for (uint32_t i = 0; i < interface->address_count; i++) {
        struct rill_address other = solicited_node(&interface->addresses[i]->address);
        if (!rill_address_is_ipv4(&interface->addresses[i]->address) &&
            rill_address_equal(&other, &group))
            return; /* it is asked for there too */
    }
    report.interface = interface;
    report.ipv4 = false;
    report.count = 0;
    report.length = REPORT_HEADER;
    add(&report, TO_INCLUDE, &group);
    send(&report);
}

void rill__membership_link_changed(struct ip_interface *interface) {
    bool any = interface->groups || interface->membership;
    struct ip_membership *table = any ? table_of(interface) : 0;
    if (!table)
        return;
    table->all_asked[0] = table->all_asked[1] = interface->up;
    if (interface->up)
        arm(table, RILL_SECOND);
    else
        rill__wheel_disarm(&interface->host->core->wheel, &table->timer.entry);
}

/* RFC 3810 §5.1.3 and RFC 3376 §4.1.1: large times are floating point. */
static rill_time granted(const struct ip_datagram *datagram) {
    if (datagram->protocol == IGMP) {
        uint32_t code = datagram->data[1] ? datagram->data[1] : 100;
        if (code >= 128 && datagram->length >= 12)
            code = ((code & 15) | 16) << ((code >> 4 & 7) + 3);
        return code * 100 * RILL_MILLISECOND;
    }
    uint32_t code = bytes_get16(datagram->data + 4);
    if (code >= 32768 && datagram->length >= 28)
        code = ((code & 0xfff) | 0x1000) << ((code >> 12 & 7) + 3);
    return code * RILL_MILLISECOND;
}

static bool query_ok(const struct ip_datagram *datagram) {
    if (datagram->hop_limit != 1 || datagram->contiguous < datagram->length)
        return false;
    if (datagram->protocol == IGMP)
        return datagram->length >= 8 && datagram->data[0] == IGMP_QUERY;
    return datagram->length >= 24 && datagram->data[0] == MLD_QUERY && datagram->data[1] == 0 &&
           rill__address_is_link_local(&datagram->source) &&
           datagram->router_alert; /* RFC 3810 §6.2 */
}

enum rill_drop rill__membership_input(struct ip_interface *interface,
                                      const struct ip_datagram *datagram) {
    bool ipv4 = datagram->protocol == IGMP;
    if (!query_ok(datagram))
        return RILL_DROP_ICMP_IGNORED; /* another host's report, or not valid */
    struct ip_membership *table = table_of(interface);
    if (!table)
        return RILL_DROP_NO_MEMORY;
    struct rill_address asked = {{0}};
    if (ipv4)
        asked = rill__address_from_ipv4(datagram->data + 4);
    else
        memcpy(asked.bytes, datagram->data + 8, 16);
    bool known = rill_address_is_any(&asked);
    if (known)
        table->all_asked[!ipv4] = true;
    for (struct ip_group *group = interface->groups; group; group = group->next) {
        if (!rill_address_equal(&group->address, &asked))
            continue;
        group->asked = known = true;
    }
    for (uint32_t i = 0; !known && !ipv4 && i < interface->address_count; i++) {
        struct rill_address group = solicited_node(&interface->addresses[i]->address);
        known = table->all_asked[1] = rill_address_equal(&group, &asked);
    }
    if (!known)
        return RILL_DROP_ICMP_IGNORED;
    bool sooner = wheel_is_armed(&table->timer.entry); /* an answer is on its way: it says all */
    if (!sooner)
        arm(table, granted(datagram));
    return RILL_DROP_NONE;
}
