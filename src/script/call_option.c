/* script/call_option.c: setsockopt and getsockopt. Values are an int, text, or a struct linger. */
#include "script/call.h"

#include "base/util.h"
#include <string.h>

#define OPTION_MAX 256

static bool is_linger(const struct script_value *value) {
    return value && (value_field(value, "onoff") || value_field(value, "l_onoff"));
}

static int field_number(const struct script_value *value, const char *name, const char *other) {
    const struct script_value *field = value_field(value, name);
    field = field ? field : value_field(value, other);
    return field ? (int)field->number : 0;
}

/* A list stands for what it points to. */
static const struct script_value *pointed(const struct script_value *value) {
    return value && value->kind == SCRIPT_VALUE_LIST && value->first ? value->first : value;
}

/* The bytes of an option's value. Returns how many; 0: this kind of value is not known. */
static size_t encode(const struct call *call, uint8_t out[OPTION_MAX], size_t length) {
    const struct script_value *value = pointed(call->arguments[3]);
    int number = (int)call_number(call, 3, 0);
    if (is_linger(value)) {
        struct rill_linger linger = {field_number(value, "onoff", "l_onoff"),
                                     field_number(value, "linger", "l_linger")};
        memcpy(out, &linger, sizeof linger);
        return sizeof linger;
    }
    if (value && value->kind == SCRIPT_VALUE_TEXT) {
        size_t size = RILL_MIN(text_length(value->text), length);
        memcpy(out, value->text, RILL_MIN(size, (size_t)OPTION_MAX));
        return RILL_MIN(size, (size_t)OPTION_MAX);
    }
    if (length == 1) {
        out[0] = (uint8_t)number;
        return 1;
    }
    memset(out, 0, OPTION_MAX);
    memcpy(out, &number, sizeof number);
    return RILL_MIN(length, (size_t)OPTION_MAX);
}

static void call_setsockopt(struct call *call) {
    uint8_t bytes[OPTION_MAX] = {0};
    int64_t length = call_number(call, 4, 4);
    const struct script_value *value = pointed(call->arguments[3]);
    if (length < 0 || length > OPTION_MAX) {
        call->result = -RILL_EINVAL;
        return;
    }
    size_t size = encode(call, bytes, (size_t)length);
    bool null = value && value->kind == SCRIPT_VALUE_NUMBER &&
                call->arguments[3]->kind == SCRIPT_VALUE_NUMBER && !value->number;
    call->result = rill_setsockopt(call->run->world.sockets, call->fd, (int)call_number(call, 1, 0),
                                   (int)call_number(call, 2, 0), null ? 0 : bytes, size);
}

static void compare(struct call *call, const uint8_t *bytes, size_t length) {
    const struct script_value *value = pointed(call->arguments[3]);
    int number = 0;
    if (!value || value->kind == SCRIPT_VALUE_ANY)
        return;
    if (is_linger(value)) {
        struct rill_linger linger = {0};
        memcpy(&linger, bytes, RILL_MIN(length, sizeof linger));
        call_differs(call, "onoff", field_number(value, "onoff", "l_onoff"), linger.on);
        call_differs(call, "linger", field_number(value, "linger", "l_linger"), linger.seconds);
        return;
    }
    if (value->kind == SCRIPT_VALUE_TEXT) {
        if (length < text_length(value->text) ||
            memcmp(bytes, value->text, text_length(value->text)) != 0)
            call->wrong = "the text it fills in is another";
        return;
    }
    memcpy(&number, bytes, RILL_MIN(length, sizeof number)); /* little-endian, or all of it */
    if (length == 1)
        number = bytes[0];
    call_differs(call, "the value", value->number, number);
}

static void call_getsockopt(struct call *call) {
    uint8_t bytes[OPTION_MAX] = {0};
    int64_t room = call_number(call, 4, 4);
    size_t length = (size_t)RILL_MIN(RILL_MAX(room, 0), (int64_t)OPTION_MAX);
    call->result = rill_getsockopt(call->run->world.sockets, call->fd, (int)call_number(call, 1, 0),
                                   (int)call_number(call, 2, 0), bytes, &length);
    if (call->result < 0)
        return;
    compare(call, bytes, length);
    call_differs(call, "its length", room, (int64_t)length);
}

const struct call_function call_option_functions[] = {
    {"setsockopt", 5, 5, true, call_setsockopt},
    {"getsockopt", 5, 5, true, call_getsockopt},
    {0, 0, 0, false, 0},
};
