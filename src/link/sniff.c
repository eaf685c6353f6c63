/* link/sniff.c: see sniff.h. By libpcap: not promiscuous, times in nanoseconds where the interface
 * has them, and packets handed over when a block of the kernel's buffer is full or HANDED_AFTER is
 * over, so that there is not a wake-up for each. */
#include "link/sniff.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
    HANDED_AFTER_MS = 100,
    WITHOUT_FD_MS = 10,
    SNAP_LENGTH_MAX = 262144, /* libpcap's own limit */
    RAW_DLT = 12,             /* a DLT_ value that is another LINKTYPE_ one */
};

struct sniff {
    pcap_t *pcap;
    int fd;
    bool nanoseconds;
    uint16_t link_type;
    struct pcap_stat last; /* as the kernel counted when it was asked */
    struct sniff_counts counts;
    char fault[PCAP_ERRBUF_SIZE];
};

static bool fail(struct sniff *sniff, const struct sniff_config *config, int code,
                 struct link_error *error) {
    const char *said = pcap_geterr(sniff->pcap);
    switch (code) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
        link_error_set(error, LINK_MACHINE,
                       "there is no interface %s; 'ip link' shows those there are",
                       config->interface);
        break;
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
        link_error_set(error, LINK_MACHINE,
                       "no permission to look at %s: run as root, or give the program "
                       "CAP_NET_RAW (setcap cap_net_raw+ep)",
                       config->interface);
        break;
    case PCAP_ERROR_IFACE_NOT_UP:
        link_error_set(error, LINK_MACHINE, "interface %s is down; 'ip link set %s up' wakes it",
                       config->interface, config->interface);
        break;
    default:
        link_error_set(error, LINK_MACHINE, "cannot look at %s: %s", config->interface,
                       *said ? said : pcap_statustostr(code));
    }
    return false;
}

static bool activate(struct sniff *sniff, const struct sniff_config *config,
                     struct link_error *error) {
    pcap_t *pcap = sniff->pcap;
    uint64_t snap = config->snap_length;
    pcap_set_snaplen(pcap, snap && snap < SNAP_LENGTH_MAX ? (int)snap : SNAP_LENGTH_MAX);
    pcap_set_promisc(pcap, 0);
    pcap_set_timeout(pcap, HANDED_AFTER_MS);
    if (config->buffer)
        pcap_set_buffer_size(pcap, config->buffer < INT32_MAX ? (int)config->buffer : INT32_MAX);
    pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO); /* or microseconds it is */
    int code = pcap_activate(pcap);
    if (code < 0)
        return fail(sniff, config, code, error);
    if (pcap_setnonblock(pcap, 1, sniff->fault) < 0) {
        link_error_set(error, LINK_MACHINE, "cannot look at %s: %s", config->interface,
                       sniff->fault);
        return false;
    }
    sniff->fd = pcap_get_selectable_fd(pcap);
    sniff->nanoseconds = pcap_get_tstamp_precision(pcap) == PCAP_TSTAMP_PRECISION_NANO;
    int type = pcap_datalink(pcap);
    sniff->link_type = (uint16_t)(type == RAW_DLT ? CAPTURE_LINK_RAW : type);
    return true;
}

static bool set_filter(struct sniff *sniff, const char *filter, struct link_error *error) {
    struct bpf_program program;
    if (!filter)
        return true;
    if (pcap_compile(sniff->pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN)) {
        link_error_set(error, LINK_ASKED, "'%s' is no filter: %s; see pcap-filter(7)", filter,
                       pcap_geterr(sniff->pcap));
        return false;
    }
    int code = pcap_setfilter(sniff->pcap, &program);
    pcap_freecode(&program);
    if (code)
        link_error_set(error, LINK_MACHINE, "the filter cannot be set: %s",
                       pcap_geterr(sniff->pcap));
    return !code;
}

struct sniff *sniff_open(const struct sniff_config *config, struct link_error *error) {
    struct sniff *sniff = calloc(1, sizeof *sniff);
    if (!sniff) {
        link_error_set(error, LINK_MACHINE, "out of memory");
        return 0;
    }
    sniff->pcap = pcap_create(config->interface, sniff->fault);
    if (!sniff->pcap) {
        link_error_set(error, LINK_MACHINE, "cannot look at %s: %s", config->interface,
                       sniff->fault);
    } else if (activate(sniff, config, error) && set_filter(sniff, config->filter, error)) {
        return sniff;
    }
    sniff_close(sniff);
    return 0;
}

void sniff_close(struct sniff *sniff) {
    if (sniff && sniff->pcap)
        pcap_close(sniff->pcap);
    free(sniff);
}

enum sniff_result sniff_next(struct sniff *sniff, struct capture_record *record) {
    struct pcap_pkthdr *header;
    const u_char *data;
    int code = pcap_next_ex(sniff->pcap, &header, &data);
    if (code == 0)
        return SNIFF_NOTHING;
    if (code < 0) {
        snprintf(sniff->fault, sizeof sniff->fault, "%s", pcap_geterr(sniff->pcap));
        return SNIFF_GONE;
    }
    memset(record, 0, sizeof *record);
    record->data = data;
    record->length = header->caplen;
    record->wire_length = header->len > header->caplen ? header->len : header->caplen;
    record->when = (rill_time)header->ts.tv_sec * RILL_SECOND +
                   (rill_time)header->ts.tv_usec * (sniff->nanoseconds ? 1 : RILL_MICROSECOND);
    record->link_type = sniff->link_type;
    record->outbound = -1;
    return SNIFF_RECORD;
}

void sniff_wait(struct sniff *sniff, rill_time most) {
    uint64_t ms = (most + RILL_MILLISECOND - 1) / RILL_MILLISECOND;
    struct pollfd wanted = {sniff->fd, POLLIN, 0};
    if (sniff->fd < 0 && ms > WITHOUT_FD_MS)
        ms = WITHOUT_FD_MS;
    poll(&wanted, 1, (int)(ms < 60000 ? ms : 60000));
}

void sniff_count(struct sniff *sniff, struct sniff_counts *counts) {
    struct pcap_stat now;
    if (pcap_stats(sniff->pcap, &now) == 0) {
        sniff->counts.received += (uint32_t)(now.ps_recv - sniff->last.ps_recv);
        sniff->counts.dropped += (uint32_t)(now.ps_drop - sniff->last.ps_drop);
        sniff->counts.interface += (uint32_t)(now.ps_ifdrop - sniff->last.ps_ifdrop);
        sniff->last = now;
    }
    *counts = sniff->counts;
}

const char *sniff_fault(const struct sniff *sniff) {
    return sniff->fault;
}

uint16_t sniff_link_type(const struct sniff *sniff) {
    return sniff->link_type;
}
