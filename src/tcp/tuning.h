/* tcp/tuning.h: what an application has changed about one connection, and few do. tune.c */
#ifndef RILL_TCP_TUNING_H
#define RILL_TCP_TUNING_H

#include "tcp/congestion.h"

#define TUNING_NO_FIN_WAIT_2 UINT32_MAX

struct tuning {
    const struct rill_congestion_ops *congestion; /* null: the host's */
    uint32_t user_timeout;                        /* ms; 0: none, the retries count */
    uint32_t fin_wait_2;   /* s, for an orphan; 0: the host's; TUNING_NO_FIN_WAIT_2: not at all */
    uint32_t window_clamp; /* bytes; 0: none */
    uint8_t syn_retries;   /* 0: the host's */
};
_Static_assert(sizeof(struct tuning) <= 40, "docs/architecture.md, table 2");

#endif
