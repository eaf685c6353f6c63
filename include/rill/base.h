/* rill/base.h: the words every other header uses: time, errors, addresses, memory.
 *
 * rill is a TCP/IP host as a state machine. Nothing here does I/O or reads a clock. */
#ifndef RILL_BASE_H
#define RILL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RILL_VERSION_MAJOR 0
#define RILL_VERSION_MINOR 1
#define RILL_VERSION_PATCH 0
#define RILL_VERSION "0.1.0"

#if defined(__GNUC__)
#define RILL_MUST_CHECK __attribute__((warn_unused_result))
#define RILL_API __attribute__((visibility("default")))
#else
#define RILL_MUST_CHECK
#define RILL_API
#endif

/* Nanoseconds of a monotonic clock that the caller owns. */
typedef uint64_t rill_time;
#define RILL_TIME_NEVER UINT64_MAX
#define RILL_MICROSECOND UINT64_C(1000)
#define RILL_MILLISECOND UINT64_C(1000000)
#define RILL_SECOND UINT64_C(1000000000)

/* A TCP sequence number, modulo 2^32 (RFC 9293 §3.4). */
typedef uint32_t rill_seq;

/* Names one object of one stack: kind, index and generation. Zero is never a handle. A handle stays
 * valid until the application closes it, whatever becomes of the connection. */
typedef uint64_t rill_handle;

/* 0 is fine, negative is wrong. A peer's fault is never an error: it is an enum rill_drop. */
#define RILL_ERRORS(X)                                                                             \
    X(RILL_ERROR_MEMORY, -1, "out of memory")                                                      \
    X(RILL_ERROR_ARGUMENT, -2, "invalid argument")                                                 \
    X(RILL_ERROR_HANDLE, -3, "no such object")                                                     \
    X(RILL_ERROR_AGAIN, -4, "nothing to do now, try again later")                                  \
    X(RILL_ERROR_STATE, -5, "not possible in this state")                                          \
    X(RILL_ERROR_ADDRESS_IN_USE, -6, "address already in use")                                     \
    X(RILL_ERROR_ADDRESS_NOT_AVAILABLE, -7, "address or port not available")                       \
    X(RILL_ERROR_NO_ROUTE, -8, "no route to that address")                                         \
    X(RILL_ERROR_REFUSED, -9, "connection refused")                                                \
    X(RILL_ERROR_RESET, -10, "connection reset by peer")                                           \
    X(RILL_ERROR_TIMED_OUT, -11, "connection timed out")                                           \
    X(RILL_ERROR_CLOSED, -12, "the connection is closed in this direction")                        \
    X(RILL_ERROR_ABORTED, -13, "connection aborted")                                               \
    X(RILL_ERROR_LIMIT, -14, "a configured limit is reached")                                      \
    X(RILL_ERROR_UNREACHABLE, -15, "host unreachable")

enum rill_error {
    RILL_OK = 0,
#define RILL_ERROR_ENUM(name, value, text) name = value,
    RILL_ERRORS(RILL_ERROR_ENUM)
#undef RILL_ERROR_ENUM
};

/* A constant English text for an error; never null. */
RILL_API const char *rill_error_text(int error);

/* Memory. `allocate` returns memory aligned for any type, or null; `release` gets the size it was
 * allocated with. Leaf callbacks: they may not enter the stack. */
struct rill_allocator {
    void *context;
    void *(*allocate)(void *context, size_t size);
    void (*release)(void *context, void *memory, size_t size);
};

/* An IP address. IPv4 addresses are kept as IPv4-mapped IPv6 ones (RFC 4291 §2.5.5.2), so that the
 * two families compare, hash and store alike. All zero is "any". */
struct rill_address {
    uint8_t bytes[16];
};

/* A socket in the sense of RFC 9293: an address and a port (host byte order). A link-local address
 * means something only on one link: its zone (RFC 4007 §6) is the number of the interface plus 1; 0
 * lets the stack choose. For other addresses the zone is 0. */
struct rill_endpoint {
    struct rill_address address;
    uint16_t port;
    uint16_t zone;
};

/* Which family a socket at the address "any" speaks: both, or one alone. */
enum rill_family { RILL_FAMILY_BOTH = 0, RILL_FAMILY_IPV4 = 4, RILL_FAMILY_IPV6 = 6 };

RILL_API struct rill_address rill_address_ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
RILL_API bool rill_address_is_ipv4(const struct rill_address *address);
RILL_API bool rill_address_is_any(const struct rill_address *address);
RILL_API bool rill_address_equal(const struct rill_address *a, const struct rill_address *b);

/* Reads "10.0.0.1" or "fd00::1". Returns 0 or RILL_ERROR_ARGUMENT. */
RILL_API RILL_MUST_CHECK int rill_address_parse(const char *text, struct rill_address *out);

/* Writes the address as text (RFC 5952 for IPv6) into `text`, at most RILL_ADDRESS_TEXT bytes with
 * the final zero. Returns `text`. */
#define RILL_ADDRESS_TEXT 46
RILL_API char *rill_address_format(const struct rill_address *address, char *text);

/* "10.0.0.1:80" or "[fd00::1]:80". Returns `text`. */
#define RILL_ENDPOINT_TEXT (RILL_ADDRESS_TEXT + 8)
RILL_API char *rill_endpoint_format(const struct rill_endpoint *endpoint, char *text);

#ifdef __cplusplus
}
#endif
#endif
