/* tests/interop/differential_rules.c: what the kernel and rill may answer differently, and why.
 * "It" is the kernel. Most are places where the kernel departs from the RFCs' letter and rill does
 * not; a few are rill's departures (DEVIATION in the source), or left open by the RFCs. */
#include "differential_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bare ACKs and nothing else. */
static bool is_ack(const char *text) {
    if (!*text)
        return false;
    for (; *text; text = strchr(text, '\n') + 1)
        if (strncmp(text, "> . ", 4) != 0 || !strstr(text, "(0) ack "))
            return false;
    return true;
}

static bool is_reset(const char *text) {
    return !strncmp(text, "> R ", 4);
}

/* The text without one kind of words. */
static void without(const char *text, const char *word, char out[SEQUENCE_TEXT]) {
    snprintf(out, SEQUENCE_TEXT, "%s", text);
    for (char *at; (at = strstr(out, word));) {
        size_t length = strlen(word);
        length += strcspn(at + length, " \n");
        memmove(at, at + length, strlen(at + length) + 1);
    }
}

static bool same_without(const char *a, const char *b, const char *word) {
    char bare[2][SEQUENCE_TEXT];
    without(a, word, bare[0]);
    without(b, word, bare[1]);
    return !strcmp(bare[0], bare[1]);
}

static bool is_segment(const struct step *step, uint8_t flags) {
    return step && step->kind == STEP_SEGMENT && step->flags & flags;
}

/* The number of the byte that the peer sends next in order, at the time of a step. */
static uint32_t sent_before(const struct sequence *sequence, const struct step *step) {
    uint32_t sent = 0;
    bool begun = false;
    for (int i = 0; i < sequence->count && &sequence->steps[i] != step; i++) {
        const struct step *at = &sequence->steps[i];
        bool opens = !begun && is_segment(at, WIRE_SYN) && !(at->flags & (WIRE_RST | WIRE_FIN));
        if (opens)
            sent = at->sequence + 1;
        begun |= opens;
        if (is_segment(at, WIRE_RST) && sequence->begin != BEGIN_SYN_SENT)
            begun = false; /* it may be a listener again */
        if (is_segment(at, WIRE_ACK) && (int32_t)(at->sequence - sent) <= 0 &&
            (int32_t)(at->sequence + at->length - sent) > 0)
            sent = at->sequence + at->length;
    }
    return sent;
}

/* RFC 9293 §3.8.6.3 leaves it to the receiver, up to every second full segment. */
static bool delays(const struct sequence *sequence, const struct step *step, const char *kernel,
                   const char *rill) {
    bool owed = sequence->begin == BEGIN_SYN_SENT; /* our peer's SYN */
    for (int i = 0; step && i < sequence->count && &sequence->steps[i] <= step; i++)
        owed |= sequence->steps[i].length || sequence->steps[i].flags & WIRE_FIN;
    return owed && ((!*kernel && is_ack(rill)) || (!*rill && is_ack(kernel)));
}

/* It drops them before it looks at the sequence number; the RFC answers what is out of the window
 * first. */
static bool without_ack(const struct sequence *sequence, const struct step *step,
                        const char *kernel, const char *rill) {
    (void)sequence;
    return step && step->kind == STEP_SEGMENT &&
           !(step->flags & (WIRE_ACK | WIRE_RST | WIRE_SYN)) && !*kernel && is_ack(rill);
}

/* In SYN-RECEIVED it looks at the ACK before the sequence number; the RFC the other way round. */
static bool ack_first(const struct sequence *sequence, const struct step *step, const char *kernel,
                      const char *rill) {
    (void)sequence;
    return is_segment(step, WIRE_ACK) && is_reset(kernel) && (is_ack(rill) || !*rill);
}

/* An ACK below the first byte that was ever sent: it knows how much that is, also of an old
 * connection; rill goes by the largest window seen, as RFC 5961 §5.2 has it. */
static bool ack_of_nothing(const struct sequence *sequence, const struct step *step,
                           const char *kernel, const char *rill) {
    (void)sequence;
    return is_segment(step, WIRE_ACK) && (int32_t)step->acknowledgement < 0 && is_ack(kernel) &&
           strcmp(kernel, rill) != 0;
}

/* The same of a segment with bytes: they are lost on it, and kept by rill. */
static bool bytes_with_ack_of_nothing(const struct sequence *sequence, const struct step *step,
                                      const char *kernel, const char *rill) {
    bool lost = false;
    (void)kernel;
    (void)rill;
    for (int i = 0; i < sequence->count && &sequence->steps[i] != step; i++) {
        const struct step *at = &sequence->steps[i];
        lost |= is_segment(at, WIRE_ACK) && (int32_t)at->acknowledgement < 0 &&
                (at->length || at->flags & WIRE_FIN);
    }
    return lost && sequence->begin == BEGIN_ESTABLISHED;
}

/* In the SYN-RECEIVED of a simultaneous open it is satisfied with an ACK of its SYN's own number;
 * the RFC wants the next. */
static bool ack_of_no_syn(const struct sequence *sequence, const struct step *step,
                          const char *kernel, const char *rill) {
    return sequence->begin == BEGIN_SYN_SENT && is_segment(step, WIRE_ACK) &&
           step->acknowledgement == (uint32_t)-1 && !is_reset(kernel) && is_reset(rill);
}

/* A bare ACK at the window's right edge ends its SYN-RECEIVED; the RFC's table has it outside. */
static bool ack_at_edge(const struct sequence *sequence, const struct step *step,
                        const char *kernel, const char *rill) {
    return is_segment(step, WIRE_ACK) && !step->length &&
           step->sequence - sent_before(sequence, step) == sequence->window && !*kernel &&
           is_ack(rill);
}

/* Of a segment whose ACK is refused it may keep the timestamp. */
static bool echo(const struct sequence *sequence, const struct step *step, const char *kernel,
                 const char *rill) {
    (void)sequence;
    return step && *kernel && same_without(kernel, rill, " ecr ");
}

/* It repeats its own offers in the SYN-ACK of a simultaneous open; RFC 7323 §3.2 and RFC 2018 §2
 * let only what both have offered be in it. */
static bool offers(const struct sequence *sequence, const struct step *step, const char *kernel,
                   const char *rill) {
    return step && sequence->begin == BEGIN_SYN_SENT && strstr(kernel, "> S. ") &&
           strstr(rill, "> S. ");
}

/* A SYN within the window of SYN-RECEIVED, or of the FIN-WAIT-2 of a connection that was closed: it
 * answers with RST and forgets. The RFC goes back to LISTEN without a word (§3.10.7.4, fourth), or
 * challenges (RFC 5961 §4.2). */
static bool syn_again(const struct sequence *sequence, const struct step *step, const char *kernel,
                      const char *rill) {
    (void)sequence;
    return is_segment(step, WIRE_SYN) && !strncmp(kernel, "> R. 0(0)", 9) &&
           (!*rill || is_ack(rill));
}

/* Duplicate ACKs that are more than the segments in flight behind the first tell it nothing; RFC
 * 5681 §3.2 counts them all the same. */
static bool few_in_flight(const struct sequence *sequence, const struct step *step,
                          const char *kernel, const char *rill) {
    return is_segment(step, WIRE_ACK) && !(sequence->options & 2) && !*kernel && *rill &&
           strstr(rill, " R") == 0;
}

/* It takes an RST for in the window from one number before it up to the right edge, and challenges;
 * RFC 5961 §3.2 has both outside. */
static bool reset_beside(const struct sequence *sequence, const struct step *step,
                         const char *kernel, const char *rill) {
    (void)sequence;
    return is_segment(step, WIRE_RST) && is_ack(kernel) && !*rill;
}

/* An RST at the end of the last bytes that it has SACKed counts for it as well. */
static bool reset_at_sack(const struct sequence *sequence, const struct step *step,
                          const char *kernel, const char *rill) {
    (void)sequence;
    return is_segment(step, WIRE_RST) && !*kernel && is_ack(rill) && strstr(rill, " sack ");
}

/* What is left of a segment that is half acknowledged may become one with the next. */
static bool unacked(const struct sequence *sequence, const struct step *step, const char *kernel,
                    const char *rill) {
    (void)sequence;
    return !step && same_without(kernel, rill, " unacked ");
}

/* After the peer's FIN it takes an RST with the FIN's own number (some systems send that); RFC 5961
 * §3.2 only the next. */
static bool reset_after_fin(const struct sequence *sequence, const struct step *step,
                            const char *kernel, const char *rill) {
    bool reset = false;
    (void)kernel;
    (void)rill;
    for (int i = 0; i < sequence->count && &sequence->steps[i] != step; i++)
        for (int k = 0; k < i; k++) {
            const struct step *at = &sequence->steps[i], *fin = &sequence->steps[k];
            reset |= is_segment(at, WIRE_RST) && is_segment(fin, WIRE_FIN) &&
                     at->sequence == fin->sequence + fin->length;
        }
    return reset;
}

/* Its SACK and DSACK tell of a FIN's and a SYN's number too; rill's of bytes. */
static bool sack_of_fin(const struct sequence *sequence, const struct step *step,
                        const char *kernel, const char *rill) {
    char bare[2][SEQUENCE_TEXT];
    (void)sequence;
    if (!step || !*kernel || !*rill)
        return false;
    without(kernel, " sack ", bare[0]);
    without(rill, " sack ", bare[1]);
    return same_without(bare[0], bare[1], " ecr ");
}

/* The ACK in a segment all of whose bytes are old: it is not looked at if the bytes have been
 * acknowledged. rill looks at it: by the letter two ends that have both filled the other's window
 * would drop each other's ACKs. */
static bool ack_in_old(const struct sequence *sequence, const struct step *step, const char *kernel,
                       const char *rill) {
    bool old = false;
    (void)kernel;
    (void)rill;
    for (int i = 0; i < sequence->count; i++) {
        const struct step *at = &sequence->steps[i];
        uint32_t end = at->sequence + at->length;
        old |= is_segment(at, WIRE_ACK) && !(at->flags & WIRE_SYN) &&
               (int32_t)(end - sent_before(sequence, at)) <= 0 &&
               (at->length || at->flags & WIRE_FIN);
    }
    return !step && old;
}

/* Bytes of consecutive segments, if it is these alone; 0: not so. */
static unsigned long bytes_in(const char *text, unsigned long *first) {
    unsigned long sum = 0;
    for (; *text; text = strchr(text, '\n') + 1) {
        char *end;
        if (strncmp(text, "> . ", 4) != 0)
            return 0;
        unsigned long at = strtoul(text + 4, &end, 10), length = strtoul(end + 1, 0, 10);
        *first = sum ? *first : at;
        if (!length || at != *first + sum)
            return 0;
        sum += length;
    }
    return sum;
}

/* The same bytes in other pieces: it makes all of a write's segments shorter when it has SACK
 * blocks to tell, rill only those that have room for them. */
static bool pieces(const struct sequence *sequence, const struct step *step, const char *kernel,
                   const char *rill) {
    unsigned long first[2] = {0, 0}, sum = bytes_in(kernel, &first[0]);
    (void)sequence;
    return step && sum && sum == bytes_in(rill, &first[1]) && first[0] == first[1];
}

/* Of a closed connection in FIN-WAIT-2 it keeps a small record that does not look at the ACK. */
static bool closed_record(const struct sequence *sequence, const struct step *step,
                          const char *kernel, const char *rill) {
    bool closed = false;
    for (int i = 0; i < sequence->count && &sequence->steps[i] != step; i++)
        closed |= sequence->steps[i].kind == STEP_CLOSE;
    return closed && is_segment(step, WIRE_ACK) && is_ack(kernel) && is_ack(rill);
}

/* A FIN whose number a byte has already: it takes it, and drops the bytes. rill takes the bytes:
 * they have been acknowledged, or will be. */
static bool fin_within(const struct sequence *sequence, const struct step *step, const char *kernel,
                       const char *rill) {
    bool within = false;
    (void)kernel;
    (void)rill;
    for (int i = 0; i < sequence->count && (!step || &sequence->steps[i] <= step); i++)
        for (int k = 0; k < sequence->count; k++) {
            const struct step *fin = &sequence->steps[i], *data = &sequence->steps[k];
            within |= is_segment(fin, WIRE_FIN) && is_segment(data, WIRE_ACK) &&
                      (int32_t)(data->sequence + data->length - fin->sequence - fin->length) > 0;
        }
    return within;
}

struct rule rules[] = {
    {"RST at the end of what is SACKed", reset_at_sack, true, 0},
    {"SYN-RECEIVED: an ACK at the window's right edge", ack_at_edge, true, 0},
    {"whether an ACK of new bytes is delayed", delays, false, 0},
    {"no ACK, SYN or RST: dropped before the sequence is looked at", without_ack, false, 0},
    {"SYN-RECEIVED: the ACK is looked at first", ack_first, true, 0},
    {"an ACK of what was never sent is challenged by how much was", ack_of_nothing, true, 0},
    {"bytes with an ACK of what was never sent", bytes_with_ack_of_nothing, true, 0},
    {"simultaneous open: an ACK of no more than was before", ack_of_no_syn, true, 0},
    {"timestamp of a refused segment", echo, false, 0},
    {"simultaneous open: all offers repeated", offers, true, 0},
    {"SYN in the window of SYN-RECEIVED", syn_again, true, 0},
    {"duplicate ACKs beyond what is in flight", few_in_flight, true, 0},
    {"RST beside the window", reset_beside, false, 0},
    {"RST with the FIN's number", reset_after_fin, true, 0},
    {"unacknowledged segments, in other pieces", unacked, true, 0},
    {"SACK of a FIN or SYN", sack_of_fin, false, 0},
    {"the same bytes in other pieces", pieces, false, 0},
    {"the ACK in an old segment", ack_in_old, true, 0},
    {"closed, FIN-WAIT-2: the ACK is not looked at", closed_record, true, 0},
    {"FIN within bytes", fin_within, true, 0},
};
const unsigned rule_count = sizeof rules / sizeof *rules;
