/* ip/destination.c: what is known of single destinations (RFC 4861 §5.1): a path narrower than the
 * link (RFC 1191, RFC 8201), a better first hop (redirects).
 *
 * Bounds: DESTINATIONS_MAX entries, the least recently used goes first; each is forgotten after
 * LIFETIME, so that a path that has widened is found to have. Who sends us errors about packets we
 * have sent can fill this table, and nothing else. */
#include "base/address.h"
#include "base/util.h"
#include "ip/ip.h"
#include <string.h>

#define DESTINATIONS_MAX 1024
#define LIFETIME (600 * RILL_SECOND) /* RFC 8201 §4: ten minutes is recommended */

static uint32_t tag(const struct ip_host *host, const struct rill_address *remote) {
    return (uint32_t)rill__siphash(&host->key, remote->bytes, sizeof remote->bytes);
}

static bool equal(const void *context, uint32_t value, const void *key) {
    const struct ip_host *host = (const struct ip_host *)context;
    const struct ip_destination *entry =
        (const struct ip_destination *)slab_at(&host->destination_slab, value);
    return rill_address_equal(&entry->remote, (const struct rill_address *)key);
}

static void unlink_use(struct ip_host *host, struct ip_destination *entry) {
    if (entry->older)
        entry->older->newer = entry->newer;
    else
        host->oldest = entry->newer;
    if (entry->newer)
        entry->newer->older = entry->older;
    else
        host->newest = entry->older;
}

static void link_use(struct ip_host *host, struct ip_destination *entry) {
    entry->newer = 0;
    entry->older = host->newest;
    if (host->newest)
        host->newest->newer = entry;
    else
        host->oldest = entry;
    host->newest = entry;
}

static void forget(struct ip_host *host, struct ip_destination *entry) {
    unlink_use(host, entry);
    rill__hash_remove(&host->destination_hash, tag(host, &entry->remote), entry->index);
    rill__slab_close(&host->destination_slab, entry->index);
}

void rill__ip_destinations_fini(struct ip_host *host) {
    while (host->oldest)
        forget(host, host->oldest);
    rill__slab_fini(&host->destination_slab);
    rill__hash_fini(&host->destination_hash);
}

struct ip_destination *rill__ip_destination(struct ip_host *host, const struct rill_address *remote,
                                            bool make) {
    uint32_t index;
    if (rill__hash_find(&host->destination_hash, tag(host, remote), equal, host, remote, &index)) {
        struct ip_destination *known =
            (struct ip_destination *)slab_at(&host->destination_slab, index);
        if (known != host->newest) {
            unlink_use(host, known);
            link_use(host, known);
        }
        return known;
    }
    if (!make)
        return 0;
    if (host->destination_slab.used >= DESTINATIONS_MAX)
        forget(host, host->oldest);
    struct ip_destination *entry =
        (struct ip_destination *)rill__slab_open(&host->destination_slab, &index);
    if (!entry)
        return 0;
    entry->index = index;
    entry->remote = *remote;
    if (!rill__hash_insert(&host->destination_hash, tag(host, remote), index)) {
        rill__slab_close(&host->destination_slab, index);
        return 0;
    }
    link_use(host, entry);
    return entry;
}

uint32_t rill__ip_path_mtu(struct ip_host *host, const struct ip_interface *interface,
                           const struct rill_address *remote, enum ip_trust trust) {
    uint32_t mtu = rill__ip_interface_mtu(interface, rill_address_is_ipv4(remote));
    const struct ip_destination *known =
        host->newest ? rill__ip_destination(host, remote, false) : 0;
    if (!known || known->until <= host->core->now)
        return mtu;
    if (known->mtu)
        mtu = RILL_MIN(mtu, known->mtu);
    if (known->mtu_claimed && trust == IP_CLAIMED)
        mtu = RILL_MIN(mtu, known->mtu_claimed);
    return mtu;
}

void rill__ip_path_mtu_set(struct ip_host *host, const struct rill_address *remote, uint32_t mtu,
                           enum ip_trust trust) {
    bool ipv4 = rill_address_is_ipv4(remote);
    if (!ipv4 && mtu < 1280)
        return; /* RFC 8201 §4: there is no such path */
    struct ip_destination *entry = rill__ip_destination(host, remote, true);
    if (!entry)
        return;
    bool forgotten = entry->until <= host->core->now;
    if (forgotten) {
        entry->mtu = entry->mtu_claimed = 0;
        memset(&entry->hop, 0, sizeof entry->hop);
    }
    uint32_t *value = trust == IP_VERIFIED ? &entry->mtu : &entry->mtu_claimed;
    if (ipv4)
        mtu = RILL_MAX(mtu, 552u); /* RFC 1191 §3: none is narrower, whoever says so */
    *value = *value ? RILL_MIN(*value, mtu) : mtu;
    if (forgotten || trust == IP_VERIFIED) /* who claims may not keep the rest alive */
        entry->until = host->core->now + LIFETIME;
}

void rill__ip_hop_silent(struct ip_interface *interface, const struct rill_address *hop) {
    for (struct ip_destination *at = interface->host->oldest; at; at = at->newer)
        if (at->interface == interface->index && rill_address_equal(&at->hop, hop))
            memset(&at->hop, 0, sizeof at->hop);
}

enum rill_drop rill__ip_redirect(struct ip_interface *interface, const struct rill_address *from,
                                 const struct rill_address *remote,
                                 const struct rill_address *hop) {
    struct ip_host *host = interface->host;
    struct rill_address present;
    if (rill__address_is_group(remote) || rill__address_is_group(hop) ||
        !rill__ip_next_hop(interface, remote, &present) || !rill_address_equal(&present, from) ||
        rill__ip_address_find(host, interface, hop))
        return RILL_DROP_ICMP_REDIRECT;
    struct ip_destination *entry = rill__ip_destination(host, remote, true);
    if (!entry)
        return RILL_DROP_NO_MEMORY;
    if (entry->until <= host->core->now)
        entry->mtu = entry->mtu_claimed = 0; /* it was forgotten: only the redirect is news */
    entry->hop = *hop;
    entry->interface = (uint8_t)interface->index;
    entry->until = host->core->now + LIFETIME;
    return RILL_DROP_NONE;
}

void rill__ip_redirected(const struct ip_error *error) {
    enum rill_drop drop =
        rill__ip_redirect(error->interface, error->from, &error->remote, error->hop);
    if (drop)
        rill__core_drop(error->interface->host->core, drop);
}
