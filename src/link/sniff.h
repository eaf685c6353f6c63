/* link/sniff.h: what passes an interface, as the records of a capture. Nothing is sent, and nothing
 * is kept from whom it is for.
 *
 * sniff.c does it by libpcap; where that was not there when rill was built, sniff_absent.c says so.
 */
#ifndef RILL_LINK_SNIFF_H
#define RILL_LINK_SNIFF_H

#include "capture/reader.h"
#include "link/link.h"

struct sniff_config {
    const char *interface;
    const char *filter;   /* in the language of pcap-filter(7); null: all */
    uint64_t buffer;      /* bytes the kernel keeps for us; 0: libpcap's own 2 MiB */
    uint64_t snap_length; /* bytes of a packet; 0: all */
};

struct sniff_counts {
    uint64_t received;  /* by the kernel for us, dropped ones too */
    uint64_t dropped;   /* there was no room in the buffer */
    uint64_t interface; /* dropped by the interface, where it says so */
};

enum sniff_result {
    SNIFF_RECORD,
    SNIFF_NOTHING, /* for now */
    SNIFF_GONE,    /* the interface is, or it failed: sniff_fault */
};

struct sniff;

/* Null with `error` filled. */
struct sniff *sniff_open(const struct sniff_config *config, struct link_error *error);
void sniff_close(struct sniff *sniff);

/* Takes a record, if there is one; its data is valid until the next call. Never waits. */
enum sniff_result sniff_next(struct sniff *sniff, struct capture_record *record);
/* Until there may be one, a signal, or that time is over. */
void sniff_wait(struct sniff *sniff, rill_time most);

/* Since it was opened. Ask now and then: the kernel counts to 2^32. */
void sniff_count(struct sniff *sniff, struct sniff_counts *counts);
const char *sniff_fault(const struct sniff *sniff);
/* Of all its records. */
uint16_t sniff_link_type(const struct sniff *sniff);

#endif
