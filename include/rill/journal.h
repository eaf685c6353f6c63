/* rill/journal.h: every call into a stack on record, and the record played again.
 *
 * A stack does nothing but answer its calls, so its config and the calls with their arguments are
 * all there is to know of a run. A stack whose config names a `journal` writes them there, and with
 * each what came of it; rill_journal_replay does the same again, bit for bit, on any machine.
 *
 * To write one: the bytes of rill_journal_begin first, then whatever the callback gives. Several
 * stacks of one thread may share a file if each has its own `journal_number`. */
#ifndef RILL_JOURNAL_H
#define RILL_JOURNAL_H

#include <rill/base.h>
#include <rill/packet.h>
#include <rill/stack.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes what a journal begins with to `out`. Returns its length, RILL_JOURNAL_HEADER. */
#define RILL_JOURNAL_HEADER 16
RILL_API size_t rill_journal_begin(uint8_t *out);

/* Where a replay stands as it ends. */
struct rill_replay_stack {
    struct rill_stack *stack;
    uint8_t number;             /* journal_number of its config */
    const rill_handle *handles; /* connections, listeners and sockets the application has, … */
    size_t handle_count;        /* … at most the last 1,024 */
};

struct rill_replay_config {
    size_t size; /* sizeof of this struct */
    struct rill_allocator allocator;
    uint64_t memory_max;       /* bytes the replay may use, the stacks' included; default 1 GiB */
    rill_time until;           /* stop before the first call later than this; default: never */
    rill_trace_function trace; /* of every stack; may be null */
    void *trace_context;
    void *context; /* for the two below, which may be null */
    /* A packet that a stack gets (`outbound` 0) or has sent (1). */
    void (*packet)(void *context, uint8_t number, const struct rill_packet *packet, int outbound,
                   rill_time now);
    /* Each stack that is still open at the end. It may be asked, not driven. */
    void (*at_end)(void *context, const struct rill_replay_stack *stack);
    bool ignore_checks; /* for fuzzers: damage is not looked for, but found where it leads */
};
RILL_API void rill_replay_config_default(struct rill_replay_config *config);

/* How a replay ended. name, text. */
#define RILL_REPLAY_ENDS(X)                                                                        \
    X(RILL_REPLAY_DONE, "the whole journal")                                                       \
    X(RILL_REPLAY_UNTIL, "stopped at the time asked for")                                          \
    X(RILL_REPLAY_TRUNCATED, "the journal ends within a call")                                     \
    X(RILL_REPLAY_MISMATCH, "the replay differs from the journal")                                 \
    X(RILL_REPLAY_DAMAGED, "the journal is damaged")                                               \
    X(RILL_REPLAY_MEMORY, "the replay ran out of memory")

enum rill_replay_end {
#define RILL_REPLAY_ENUM(name, text) name,
    RILL_REPLAY_ENDS(RILL_REPLAY_ENUM)
#undef RILL_REPLAY_ENUM
        RILL_REPLAY_END_COUNT
};
RILL_API const char *rill_replay_end_text(enum rill_replay_end end);

struct rill_replay_result {
    size_t size;
    enum rill_replay_end end;
    uint64_t calls, packets_in, packets_out;
    uint64_t requests_failed; /* requests for memory that failed then, and again now */
    rill_time first, last;    /* the span of virtual time; both 0 if no call had a time */
    uint64_t offset;          /* in the journal: where it ended */
    uint8_t number;           /* of the stack called last */
    const char *call;         /* the function called last, or null */
    char what[192];           /* MISMATCH and DAMAGED: what it is; else empty */
};

/* Runs a journal. Returns 0 and `result` (read `end`), RILL_ERROR_ARGUMENT (these bytes do not
 * begin like a journal of this version) or RILL_ERROR_MEMORY (not even a beginning was possible).
 */
RILL_API RILL_MUST_CHECK int rill_journal_replay(const void *bytes, size_t length,
                                                 const struct rill_replay_config *config,
                                                 struct rill_replay_result *result);

#ifdef __cplusplus
}
#endif
#endif
