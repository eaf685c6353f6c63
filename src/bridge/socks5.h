/* bridge/socks5.h: a SOCKS5 server (RFC 1928: CONNECT, no authentication) on a unix socket of its
 * own, whose connections are rill's. So every program that speaks SOCKS can speak over rill.
 * Names and their addresses: bridge/dial.h. */
#ifndef RILL_BRIDGE_SOCKS5_H
#define RILL_BRIDGE_SOCKS5_H

#include "bridge/dial.h"
#include "bridge/stream.h"

struct socks5_session;
struct socks5_client;

struct socks5 {
    struct host *host;
    struct bridge *bridge;
    struct dialer *dialer;
    struct loop_watch watch; /* the listening socket */
    char directory[64], path[80];
    struct socks5_session *first;  /* not yet joined to a connection */
    struct socks5_client *clients; /* made by socks5_client_socket, not seen yet */
    /* A connection could not be made: for the client's descriptor (-1: of another program), why, in
     * one line. May be null. */
    void (*on_failure)(void *context, int client, const char *why);
    void *context;
};

/* Listens on `path`, in a directory nobody else may enter. Returns 0 or an errno. */
int socks5_open(struct socks5 *socks, struct bridge *bridge, struct dialer *dialer);
void socks5_close(struct socks5 *socks);

/* An unconnected socket for a client in this process and thread. A client that connects with it can
 * be shown resets (bridge/stream.h). Returns -1 with errno. */
int socks5_client_socket(struct socks5 *socks);

#endif
