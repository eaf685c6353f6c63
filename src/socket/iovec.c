/* socket/iovec.c: one message in several pieces. */
#include "socket/socket.h"

#include "base/util.h"
#include <string.h>

size_t rill__iovec_length(const struct rill_message *message) {
    size_t length = 0;
    for (size_t i = 0; i < message->iov_count; i++) {
        size_t part = message->iov[i].length;
        if (part > SIZE_MAX / 2 - length || (part && !message->iov[i].base))
            return SIZE_MAX;
        length += part;
    }
    return length;
}

void rill__iovec_gather(const struct rill_message *message, uint8_t *out) {
    for (size_t i = 0; i < message->iov_count; i++) {
        if (message->iov[i].length)
            memcpy(out, message->iov[i].base, message->iov[i].length);
        out += message->iov[i].length;
    }
}

void rill__iovec_scatter(const struct rill_message *message, const uint8_t *data, size_t length) {
    for (size_t i = 0; i < message->iov_count && length; i++) {
        size_t part = RILL_MIN(length, message->iov[i].length);
        if (part)
            memcpy(message->iov[i].base, data, part);
        data += part;
        length -= part;
    }
}
