/* tcp/reassembly.h: the out-of-order half of the receive queue. */
#ifndef RILL_TCP_REASSEMBLY_H
#define RILL_TCP_REASSEMBLY_H

#include "tcp/receive_queue.h"

/* Keeps bytes that lie beyond rcv_nxt. Returns RILL_DROP_NONE or why they were not kept. */
enum rill_drop rill__reassembly_add(struct core *core, struct receive_slabs *slabs,
                                    struct receive_queue *queue, const struct rill_packet *packet,
                                    uint32_t from, uint32_t length, rill_seq sequence);

/* Moves what is in order now to the in-order half, and rcv_nxt with it. */
void rill__reassembly_drain(struct core *core, struct receive_slabs *slabs,
                            struct receive_queue *queue, rill_seq *rcv_nxt);

/* The first run of bytes in [sequence, sequence + length) that are kept already. False: none is. */
bool rill__reassembly_overlap(const struct receive_queue *queue, rill_seq sequence, uint32_t length,
                              rill_seq *left, rill_seq *right);

/* Gives up the range furthest away; there is one. */
void rill__reassembly_drop_last(struct core *core, struct receive_slabs *slabs,
                                struct receive_queue *queue);

/* Fills up to `max` SACK blocks, most recently changed first (RFC 2018 §4). Returns how many. */
struct wire_sack;
unsigned rill__reassembly_sacks(const struct receive_queue *queue, struct wire_sack *sacks,
                                unsigned max);

/* Shared by the two halves. */
bool rill__packet_part(const struct rill_packet *packet, uint32_t from, uint32_t length,
                       struct rill_slice *part);
bool rill__receive_push(struct core *core, struct receive_queue *queue, struct rill_slice slice,
                        uint32_t charge);
bool rill__receive_may_hold(const struct core *core, const struct receive_queue *queue,
                            const struct rill_block *block, size_t length);
void rill__receive_charge(struct core *core, struct receive_queue *queue, uint32_t charge);
void rill__receive_discharge(struct core *core, struct receive_queue *queue, uint32_t charge);

#endif
