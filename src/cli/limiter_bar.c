/* cli/limiter_bar.c: see limiter_bar.h.
 *
 *     [hssssssssssssssssssrrrrrraaaaaaaaaaaaaaaf]  s slow_start 47 %, a application 36 %, …
 *
 * Parts stand in the order of enum rill_limiter; each that is not 0 has a cell at least. */
#include "cli/limiter_bar.h"

#include <stdio.h>

#define CELLS 40

static char letter_of(int limiter) {
    static const char letters[] = {'h', 'a', 'w', 's', 'c', 'p', 'b', 'r', 't', 'z', 'f'};
    _Static_assert(sizeof letters == RILL_LIMITER_COUNT, "a letter each");
    return letters[limiter];
}

/* The longest that is shorter than `below`, or of the same length and later; -1: none. */
static int next_longest(const uint64_t *ns, int last) {
    int best = -1;
    for (int i = 0; i < RILL_LIMITER_COUNT; i++) {
        bool after = last < 0 || ns[i] < ns[last] || (ns[i] == ns[last] && i > last);
        if (ns[i] && after && (best < 0 || ns[i] > ns[best]))
            best = i;
    }
    return best;
}

void cli_limiter_bar(const char *indent, const uint64_t ns[RILL_LIMITER_COUNT]) {
    uint64_t total = 0, before = 0;
    int at = 0;
    for (int i = 0; i < RILL_LIMITER_COUNT; i++)
        total += ns[i];
    if (!total)
        return;
    printf("%s[", indent);
    for (int i = 0; i < RILL_LIMITER_COUNT; i++) {
        before += ns[i];
        int end = (int)((double)before / (double)total * CELLS + 0.5);
        for (bool first = ns[i] > 0; (at < end || first) && at < CELLS; first = false, at++)
            putchar(letter_of(i));
    }
    printf("]");
    const char *comma = "  ";
    for (int i = next_longest(ns, -1); i >= 0; i = next_longest(ns, i)) {
        printf("%s%c %s %.3g %%", comma, letter_of(i), rill_limiter_name((enum rill_limiter)i),
               (double)ns[i] * 100 / (double)total);
        comma = ", ";
    }
    printf("\n");
}
