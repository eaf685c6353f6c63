/* bench/captures.c: makes the captures that the stream tool is measured with: `captures web FILE`,
 * a gigabyte of short connections most of which use a four-tuple again, and `captures bulk
 * FILE`, 1.2 GB of one large transfer after another; `captures syns FILE`, 50 million SYNs that
 * nobody answers, 4.1 GB; `captures open FILE`, a million connections that stay open, each heard of
 * again at random. The same every time. With a third word, so many parts of 100; the file "-" is
 * standard output. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A port of no protocol that the peers would take apart, byte by byte. */
enum { SERVER_PORT = 40000 };
enum { TUPLES = 20000, CONNECTIONS = 150000, AT_ONCE = 64, MSS = 1448, BULK_BYTES = 390000000 };

static FILE *out;
static uint64_t now_us = UINT64_C(1700000000000000), seed = 88172645463325252u, packets;

static uint32_t next_random(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 16);
}

static void put16(uint8_t *p, unsigned value) {
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value) {
    put16(p, value >> 16);
    put16(p + 2, value & 0xffff);
}

struct flow {
    uint32_t client, seq[2]; /* 10.client; next numbers of client, server */
    uint16_t port, id[2];
    unsigned step, responses, left;
};

static void put_packet(struct flow *flow, int side, unsigned flags, unsigned length) {
    uint8_t frame[16 + 14 + 20 + 32 + MSS] = {0}, *ip = frame + 30, *tcp = ip + 20;
    uint32_t size = 66 + length, header[4];
    uint32_t ends[2] = {0x0a000000u | flow->client, 0x0aff0001u};
    now_us += 1 + next_random() % 20;
    header[0] = (uint32_t)(now_us / 1000000);
    header[1] = (uint32_t)(now_us % 1000000);
    header[2] = header[3] = size;
    memcpy(frame, header, 16);
    put16(frame + 28, 0x0800);
    ip[0] = 0x45;
    put16(ip + 2, 52 + length);
    put16(ip + 4, flow->id[side]++);
    put16(ip + 6, 0x4000);
    ip[8] = 64;
    ip[9] = 6;
    put32(ip + 12, ends[side]);
    put32(ip + 16, ends[!side]);
    put16(tcp, side ? SERVER_PORT : flow->port);
    put16(tcp + 2, side ? flow->port : SERVER_PORT);
    put32(tcp + 4, flow->seq[side]);
    put32(tcp + 8, flags & 16 ? flow->seq[!side] : 0);
    tcp[12] = 8 << 4;
    tcp[13] = (uint8_t)flags;
    put16(tcp + 14, 65535);
    put32(tcp + 20, 0x0101080a);
    put32(tcp + 24, (uint32_t)(now_us / 1000));
    put32(tcp + 28, flags & 16 ? (uint32_t)(now_us / 1000) - 1 : 0);
    memset(tcp + 32, 'a' + (int)(now_us % 26), length);
    flow->seq[side] += length + (flags & 3 ? 1 : 0);
    if (fwrite(frame, 1, 16 + size, out) != 16 + size) {
        perror("captures");
        exit(1);
    }
    packets++;
}

static void begin(struct flow *flow, unsigned tuple) {
    memset(flow, 0, sizeof *flow);
    flow->client = 1 + tuple % 5000;
    flow->port = (uint16_t)(32768 + tuple / 5000);
    flow->seq[0] = next_random();
    flow->seq[1] = next_random();
    flow->id[0] = (uint16_t)next_random();
    flow->id[1] = (uint16_t)next_random();
    flow->left = 3 + next_random() % 4;
}

/* One packet more; 0: it is over. */
static int step(struct flow *flow) {
    switch (flow->step++) {
    case 0:
        put_packet(flow, 0, 2, 0);
        break;
    case 1:
        put_packet(flow, 1, 18, 0);
        break;
    case 2:
        put_packet(flow, 0, 16, 0);
        break;
    case 3:
        put_packet(flow, 0, 24, 120 + next_random() % 300);
        break;
    case 4:
        put_packet(flow, 1, 16, MSS);
        break;
    case 5:
        put_packet(flow, 0, 16, 0);
        if (--flow->left)
            flow->step = 4;
        break;
    case 6:
        put_packet(flow, 1, 17, 0);
        break;
    case 7:
        put_packet(flow, 0, 17, 0);
        break;
    default:
        put_packet(flow, 1, 16, 0);
        return 0;
    }
    return 1;
}

static void web(unsigned percent) {
    static struct flow flows[AT_ONCE];
    unsigned begun = AT_ONCE, most = CONNECTIONS / 100 * percent, active = AT_ONCE;
    for (unsigned i = 0; i < AT_ONCE; i++)
        begin(&flows[i], i);
    while (active) {
        unsigned i = next_random() % active;
        if (step(&flows[i]))
            continue;
        if (begun < most)
            begin(&flows[i], begun++ % TUPLES);
        else
            flows[i] = flows[--active];
    }
}

static void bulk(unsigned percent) {
    for (unsigned i = 0; i < 3; i++) {
        struct flow flow;
        begin(&flow, i);
        for (int j = 0; j < 4; j++)
            step(&flow);
        for (uint64_t bytes = 0; bytes < (uint64_t)BULK_BYTES / 100 * percent; bytes += 2 * MSS) {
            put_packet(&flow, 1, 16, MSS);
            put_packet(&flow, 1, 16, MSS);
            put_packet(&flow, 0, 16, 0);
        }
        flow.step = 6;
        while (step(&flow))
            ;
    }
}

static void syns(unsigned percent) {
    uint64_t count = UINT64_C(500000) * percent;
    for (uint64_t i = 0; i < count; i++) {
        struct flow flow = {.client = (uint32_t)(i * 40503 % 0xff0000), .seq[0] = next_random()};
        flow.port = (uint16_t)(1024 + i / 0xff0000 * 7 + next_random() % 7);
        put_packet(&flow, 0, 2, 0);
    }
}

/* A request and its answer. */
static void ask(struct flow *flow) {
    put_packet(flow, 0, 24, 60 + next_random() % 100);
    put_packet(flow, 1, 24, 100 + next_random() % 200);
    put_packet(flow, 0, 16, 0);
}

static void open_ones(unsigned percent) {
    uint32_t count = 10000 * percent;
    struct flow *flows = calloc(count, sizeof *flows);
    if (!flows)
        exit(1);
    for (uint32_t i = 0; i < count; i++) {
        begin(&flows[i], i);
        flows[i].client = i % 0xff0000;
        flows[i].port = (uint16_t)(32768 + i / 0xff0000);
        for (unsigned j = 0; j < 3; j++)
            step(&flows[i]);
        ask(&flows[i]);
    }
    for (uint32_t i = 0; i < count; i++)
        ask(&flows[((uint64_t)next_random() * count) >> 32]);
    free(flows);
}

int main(int argc, char **argv) {
    static const uint32_t header[6] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 262144, 1};
    unsigned percent = argc > 3 ? (unsigned)atoi(argv[3]) : 100;
    static const struct {
        const char *name;
        void (*make)(unsigned percent);
    } kinds[] = {{"web", web}, {"bulk", bulk}, {"syns", syns}, {"open", open_ones}};
    size_t kind = 0, count = sizeof kinds / sizeof *kinds;
    while (argc > 2 && kind < count && strcmp(argv[1], kinds[kind].name) != 0)
        kind++;
    if (argc < 3 || kind == count) {
        fprintf(stderr, "usage: captures web|bulk|syns|open FILE [PERCENT]\n");
        return 2;
    }
    out = strcmp(argv[2], "-") == 0 ? stdout : fopen(argv[2], "wb");
    if (!out || fwrite(header, 1, sizeof header, out) != sizeof header) {
        perror(argv[2]);
        return 1;
    }
    setvbuf(out, 0, _IOFBF, 1 << 20);
    kinds[kind].make(percent);
    if (fclose(out)) {
        perror(argv[2]);
        return 1;
    }
    fprintf(stderr, "%llu packets\n", (unsigned long long)packets);
    return 0;
}
