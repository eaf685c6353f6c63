/* tests/interop/differential_rules.h: what the kernel and rill may answer differently. A rule looks
 * at one step, or, where that is null, at the states at the end. */
#ifndef TESTS_INTEROP_DIFFERENTIAL_RULES_H
#define TESTS_INTEROP_DIFFERENTIAL_RULES_H

#include "sequence.h"

struct rule {
    const char *name;
    bool (*explains)(const struct sequence *sequence, const struct step *step, const char *kernel,
                     const char *rill);
    bool parts; /* from there on the two are not in the same state: the rest says nothing */
    unsigned uses;
};

extern struct rule rules[]; /* the first that explains counts */
extern const unsigned rule_count;

#endif
