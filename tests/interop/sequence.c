/* tests/interop/sequence.c: see sequence.h. */
#include "sequence.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/random.h"
#include "base/seq.h"

#include <stdio.h>
#include <string.h>

enum { IP_HEADER = 20 };

/* What the generator knows of both streams. */
struct model {
    struct random random;
    uint32_t window;        /* the subject's, at first */
    uint32_t sent, written; /* bytes in order, of the peer's and of the subject's */
};

static uint32_t below(struct model *model, uint32_t n) {
    return (uint32_t)rill__random_below(&model->random, n);
}

/* Mostly where it belongs; else before, in, at the edge of and beyond the window. */
static uint32_t some_sequence(struct model *model) {
    uint32_t at = model->sent;
    switch (below(model, 12)) {
    case 0:
        return at - 1;
    case 1:
        return at - below(model, 2000);
    case 2:
        return at + 1;
    case 3:
        return at + below(model, 4000);
    case 4:
        if (at) /* the window may have grown since */
            return at + 200000;
        return model->window + (below(model, 2) ? 1 : (uint32_t)-1); /* not just at the edge */
    case 5:
        return at + below(model, UINT32_MAX);
    default:
        return at;
    }
}

static uint32_t some_acknowledgement(struct model *model) {
    switch (below(model, 10)) {
    case 0:
        return model->written + 1;
    case 1:
        return model->written + 1 + below(model, 100000);
    case 2:
        return model->written - below(model, model->written + 1);
    case 3:
        return (uint32_t)-1;
    case 4:
        return below(model, UINT32_MAX);
    default:
        return model->written;
    }
}

static uint8_t some_flags(struct model *model) {
    static const uint8_t flags[] = {WIRE_ACK,
                                    WIRE_ACK,
                                    WIRE_ACK,
                                    WIRE_ACK,
                                    WIRE_ACK | WIRE_PSH,
                                    WIRE_ACK | WIRE_FIN,
                                    WIRE_ACK | WIRE_FIN,
                                    WIRE_RST,
                                    WIRE_RST | WIRE_ACK,
                                    WIRE_SYN,
                                    WIRE_SYN | WIRE_ACK,
                                    WIRE_FIN,
                                    0,
                                    WIRE_SYN | WIRE_FIN,
                                    WIRE_SYN | WIRE_RST};
    return flags[below(model, sizeof flags)];
}

static struct step some_segment(struct model *model, const struct sequence *sequence) {
    struct step step = {.kind = STEP_SEGMENT, .flags = some_flags(model), .window = 65535};
    step.sequence = some_sequence(model);
    step.acknowledgement = some_acknowledgement(model);
    step.length = below(model, 3) ? 0 : 1 + below(model, 1400);
    if (step.flags & (WIRE_SYN | WIRE_RST))
        step.length = 0;
    if (sequence->options & 2 && model->written && below(model, 6) == 0) {
        step.sack_left = below(model, model->written + 10);
        step.sack_right = step.sack_left + below(model, 1500);
    }
    if (step.sequence == model->sent && step.flags & WIRE_ACK && !(step.flags & WIRE_RST))
        model->sent += step.length;
    return step;
}

static struct step some_step(struct model *model, const struct sequence *sequence) {
    struct step step = {.kind = (uint8_t)below(model, STEP_KINDS * 3)};
    if (step.kind >= STEP_KINDS || step.kind == STEP_SEGMENT ||
        sequence->begin != BEGIN_ESTABLISHED)
        return some_segment(model, sequence);
    step.length = 1 + below(model, 2000);
    if (step.kind == STEP_WRITE)
        model->written += step.length;
    return step;
}

static struct step handshake(uint8_t flags, uint32_t sequence) {
    struct step step = {.flags = flags, .sequence = sequence, .window = 65535};
    return step;
}

/* 44 full segments, as a kernel rounds its buffer down to; of a listener's when it knows what the
 * peer's SYN leaves of a segment. */
static uint16_t sequence_window(const struct sequence *sequence) {
    bool timestamps = sequence->options & 4 && sequence->begin != BEGIN_SYN_SENT;
    return (uint16_t)(44 * (1460 - (timestamps ? 12 : 0)));
}

void sequence_make(struct sequence *sequence, uint64_t seed) {
    struct model model = {.sent = 0};
    memset(sequence, 0, sizeof *sequence);
    const uint64_t seeds[2] = {seed, 77};
    rill__random_init(&model.random, seeds);
    sequence->begin = (uint8_t)below(&model, BEGINS + 4);
    if (sequence->begin >= BEGINS)
        sequence->begin = BEGIN_ESTABLISHED;
    sequence->options = (uint8_t)(1 | below(&model, 16));
    sequence->window = model.window = sequence_window(sequence);
    sequence->peer_iss = (uint32_t)rill__random_next(&model.random);
    int n = 0;
    if (sequence->begin == BEGIN_HALF_OPEN || sequence->begin == BEGIN_ESTABLISHED)
        sequence->steps[n++] = handshake(WIRE_SYN, (uint32_t)-1);
    if (sequence->begin == BEGIN_ESTABLISHED)
        sequence->steps[n++] = handshake(WIRE_ACK, 0);
    int more = 1 + (int)below(&model, SEQUENCE_STEPS);
    while (more--)
        sequence->steps[n++] = some_step(&model, sequence);
    sequence->count = (uint8_t)n;
}

static size_t flags_text(uint8_t flags, char *out) {
    static const char letters[] = "FSRP.UEW";
    size_t n = 0;
    for (int i = 0; i < 8; i++)
        if (flags & 1 << i)
            out[n++] = letters[i];
    if (!n)
        out[n++] = '-';
    out[n] = 0;
    return n;
}

/* Relative numbers: near 0 they may be negative. Packetdrill counts the SYN as 0. */
static long long number(uint32_t relative) {
    return (long long)(int32_t)relative + 1;
}

void step_text(const struct sequence *sequence, int index, char *out, size_t room) {
    const struct step *step = &sequence->steps[index];
    char flags[12];
    (void)sequence;
    switch (step->kind) {
    case STEP_SEGMENT:
        flags_text(step->flags, flags);
        snprintf(out, room, "< %s %lld:%lld(%u)", flags, number(step->sequence),
                 number(step->sequence + step->length), step->length);
        if (step->flags & WIRE_ACK)
            snprintf(out + strlen(out), room - strlen(out), " ack %lld",
                     number(step->acknowledgement));
        snprintf(out + strlen(out), room - strlen(out), " win %u", step->window);
        if (step->sack_left != step->sack_right)
            snprintf(out + strlen(out), room - strlen(out), " <sack %lld:%lld>",
                     number(step->sack_left), number(step->sack_right));
        break;
    case STEP_WRITE:
        snprintf(out, room, "write(4, ..., %u) = %u", step->length, step->length);
        break;
    case STEP_READ:
        snprintf(out, room, "read(4, ..., %u)", step->length);
        break;
    case STEP_SHUTDOWN:
        snprintf(out, room, "shutdown(4, SHUT_WR)");
        break;
    default:
        snprintf(out, room, "close(4)");
        break;
    }
}

/* One run. */
struct run {
    const struct sequence *sequence;
    const struct subject *subject;
    uint16_t peer_port, own_port;
    uint8_t peer;     /* the last byte of its address */
    rill_seq own_iss; /* learned from its SYN */
    bool knows_iss, timestamps;
    uint32_t echo; /* the subject's last timestamp */
};

static void put_checksums(uint8_t *packet, size_t length) {
    size_t segment = length - IP_HEADER;
    uint64_t sum = rill__checksum_add(0, packet, IP_HEADER);
    rill__checksum_store(packet + 10, (uint16_t)~rill__checksum_fold(sum));
    sum = rill__checksum_pseudo(packet + 12, 8, 6, (uint32_t)segment);
    sum = rill__checksum_add(sum, packet + IP_HEADER, segment);
    rill__checksum_store(packet + IP_HEADER + 16, (uint16_t)~rill__checksum_fold(sum));
}

static void inject(struct run *run, const struct step *step, uint32_t tick) {
    static uint8_t packet[4096];
    uint8_t options = run->sequence->options;
    bool syn = (step->flags & WIRE_SYN) != 0;
    struct wire_tcp header = {
        .source_port = run->peer_port,
        .destination_port = run->own_port,
        .sequence = run->sequence->peer_iss + 1 + step->sequence,
        .acknowledgement = step->flags & WIRE_ACK ? run->own_iss + 1 + step->acknowledgement : 0,
        .window = step->window,
        .flags = step->flags,
        .mss = syn ? 1460 : 0,
        .sack_permitted = syn && options & 2,
        .has_window_scale = syn && options & 8,
        .window_scale = 7,
        .has_timestamps = syn ? (options & 4) != 0 : run->timestamps,
        .timestamp_value = 1000 + tick,
        .timestamp_echo = run->echo,
    };
    if (step->sack_left != step->sack_right && !syn) {
        header.sack_count = 1;
        header.sacks[0].left = run->own_iss + 1 + step->sack_left;
        header.sacks[0].right = run->own_iss + 1 + step->sack_right;
    }
    memset(packet, 0, sizeof packet);
    size_t length = IP_HEADER + rill__wire_tcp_emit(&header, packet + IP_HEADER) + step->length;
    packet[0] = 0x45;
    bytes_put16(packet + 2, (uint16_t)length);
    packet[8] = 64;
    packet[9] = 6;
    memcpy(packet + 12, "\x0a\x4d\x00\x02\x0a\x4d\x00\x01", 8);
    packet[15] = run->peer;
    put_checksums(packet, length);
    run->subject->put(packet, length);
}

static void add(char *text, const char *more) {
    size_t length = strlen(text);
    snprintf(text + length, SEQUENCE_TEXT - length, "%s", more);
}

/* A reply in words; what differs by rule is left out: PSH, windows, timestamps' values but for the
 * echo, the value of the window scale. */
static void describe(struct run *run, const struct wire_tcp *header, uint32_t length, char *text) {
    char part[200], flags[12];
    rill_seq iss = run->own_iss, irs = run->sequence->peer_iss;
    flags_text(header->flags & (uint8_t)~WIRE_PSH, flags);
    snprintf(part, sizeof part, "> %s", flags);
    add(text, part);
    long long first = number(header->sequence - iss - 1);
    if (header->flags & WIRE_RST && header->sequence == 0)
        first = 0; /* it has no number (RFC 9293 §3.10.7.1) */
    snprintf(part, sizeof part, " %lld(%u)", first, length);
    add(text, part);
    if (header->flags & WIRE_ACK) {
        snprintf(part, sizeof part, " ack %lld", number(header->acknowledgement - irs - 1));
        add(text, part);
    }
    if (header->mss) {
        snprintf(part, sizeof part, " mss %u", header->mss);
        add(text, part);
    }
    add(text, header->sack_permitted ? " sackOK" : "");
    add(text, header->has_window_scale ? " wscale" : "");
    if (header->has_timestamps) {
        snprintf(part, sizeof part, " ecr %u", header->timestamp_echo);
        add(text, part);
    }
    for (unsigned i = 0; i < header->sack_count; i++) {
        snprintf(part, sizeof part, " sack %lld:%lld", number(header->sacks[i].left - irs - 1),
                 number(header->sacks[i].right - irs - 1));
        add(text, part);
    }
    add(text, "\n");
}

static void collect(struct run *run, char *text) {
    static uint8_t packet[70000];
    size_t length;
    while ((length = run->subject->get(packet, sizeof packet)) > 0) {
        struct wire_tcp header;
        size_t head = (size_t)(packet[0] & 15) * 4;
        if (packet[0] >> 4 != 4 || packet[9] != 6 || length < head + 20 ||
            rill__wire_tcp_parse(packet + head, length - head, &header) ||
            (run->peer_port && header.destination_port != run->peer_port))
            continue;
        if (header.flags & WIRE_SYN) {
            run->own_iss = header.sequence;
            run->own_port = header.source_port;
            run->knows_iss = true;
            run->timestamps = header.has_timestamps && run->sequence->options & 4;
        }
        if (header.has_timestamps)
            run->echo = header.timestamp_value;
        describe(run, &header, (uint32_t)(length - head - header.header_length), text);
    }
}

void sequence_run(const struct sequence *sequence, const struct subject *subject,
                  struct answers *answers) {
    static uint16_t port = 1024; /* each pair of sockets once: the kernel remembers them a while */
    static uint8_t peer = 2;
    struct rill_tcpi info;
    struct run run = {.sequence = sequence, .subject = subject, .own_port = OWN_PORT};
    memset(answers, 0, sizeof *answers);
    if (++port > 60000) {
        port = 1024;
        peer = peer > 250 ? 2 : (uint8_t)(peer + 1);
    }
    run.peer_port = port;
    run.peer = peer;
    if (!subject->begin(sequence, peer, port)) {
        add(answers->end, "no beginning");
        return;
    }
    collect(&run, answers->step[0]);
    for (int i = 0; i < sequence->count; i++) {
        if (sequence->steps[i].kind == STEP_SEGMENT)
            inject(&run, &sequence->steps[i], (uint32_t)i);
        else
            subject->call(&sequence->steps[i]);
        collect(&run, answers->step[i]);
    }
    subject->info(&info);
    snprintf(answers->end, SEQUENCE_TEXT, "state %u received %llu acked %llu unacked %u sacked %u",
             info.tcpi_state, (unsigned long long)info.tcpi_bytes_received,
             (unsigned long long)info.tcpi_bytes_acked, info.tcpi_unacked, info.tcpi_sacked);
    struct step reset = {.flags = WIRE_RST | WIRE_ACK, .window = 65535};
    reset.sequence = (uint32_t)info.tcpi_bytes_received;
    if (run.knows_iss)
        inject(&run, &reset, 100);
    subject->end();
    char rest[SEQUENCE_TEXT] = "";
    collect(&run, rest);
}
