/* script/script.h: scripts in the packetdrill language, run against rill in virtual time.
 *
 * A script plays the network and the application of one host: it lets segments arrive, calls the
 * socket functions, and says which segments must leave, what the calls must return, and when.
 * docs/script.md describes the language. The host is a stack of its own with one interface; nothing
 * of the system is used, and the same script, defines and seed do the same again. */
#ifndef RILL_SCRIPT_SCRIPT_H
#define RILL_SCRIPT_SCRIPT_H

#include <rill/base.h>

/* What may differ from the script without failing it. */
#define SCRIPT_RELAXES(X)                                                                          \
    X(SCRIPT_RELAX_ORDER, "order")     /* of TCP options; nop and eol do not count */              \
    X(SCRIPT_RELAX_WINDOW, "window")   /* `win` of what rill sends */                              \
    X(SCRIPT_RELAX_TIMES, "times")     /* when rill sends, and when calls return */                \
    X(SCRIPT_RELAX_PUSH, "push")       /* the PSH bit */                                           \
    X(SCRIPT_RELAX_OPTIONS, "options") /* TCP options of segments without SYN */                   \
    X(SCRIPT_RELAX_REST, "rest")       /* what is left over at the end */

enum script_relax_number {
#define SCRIPT_RELAX_ENUM(name, text) name,
    SCRIPT_RELAXES(SCRIPT_RELAX_ENUM)
#undef SCRIPT_RELAX_ENUM
        SCRIPT_RELAX_COUNT
};

/* `#ifdef NAME` is read where NAME is defined; and where the word NAME stands in a packet or in a
 * call, `value` is read if it is not null. */
struct script_define {
    const char *name, *value;
};

struct script_config {
    struct rill_allocator allocator;
    const char *source;
    size_t length;
    const struct script_define *defines;
    size_t define_count;
    uint32_t relax;     /* 1 << enum script_relax_number */
    const char *family; /* "ipv4", "ipv6", "ipv4-mapped-ipv6": for scripts that do not say; or null
                         */
    uint64_t seed;
    /* Told what happens, line by line; may be null. */
    void (*tell)(void *context, const char *line);
    void *context;
};

struct script_result {
    bool passed;
    unsigned line;   /* where it failed; 0: nowhere in particular */
    char what[1024]; /* "expected …, came …" */
    unsigned events; /* that were run */
    rill_time time;  /* how long it lasted */
};

void script_run(const struct script_config *config, struct script_result *result);

#endif
