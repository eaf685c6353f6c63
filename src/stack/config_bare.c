/* stack/config_bare.c: every number of a host's config; no part is named here, so none is linked.
 */
#include <rill/stack.h>

#include <string.h>

void rill_stack_config_bare(struct rill_stack_config *config) {
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
    config->memory_limit = 512u << 20;
    config->receive_buffer_min = 128u << 10;
    config->receive_buffer_max = 6u << 20;
    config->send_buffer_min = 64u << 10;
    config->send_buffer_max = 4u << 20;
    config->initial_window = 10; /* RFC 6928 §2 */
    config->window_scaling = config->timestamps = config->sack = true;
    config->ecn = RILL_ECN_ANSWER;
    config->pacing = true;
    config->nagle = true;
    config->statistics = true;
    config->mtu_probing = RILL_MTU_PROBING_OFF;
    config->mtu_base = 1024; /* RFC 4821 §7.2 */
    config->mtu_floor = 48;
    config->mtu_interval = 600 * RILL_SECOND;
    config->rto_initial = RILL_SECOND; /* RFC 6298 §2.1 */
    config->rto_min = 200 * RILL_MILLISECOND;
    config->rto_max = 120 * RILL_SECOND;
    config->delayed_ack = 40 * RILL_MILLISECOND;
    config->peer_delayed_ack = 40 * RILL_MILLISECOND;
    config->quick_acks = 32;
    config->time_wait = 60 * RILL_SECOND; /* DEVIATION: 2 MSL is 4 min; re-use goes by timestamps */
    config->fin_wait_2 = 60 * RILL_SECOND;
    config->keepalive_idle = 7200 * RILL_SECOND; /* RFC 9293 §3.8.4 */
    config->keepalive_interval = 75 * RILL_SECOND;
    config->keepalive_count = 9;
    /* DEVIATION: RFC 9293 §3.8.3 wants three minutes of SYNs at least; these are two, as long as
     * anybody is known to wait. */
    config->syn_retries = 6;
    config->syn_ack_retries = 5;
    config->data_retries = 15;
    config->user_timeout_min = 100; /* RFC 5482 §3.1 */
    config->user_timeout_max = 3600;
    config->port_first = 1024; /* RFC 6056 §3.2 */
    config->port_last = 65535;
    config->time_wait_max = 1u << 20;
    config->connections_max = 1u << 24;
    config->orphans_max = 1u << 16;
    config->half_open_max = 1u << 16;
    config->syn_cookies = RILL_SYN_COOKIES_FULL;
    config->fast_open = RILL_FAST_OPEN_CONNECT | RILL_FAST_OPEN_LISTEN;
}
