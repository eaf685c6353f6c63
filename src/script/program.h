/* script/program.h: a script as it has been read: a list of events, each with its time.
 *
 *     TIME < packet            arrives at rill
 *     TIME > packet            is expected of rill
 *     TIME name(…) = result    the application calls
 *     TIME `…`                 a line for a shell, answered by script/shell.c
 *     TIME %{ … }%             statements about the connection, by script/expression.c
 *
 * The numbers of a packet are the script's own: sequence numbers count from the first SYN of their
 * direction. script/connection.c turns them into those of the wire and back. */
#ifndef RILL_SCRIPT_PROGRAM_H
#define RILL_SCRIPT_PROGRAM_H

#include "script/script.h"

/* Times in ns, since the script began, or since the event before. */
struct script_time {
    bool relative;
    bool any;      /* `*`: whenever it comes */
    bool blocking; /* a...b: a call that returns at `until` */
    rill_time at;
    rill_time until; /* a~b: at the latest then; else equal to `at` */
};

enum script_option_kind { /* as on the wire (IANA) */
                          SCRIPT_OPTION_EOL = 0,
                          SCRIPT_OPTION_NOP = 1,
                          SCRIPT_OPTION_MSS = 2,
                          SCRIPT_OPTION_WSCALE = 3,
                          SCRIPT_OPTION_SACK_OK = 4,
                          SCRIPT_OPTION_SACK = 5,
                          SCRIPT_OPTION_TS = 8,
                          SCRIPT_OPTION_MD5 = 19,
                          SCRIPT_OPTION_FAST_OPEN = 34,
                          SCRIPT_OPTION_ACCECN_0 = 172,
                          SCRIPT_OPTION_ACCECN_1 = 174,
                          SCRIPT_OPTION_EXPERIMENT = 254,
};

#define SCRIPT_OPTIONS 40     /* in 40 bytes: at most so many */
#define SCRIPT_OPTION_DATA 38 /* bytes behind kind and length */

struct script_option {
    uint8_t kind;
    uint8_t length;        /* of `data` */
    bool has_data;         /* MD5: a digest is given */
    uint32_t value, echo;  /* MSS, wscale, TS */
    uint32_t ranges[4][2]; /* SACK */
    uint8_t range_count;
    uint8_t data[SCRIPT_OPTION_DATA]; /* everything else, as it lies on the wire */
};

enum script_ecn { /* what is said of the IP header's two bits */
                  SCRIPT_ECN_UNSAID = -1,
                  SCRIPT_ECN_NOT = 0,
                  SCRIPT_ECN_ECT1 = 1,
                  SCRIPT_ECN_ECT0 = 2,
                  SCRIPT_ECN_CE = 3,
                  SCRIPT_ECN_ECT = 4, /* either ECT */
};

#define SCRIPT_FLAG_AE 0x100 /* the ninth flag; the others are enum wire_tcp_flag */

struct script_packet {
    int8_t ecn; /* enum script_ecn */
    int16_t tos, ttl;
    int32_t flow_label;                     /* the last three: -1 if unsaid */
    uint16_t source_port, destination_port; /* 0: unsaid */
    uint16_t flags;
    uint32_t sequence, acknowledgement, length;
    uint16_t window, urgent;
    bool any_sequence, has_ack, has_window, has_urgent, any_options, zeros;
    uint8_t option_count;
    struct script_option options[SCRIPT_OPTIONS];
    /* ICMP: an error about a segment of rill's */
    bool icmp, has_quote;
    uint8_t icmp_type, icmp_code;
    uint32_t icmp_mtu;
    uint32_t quote_sequence, quote_length;
    const char *icmp_words[2]; /* type and code as written: the family decides */
};

enum script_value_kind {
    SCRIPT_VALUE_ANY,    /* ... */
    SCRIPT_VALUE_NUMBER, /* symbols too */
    SCRIPT_VALUE_TEXT,
    SCRIPT_VALUE_LIST,   /* [ … ] */
    SCRIPT_VALUE_STRUCT, /* { … } */
};

struct script_value {
    enum script_value_kind kind;
    const char *name; /* of a field of a struct, or null */
    int64_t number;
    const char *text;
    struct script_value *first, *next;
};

struct script_call {
    const char *name;
    struct script_value *arguments;
    unsigned argument_count;
    bool any_result;
    int64_t result;
    int error; /* errno, 0 if unsaid */
};

enum script_event_kind {
    SCRIPT_INBOUND,
    SCRIPT_OUTBOUND,
    SCRIPT_CALL,
    SCRIPT_CODE,
    SCRIPT_SHELL,
    SCRIPT_OPEN, /* an #ifdef that was passed over expected packets here: none is judged */
};

struct script_event {
    struct script_event *next;
    enum script_event_kind kind;
    unsigned line;
    struct script_time time;
    struct script_packet *packet;
    struct script_call *call;
    const char *text; /* code, shell */
};

enum script_family { SCRIPT_IPV4, SCRIPT_IPV6, SCRIPT_MAPPED };

struct script_program {
    struct script_event *events;
    /* options; 0 where the script says nothing */
    enum script_family family;
    rill_time tolerance, timestamp_tick;
    uint32_t mtu;
    const char *local_ip, *remote_ip;
    bool strict_segments;
};

#endif
