/* plugin/sockets.c: what a script asks a shell about its sockets. What `sockstat` prints lies in a
 * file beside the settings, always as it is now; `tcpdrop` is a setting that ends connections. */
#include "plugin/plugin.h"

#include <stdio.h>
#include <string.h>

#define TEXT 16384

/* FreeBSD's names, by enum rill_tcp_state. */
static const char *const names[] = {"CLOSED",      "LISTEN",     "SYN_SENT",   "SYN_RCVD",
                                    "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSE_WAIT",
                                    "CLOSING",     "LAST_ACK",   "TIME_WAIT"};

static enum rill_tcp_state state_of(const struct plugin *plugin, const struct live *live) {
    struct rill_tcp_info info = {.size = sizeof info};
    int listens = 0;
    size_t length = sizeof listens;
    (void)rill_getsockopt(plugin->world.sockets, live->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens,
                          &length);
    rill_handle handle = rill_socket_handle(plugin->world.sockets, live->fd);
    if (listens)
        return RILL_TCP_LISTEN;
    return rill_tcp_get_info(plugin->world.stack, handle, &info) ? RILL_TCP_CLOSED : info.state;
}

static void add(char *text, const char *owner, const char *state) {
    size_t used = strlen(text);
    snprintf(text + used, TEXT - used, "%s tcp 8080 %s\n", owner, state);
}

void plugin_tell_sockets(struct plugin *plugin) {
    char text[TEXT] = "", path[sizeof plugin->settings + 16];
    struct rill_stack_info info = {.size = sizeof info};
    uint32_t waiting = 0;
    if (!plugin->settings[0] || !plugin->world.sockets)
        return;
    for (const struct live *live = plugin->lives; live; live = live->next)
        if (live->kind == LIVE_SOCKET) {
            enum rill_tcp_state state = state_of(plugin, live);
            waiting += state == RILL_TCP_TIME_WAIT;
            add(text, "root packetdrill", names[state]);
        }
    rill_stack_get_info(plugin->world.stack, &info);
    for (uint32_t i = 0; i < info.half_open; i++)
        add(text, "? ?", "SYN_RCVD");
    for (uint32_t i = waiting; i < info.time_wait; i++)
        add(text, "? ?", "TIME_WAIT");
    if (strcmp(text, plugin->told) == 0)
        return;
    snprintf(plugin->told, sizeof plugin->told, "%s", text);
    snprintf(path, sizeof path, "%s.sockets", plugin->settings);
    FILE *file = fopen(path, "w");
    if (!file)
        return;
    fputs(text, file);
    fclose(file);
}

void plugin_drop(struct plugin *plugin, const char *state) {
    for (const struct live *live = plugin->lives; live; live = live->next)
        if (live->kind == LIVE_SOCKET && strcmp(names[state_of(plugin, live)], state) == 0 &&
            rill_connect(plugin->world.sockets, live->fd, 0))
            fprintf(stderr, "librill-packetdrill: a connection could not be dropped\n");
}
