/* stack/config.c: the defaults of a host: every number, and every part rill has. A host that wants
 * fewer parts begins with rill_stack_config_bare and names them itself. */
#include <rill/stack.h>
#include <rill/tcp.h>
#include <rill/udp.h>

void rill_stack_config_default(struct rill_stack_config *config) {
    rill_stack_config_bare(config);
    config->ipv4 = &rill_ipv4;
    config->ipv6 = &rill_ipv6;
    config->transports[0] = &rill_tcp;
    config->transports[1] = &rill_udp;
    config->congestion = &rill_cubic;
    config->congestion_more[0] = &rill_reno;
    config->fragments = &rill_fragments;
}
