/* link/sniff_absent.c: stands in for sniff.c where libpcap was not there when rill was built. */
#include "link/sniff.h"

struct sniff *sniff_open(const struct sniff_config *config, struct link_error *error) {
    link_error_set(error, LINK_MACHINE,
                   "cannot look at %s: built without libpcap; install libpcap-dev and build again",
                   config->interface);
    return 0;
}

void sniff_close(struct sniff *sniff) {
    (void)sniff;
}

enum sniff_result sniff_next(struct sniff *sniff, struct capture_record *record) {
    (void)sniff;
    (void)record;
    return SNIFF_GONE;
}

void sniff_wait(struct sniff *sniff, rill_time most) {
    (void)sniff;
    (void)most;
}

void sniff_count(struct sniff *sniff, struct sniff_counts *counts) {
    (void)sniff;
    *counts = (struct sniff_counts){0};
}

const char *sniff_fault(const struct sniff *sniff) {
    (void)sniff;
    return "built without libpcap";
}

uint16_t sniff_link_type(const struct sniff *sniff) {
    (void)sniff;
    return 0;
}
