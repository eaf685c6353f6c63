/* tests/link/tun_test.c: what a TUN link makes of offload headers, sensible or not. A socketpair of
 * packets stands in for the device, so that anything at all can come out of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "link/tun.h"
#include "world.h"
#include <linux/virtio_net.h>
#include <rill/capture.h>
#include <sys/socket.h>
#include <unistd.h>

struct fixture {
    struct test_memory memory;
    struct rill_allocator allocator;
    struct rill_pool *pool;
    struct link *tun;
    int kernel; /* the other side */
};

static void open_tun(struct fixture *f) {
    int ends[2];
    memset(f, 0, sizeof *f);
    f->allocator = test_allocator(&f->memory);
    f->pool = rill_pool_open(&f->allocator, 0);
    assert_non_null(f->pool);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    struct tun *tun = calloc(1, sizeof *tun);
    assert_non_null(tun);
    tun->made = true;
    f->tun = &tun->link;
    f->tun->ops = &tun_ops;
    f->tun->fd = ends[0];
    f->tun->flags = RILL_INTERFACE_CHECKSUM | RILL_INTERFACE_GSO;
    f->kernel = ends[1];
}

static void close_tun(struct fixture *f) {
    f->tun->ops->close(f->tun);
    close(f->kernel);
    rill_pool_close(f->pool);
    assert_int_equal(f->memory.live_bytes, 0);
}

/* The kernel sends a frame. */
static void put(struct fixture *f, const struct virtio_net_hdr *header, const void *frame,
                size_t length) {
    static uint8_t out[80000];
    memcpy(out, header, sizeof *header);
    memcpy(out + sizeof *header, frame, length);
    assert_int_equal(send(f->kernel, out, sizeof *header + length, 0), sizeof *header + length);
}

/* An IPv4 TCP segment of `length` bytes in all, checksums not set. */
static void make_segment(uint8_t *frame, size_t length) {
    memset(frame, 0, length);
    frame[0] = 0x45;
    frame[2] = (uint8_t)(length >> 8);
    frame[3] = (uint8_t)length;
    frame[8] = 64;
    frame[9] = 6;
    memcpy(frame + 12, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
    frame[32] = 0x50;
    frame[33] = 0x10;
}

static void frame_in_small_and_large_blocks_as_it_needs(void **state) {
    static uint8_t frame[65000];
    struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_DATA_VALID};
    struct rill_packet *packets[8];
    struct fixture f;
    (void)state;
    open_tun(&f);
    make_segment(frame, sizeof frame);
    put(&f, &header, frame, 100);
    put(&f, &header, frame, sizeof frame);
    put(&f, &header, frame, 0);
    assert_int_equal(f.tun->ops->receive(f.tun, f.pool, packets, 8), 3);
    assert_int_equal(packets[0]->length, 100);
    assert_int_equal(packets[0]->slice_count, 1);
    assert_int_equal(rill_block_capacity(packets[0]->slices[0].block), 2048);
    assert_int_equal(packets[0]->flags, RILL_PACKET_CHECKSUM_VERIFIED);
    assert_int_equal(packets[1]->length, sizeof frame);
    assert_int_equal(packets[1]->slice_count, 2);
    assert_int_equal(packets[2]->length, 0);
    for (int i = 0; i < 3; i++)
        rill_packet_drop(packets[i]);
    assert_int_equal(f.tun->ops->receive(f.tun, f.pool, packets, 8), 0);
    close_tun(&f);
    (void)state;
}

static void offload_header_that_cannot_be_true_drops_the_frame(void **state) {
    static const struct virtio_net_hdr wrong[] = {
        {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 90, .csum_offset = 16},
        {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 65535, .csum_offset = 65535},
        {.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 40}, /* and a finished checksum */
        {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
         .csum_start = 20,
         .csum_offset = 16,
         .gso_type = VIRTIO_NET_HDR_GSO_TCPV4}, /* pieces of no size */
        {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
         .csum_start = 20,
         .csum_offset = 6,
         .gso_type = VIRTIO_NET_HDR_GSO_UDP,
         .gso_size = 40}, /* not asked for */
        {.gso_type = 77},
    };
    uint8_t frame[100];
    struct rill_packet *packets[8];
    struct fixture f;
    (void)state;
    open_tun(&f);
    make_segment(frame, sizeof frame);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        put(&f, &wrong[i], frame, sizeof frame);
    assert_int_equal(f.tun->ops->receive(f.tun, f.pool, packets, 8), 0);
    assert_int_equal(f.tun->malformed, sizeof wrong / sizeof *wrong);
    assert_int_equal(send(f.kernel, "short", 5, 0), 5);
    assert_int_equal(f.tun->ops->receive(f.tun, f.pool, packets, 8), 0);
    close_tun(&f);
}

static bool count_bytes(void *context, const uint8_t *data, size_t length) {
    (void)data;
    *(uint64_t *)context += length;
    return true;
}

/* Headers and frames half sensible, half random, into a stack and a capture. */
static void random_offload_headers_do_no_harm(void **state) {
    static uint8_t frame[4000];
    struct test_world world;
    struct random random;
    struct fixture f;
    uint64_t captured = 0;
    (void)state;
    const uint64_t seed[2] = {7, 7};
    rill__random_init(&random, seed);
    open_tun(&f);
    test_world_init(&world, 1);
    assert_int_equal(test_world_open(&world), 0);
    assert_int_not_equal(test_listen(&world, 1, 80), 0);
    for (int i = 0; i < 100000; i++) {
        struct virtio_net_hdr header;
        struct rill_packet *packets[1];
        size_t length = (size_t)rill__random_below(&random, i % 10 ? 200 : sizeof frame);
        make_segment(frame, length < 40 ? 40 : length);
        for (unsigned turned = (unsigned)rill__random_below(&random, 4); turned; turned--)
            frame[rill__random_below(&random, 60)] = (uint8_t)rill__random_below(&random, 256);
        for (size_t at = 0; at < sizeof header; at++)
            ((uint8_t *)&header)[at] = (uint8_t)rill__random_below(&random, i % 3 ? 4 : 256);
        header.csum_start &= i % 5 ? 0x3f : 0xffff;
        header.csum_offset &= i % 5 ? 0x1f : 0xffff;
        put(&f, &header, frame, length);
        if (f.tun->ops->receive(f.tun, f.pool, packets, 1) == 1) {
            assert_true(rill_capture_packet(packets[0], 0, 0, count_bytes, &captured));
            rill_input(world.world.stacks[1], 0, packets, 1, (rill_time)i * 1000);
        }
    }
    assert_true(captured > 0 && f.tun->malformed > 1000);
    test_world_close(&world);
    close_tun(&f);
}

static void super_segment_out_is_described_to_the_device(void **state) {
    uint8_t out[8000];
    struct fixture f;
    struct virtio_net_hdr header;
    (void)state;
    open_tun(&f);
    struct rill_packet *packet = rill_packet_open(f.pool);
    struct rill_block *block = rill_block_open(f.pool, 4000);
    assert_non_null(packet);
    assert_non_null(block);
    packet->header_offset = RILL_PACKET_HEADROOM - 40;
    packet->header_length = 40;
    packet->length = 40;
    make_segment(packet->headroom + packet->header_offset, 40);
    memset(rill_block_data(block), 'x', 4000);
    struct rill_slice slice = {rill_block_data(block), 4000, block};
    assert_int_equal(rill_packet_append(packet, slice), 0);
    packet->gso_size = 1460;
    packet->flags = RILL_PACKET_CHECKSUM_PARTIAL;
    packet->checksum_start = 20;
    packet->checksum_offset = 16;
    f.tun->ops->send(f.tun, &packet, 1);
    assert_int_equal(recv(f.kernel, out, sizeof out, 0), 10 + 4040);
    memcpy(&header, out, sizeof header);
    assert_int_equal(header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    assert_int_equal(header.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
    assert_int_equal(header.gso_size, 1460);
    assert_int_equal(header.hdr_len, 40);
    assert_int_equal(header.csum_start, 20);
    assert_int_equal(header.csum_offset, 16);
    assert_int_equal(out[10], 0x45);
    assert_int_equal(out[10 + 4039], 'x');
    packet->gso_size = 4000; /* one piece is no super-segment */
    packet->flags = 0;
    f.tun->ops->send(f.tun, &packet, 1);
    assert_int_equal(recv(f.kernel, out, sizeof out, 0), 10 + 4040);
    memcpy(&header, out, sizeof header);
    assert_int_equal(header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
    assert_int_equal(header.flags, 0);
    rill_packet_drop(packet);
    close_tun(&f);
}

static void device_that_takes_no_frame_costs_the_frame_alone(void **state) {
    struct fixture f;
    (void)state;
    open_tun(&f);
    struct rill_packet *packet = rill_packet_open(f.pool);
    assert_non_null(packet);
    packet->header_offset = RILL_PACKET_HEADROOM - 40;
    packet->header_length = 40;
    packet->length = 40;
    make_segment(packet->headroom + packet->header_offset, 40);
    while (f.tun->refused == 0 && f.tun->frames_out < 1000000)
        f.tun->ops->send(f.tun, &packet, 1);
    assert_int_equal(f.tun->refused, 1);
    assert_true(f.tun->frames_out > 0);
    rill_packet_drop(packet);
    close_tun(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_in_small_and_large_blocks_as_it_needs),
        cmocka_unit_test(offload_header_that_cannot_be_true_drops_the_frame),
        cmocka_unit_test(random_offload_headers_do_no_harm),
        cmocka_unit_test(super_segment_out_is_described_to_the_device),
        cmocka_unit_test(device_that_takes_no_frame_costs_the_frame_alone),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
