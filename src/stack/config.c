/* stack/config.c: the defaults of a host: every number, and every part rill has. A host that wants
 * fewer parts fills the config itself and does not link this file. */
#include <rill/stack.h>
#include <rill/tcp.h>
#include <rill/udp.h>

#include <string.h>

void rill_stack_config_default(struct rill_stack_config *config) {
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
    config->memory_limit = 512u << 20;
    config->ipv4 = &rill_ipv4;
    config->ipv6 = &rill_ipv6;
    config->transports[0] = &rill_tcp;
    config->transports[1] = &rill_udp;
    config->congestion = &rill_reno;
    config->receive_buffer = 1u << 20;
    config->send_buffer = 1u << 20;
    config->initial_window = 10; /* RFC 6928 §2 */
    config->window_scaling = config->timestamps = config->sack = true;
    config->nagle = true;
    config->statistics = true;
    config->rto_initial = RILL_SECOND; /* RFC 6298 §2.1 */
    config->rto_min = 200 * RILL_MILLISECOND;
    config->rto_max = 120 * RILL_SECOND;
    config->delayed_ack = 40 * RILL_MILLISECOND;
    config->time_wait = 60 * RILL_SECOND; /* DEVIATION: 2 MSL is 4 min; re-use goes by timestamps */
    config->fin_wait_2 = 60 * RILL_SECOND;
    config->keepalive_idle = 7200 * RILL_SECOND; /* RFC 9293 §3.8.4 */
    config->keepalive_interval = 75 * RILL_SECOND;
    config->keepalive_count = 9;
    config->syn_retries = 6;
    config->syn_ack_retries = 5;
    config->data_retries = 15;
    config->port_first = 1024; /* RFC 6056 §3.2 */
    config->port_last = 65535;
    config->time_wait_max = 1u << 20;
    config->connections_max = 1u << 24;
}

void rill_tcp_listen_config_default(struct rill_tcp_listen_config *config) {
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
    config->backlog = 4096;
}

void rill_tcp_connect_config_default(struct rill_tcp_connect_config *config) {
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
}
