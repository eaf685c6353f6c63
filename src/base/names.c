/* base/names.c: texts of the X-lists: errors, causes, drop reasons. */
#include <rill/trace.h>

const char *rill_error_text(int error) {
    switch (error) {
    case RILL_OK:
        return "fine";
#define CASE(name, value, text)                                                                    \
    case name:                                                                                     \
        return text;
        RILL_ERRORS(CASE)
#undef CASE
    default:
        return "unknown error";
    }
}

static const char *const cause_texts[] = {
#define TEXT(name, text) text,
    RILL_CAUSES(TEXT)
#undef TEXT
};

static const char *const drop_texts[] = {
#define TEXT(name, text, source) text,
    RILL_DROPS(TEXT)
#undef TEXT
};

static const char *const drop_sources[] = {
#define SOURCE(name, text, source) source,
    RILL_DROPS(SOURCE)
#undef SOURCE
};

static const char *const drop_names[] = {
#define NAME(name, text, source) #name,
    RILL_DROPS(NAME)
#undef NAME
};

const char *rill_cause_text(enum rill_cause cause) {
    return (unsigned)cause < RILL_CAUSE_COUNT ? cause_texts[cause] : "unknown cause";
}

const char *rill_drop_text(enum rill_drop drop) {
    return (unsigned)drop < RILL_DROP_COUNT ? drop_texts[drop] : "unknown reason";
}

const char *rill_drop_source(enum rill_drop drop) {
    return (unsigned)drop < RILL_DROP_COUNT ? drop_sources[drop] : "";
}

const char *rill_drop_name(enum rill_drop drop) {
    return (unsigned)drop < RILL_DROP_COUNT ? drop_names[drop] : "RILL_DROP_UNKNOWN";
}
