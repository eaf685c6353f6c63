/* SOCKS5's messages (RFC 1928): read byte by byte as they come, and answered. */
#include "bridge/socks5_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_greeting_is_whole_when_its_last_method_has_come(void **state) {
    static const uint8_t greeting[] = {5, 3, 1, 2, 0, 5};
    bool acceptable = false;
    (void)state;
    for (size_t length = 0; length < 5; length++)
        assert_int_equal(socks5_parse_greeting(greeting, length, &acceptable), 0);
    assert_int_equal(socks5_parse_greeting(greeting, 6, &acceptable), 5);
    assert_true(acceptable);
    static const uint8_t other[] = {5, 1, 2}, version_4[] = {4, 1, 0};
    assert_int_equal(socks5_parse_greeting(other, 3, &acceptable), 3);
    assert_false(acceptable);
    assert_int_equal(socks5_parse_greeting(version_4, 3, &acceptable), -1);
}

static void a_request_is_whole_when_its_port_has_come(void **state) {
    static const uint8_t request[] = {5, 1, 0, 3, 3, 'a', '.', 'b', 0x1f, 0x90, 'x'};
    char name[SOCKS5_NAME_MAX];
    uint16_t port = 0;
    enum socks5_reply reply;
    (void)state;
    for (size_t length = 0; length < 10; length++)
        assert_int_equal(socks5_parse_request(request, length, name, &port, &reply), 0);
    assert_int_equal(socks5_parse_request(request, 11, name, &port, &reply), 10);
    assert_int_equal(reply, SOCKS5_SUCCEEDED);
    assert_string_equal(name, "a.b");
    assert_int_equal(port, 8080);
}

/* "good.example\0.evil.example" was dialled as "good.example". */
static void a_name_with_a_zero_byte_is_not_cut_short_but_refused(void **state) {
    static const uint8_t request[] = {5, 1, 0, 3, 3, 'a', 0, 'b', 0, 80};
    char name[SOCKS5_NAME_MAX];
    uint16_t port;
    enum socks5_reply reply;
    (void)state;
    assert_int_equal(socks5_parse_request(request, sizeof request, name, &port, &reply),
                     sizeof request);
    assert_int_equal(reply, SOCKS5_FAILURE);
}

static void an_answer_names_the_socket_in_its_family(void **state) {
    uint8_t out[SOCKS5_ANSWER_MAX];
    struct rill_endpoint local = {rill_address_ipv4(10, 0, 0, 1), 8080, 0};
    static const uint8_t expected[] = {5, 0, 0, 1, 10, 0, 0, 1, 0x1f, 0x90};
    static const uint8_t refused[] = {5, 5, 0, 1, 0, 0, 0, 0, 0, 0};
    (void)state;
    assert_int_equal(socks5_answer(SOCKS5_SUCCEEDED, &local, out), sizeof expected);
    assert_memory_equal(out, expected, sizeof expected);
    assert_int_equal(socks5_answer(SOCKS5_REFUSED, 0, out), sizeof refused);
    assert_memory_equal(out, refused, sizeof refused);
    memset(&local.address, 0, sizeof local.address);
    local.address.bytes[15] = 1;
    assert_int_equal(socks5_answer(SOCKS5_SUCCEEDED, &local, out), 22);
    assert_int_equal(out[3], 4);
    assert_memory_equal(out + 4, local.address.bytes, 16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_greeting_is_whole_when_its_last_method_has_come),
        cmocka_unit_test(a_request_is_whole_when_its_port_has_come),
        cmocka_unit_test(a_name_with_a_zero_byte_is_not_cut_short_but_refused),
        cmocka_unit_test(an_answer_names_the_socket_in_its_family),
    };
    return cmocka_run_group_tests_name("socks5", tests, 0, 0);
}
