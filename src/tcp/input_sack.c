/* tcp/input_sack.c: the SACK option of an ACK (RFC 2018, RFC 2883) into the scoreboard.
 *
 * A block is taken only if it lies within what is outstanding, beyond the ACK field. The first one
 * may instead report bytes that came twice (DSACK): it lies before the ACK field, or within the
 * second block. Blocks are taken in ascending order, so that what one ACK tells of several is no
 * sign of reordering. */
#include "tcp/host.h"

static bool is_within(const struct wire_sack *inner, rill_seq left, rill_seq right) {
    return seq_geq(inner->left, left) && seq_leq(inner->right, right);
}

/* RFC 2883 §4: judged by SEG.ACK, not by what other ACKs have said (§5). A report of what we can
 * never have sent, or too long ago to know, is none. */
static bool is_dsack(const struct connection *connection, const struct tcp_segment *segment) {
    const struct wire_sack *first = &segment->header.sacks[0];
    rill_seq number = segment->header.acknowledgement;
    uint32_t back = RILL_MAX(connection->snd_wnd_max, 65535);
    if (!seq_lt(first->left, first->right) || seq_gt(first->right, connection->snd_nxt) ||
        seq_lt(first->left, number - back))
        return false;
    if (seq_lt(first->left, number))
        return seq_leq(first->right, number);
    return segment->header.sack_count > 1 &&
           is_within(first, segment->header.sacks[1].left, segment->header.sacks[1].right);
}

void rill__input_sack(struct tcp_host *host, struct connection *connection,
                      const struct tcp_segment *segment, struct ack_summary *summary) {
    struct wire_sack blocks[WIRE_SACK_MAX];
    unsigned count = 0, i = 0;
    if (is_dsack(connection, segment)) {
        summary->dsack_left = segment->header.sacks[0].left;
        summary->dsack_right = segment->header.sacks[0].right;
        i = 1;
    }
    for (; i < segment->header.sack_count; i++) {
        struct wire_sack block = segment->header.sacks[i];
        if (!seq_lt(block.left, block.right) || seq_lt(block.left, connection->snd_una) ||
            seq_gt(block.right, connection->snd_nxt))
            continue;
        unsigned at = count++;
        for (; at > 0 && seq_gt(blocks[at - 1].left, block.left); at--)
            blocks[at] = blocks[at - 1];
        blocks[at] = block;
    }
    for (i = 0; i < count; i++)
        rill__scoreboard_sacked(&connection->active->scoreboard, &host->transmissions,
                                blocks[i].left, blocks[i].right, summary);
}
