/* cli/host_options.h: the options that say which host rill is, the same in every command. */
#ifndef RILL_CLI_HOST_OPTIONS_H
#define RILL_CLI_HOST_OPTIONS_H

#include "cli/command.h"
#include "link/host.h"

struct host_options {
    struct host_config config;
    bool notices; /* what becomes of the interface is told on standard error */
};

bool cli_take_address(void *context, const char *text);
bool cli_take_peer(void *context, const char *text);
bool cli_take_gateway(void *context, const char *text);
bool cli_take_mac(void *context, const char *text);
bool cli_take_seed(void *context, const char *text);

/* Rows of a table of options; `o` is a pointer to a struct host_options, all zero. */
#define CLI_HOST_OPTIONS(o)                                                                          \
    {"--link",                                                                                       \
     CLI_TEXT,                                                                                       \
     &(o)->config.link,                                                                              \
     "KIND:NAME",                                                                                    \
     "tun: or tap:, a device (made if not there); packet:, an interface",                            \
     0},                                                                                             \
        {"--address",                                                                                \
         CLI_CALL,                                                                                   \
         (o),                                                                                        \
         "A/LEN",                                                                                    \
         "rill's address, may be repeated; auto: as routers say (10.77.0.2/24 and fd77::2/64)",      \
         cli_take_address},                                                                          \
        {"--peer",                                                                                   \
         CLI_CALL,                                                                                   \
         (o),                                                                                        \
         "A/LEN",                                                                                    \
         "the kernel's address on a device made here (the .1 and ::1)",                              \
         cli_take_peer},                                                                             \
        {"--gateway",                                                                                \
         CLI_CALL,                                                                                   \
         (o),                                                                                        \
         "A",                                                                                        \
         "for what is not in rill's prefixes; on tun all goes to the kernel",                        \
         cli_take_gateway},                                                                          \
        {"--mtu", CLI_NUMBER, &(o)->config.mtu, "BYTES", "largest packet (1500)", 0},                \
        {"--mac", CLI_CALL, (o), "M", "ours on tap and packet links (a random one)", cli_take_mac},  \
        {"--seed",     CLI_CALL, (o), "N", "not the system's randomness: for repeatable tests only", \
         cli_take_seed},                                                                             \
        {"--capture", CLI_TEXT, &(o)->config.capture, "FILE", "write every frame as pcapng", 0},     \
        {"--journal",                                                                                \
         CLI_TEXT,                                                                                   \
         &(o)->config.journal,                                                                       \
         "FILE",                                                                                     \
         "record every call: see rill replay",                                                       \
         0},                                                                                         \
    {                                                                                                \
        "--trace", CLI_TEXT, &(o)->config.trace, "FILE", "write what happens as lines of JSON", 0    \
    }

/* Opens the host. Returns CLI_DONE, or the exit code after an error that has been printed. */
int cli_host_open(struct host *host, const struct host_options *options);

/* Closes it; returns `code`, or CLI_FAILED if a file it wrote is not whole. */
int cli_host_close(struct host *host, int code);

#endif
