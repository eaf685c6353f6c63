/* plugin/live.c: descriptors. packetdrill closes what a script has left open by itself, so each is
 * a real one of the kernel's, which stands for one of rill's. */
#include "plugin/plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct live *plugin_live(struct plugin *plugin, int real) {
    struct live *live = plugin->lives;
    while (live && live->real != real)
        live = live->next;
    return live;
}

struct live *plugin_live_add(struct plugin *plugin, enum live_kind kind, int fd) {
    struct live *live = calloc(1, sizeof *live);
    int real = live ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
    if (real < 0) {
        free(live);
        return 0;
    }
    /* One of that number may have been closed behind our back. */
    struct live *old = plugin_live(plugin, real);
    if (old)
        old->real = -1;
    *live = (struct live){plugin->lives, real, kind, fd, false, 0};
    return plugin->lives = live;
}

void plugin_live_remove(struct plugin *plugin, struct live *live) {
    struct live **at = &plugin->lives;
    while (*at != live)
        at = &(*at)->next;
    *at = live->next;
    plugin_watches_free(plugin, live);
    free(live);
}

int64_t plugin_result(int64_t result) {
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}
