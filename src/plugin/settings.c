/* plugin/settings.c: how the host is set: by --so_flags, and by a file of lines key=value, which
 * small programs with the names of sysctl and the like leave (rill script --shims), read again
 * whenever it has grown. */
#include "plugin/plugin.h"

#include "script/sysctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ENVIRONMENT "RILL_PACKETDRILL_SETTINGS"

static void set_line(struct plugin *plugin, char *line) {
    char *equal = strchr(line, '=');
    line[strcspn(line, "\r\n")] = '\0';
    if (!equal)
        return;
    *equal = '\0';
    if (strcmp(line, "tcpdrop") == 0) {
        if (plugin->world.sockets)
            plugin_drop(plugin, equal + 1);
        return;
    }
    (void)sysctl_set(&plugin->world, line, equal + 1); /* what has no counterpart changes nothing */
}

void plugin_obey(struct plugin *plugin) {
    char line[512];
    struct stat stat_now;
    if (!plugin->settings[0] || stat(plugin->settings, &stat_now) ||
        stat_now.st_size == plugin->settings_seen)
        return;
    FILE *file = fopen(plugin->settings, "r");
    if (!file)
        return;
    bool anew = stat_now.st_size < plugin->settings_seen;
    fseek(file, anew ? 0 : (long)plugin->settings_seen, SEEK_SET);
    while (fgets(line, sizeof line, file))
        set_line(plugin, line);
    plugin->settings_seen = ftell(file);
    fclose(file);
    if (world_configure(&plugin->world))
        fprintf(stderr, "librill-packetdrill: a setting is not possible\n");
}

/* The second family, beside the one that the world opens with. */
static int open_other_family(struct plugin *plugin) {
    static const struct rill_address any;
    struct world *world = &plugin->world;
    if (!rill_address_parse("fd3d:0a0b:17d6::1", &plugin->local_ipv6)) {
        int error = rill_address_add(world->stack, 0, &plugin->local_ipv6, 48);
        if (error)
            return error;
    }
    struct rill_address everyone = {{0}};
    return rill_route_add(world->stack, 0, &everyone, 0, &any);
}

bool plugin_ready(struct plugin *plugin) {
    if (plugin->world.sockets)
        return true;
    if (world_open(&plugin->world) || (plugin->world.ipv4 && open_other_family(plugin))) {
        errno = ENOMEM;
        return false;
    }
    return true;
}

/* "mtu=1520,local=10.0.0.1": commas between them. */
void plugin_flags(struct plugin *plugin, const char *flags) {
    static char local[64];
    char copy[256], *rest = copy, *word;
    const char *file = getenv(ENVIRONMENT);
    snprintf(plugin->settings, sizeof plugin->settings, "%s", file ? file : "");
    snprintf(copy, sizeof copy, "%s", flags ? flags : "");
    while ((word = strsep(&rest, ","))) {
        if (strncmp(word, "mtu=", 4) == 0)
            plugin->program.mtu = (uint32_t)strtoul(word + 4, 0, 10);
        else if (strncmp(word, "local=", 6) == 0)
            snprintf(local, sizeof local, "%s", word + 6), plugin->program.local_ip = local;
        else if (strncmp(word, "settings=", 9) == 0)
            snprintf(plugin->settings, sizeof plugin->settings, "%s", word + 9);
        else if (*word)
            fprintf(stderr,
                    "librill-packetdrill: '%s' is no flag: mtu=N, local=ADDRESS, settings=FILE\n",
                    word);
    }
}
