/* tcp/challenge.c: how often a segment that does not fit is answered (RFC 5961 §7).
 *
 * Counted for each connection by itself, half-open ones and those in TIME-WAIT included: a count
 * for the whole host would tell an attacker about connections that are not his (CVE-2016-5696). */
#include "tcp/host.h"

#define CHALLENGES_MAX 10
#define INTERVAL 5000u /* ms */

bool rill__challenge_allowed(const struct tcp_host *host, struct challenge_limit *limit) {
    uint32_t now = (uint32_t)(host->core->now / RILL_MILLISECOND);
    if (limit->sent == 0 || now - limit->since >= INTERVAL) {
        limit->since = now;
        limit->sent = 0;
    }
    if (limit->sent >= CHALLENGES_MAX)
        return false;
    limit->sent++;
    return true;
}
