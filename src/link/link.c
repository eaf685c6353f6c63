/* link/link.c: which kind of link, by its name, and what the kinds have in common. See link.h. */
#include "link/link.h"

#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct {
    const char *name;
    bool ethernet;
    struct link *(*open)(const struct link_config *config, struct link_error *error);
} kinds[] = {
    {"tun:", false, tun_open},
    {"tap:", true, tap_open},
    {"packet:", true, packet_open},
};
#define KINDS (sizeof kinds / sizeof *kinds)

void link_error_set(struct link_error *error, enum link_fault fault, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    error->fault = fault;
}

int link_device_call(unsigned long call, struct ifreq *request) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int cause = ioctl(fd, call, request) ? errno : 0;
    close(fd);
    return cause;
}

bool link_take_name(struct link *link, const char *name, struct link_error *error) {
    if (!name[0] || strlen(name) >= sizeof link->name || strchr(name, '/')) {
        link_error_set(error, LINK_ASKED,
                       "'%s' is no name of a device: 1 to 15 characters, as in --link tun:rill0",
                       name);
        return false;
    }
    strcpy(link->name, name);
    return true;
}

static bool is_zero(const uint8_t mac[6]) {
    static const uint8_t none[6];
    return memcmp(mac, none, sizeof none) == 0;
}

/* Ours, or a random one of those anybody may use for himself (the second bit says so). */
static bool choose_mac(struct link_config *config, struct link_error *error) {
    if (!is_zero(config->mac))
        return true;
    if (config->seed) {
        memcpy(config->mac, config->seed, 6);
    } else if (getrandom(config->mac, 6, 0) != 6) {
        link_error_set(error, LINK_MACHINE, "no random numbers from the system: %s",
                       strerror(errno));
        return false;
    }
    config->mac[0] = (uint8_t)((config->mac[0] & 0xfc) | 2);
    return true;
}

struct link *link_open(const struct link_config *given, struct link_error *error) {
    struct link_config config = *given;
    if (!config.link) {
        link_error_set(error, LINK_ASKED,
                       "which link? give --link tun:NAME, such as --link tun:rill0");
        return 0;
    }
    for (size_t i = 0; i < KINDS; i++) {
        size_t length = strlen(kinds[i].name);
        if (strncmp(config.link, kinds[i].name, length) != 0)
            continue;
        if (!kinds[i].ethernet && !is_zero(config.mac)) {
            link_error_set(error, LINK_ASKED, "--mac is for Ethernet links; %s has none",
                           config.link);
            return 0;
        }
        if (kinds[i].ethernet && !choose_mac(&config, error))
            return 0;
        config.link += length;
        struct link *link = kinds[i].open(&config, error);
        if (link && kinds[i].ethernet) {
            link->framing = &rill_ethernet;
            memcpy(link->mac, config.mac, sizeof link->mac);
        }
        return link;
    }
    link_error_set(error, LINK_ASKED,
                   "'%s' is no link; use --link tun:NAME, tap:NAME or packet:INTERFACE",
                   config.link);
    return 0;
}
