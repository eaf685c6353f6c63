/* tcp/user_timeout.c: how long a connection may go without progress before it is given up (RFC 9293
 * §3.9.1.8), and what both ends tell each other of it (RFC 5482).
 *
 * What the application sets for itself counts, whatever the peer says (§3.1). Else, where the
 * option is enabled (§3: ENABLED is that something is offered), it is the larger of what both
 * offer, within the host's limits. The option is advice and may be lost: it goes with the SYN if
 * there is room for it, with the first segment that is no SYN, when what is offered changes, and
 * again after a timeout. What the peer has offered is kept as it came; all of it lies in struct
 * extra. */
#include "tcp/host.h"

#define IN_MINUTES 0x8000u /* §3.3: the G bit */
#define NUMBER_MAX 0x7fffu
#define OPTION_LENGTH 4u

/* Rounded up where seconds do not fit. */
static uint16_t option_value(uint32_t seconds) {
    if (seconds <= NUMBER_MAX)
        return (uint16_t)seconds;
    uint32_t minutes = seconds / 60 + (seconds % 60 != 0);
    return (uint16_t)(IN_MINUTES | RILL_MIN(minutes, NUMBER_MAX));
}

static uint32_t option_seconds(uint16_t value) {
    return (value & NUMBER_MAX) * (value & IN_MINUTES ? 60u : 1u);
}

/* §3.1: USER_TIMEOUT = min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT)), and never so short that one
 * segment sent again would end it. */
static rill_time agreed(const struct tcp_host *host, const struct connection *connection,
                        const struct extra *extra) {
    uint32_t ours = option_seconds(extra->timeout_offered);
    uint32_t theirs = option_seconds(extra->timeout_heard), seconds = RILL_MAX(ours, theirs);
    seconds = RILL_MAX(seconds, host->config.user_timeout_min);
    seconds = RILL_MIN(seconds, host->config.user_timeout_max);
    return RILL_MAX(seconds * RILL_SECOND, 2 * rill__rto(host, connection));
}

rill_time rill__user_timeout(const struct tcp_host *host, const struct connection *connection) {
    const struct extra *extra = rill__extra(host, connection);
    if (!extra)
        return 0;
    if (extra->user_timeout)
        return extra->user_timeout * RILL_MILLISECOND;
    /* §3.3: what was agreed on counts in the synchronized states only */
    if (!extra->timeout_offered || !state_is_synchronized(connection->state))
        return 0;
    return agreed(host, connection, extra);
}

uint32_t rill__user_timeout_heard(const struct tcp_host *host,
                                  const struct connection *connection) {
    const struct extra *extra = rill__extra(host, connection);
    return extra ? option_seconds(extra->timeout_heard) : 0;
}

int rill__user_timeout_offer(struct tcp_host *host, struct connection *connection,
                             uint32_t seconds) {
    struct extra *extra = rill__extra_open(host, connection);
    if (!extra)
        return RILL_ERROR_MEMORY;
    uint16_t value = option_value(seconds);
    bool tell = value && value != extra->timeout_offered;
    extra->timeout_offered = value;
    extra->timeout_owed = tell;
    if (!tell || !state_is_synchronized(connection->state) ||
        !(connection->flags & CONNECTION_IN_DEMUX))
        return 0;
    /* §3: "in the next possible outgoing segment"; there may be none before the peer is needed */
    if (!rill__connection_activate(host, connection))
        return RILL_ERROR_MEMORY;
    connection->owes |= OWES_ACK;
    rill__tcp_ready(host, connection);
    return 0;
}

void rill__user_timeout_opened(struct tcp_host *host, struct connection *connection,
                               uint16_t heard) {
    if (!host->config.user_timeout_offer)
        return;
    struct extra *extra = rill__extra_open(host, connection);
    if (!extra) /* advice can do without */
        return;
    extra->timeout_offered = option_value(host->config.user_timeout_offer);
    extra->timeout_heard = heard;
    extra->timeout_owed = true;
}

void rill__user_timeout_received(struct tcp_host *host, struct connection *connection,
                                 uint16_t value) {
    struct extra *extra = (struct extra *)rill__extra(host, connection);
    /* §3: ENABLED applies to receiving too. §3.4: 0 is reserved. */
    if (extra && extra->timeout_offered && value & NUMBER_MAX)
        extra->timeout_heard = value;
}

void rill__user_timeout_expired(const struct tcp_host *host, struct connection *connection) {
    struct extra *extra = (struct extra *)rill__extra(host, connection);
    if (extra && extra->timeout_offered) /* §3.2: what told it may be what was lost */
        extra->timeout_owed = true;
}

/* §3: in a SYN as well, and in a SYN-ACK. wire/tcp.c leaves it out where there is no room. */
void rill__user_timeout_syn(const struct tcp_host *host, const struct connection *connection,
                            struct wire_tcp *header) {
    const struct extra *extra = rill__extra(host, connection);
    if (extra)
        header->user_timeout = extra->timeout_offered;
}

uint16_t rill__user_timeout_of_listener(const struct tcp_host *host) {
    return option_value(host->config.user_timeout_offer);
}

/* With new bytes, which it takes room from, or without any: what goes again keeps its form. */
void rill__user_timeout_emit(struct tcp_host *host, struct connection *connection,
                             struct plan *plan, struct wire_tcp *header) {
    struct extra *extra = (struct extra *)rill__extra(host, connection);
    if (!extra || !extra->timeout_owed || !state_is_synchronized(connection->state) ||
        plan->mtu_probe || (plan->record && plan->length))
        return;
    plan_shorten(plan, rill__payload_max(connection) - OPTION_LENGTH);
    header->user_timeout = extra->timeout_offered;
    extra->timeout_owed = false;
}
