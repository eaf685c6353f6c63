/* bridge/dial.h: an active open by name: the system's resolver gives addresses, and each is tried
 * until one answers, IPv6 before IPv4. While another is left, one that is silent gets two seconds.
 */
#ifndef RILL_BRIDGE_DIAL_H
#define RILL_BRIDGE_DIAL_H

#include "bridge/names.h"
#include "link/host.h"

struct dialer {
    struct host *host;
    struct names names;
};

/* Returns 0 or an errno. */
int dialer_open(struct dialer *dialer, struct host *host);
void dialer_close(struct dialer *dialer);

struct dial;

#define DIAL_NO_SUCH_NAME 1 /* beside enum rill_error */

/* Told once, never from within dial_start. `error` 0: the connection is the callee's. Else an enum
 * rill_error of the last address tried or DIAL_NO_SUCH_NAME, and why, in one line. */
typedef void (*dial_done)(void *context, rill_handle connection, int error, const char *why);

/* `name` may be an address. Null when there is no memory or descriptor. */
struct dial *dial_start(struct dialer *dialer, const char *name, uint16_t port, dial_done done,
                        void *context);
/* Not wanted any more; only before it is done. */
void dial_cancel(struct dial *dial);

#endif
