/* cli/host_options.c: see host_options.h. */
#include "cli/host_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "10.0.0.2/24" */
static bool parse_prefix(const char *text, struct link_prefix *out) {
    const char *slash = strchr(text, '/');
    char address[RILL_ADDRESS_TEXT];
    uint64_t length;
    if (!slash || (size_t)(slash - text) >= sizeof address || !cli_parse_number(slash + 1, &length))
        return false;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    if (rill_address_parse(address, &out->address))
        return false;
    out->length = (uint8_t)length;
    return length <= (rill_address_is_ipv4(&out->address) ? 32 : 128);
}

bool cli_take_address(void *context, const char *text) {
    struct host_config *config = &((struct host_options *)context)->config;
    if (strcmp(text, "auto") == 0) {
        config->autoconfigure = true;
        return true;
    }
    return config->address_count < HOST_ADDRESSES &&
           parse_prefix(text, &config->addresses[config->address_count++]);
}

bool cli_take_peer(void *context, const char *text) {
    struct host_config *config = &((struct host_options *)context)->config;
    return config->peer_count < HOST_ADDRESSES &&
           parse_prefix(text, &config->peers[config->peer_count++]);
}

bool cli_take_gateway(void *context, const char *text) {
    struct host_config *config = &((struct host_options *)context)->config;
    return rill_address_parse(text, &config->gateway) == 0;
}

bool cli_take_seed(void *context, const char *text) {
    struct host_config *config = &((struct host_options *)context)->config;
    config->seeded = true;
    return cli_parse_number(text, &config->seed);
}

/* "02:00:5e:10:00:01", not a group's. */
bool cli_take_mac(void *context, const char *text) {
    struct host_config *config = &((struct host_options *)context)->config;
    unsigned part[6];
    char more;
    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &part[0], &part[1], &part[2], &part[3], &part[4],
               &part[5], &more) != 6)
        return false;
    for (int i = 0; i < 6; i++)
        config->mac[i] = (uint8_t)part[i];
    return !(config->mac[0] & 1);
}

static void notice(const char *line) {
    fprintf(stderr, "rill: %s\n", line);
}

int cli_host_open(struct host *host, const struct host_options *options) {
    struct link_error error;
    const struct host_config *config = &options->config;
    if (host_open(host, config, &error)) {
        if (!config->autoconfigure || config->address_count ||
            host_await_address(host, 10 * RILL_SECOND)) {
            host->notice = options->notices ? notice : 0;
            return CLI_DONE;
        }
        cli_error("no router on %s has advertised an address within 10 s; give --address A/LEN",
                  host->link->name);
        host_close(host, &error);
        return CLI_FAILED;
    }
    cli_error("%s", error.text);
    static const int codes[] = {CLI_USAGE, CLI_MISSING, CLI_FAILED};
    return codes[error.fault];
}

int cli_host_close(struct host *host, int code) {
    struct link_error error;
    if (host_close(host, &error))
        return code;
    cli_error("%s", error.text);
    return code == CLI_DONE ? CLI_FAILED : code;
}
