/* cli/nc.h: what the two halves of `rill nc` share. */
#ifndef RILL_CLI_NC_H
#define RILL_CLI_NC_H

#include "cli/host_options.h"

struct nc_udp_config {
    const struct host_options *host;
    const char *name; /* null: listen */
    uint16_t port;
    rill_time wait; /* after the input's end, for more to come; RILL_TIME_NEVER: not said */
};

/* `rill nc -u`. Returns an exit code. */
int nc_udp(const struct nc_udp_config *config);

/* Writes all of it, blocking. False with errno. */
bool nc_write_all(int fd, const char *data, size_t length);

#endif
