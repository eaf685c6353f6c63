/* tests/tcp/review.h: what the files of the review suite share: bugs that a hostile reading of the
 * source has found, each as the story that showed it. */
#ifndef TESTS_TCP_REVIEW_H
#define TESTS_TCP_REVIEW_H

#include "tcp/segment.h"

/* A second connection to the same listener, of a peer at another port. Both write through one
 * stack: take what one is owed before the other speaks, and close `first` alone. */
void accept_second(struct peer *second, const struct peer *first);
struct rill_stack_info stack_info(const struct peer *peer);
/* What an application does that lives by events: it writes when told WRITABLE, and not before.
 * Whether all of it was taken in this time. */
bool writes_within(struct peer *peer, size_t length, rill_time limit);

int review_tests(void);
int review2_tests(void);
int review_pool_tests(void);

#endif
