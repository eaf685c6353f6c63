/* tests/fuzz/build.c: see build.h. */
#include "fuzz/build.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include <string.h>

size_t build_transport_at(const uint8_t *data, size_t length) {
    if (length < 20)
        return 0;
    size_t at = data[0] >> 4 == 4 ? (size_t)(data[0] & 15) * 4 : 40;
    return at >= 20 && at + 20 <= length ? at : 0;
}

void build_finish(uint8_t *data, size_t size) {
    size_t at = size < 20 ? 0 : data[0] >> 4 == 4 ? (size_t)(data[0] & 15) * 4 : 40;
    if (at < 20 || at > size)
        return;
    uint32_t length = (uint32_t)(size - at);
    uint64_t sum;
    if (data[0] >> 4 == 4) {
        bytes_put16(data + 2, (uint32_t)size);
        bytes_put16(data + 10, 0);
        uint16_t header = rill__checksum_fold(rill__checksum_add(0, data, at));
        rill__checksum_store(data + 10, (uint16_t)~header);
        sum = rill__ipv4_pseudo_sum(data + 12, data + 16, data[9], length);
        if (data[9] == 1 || data[9] == 2)
            sum = 0;
    } else {
        bytes_put16(data + 4, length);
        sum = rill__ipv6_pseudo_sum(data + 8, data + 24, data[6], length);
    }
    uint8_t protocol = data[0] >> 4 == 4 ? data[9] : data[6];
    bool summed = protocol == 1 || protocol == 2 || protocol == 6 || protocol == 17 ||
                  protocol == WIRE_PROTOCOL_ICMPV6;
    if (!summed || at + (protocol == 6 ? 20 : 8) > size)
        return;
    uint8_t *field = data + at + (protocol == 6 ? 16 : protocol == 17 ? 6 : 2);
    field[0] = field[1] = 0;
    uint16_t folded = rill__checksum_fold(rill__checksum_add(sum, data + at, length));
    rill__checksum_store(field, (uint16_t)~folded);
}

uint8_t *build_ip(uint8_t *data, const struct rill_address *from, const struct rill_address *to,
                  uint8_t protocol, size_t length) {
    bool ipv4 = rill_address_is_ipv4(to);
    size_t header = ipv4 ? 20 : 40;
    memset(data, 0, header);
    data[0] = ipv4 ? 0x45 : 0x60;
    data[ipv4 ? 8 : 7] = 64;
    data[ipv4 ? 9 : 6] = protocol;
    bytes_put16(data + (ipv4 ? 2 : 4), (uint32_t)(ipv4 ? header + length : length));
    memcpy(data + (ipv4 ? 12 : 8), from->bytes + (ipv4 ? 12 : 0), ipv4 ? 4 : 16);
    memcpy(data + (ipv4 ? 16 : 24), to->bytes + (ipv4 ? 12 : 0), ipv4 ? 4 : 16);
    return data + header;
}
