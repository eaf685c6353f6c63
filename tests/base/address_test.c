/* tests/base/address_test.c: addresses read (RFC 4291 §2.2) and written (RFC 5952 §4). */
#include "base/base_test.h"

#include "base/address.h"

static void address_texts_are_written_as_rfc_5952_says(void **state) {
    (void)state;
    const char *const texts[][2] = {
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"10.0.0.1", "10.0.0.1"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"fe80::1", "fe80::1"},
        {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
        {"2001:0DB8::0001", "2001:db8::1"},
        {"2001:db8::0:1", "2001:db8::1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, /* one group is not shortened */
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          /* the longest run */
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    /* the first of equals */
        {"0:0:1:0:0:0:0:0", "0:0:1::"},
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"FFFF:ffff::AbCd", "ffff:ffff::abcd"},
        {"::ffff:1.2.3.4", "1.2.3.4"}, /* mapped: it is the IPv4 address */
        {"::ffff:102:304", "1.2.3.4"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"::1.2.3.4", "::102:304"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct rill_address address, again;
        char text[RILL_ADDRESS_TEXT];
        if (rill_address_parse(texts[i][0], &address))
            fail_msg("not read: %s", texts[i][0]);
        assert_string_equal(rill_address_format(&address, text), texts[i][1]);
        assert_int_equal(rill_address_parse(text, &again), 0);
        assert_true(rill_address_equal(&address, &again));
    }
}

static void address_what_is_none_is_refused(void **state) {
    (void)state;
    const char *const texts[] = {
        "",
        " ",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "1.2.3.",
        ".1.2.3",
        "1..2.3",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1.2.3.1234",
        "a.b.c.d",
        "-1.2.3.4",
        "1.2.3.4/24",
        ":",
        ":::",
        "1:::2",
        "1::2::3",
        ":1",
        "1:",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "12345::",
        "g::",
        "::1 ",
        "::1%eth0",
        "[::1]",
        "1:2:3:4:5:6:7:8::",
        "::1.2.3",
        "::1.2.3.256",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1:2:3:4:5:1.2.3.4",
        "1.2.3.4::",
        "1:2:3:4:5:6:7:8:",
        ":1:2:3:4:5:6:7:8",
        "::1.2.3.4:5",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct rill_address address;
        if (rill_address_parse(texts[i], &address) != RILL_ERROR_ARGUMENT)
            fail_msg("read: \"%s\"", texts[i]);
    }
}

static void address_any_text_read_back_is_the_same_address(void **state) {
    (void)state;
    uint64_t seed = 5;
    for (int i = 0; i < 20000; i++) {
        struct rill_address address, again;
        char text[RILL_ADDRESS_TEXT];
        for (int k = 0; k < 16; k += 2) { /* zeros often, in runs */
            uint64_t r = test_next(&seed);
            bool zero = r % 3 != 0;
            address.bytes[k] = zero ? 0 : (uint8_t)(r >> 8);
            address.bytes[k + 1] = zero && r % 7 ? 0 : (uint8_t)(r >> 16);
        }
        rill_address_format(&address, text);
        assert_true(strlen(text) < RILL_ADDRESS_TEXT);
        assert_int_equal(rill_address_parse(text, &again), 0);
        assert_memory_equal(&address, &again, sizeof address);
    }
}

static void address_endpoints_have_brackets_for_ipv6_only(void **state) {
    (void)state;
    char text[RILL_ENDPOINT_TEXT];
    struct rill_endpoint endpoint = {rill_address_ipv4(192, 168, 100, 200), 65535, 0};
    assert_string_equal(rill_endpoint_format(&endpoint, text), "192.168.100.200:65535");
    assert_int_equal(rill_address_parse("fd00::1", &endpoint.address), 0);
    endpoint.port = 0;
    assert_string_equal(rill_endpoint_format(&endpoint, text), "[fd00::1]:0");
    memset(endpoint.address.bytes, 0xff, 16);
    endpoint.port = 65535;
    assert_string_equal(rill_endpoint_format(&endpoint, text),
                        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
}

static struct rill_address read_address(const char *text) {
    struct rill_address address;
    assert_int_equal(rill_address_parse(text, &address), 0);
    return address;
}

static void address_kinds_are_told_apart(void **state) {
    (void)state;
    const struct {
        const char *text;
        bool ipv4, any, group;
    } cases[] = {
        {"0.0.0.0", true, true, false},     {"::", false, true, false},
        {"127.0.0.1", true, false, false},  {"223.255.255.255", true, false, false},
        {"224.0.0.0", true, false, true},   {"239.255.255.255", true, false, true},
        {"240.0.0.1", true, false, false},  {"255.255.255.255", true, false, true},
        {"ff02::1", false, false, true},    {"fe80::1", false, false, false},
        {"::1.2.3.4", false, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rill_address address = read_address(cases[i].text);
        assert_int_equal(rill_address_is_ipv4(&address), cases[i].ipv4);
        assert_int_equal(rill_address_is_any(&address), cases[i].any);
        assert_int_equal(rill__address_is_group(&address), cases[i].group);
    }
}

static void address_prefixes_compare_so_many_bits(void **state) {
    (void)state;
    struct rill_address a = read_address("2001:db8:ffff::"), b = read_address("2001:db8:fffe::");
    for (unsigned bits = 0; bits <= 128; bits++)
        assert_int_equal(rill__address_in_prefix(&a, &b, bits), bits < 48);
    for (unsigned bits = 0; bits <= 128; bits++)
        assert_true(rill__address_in_prefix(&a, &a, bits));
}

int address_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_texts_are_written_as_rfc_5952_says),
        cmocka_unit_test(address_what_is_none_is_refused),
        cmocka_unit_test(address_any_text_read_back_is_the_same_address),
        cmocka_unit_test(address_endpoints_have_brackets_for_ipv6_only),
        cmocka_unit_test(address_kinds_are_told_apart),
        cmocka_unit_test(address_prefixes_compare_so_many_bits),
    };
    return cmocka_run_group_tests_name("address", tests, 0, 0);
}
