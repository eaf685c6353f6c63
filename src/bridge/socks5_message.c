/* bridge/socks5_message.c: see socks5_message.h. */
#include "bridge/socks5_message.h"

#include <string.h>

enum { COMMAND_CONNECT = 1 };
enum { TYPE_IPV4 = 1, TYPE_NAME = 3, TYPE_IPV6 = 4 };

int socks5_parse_greeting(const uint8_t *data, size_t length, bool *acceptable) {
    if (length >= 1 && data[0] != SOCKS5_VERSION)
        return -1;
    if (length < 2 || length < 2u + data[1])
        return 0;
    *acceptable = memchr(data + 2, SOCKS5_NO_AUTHENTICATION, data[1]) != 0;
    return 2 + data[1];
}

int socks5_parse_request(const uint8_t *data, size_t length, char name[SOCKS5_NAME_MAX],
                         uint16_t *port, enum socks5_reply *reply) {
    if (length >= 1 && data[0] != SOCKS5_VERSION)
        return -1;
    if (length < 5)
        return 0;
    size_t size = data[3] == TYPE_IPV4 ? 4 : data[3] == TYPE_IPV6 ? 16 : data[4] + 1u;
    *reply = data[1] != COMMAND_CONNECT ? SOCKS5_COMMAND : SOCKS5_SUCCEEDED;
    if (data[3] != TYPE_IPV4 && data[3] != TYPE_IPV6 && data[3] != TYPE_NAME) {
        *reply = SOCKS5_TYPE;
        return (int)length;
    }
    if (length < 4 + size + 2)
        return 0;
    if (data[3] == TYPE_NAME) {
        if (memchr(data + 5, '\0', size - 1)) /* as text it would be another name */
            *reply = SOCKS5_FAILURE;
        memcpy(name, data + 5, size - 1);
        name[size - 1] = '\0';
    } else {
        struct rill_address address = {{0}};
        if (data[3] == TYPE_IPV4)
            address = rill_address_ipv4(data[4], data[5], data[6], data[7]);
        else
            memcpy(address.bytes, data + 4, 16);
        rill_address_format(&address, name);
    }
    *port = (uint16_t)(data[4 + size] << 8 | data[5 + size]);
    return (int)(4 + size + 2);
}

size_t socks5_answer(enum socks5_reply reply, const struct rill_endpoint *local,
                     uint8_t out[SOCKS5_ANSWER_MAX]) {
    const struct rill_address nowhere = rill_address_ipv4(0, 0, 0, 0);
    const struct rill_address *address = local ? &local->address : &nowhere;
    bool ipv4 = rill_address_is_ipv4(address);
    uint16_t port = local ? local->port : 0;
    size_t length = ipv4 ? 4 : 16;
    out[0] = SOCKS5_VERSION;
    out[1] = (uint8_t)reply;
    out[2] = 0;
    out[3] = ipv4 ? TYPE_IPV4 : TYPE_IPV6;
    memcpy(out + 4, address->bytes + 16 - length, length);
    out[4 + length] = (uint8_t)(port >> 8);
    out[5 + length] = (uint8_t)port;
    return 6 + length;
}
