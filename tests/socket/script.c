/* tests/socket/script.c: see script.h. */
#include "script.h"

#include <rill/tcpi.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 8

struct line {
    char text[SCRIPT_TEXT];
    char *words[WORDS + 1]; /* null behind the last */
};

struct number_name {
    const char *name;
    int number;
};

static const struct number_name flags[] = {{"peek", RILL_MSG_PEEK},
                                           {"trunc", RILL_MSG_TRUNC},
                                           {"dontwait", RILL_MSG_DONTWAIT},
                                           {"oob", RILL_MSG_OOB},
                                           {"more", RILL_MSG_MORE},
                                           {"waitall", RILL_MSG_WAITALL},
                                           {0, 0}};

static const struct number_name bits[] = {
    {"in", RILL_POLLIN},         {"out", RILL_POLLOUT},       {"err", RILL_POLLERR},
    {"hup", RILL_POLLHUP},       {"nval", RILL_POLLNVAL},     {"rdhup", RILL_POLLRDHUP},
    {"rdnorm", RILL_POLLRDNORM}, {"wrnorm", RILL_POLLWRNORM}, {"wrband", RILL_POLLWRBAND},
    {"pri", RILL_POLLPRI},       {"rdband", RILL_POLLRDBAND}, {0, 0}};

static const struct number_name levels[] = {
    {"socket", RILL_SOL_SOCKET}, {"tcp", RILL_IPPROTO_TCP}, {"ip", RILL_IPPROTO_IP},
    {"ipv6", RILL_IPPROTO_IPV6}, {"udp", RILL_IPPROTO_UDP}, {0, 0}};

static const struct number_name options[] = {{"reuseaddr", RILL_SO_REUSEADDR},
                                             {"type", RILL_SO_TYPE},
                                             {"error", RILL_SO_ERROR},
                                             {"broadcast", RILL_SO_BROADCAST},
                                             {"sndbuf", RILL_SO_SNDBUF},
                                             {"rcvbuf", RILL_SO_RCVBUF},
                                             {"keepalive", RILL_SO_KEEPALIVE},
                                             {"linger", RILL_SO_LINGER},
                                             {"reuseport", RILL_SO_REUSEPORT},
                                             {"acceptconn", RILL_SO_ACCEPTCONN},
                                             {"protocol", RILL_SO_PROTOCOL},
                                             {"domain", RILL_SO_DOMAIN},
                                             {"nodelay", RILL_TCP_NODELAY},
                                             {"maxseg", RILL_TCP_MAXSEG},
                                             {"keepidle", RILL_TCP_KEEPIDLE},
                                             {"keepintvl", RILL_TCP_KEEPINTVL},
                                             {"keepcnt", RILL_TCP_KEEPCNT},
                                             {"tos", RILL_IP_TOS},
                                             {"ttl", RILL_IP_TTL},
                                             {"pktinfo", RILL_IP_PKTINFO},
                                             {"recvttl", RILL_IP_RECVTTL},
                                             {"recvtos", RILL_IP_RECVTOS},
                                             {"mttl", RILL_IP_MULTICAST_TTL},
                                             {"hops", RILL_IPV6_UNICAST_HOPS},
                                             {"mhops", RILL_IPV6_MULTICAST_HOPS},
                                             {"v6only", RILL_IPV6_V6ONLY},
                                             {"recvpktinfo", RILL_IPV6_RECVPKTINFO},
                                             {"tclass", RILL_IPV6_TCLASS},
                                             {"debug", RILL_SO_DEBUG},
                                             {"dontroute", RILL_SO_DONTROUTE},
                                             {"oobinline", RILL_SO_OOBINLINE},
                                             {"priority", RILL_SO_PRIORITY},
                                             {"rcvlowat", RILL_SO_RCVLOWAT},
                                             {"sndlowat", RILL_SO_SNDLOWAT},
                                             {"rcvtimeo", RILL_SO_RCVTIMEO},
                                             {"sndtimeo", RILL_SO_SNDTIMEO},
                                             {"sndbufforce", RILL_SO_SNDBUFFORCE},
                                             {"rcvbufforce", RILL_SO_RCVBUFFORCE},
                                             {"mark", RILL_SO_MARK},
                                             {"syncnt", RILL_TCP_SYNCNT},
                                             {"linger2", RILL_TCP_LINGER2},
                                             {"windowclamp", RILL_TCP_WINDOW_CLAMP},
                                             {"info", RILL_TCP_INFO},
                                             {"ccinfo", RILL_TCP_CC_INFO},
                                             {"quickack", RILL_TCP_QUICKACK},
                                             {"congestion", RILL_TCP_CONGESTION},
                                             {"usertimeout", RILL_TCP_USER_TIMEOUT},
                                             {"inq", RILL_TCP_INQ},
                                             {"notsentlowat", RILL_TCP_NOTSENT_LOWAT},
                                             {"meminfo", RILL_SO_MEMINFO},
                                             {"mtudiscover", RILL_IP_MTU_DISCOVER},
                                             {"mtu", RILL_IP_MTU},
                                             {"freebind", RILL_IP_FREEBIND},
                                             {"mtudiscover6", RILL_IPV6_MTU_DISCOVER},
                                             {"mtu6", RILL_IPV6_MTU},
                                             {"nonesuch", 77},
                                             {0, 0}};

static int lookup(const struct number_name *names, const char *word) {
    for (; word && names->name; names++)
        if (!strcmp(names->name, word))
            return names->number;
    return word ? atoi(word) : 0;
}

static int flags_of(char **words) {
    int all = 0;
    for (; *words; words++)
        all |= lookup(flags, *words);
    return all;
}

void script_init(struct script *script, const struct driver *driver, unsigned settle) {
    memset(script, 0, sizeof *script);
    script->driver = driver;
    script->settle = settle;
    for (int i = 0; i < 26; i++)
        script->fds[i] = -1;
}

static int letter(const char *word) {
    return word && word[0] >= 'a' && word[0] <= 'z' && !word[1] ? word[0] - 'a' : -1;
}

/* A letter's descriptor, or a number as it stands. */
static int fd_of(const struct script *script, const char *word) {
    return letter(word) >= 0 ? script->fds[letter(word)] : (word ? atoi(word) : -1);
}

static int family_of(const struct script *script, const char *word) {
    return letter(word) >= 0 && script->families[letter(word)] == 6 ? RILL_AF_INET6 : RILL_AF_INET;
}

/* HOST PORT, for a socket of that family; `family` becomes the address's. */
static struct rill_endpoint endpoint_of(const char *host, const char *port, int *family) {
    struct rill_endpoint out;
    memset(&out, 0, sizeof out);
    out.port = (uint16_t)atoi(port ? port : "0");
    if (!strcmp(host, "lo") && *family == RILL_AF_INET6)
        out.address.bytes[15] = 1;
    else if (!strcmp(host, "lo") || !strcmp(host, "mapped"))
        out.address = rill_address_ipv4(127, 0, 0, 1);
    else if (!strcmp(host, "anymapped"))
        out.address = rill_address_ipv4(0, 0, 0, 0);
    else if (strcmp(host, "any") != 0 && rill_address_parse(host, &out.address))
        out.port = 0;
    if (*family == RILL_AF_INET && !rill_address_is_any(&out.address) &&
        !rill_address_is_ipv4(&out.address))
        *family = RILL_AF_INET6;
    return out;
}

static void print_value(int64_t value, char *result) {
    if (value < 0)
        snprintf(result, SCRIPT_TEXT, "%s", rill_errno_name((int)value));
    else
        snprintf(result, SCRIPT_TEXT, "%lld", (long long)value);
}

/* Ports of the script's own are below 10000; others are chosen by the host. */
static void print_endpoint(const struct rill_endpoint *endpoint, char *result) {
    char text[RILL_ADDRESS_TEXT];
    rill_address_format(&endpoint->address, text);
    if (rill_address_is_any(&endpoint->address))
        snprintf(text, sizeof text, "any");
    if (endpoint->port == 0 || (endpoint->port >= 7000 && endpoint->port < 7100))
        snprintf(result, SCRIPT_TEXT, "%s %u", text, endpoint->port);
    else
        snprintf(result, SCRIPT_TEXT, "%s some", text);
}

static void do_socket(struct script *script, char **w, char *result) {
    int family = atoi(w[2]), at = letter(w[1]);
    int type = !strcmp(w[3], "stream")  ? RILL_SOCK_STREAM
               : !strcmp(w[3], "dgram") ? RILL_SOCK_DGRAM
                                        : atoi(w[3]);
    int given = family == 4 ? RILL_AF_INET : family == 6 ? RILL_AF_INET6 : family;
    int fd = script->driver->socket(given, type, w[4] ? atoi(w[4]) : 0);
    script->fds[at] = fd;
    script->families[at] = family;
    print_value(fd < 0 ? fd : 0, result);
}

static void do_accept(struct script *script, char **w, char *result) {
    struct rill_endpoint peer;
    int fd = script->driver->accept(fd_of(script, w[2]), &peer);
    script->fds[letter(w[1])] = fd;
    if (letter(w[2]) >= 0)
        script->families[letter(w[1])] = script->families[letter(w[2])];
    if (fd < 0)
        print_value(fd, result);
    else
        print_endpoint(&peer, result);
}

static void do_send(struct script *script, char **w, char *result) {
    static uint8_t data[70000];
    size_t length = (size_t)atoi(w[2]);
    bool to = !strcmp(w[0], "sendto");
    int family = family_of(script, w[1]);
    struct rill_endpoint remote;
    if (to)
        remote = endpoint_of(w[3], w[4], &family);
    for (size_t i = 0; i < length; i++)
        data[i] = (uint8_t)(script->next_byte + i);
    int64_t n = script->driver->sendto(fd_of(script, w[1]), data, length,
                                       flags_of(w + (to ? 5 : 3)), family, to ? &remote : 0);
    if (n > 0)
        script->next_byte += (uint8_t)n;
    print_value(n, result);
}

static void do_recv(struct script *script, char **w, char *result) {
    static uint8_t data[70000];
    struct rill_endpoint from;
    size_t length = (size_t)atoi(w[2]);
    memset(&from, 0, sizeof from);
    memset(data, 0, sizeof data);
    int64_t n = script->driver->recvfrom(fd_of(script, w[1]), data, length, flags_of(w + 3), &from);
    print_value(n, result);
    size_t got = strlen(result);
    if (n > 0 && length && !(strcmp(w[0], "recv") == 0 && strstr("trunc", w[3] ? w[3] : "-")))
        got += (size_t)snprintf(result + got, SCRIPT_TEXT - got, " [%u..%u]", data[0],
                                data[((size_t)n < length ? (size_t)n : length) - 1]);
    if (n >= 0 && !strcmp(w[0], "recvfrom")) {
        result[got] = ' ';
        print_endpoint(&from, result + got + 1);
    }
}

static void do_poll(struct script *script, char **w, char *result) {
    int found = script->driver->poll(fd_of(script, w[1]), 0x23ff);
    size_t at = 0;
    result[0] = 0;
    for (const struct number_name *bit = bits; bit->name; bit++)
        if (found & bit->number)
            at += (size_t)snprintf(result + at, SCRIPT_TEXT - at, "%s%s", at ? " " : "", bit->name);
    if (!found)
        snprintf(result, SCRIPT_TEXT, "-");
}

static bool is_time(const char *option) {
    return !strcmp(option, "rcvtimeo") || !strcmp(option, "sndtimeo");
}

/* A value of `linger` is seconds, -1 is off; of a time, seconds and microseconds with a dot; of
 * `congestion` a name. LENGTH is the length that is told. */
static void do_set(struct script *script, char **w, char *result) {
    const char *word = w[4] ? w[4] : "1", *dot = strchr(word, '.');
    int value = atoi(word);
    struct rill_linger linger = {value >= 0, value >= 0 ? value : 0};
    struct rill_timeval time = {value, dot ? atoi(dot + 1) : 0};
    const void *from = &value;
    size_t length = sizeof value;
    if (!strcmp(w[3], "linger")) {
        from = &linger;
        length = sizeof linger;
    } else if (is_time(w[3])) {
        from = &time;
        length = sizeof time;
    } else if (!strcmp(w[3], "congestion")) {
        from = word;
        length = strlen(word);
    }
    print_value(script->driver->setsockopt(fd_of(script, w[1]), lookup(levels, w[2]),
                                           lookup(options, w[3]), from,
                                           w[4] && w[5] ? (size_t)atoi(w[5]) : length),
                result);
}

/* How many bytes a value has when no length is given. */
static size_t length_of(const char *option) {
    if (!strcmp(option, "info"))
        return sizeof(struct rill_tcpi);
    if (!strcmp(option, "linger"))
        return sizeof(struct rill_linger);
    if (is_time(option) || !strcmp(option, "congestion"))
        return 16;
    return !strcmp(option, "meminfo") ? 36 : sizeof(int);
}

/* Of TCP_INFO the state is compared here, and what the handshake has agreed on. */
static void do_get(struct script *script, char **w, char *result) {
    union {
        int numbers[4];
        struct rill_tcpi info;
        uint8_t room[512];
    } value;
    memset(&value, 0, sizeof value);
    size_t length = w[4] ? (size_t)atoi(w[4]) : length_of(w[3]);
    int got = script->driver->getsockopt(fd_of(script, w[1]), lookup(levels, w[2]),
                                         lookup(options, w[3]), &value, &length);
    if (got < 0)
        print_value(got, result);
    else if (!strcmp(w[3], "error"))
        snprintf(result, SCRIPT_TEXT, "0 error %s",
                 value.numbers[0] ? rill_errno_name(value.numbers[0]) : "0");
    else if (!strcmp(w[3], "info"))
        snprintf(result, SCRIPT_TEXT, "0 state %d ca %d unacked %u sacked %u length %zu",
                 value.info.tcpi_state, value.info.tcpi_ca_state, value.info.tcpi_unacked,
                 value.info.tcpi_sacked, length);
    else if (!strcmp(w[3], "meminfo") || !strcmp(w[3], "congestion"))
        snprintf(result, SCRIPT_TEXT, "0 length %zu", length);
    else if (is_time(w[3]))
        snprintf(result, SCRIPT_TEXT, "0 value %d %d length %zu", value.numbers[0],
                 value.numbers[2], length);
    else
        snprintf(result, SCRIPT_TEXT, "0 value %d %d length %zu", value.numbers[0],
                 value.numbers[1], length);
}

static void do_ioctl(struct script *script, char **w, char *result) {
    static const struct number_name requests[] = {
        {"atmark", RILL_SIOCATMARK},   {"inq", RILL_SIOCINQ}, {"outq", RILL_SIOCOUTQ},
        {"outqnsd", RILL_SIOCOUTQNSD}, {"nonesuch", 0x8999},  {0, 0}};
    int value = 0;
    int got =
        script->driver->ioctl(fd_of(script, w[1]), (unsigned long)lookup(requests, w[2]), &value);
    if (got < 0)
        print_value(got, result);
    else
        snprintf(result, SCRIPT_TEXT, "0 value %d", value);
}

static void do_name(struct script *script, char **w, char *result) {
    struct rill_endpoint endpoint;
    int got = w[0][0] == 'n' ? script->driver->getsockname(fd_of(script, w[1]), &endpoint)
                             : script->driver->getpeername(fd_of(script, w[1]), &endpoint);
    if (got < 0)
        print_value(got, result);
    else
        print_endpoint(&endpoint, result);
}

static void do_address(struct script *script, char **w, char *result) {
    const struct driver *driver = script->driver;
    int fd = fd_of(script, w[1]), family = family_of(script, w[1]);
    if (!strcmp(w[2], "none")) {
        print_value(driver->connect(fd, family, 0), result);
        return;
    }
    struct rill_endpoint endpoint = endpoint_of(w[2], w[3], &family);
    print_value(w[0][0] == 'b' ? driver->bind(fd, family, &endpoint)
                               : driver->connect(fd, family, &endpoint),
                result);
}

static void do_number(struct script *script, char **w, char *result) {
    const struct driver *driver = script->driver;
    int fd = fd_of(script, w[1]);
    if (!strcmp(w[0], "listen")) {
        print_value(driver->listen(fd, atoi(w[2])), result);
    } else if (!strcmp(w[0], "shutdown")) {
        int how = !strcmp(w[2], "rd")     ? RILL_SHUT_RD
                  : !strcmp(w[2], "wr")   ? RILL_SHUT_WR
                  : !strcmp(w[2], "rdwr") ? RILL_SHUT_RDWR
                                          : atoi(w[2]);
        print_value(driver->shutdown(fd, how), result);
    } else if (!strcmp(w[0], "close")) {
        print_value(driver->close(fd), result);
    } else {
        driver->wait((unsigned)atoi(w[1]));
        print_value(0, result);
    }
}

static const struct {
    const char *name;
    int least, most; /* words behind it */
    void (*run)(struct script *script, char **words, char *result);
} operations[] = {
    {"socket", 3, 4, do_socket}, {"bind", 2, 3, do_address},  {"connect", 2, 3, do_address},
    {"listen", 2, 2, do_number}, {"accept", 2, 2, do_accept}, {"shutdown", 2, 2, do_number},
    {"close", 1, 1, do_number},  {"send", 2, 5, do_send},     {"sendto", 4, 6, do_send},
    {"recv", 2, 5, do_recv},     {"recvfrom", 2, 5, do_recv}, {"poll", 1, 1, do_poll},
    {"set", 4, 5, do_set},       {"get", 3, 4, do_get},       {"name", 1, 1, do_name},
    {"peer", 1, 1, do_name},     {"wait", 1, 1, do_number},   {"ioctl", 2, 2, do_ioctl},
};

bool script_step(struct script *script, const char *text, char result[SCRIPT_TEXT]) {
    struct line line;
    int count = 0;
    snprintf(line.text, sizeof line.text, "%s", text);
    for (char *word = strtok(line.text, " \n"); word && count < WORDS; word = strtok(0, " \n"))
        line.words[count++] = word;
    line.words[count] = 0;
    for (size_t i = 0; count && i < sizeof operations / sizeof *operations; i++) {
        if (strcmp(operations[i].name, line.words[0]) != 0)
            continue;
        if (count - 1 < operations[i].least || count - 1 > operations[i].most)
            return false;
        operations[i].run(script, line.words, result);
        script->driver->wait(script->settle);
        return true;
    }
    return false;
}
