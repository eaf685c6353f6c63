/* tcp/extra.h: what few connections have: options that applications seldom touch (tune.c), the
 * user timeout that both ends tell (user_timeout.c), and the search for the path's MTU (pmtud.c).
 */
#ifndef RILL_TCP_EXTRA_H
#define RILL_TCP_EXTRA_H

#include "tcp/congestion.h"

#define EXTRA_NO_FIN_WAIT_2 UINT32_MAX

struct extra {
    const struct rill_congestion_ops *congestion; /* null: the host's. tune.c, all of these */
    uint32_t user_timeout;                        /* ms; 0: none, the retries count */
    uint32_t fin_wait_2;   /* s, for an orphan; 0: the host's; EXTRA_NO_FIN_WAIT_2: not at all */
    uint32_t window_clamp; /* bytes; 0: none */
    uint32_t unsent_low;   /* bytes not yet sent that stop the writer; 0: none */
    uint8_t syn_retries;   /* 0: the host's */

    /* user_timeout.c; as in the option */
    bool timeout_owed;        /* what we offer is to be told */
    uint16_t timeout_offered; /* by us; 0: the option is not in use */
    uint16_t timeout_heard;   /* from the peer, the last time; 0: never */

    /* pmtud.c; sizes as connection->mss */
    bool searching;
    bool low_arrived;                 /* segments of search_low have, since it is that */
    uint16_t mss_limit;               /* before the path had its say; 0: it has had none */
    uint16_t search_low, search_high; /* arrives; may arrive */
    uint16_t probe_size;              /* under way; 0: none */
    rill_seq probe_start, probe_end;
    uint32_t lowered_at;  /* s, when the path's size was last found or changed */
    rill_seq doubted_at;  /* what a router says was too big for it … */
    uint16_t doubted_mtu; /* … so large; 0: nobody says so */
};
_Static_assert(sizeof(struct extra) <= 64, "docs/architecture.md, table 2");

#endif
