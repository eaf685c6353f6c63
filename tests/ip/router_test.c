/* Router advertisements, honest ones and others (RFC 4861 §6.3, RFC 4862 §5.5, RFC 4191). */
#include "base/bytes.h"
#include "ip/station.h"

/* An advertisement being written. */
struct advert {
    const char *from;   /* null: fe80::fe */
    uint16_t lifetime;  /* seconds, of a default router */
    uint8_t preference; /* two bits */
    uint8_t hop_limit;  /* it says */
    uint8_t sent_with;  /* 0: 255 */
    uint32_t retransmit;
    uint8_t options[1200];
    size_t length;
};

static void add_prefix(struct advert *advert, const char *text, uint8_t bits, uint8_t flags,
                       uint32_t valid, uint32_t preferred) {
    uint8_t *option = advert->options + advert->length;
    struct rill_address prefix = address(text);
    memset(option, 0, 32);
    option[0] = 3;
    option[1] = 4;
    option[2] = bits;
    option[3] = flags;
    bytes_put32(option + 4, valid);
    bytes_put32(option + 8, preferred);
    memcpy(option + 16, prefix.bytes, 16);
    advert->length += 32;
}

static void add_mtu(struct advert *advert, uint32_t mtu) {
    uint8_t *option = advert->options + advert->length;
    memset(option, 0, 8);
    option[0] = 5;
    option[1] = 1;
    bytes_put32(option + 4, mtu);
    advert->length += 8;
}

static void add_route(struct advert *advert, const char *text, uint8_t bits, uint8_t preference,
                      uint32_t lifetime) {
    uint8_t *option = advert->options + advert->length;
    struct rill_address prefix = address(text);
    memset(option, 0, 24);
    option[0] = 24;
    option[1] = 3;
    option[2] = bits;
    option[3] = (uint8_t)(preference << 3);
    bytes_put32(option + 4, lifetime);
    memcpy(option + 8, prefix.bytes, 16);
    advert->length += 24;
}

static void send(struct station *station, const struct advert *advert) {
    uint8_t message[1216] = {134, 0, 0, 0, advert->hop_limit, (uint8_t)(advert->preference << 3)};
    bytes_put16(message + 6, advert->lifetime);
    bytes_put32(message + 12, advert->retransmit);
    memcpy(message + 16, advert->options, advert->length);
    station_icmp(station,
                 (struct packet){advert->from ? advert->from : "fe80::fe", "ff02::1",
                                 .hop_limit = advert->sent_with, .mac = 0xfe,
                                 .length = 16 + advert->length},
                 message);
}

/* A host that knows nothing. */
static void start_at(struct station *station, rill_time now) {
    station_init(station);
    station->now = now;
    station->interface.autoconfigure = true;
    station->local4 = station->local6 = (struct rill_address){{0}};
    station_open(station);
    (void)station_events(station);
}

static void start(struct station *station) {
    start_at(station, RILL_SECOND);
}

/* The address made from this prefix; false: there is none. */
static bool made(struct station *station, const char *prefix, struct rill_address_info *info) {
    struct rill_address wanted = address(prefix);
    for (uint32_t i = 0; !rill_address_get(station->stack, 0, i, info); i++)
        if (memcmp(info->address.bytes, wanted.bytes, 8) == 0)
            return true;
    return false;
}

static uint64_t valid_left(struct station *station, const char *prefix) {
    struct rill_address_info info;
    assert_true(made(station, prefix, &info));
    return (info.valid_until - station->now) / RILL_SECOND;
}

static void expect_hop(struct station *station, const char *to, const char *hop) {
    struct rill_endpoint remote = {address(to), 1, 0}, any = {{{0}}, 0, 0};
    struct rill_route_info info;
    assert_int_equal(rill_route_get(station->stack, &remote, &any, &info), 0);
    struct rill_address wanted = address(hop);
    assert_memory_equal(&info.hop, &wanted, sizeof wanted);
}

static void find_and_lose(rill_time began) {
    struct station station;
    struct advert advert = {.lifetime = 1800, .hop_limit = 70};
    struct rill_address_info info;
    start_at(&station, began);
    assert_true(made(&station, "fe80::", &info));
    add_prefix(&advert, "2001:db8:1::", 64, 0xc0, 86400, 14400);
    add_prefix(&advert, "2001:db8:2::", 64, 0x80, 86400, 14400); /* on the link, no more */
    add_prefix(&advert, "2001:db8:3::", 63, 0xc0, 86400, 14400); /* not of our identifier's size */
    add_prefix(&advert, "2001:db8:4::", 64, 0x40, 1000, 2000);   /* preferred longer than valid */
    add_prefix(&advert, "fe80::", 64, 0xc0, 86400, 14400);
    add_prefix(&advert, "ff05::", 64, 0xc0, 86400, 14400);
    add_mtu(&advert, 1400);
    send(&station, &advert);
    assert_true(station_events(&station) & RILL_EVENT_ROUTER_FOUND);
    assert_true(made(&station, "2001:db8:1::", &info));
    assert_true(info.automatic);
    assert_false(made(&station, "2001:db8:2::", &info));
    assert_false(made(&station, "2001:db8:3::", &info));
    assert_false(made(&station, "2001:db8:4::", &info));
    assert_false(made(&station, "ff05::", &info));
    expect_hop(&station, "2001:db8:2::7", "2001:db8:2::7");
    expect_hop(&station, "2001:db8:9::7", "fe80::fe");
    assert_int_equal(rill__ip_interface_mtu(station_link(&station), false), 1400);
    assert_int_equal(rill__ip_interface_mtu(station_link(&station), true), 1500);
    station_wait(&station, 1801 * RILL_SECOND);
    assert_true(station_events(&station) & RILL_EVENT_ROUTER_LOST);
    station_wait(&station, 12700 * RILL_SECOND);
    assert_true(made(&station, "2001:db8:1::", &info));
    assert_int_equal(info.state, RILL_ADDRESS_DEPRECATED);
    station_wait(&station, 72000 * RILL_SECOND);
    assert_false(made(&station, "2001:db8:1::", &info));
    assert_true(station_events(&station) & RILL_EVENT_ADDRESS_LOST);
    station_close(&station);
}

/* Whatever time it is. */
static void a_host_finds_addresses_and_routers_alone(void **state) {
    (void)state;
    const rill_time middle = UINT64_C(1) << 63;
    const rill_time times[] = {RILL_SECOND, middle - 1, middle - 2000 * RILL_SECOND,
                               middle - 86000 * RILL_SECOND, middle + 1};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        find_and_lose(times[i]);
}

/* Story: any advertisement without the router flag ended a router, also one that was not believed.
 * RFC 4861 §7.2.5 */
static void only_a_believed_neighbour_is_no_router_any_more(void **state) {
    (void)state;
    struct station station;
    struct advert advert = {.lifetime = 1800};
    start(&station);
    send(&station, &advert);
    station_answer(&station, "fe80::fe", 0xfe);
    for (int believed = 0; believed < 2; believed++) {
        struct rill_address router = address("fe80::fe"), far = address("2001:db8:9::1");
        uint8_t message[32] = {136, 0, 0, 0, believed ? 0x20 : 0, [24] = 2, 1, 2, 0, 0, 0, 0, 9};
        memcpy(message + 8, router.bytes, 16);
        station_icmp(&station,
                     (struct packet){"fe80::fe", "ff02::1", .mac = 9, .length = sizeof message},
                     message);
        struct rill_endpoint remote = {far, 1, 0}, any = {{{0}}, 0, 0};
        struct rill_route_info info;
        int error = rill_route_get(station.stack, &remote, &any, &info);
        assert_int_equal(error, believed ? RILL_ERROR_NO_ROUTE : 0);
    }
    station_close(&station);
}

/* RFC 4862 §5.5.3 (e) */
static void no_advertisement_ends_an_address_within_two_hours(void **state) {
    (void)state;
    static const struct {
        uint32_t said;
        uint64_t left; /* after */
    } steps[] = {{86400, 86400}, {100000, 100000}, {10000, 10000},          {0, 7200},
                 {1, 7200},      {7199, 7200},     {UINT32_MAX, UINT64_MAX}};
    struct station station;
    start(&station);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct advert advert = {.lifetime = 1800};
        add_prefix(&advert, "2001:db8:1::", 64, 0xc0, steps[i].said, 0);
        send(&station, &advert);
        struct rill_address_info info;
        assert_true(made(&station, "2001:db8:1::", &info));
        if (steps[i].left == UINT64_MAX)
            assert_true(info.valid_until == RILL_TIME_NEVER);
        else
            assert_int_equal(valid_left(&station, "2001:db8:1::"), steps[i].left);
    }
    station_close(&station);
}

static void what_is_no_router_s_word_is_not_heard(void **state) {
    (void)state;
    struct station station;
    struct rill_address_info info;
    start(&station);
    struct advert advert = {.from = "2001:db8::fe", .lifetime = 1800};
    add_prefix(&advert, "2001:db8:1::", 64, 0xc0, 86400, 14400);
    send(&station, &advert); /* not link-local */
    advert.from = 0;
    advert.sent_with = 254; /* from afar */
    send(&station, &advert);
    advert.sent_with = 0;
    advert.options[1] = 0; /* an option of no length */
    send(&station, &advert);
    advert.options[1] = 5; /* longer than the message */
    send(&station, &advert);
    assert_int_equal(station_drops(&station, RILL_DROP_NDP_INVALID), 4);
    advert.options[1] = 3; /* a prefix of 24 bytes: skipped, with what follows it */
    advert.options[24] = 1;
    advert.options[25] = 1;
    send(&station, &advert);
    assert_false(made(&station, "2001:db8:1::", &info));
    for (int i = 0; i < 4; i++) {
        static const uint32_t mtus[] = {0, 1279, 1501, UINT32_MAX};
        struct advert narrow = {.lifetime = 1800};
        add_mtu(&narrow, mtus[i]);
        send(&station, &narrow);
        assert_int_equal(rill__ip_interface_mtu(station_link(&station), false), 1500);
    }
    station_close(&station);
}

/* Story: a forged advertisement set the hop limit to 1, and no packet left the link any more (as
 * CVE-2015-2922); a time to answer of 1 ms let neighbours seem dead. */
static void forged_parameters_do_not_silence_the_host(void **state) {
    (void)state;
    struct station station;
    struct advert advert = {.lifetime = 1800, .hop_limit = 1, .retransmit = 1};
    start(&station);
    send(&station, &advert);
    assert_int_equal(station_link(&station)->hop_limit_said, 0);
    assert_int_equal(station_link(&station)->retransmit_said, 0);
    advert.hop_limit = 255;
    advert.retransmit = 2000;
    add_mtu(&advert, 1300);
    send(&station, &advert);
    assert_int_equal(station_link(&station)->hop_limit_said, 255);
    assert_true(station_link(&station)->retransmit_said == 2 * RILL_SECOND);
    assert_int_equal(rill_link_set(station.stack, 0, false), 0); /* and it is of this link alone */
    assert_int_equal(rill_link_set(station.stack, 0, true), 0);
    assert_int_equal(station_link(&station)->hop_limit_said, 0);
    assert_int_equal(station_link(&station)->retransmit_said, 0);
    assert_int_equal(station_link(&station)->mtu_said, 0);
    station_close(&station);
}

/* Story: with 32 forged routes in the table the true router's were no longer refreshed, and ran
 * out. */
static void a_flood_of_routers_does_not_end_the_first(void **state) {
    (void)state;
    struct station station;
    struct rill_address_info info;
    struct advert honest = {.lifetime = 1800};
    start(&station);
    add_prefix(&honest, "2001:db8:1::", 64, 0xc0, 86400, 14400);
    send(&station, &honest);
    for (int i = 0; i < 200; i++) {
        char from[20], prefix[24];
        snprintf(from, sizeof from, "fe80::%x", 0x1000 + i);
        snprintf(prefix, sizeof prefix, "2001:db9:%x::", i);
        struct advert forged = {.from = from, .lifetime = 9000};
        add_prefix(&forged, prefix, 64, 0xc0, 86400, 14400);
        send(&station, &forged);
        assert_true(station.stack->ip.route_count <= 32);
        assert_true(station_link(&station)->address_count <= 16);
    }
    assert_true(station_drops(&station, RILL_DROP_ROUTER_LIMIT) > 0);
    station_wait(&station, 1700 * RILL_SECOND);
    send(&station, &honest);
    station_wait(&station, 1700 * RILL_SECOND);
    expect_hop(&station, "2001:db8:9::1", "fe80::fe");
    assert_true(made(&station, "2001:db8:1::", &info));
    station_close(&station);
}

/* RFC 4191 */
static void the_preferred_router_and_the_longer_route_win(void **state) {
    (void)state;
    struct station station;
    struct advert medium = {.lifetime = 1800}, high = {.from = "fe80::fd", .lifetime = 1800};
    struct advert low = {.from = "fe80::fc", .lifetime = 1800, .preference = 3};
    start(&station);
    high.preference = 1;
    add_route(&low, "2001:db8:5::", 48, 0, 1800);
    send(&station, &low);
    expect_hop(&station, "2001:db8:9::1", "fe80::fc");
    send(&station, &medium);
    expect_hop(&station, "2001:db8:9::1", "fe80::fe");
    send(&station, &high);
    expect_hop(&station, "2001:db8:9::1", "fe80::fd");
    expect_hop(&station, "2001:db8:5::1", "fe80::fc");
    high.lifetime = 0; /* it is a router no more */
    send(&station, &high);
    expect_hop(&station, "2001:db8:9::1", "fe80::fe");
    station_close(&station);
}

/* RFC 7217 §6: of three addresses of a prefix somebody else has each; then it is let be. */
static void an_address_that_is_taken_is_followed_by_another(void **state) {
    (void)state;
    struct station station;
    struct rill_address_info info;
    struct rill_address before = {{0}};
    station_init(&station);
    station.interface.autoconfigure = true;
    station.interface.detection = RILL_DETECTION_STRICT;
    station.local4 = station.local6 = (struct rill_address){{0}};
    station_open(&station);
    for (int i = 0; i < 3; i++) {
        uint8_t message[32] = {136, 0, 0, 0, 0x20, [24] = 2, 1, 2, 0, 0, 0, 0, 9};
        char text[RILL_ADDRESS_TEXT];
        assert_true(made(&station, "fe80::", &info));
        assert_int_equal(info.state, RILL_ADDRESS_TENTATIVE);
        assert_false(rill_address_equal(&info.address, &before));
        before = info.address;
        memcpy(message + 8, before.bytes, 16);
        rill_address_format(&before, text);
        station_icmp(&station, (struct packet){text, "ff02::1", .mac = 9, .length = 32}, message);
    }
    assert_true(made(&station, "fe80::", &info));
    assert_int_equal(info.state, RILL_ADDRESS_DUPLICATE);
    station_wait(&station, 10 * RILL_SECOND);
    station_close(&station);
}

int router_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_finds_addresses_and_routers_alone),
        cmocka_unit_test(only_a_believed_neighbour_is_no_router_any_more),
        cmocka_unit_test(no_advertisement_ends_an_address_within_two_hours),
        cmocka_unit_test(what_is_no_router_s_word_is_not_heard),
        cmocka_unit_test(forged_parameters_do_not_silence_the_host),
        cmocka_unit_test(a_flood_of_routers_does_not_end_the_first),
        cmocka_unit_test(the_preferred_router_and_the_longer_route_win),
        cmocka_unit_test(an_address_that_is_taken_is_followed_by_another),
    };
    return cmocka_run_group_tests_name("router", tests, 0, 0);
}
