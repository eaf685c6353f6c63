/* tests/link/frame_test.c: frames that are several UDP datagrams in one, as a veth's peer may send
 * them, cut into what they stand for, or dropped if they are not what they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/random.h"
#include "link/frame.h"
#include "world.h"

struct fixture {
    struct test_memory memory;
    struct rill_allocator allocator;
    struct rill_pool *pool;
};

static void start(struct fixture *f) {
    memset(f, 0, sizeof *f);
    f->allocator = test_allocator(&f->memory);
    f->pool = rill_pool_open(&f->allocator, 0);
    assert_non_null(f->pool);
}

static void finish(struct fixture *f) {
    rill_pool_close(f->pool);
    assert_int_equal(f->memory.live_bytes, 0);
}

static struct rill_packet *take(struct fixture *f, const uint8_t *frame, size_t length,
                                const struct virtio_net_hdr *header, enum frame_kind *kind) {
    struct frame_room room = {0};
    struct iovec parts[FRAME_IN_PARTS];
    struct virtio_net_hdr ignored;
    struct rill_packet *packet = rill_packet_open(f->pool);
    assert_non_null(packet);
    assert_true(frame_room_open(&room, f->pool, &ignored, parts));
    size_t first = length < FRAME_SMALL ? length : FRAME_SMALL;
    memcpy(parts[1].iov_base, frame, first);
    memcpy(parts[2].iov_base, frame + first, length - first);
    frame_room_give(&room, packet, length);
    frame_room_close(&room);
    packet->link_length = FRAME_ETHERNET;
    *kind = frame_take_header(header, packet);
    return packet;
}

/* An Ethernet frame with IP and UDP header before `payload` bytes. Returns its length. */
static size_t make(uint8_t *frame, bool ipv6, size_t payload, struct virtio_net_hdr *header) {
    size_t transport = ipv6 ? 40 : 20;
    uint8_t *ip = frame + FRAME_ETHERNET;
    memset(frame, 0, FRAME_ETHERNET + transport + 8);
    ip[0] = ipv6 ? 0x60 : 0x45;
    ip[ipv6 ? 6 : 9] = 17;
    bytes_put16(ip + 4, 0xfffe); /* the identification, if it has one */
    memset(ip + (ipv6 ? 8 : 12), 0x0a, ipv6 ? 32 : 8);
    bytes_put16(ip + transport, 1000);
    bytes_put16(ip + transport + 2, 2000);
    for (size_t i = 0; i < payload; i++)
        ip[transport + 8 + i] = (uint8_t)(i * 7 + i / 256);
    *header = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                      .gso_type = 5,
                                      .gso_size = 1000,
                                      .csum_start = (uint16_t)(FRAME_ETHERNET + transport),
                                      .csum_offset = 6};
    return FRAME_ETHERNET + transport + 8 + payload;
}

static void several_datagrams_in_a_frame_are_cut_into_whole_ones(void **state) {
    static uint8_t frame[66000], out[2000];
    (void)state;
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct fixture f;
        struct virtio_net_hdr header;
        enum frame_kind kind;
        size_t transport = ipv6 ? 40 : 20, at = 0;
        start(&f);
        size_t length = make(frame, ipv6, 60500, &header);
        struct rill_packet *packet = take(&f, frame, length, &header, &kind), *next;
        assert_int_equal(kind, FRAME_DATAGRAMS);
        uint32_t index = 0;
        for (packet = frame_split(packet); packet; packet = next, index++) {
            next = packet->next;
            size_t payload = index == 60 ? 500 : 1000;
            assert_int_equal(packet->length, FRAME_ETHERNET + transport + 8 + payload);
            rill_packet_flatten(packet, out);
            uint8_t *ip = out + FRAME_ETHERNET;
            uint32_t udp = (uint32_t)payload + 8;
            if (!ipv6) {
                assert_int_equal(bytes_get16(ip + 2), 20 + udp);
                assert_int_equal(bytes_get16(ip + 4), (0xfffe + index) & 0xffff);
                assert_int_equal(rill__checksum_fold(rill__checksum_add(0, ip, 20)), 0xffff);
            } else {
                assert_int_equal(bytes_get16(ip + 4), udp);
            }
            uint64_t sum = rill__checksum_pseudo(ip + (ipv6 ? 8 : 12), ipv6 ? 32 : 8, 17, udp);
            sum = rill__checksum_add(sum, ip + transport, udp);
            assert_int_equal(rill__checksum_fold(sum), 0xffff);
            assert_int_equal(bytes_get16(ip + transport + 4), udp);
            assert_memory_equal(ip + transport + 8, frame + FRAME_ETHERNET + transport + 8 + at,
                                payload);
            at += payload;
            rill_packet_drop(packet);
        }
        assert_int_equal(index, 61);
        finish(&f);
    }
}

static void frames_that_are_no_datagrams_come_to_nothing(void **state) {
    static uint8_t frame[4000];
    struct fixture f;
    struct random random;
    const uint64_t seed[2] = {3, 4};
    size_t pieces = 0, nothing = 0;
    (void)state;
    start(&f);
    rill__random_init(&random, seed);
    for (int i = 0; i < 50000; i++) {
        struct virtio_net_hdr header;
        enum frame_kind kind;
        size_t length = make(frame, i & 1, 2500, &header);
        length = (size_t)rill__random_below(&random, length + 1);
        for (unsigned turned = (unsigned)rill__random_below(&random, 4); turned; turned--)
            frame[rill__random_below(&random, 70)] = (uint8_t)rill__random_below(&random, 256);
        if (i % 3 == 0)
            header.csum_start = (uint16_t)rill__random_below(&random, i % 5 ? 90 : 65536);
        if (i % 7 == 0)
            header.csum_offset = (uint16_t)rill__random_below(&random, i % 5 ? 20 : 65536);
        if (i % 11 == 0)
            header.gso_size = (uint16_t)rill__random_below(&random, 65536);
        struct rill_packet *packet = take(&f, frame, length, &header, &kind), *next;
        if (kind != FRAME_DATAGRAMS) {
            rill_packet_drop(packet);
            continue;
        }
        packet = frame_split(packet);
        nothing += !packet;
        for (; packet; packet = next, pieces++) {
            next = packet->next;
            rill_packet_flatten(packet, frame);
            rill_packet_drop(packet);
        }
    }
    assert_true(pieces > 10000 && nothing > 100);
    finish(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_datagrams_in_a_frame_are_cut_into_whole_ones),
        cmocka_unit_test(frames_that_are_no_datagrams_come_to_nothing),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
