/* cli/lab_flow.c: connections that carry bytes one way.
 *
 * The bytes are those of one block, over and over, by reference; where both ends are hosts they are
 * compared as they arrive. A flow is complete when its receiver has read to the end; if that is no
 * host of ours, when the sender's FIN is acknowledged, and with it every byte. */
#include "cli/lab.h"

#include "base/util.h"
#include <stdlib.h>
#include <string.h>

#define PATTERN 65521u /* a prime: what comes at a wrong place is seen */
#define CHUNK 16384u

static struct rill_stack *stack_of(const struct lab *lab, int end) {
    return lab->world.stacks[end];
}

static bool both_hosts(const struct lab *lab) {
    return lab->ends[0].host && lab->ends[1].host;
}

static bool make_pattern(struct lab *lab) {
    uint64_t x = 0x9e3779b97f4a7c15u;
    lab->pattern = rill_block_open(lab->pool, PATTERN);
    if (!lab->pattern)
        return false;
    for (uint8_t *p = rill_block_data(lab->pattern), *end = p + PATTERN; p < end; p++) {
        x ^= x << 13; /* xorshift64 */
        x ^= x >> 7;
        x ^= x << 17;
        *p = (uint8_t)(x >> 32);
    }
    return true;
}

static void end_over(struct lab_flow *flow, int end) {
    struct lab *lab = flow->lab;
    flow->done[end] = true;
    for (int i = 0; i < 2; i++)
        if (lab->ends[i].host && !flow->done[i])
            return;
    lab->over++;
}

/* Notes what the connection knows of itself. */
static void note(struct lab_flow *flow, int end) {
    struct rill_tcp_info info;
    struct lab *lab = flow->lab;
    if (end != lab->sender && lab->ends[lab->sender].host)
        return;
    if (rill_tcp_get_info(stack_of(lab, end), flow->handles[end], &info) == 0) {
        flow->info = info;
        lab_report_look(lab, flow, &info);
    }
}

static void give_up(struct lab_flow *flow, int end, bool abort) {
    struct rill_stack *stack = stack_of(flow->lab, end);
    if (flow->done[end])
        return;
    if (flow->handles[end]) {
        note(flow, end);
        if (abort)
            rill_tcp_abort(stack, flow->handles[end]);
        else
            rill_tcp_close(stack, flow->handles[end]);
        flow->handles[end] = 0;
    }
    end_over(flow, end);
}

static void complete(struct lab_flow *flow) {
    if (flow->complete)
        return;
    flow->complete = true;
    flow->completed = flow->lab->world.now;
}

static void fail(struct lab_flow *flow, int64_t error) {
    if (!flow->failed)
        flow->error = (int)error;
    flow->failed = true;
    for (int i = 0; i < 2; i++)
        if (flow->lab->ends[i].host)
            give_up(flow, i, true);
}

static struct lab_flow *add(struct lab *lab) {
    struct lab_flow *flow = &lab->list[lab->count++];
    flow->lab = lab;
    flow->opened = lab->world.now;
    for (int i = 0; i < 2; i++)
        flow->sides[i] = (struct lab_side){flow, i};
    return flow;
}

static int open_one(struct lab *lab) {
    struct rill_tcp_connect_config config;
    struct rill_tcp_info info;
    int end = lab->opener;
    struct lab_flow *flow = add(lab);
    rill_tcp_connect_config_default(&config);
    config.remote = lab->connect;
    config.user = &flow->sides[end];
    rill_advance(stack_of(lab, end), lab->world.now, 0); /* the connection is born now */
    int error = rill_tcp_connect(stack_of(lab, end), &config, &flow->handles[end]);
    if (error)
        return error;
    error = rill_tcp_get_info(stack_of(lab, end), flow->handles[end], &info);
    flow->sockets[end] = info.local;
    flow->sockets[!end] = info.remote;
    if (both_hosts(lab))
        lab->by_port[info.local.port] = (uint32_t)lab->count;
    return error;
}

static int listen_at(struct lab *lab, int end, uint16_t port) {
    struct rill_tcp_listen_config config;
    rill_tcp_listen_config_default(&config);
    config.local.port = port;
    config.backlog = UINT32_MAX;
    return rill_tcp_listen(stack_of(lab, end), &config, &lab->ends[end].listener);
}

int lab_flows_open(struct lab *lab) {
    int error = make_pattern(lab) ? 0 : RILL_ERROR_MEMORY;
    int other = !lab->opener;
    if (!error && lab->ends[other].host)
        error = listen_at(lab, other, (uint16_t)(both_hosts(lab) ? LAB_PORT : lab->listen_port));
    if (!error && both_hosts(lab)) {
        lab->connect.address = lab->ends[other].addresses[0].address;
        lab->connect.port = LAB_PORT;
    }
    for (uint64_t i = 0; !error && lab->ends[lab->opener].host && i < lab->flows; i++)
        error = open_one(lab);
    return error;
}

/* The flow that a connection to the listener belongs to; null: there are as many as asked for. */
static struct lab_flow *flow_of(struct lab *lab, int end, rill_handle handle) {
    struct rill_tcp_info info;
    struct lab_flow *flow = 0;
    if (rill_tcp_get_info(stack_of(lab, end), handle, &info))
        return 0;
    if (both_hosts(lab)) {
        uint32_t number = lab->by_port[info.remote.port];
        flow = number ? &lab->list[number - 1] : 0;
        return flow && !flow->handles[end] && !flow->done[end] ? flow : 0;
    }
    if (lab->count == lab->flows)
        return 0;
    flow = add(lab);
    flow->sockets[end] = info.local;
    flow->sockets[!end] = info.remote;
    return flow;
}

/* Queues what there is to send; then shuts down. */
static void send_more(struct lab_flow *flow) {
    struct lab *lab = flow->lab;
    struct rill_stack *stack = stack_of(lab, lab->sender);
    rill_handle handle = flow->handles[lab->sender];
    const uint8_t *pattern = rill_block_data(lab->pattern);
    while (!flow->shut && handle) {
        uint64_t left = lab->stopped ? 0 : lab->bytes - flow->sent;
        if (!left) {
            flow->shut = rill_tcp_shutdown(stack, handle) == 0;
            if (flow->shut)
                lab->closing[lab->closing_count++] = (uint32_t)(flow - lab->list);
            return;
        }
        size_t at = (size_t)(flow->sent % PATTERN);
        size_t length = (size_t)RILL_MIN(left, RILL_MIN(PATTERN - at, CHUNK));
        struct rill_slice slice = {pattern + at, length, lab->pattern};
        rill_block_hold(lab->pattern);
        int64_t taken = rill_tcp_send_slices(stack, handle, &slice, 1);
        if (taken != 1) {
            rill_block_drop(lab->pattern);
            if (taken < 0 && taken != RILL_ERROR_AGAIN && taken != RILL_ERROR_STATE)
                fail(flow, taken);
            return;
        }
        flow->sent += length;
    }
}

/* Are these the bytes that were sent there? */
static bool as_sent(const struct lab_flow *flow, const uint8_t *data, size_t length) {
    const uint8_t *pattern = rill_block_data(flow->lab->pattern);
    uint64_t at = flow->received;
    if (!both_hosts(flow->lab))
        return true;
    while (length) {
        size_t from = (size_t)(at % PATTERN), part = RILL_MIN(length, PATTERN - from);
        if (memcmp(pattern + from, data, part) != 0)
            return false;
        data += part;
        at += part;
        length -= part;
    }
    return true;
}

/* Reads what has come, and closes at the end. The sender goes on though its peer has said all. */
static void read_all(struct lab_flow *flow, int end) {
    static uint8_t buffer[65536];
    struct lab *lab = flow->lab;
    bool receives = end != lab->sender;
    while (flow->handles[end] && !flow->eof[end]) {
        int64_t n = rill_tcp_receive(stack_of(lab, end), flow->handles[end], buffer, sizeof buffer);
        if (n == RILL_ERROR_AGAIN || n == RILL_ERROR_STATE)
            return;
        if (n < 0) {
            fail(flow, n);
            return;
        }
        flow->eof[end] = n == 0;
        if (!receives)
            continue;
        if (!as_sent(flow, buffer, (size_t)n)) {
            fail(flow, 0);
            return;
        }
        flow->received += (uint64_t)n;
        if (n)
            continue;
        if (both_hosts(lab) && flow->received != flow->sent)
            fail(flow, 0);
        else
            complete(flow);
        give_up(flow, end, false);
    }
}

static void accept_all(struct lab *lab, int end) {
    rill_handle handle;
    while (lab->ends[end].listener &&
           rill_tcp_accept(stack_of(lab, end), lab->ends[end].listener, &handle) == 0) {
        struct lab_flow *flow = flow_of(lab, end, handle);
        if (!flow) {
            rill_tcp_abort(stack_of(lab, end), handle);
            continue;
        }
        flow->handles[end] = handle;
        rill_user_set(stack_of(lab, end), handle, &flow->sides[end]);
        if (end == lab->sender)
            send_more(flow);
        read_all(flow, end);
    }
}

/* Senders that have sent all and whose last byte is acknowledged are done. */
static void look_after_closing(struct lab *lab) {
    for (uint64_t i = 0; i < lab->closing_count;) {
        struct lab_flow *flow = &lab->list[lab->closing[i]];
        struct rill_tcp_info info;
        rill_handle handle = flow->handles[lab->sender];
        bool gone = !handle || rill_tcp_get_info(stack_of(lab, lab->sender), handle, &info);
        bool acked = !gone && !info.error &&
                     (info.state == RILL_TCP_FIN_WAIT_2 || info.state == RILL_TCP_TIME_WAIT ||
                      info.state == RILL_TCP_CLOSED);
        if (!gone && !acked) {
            i++;
            continue;
        }
        lab->closing[i] = lab->closing[--lab->closing_count];
        if (acked && !both_hosts(lab)) {
            flow->received = flow->sent;
            complete(flow);
        }
        if (acked)
            give_up(flow, lab->sender, false);
    }
}

void lab_flows_run(struct lab *lab) {
    for (int end = 0; end < 2; end++) {
        struct rill_event events[64];
        size_t n;
        if (!lab->ends[end].host)
            continue;
        accept_all(lab, end);
        while ((n = rill_events(stack_of(lab, end), events, 64)) > 0) {
            for (size_t i = 0; i < n; i++) {
                struct lab_side *side = events[i].user;
                if (!side)
                    continue;
                if (side->end == lab->sender)
                    send_more(side->flow);
                read_all(side->flow, side->end);
            }
        }
    }
    look_after_closing(lab);
    lab_report_step(lab);
}

void lab_flows_stop(struct lab *lab) {
    lab->stopped = true;
    for (uint64_t i = 0; i < lab->count; i++) {
        struct lab_flow *flow = &lab->list[i];
        if (lab->ends[lab->sender].host) {
            send_more(flow);
        } else { /* it receives from who knows nothing of our time */
            complete(flow);
            give_up(flow, !lab->sender, true);
        }
    }
}

bool lab_flows_over(const struct lab *lab) {
    return lab->over == lab->flows || (lab->stopped && lab->over == lab->count);
}

void lab_flows_close(struct lab *lab) {
    for (uint64_t i = 0; i < lab->count; i++) {
        struct lab_flow *flow = &lab->list[i];
        bool over = true;
        for (int end = 0; end < 2; end++)
            over &= !lab->ends[end].host || flow->done[end];
        if (!over && !flow->complete)
            fail(flow, 0);
    }
}
