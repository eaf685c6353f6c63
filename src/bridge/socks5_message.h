/* bridge/socks5_message.h: the messages of SOCKS5 (RFC 1928), read and written as bytes. */
#ifndef RILL_BRIDGE_SOCKS5_MESSAGE_H
#define RILL_BRIDGE_SOCKS5_MESSAGE_H

#include <rill/base.h>

enum { SOCKS5_VERSION = 5, SOCKS5_NO_AUTHENTICATION = 0, SOCKS5_NO_METHOD = 0xff };
enum {
    SOCKS5_NAME_MAX = 256,
    SOCKS5_REQUEST_MAX = 4 + 1 + 255 + 2,
    SOCKS5_ANSWER_MAX = 4 + 16 + 2,
};

enum socks5_reply { /* RFC 1928 §6 */
                    SOCKS5_SUCCEEDED = 0,
                    SOCKS5_FAILURE = 1,
                    SOCKS5_NETWORK_UNREACHABLE = 3,
                    SOCKS5_HOST_UNREACHABLE = 4,
                    SOCKS5_REFUSED = 5,
                    SOCKS5_TIMED_OUT = 6,
                    SOCKS5_COMMAND = 7,
                    SOCKS5_TYPE = 8,
};

/* Bytes of the greeting, 0: more are needed, -1: it is none. */
int socks5_parse_greeting(const uint8_t *data, size_t length, bool *acceptable);

/* The same of the request; `name` gets the address or name as text. A reply other than
 * SOCKS5_SUCCEEDED: it cannot be granted. */
int socks5_parse_request(const uint8_t *data, size_t length, char name[SOCKS5_NAME_MAX],
                         uint16_t *port, enum socks5_reply *reply);

/* Writes the answer to a request; `local` is rill's socket, or null. Returns its length. */
size_t socks5_answer(enum socks5_reply reply, const struct rill_endpoint *local,
                     uint8_t out[SOCKS5_ANSWER_MAX]);

#endif
