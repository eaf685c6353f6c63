/* Reads a set-up and questions (tests/ip/routes.txt), and says for each where rill would send:
 * interface, first hop or "-", source; or "none". tests/routes.sh asks the kernel the same. */
#include "stack/stack.h"
#include <rill/rill.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *allocate(void *context, size_t size) {
    (void)context;
    return malloc(size);
}

static void release(void *context, void *memory, size_t size) {
    (void)context, (void)size;
    free(memory);
}

static void fail(const char *line) {
    fprintf(stderr, "routes_tool: %s\n", line);
    exit(1);
}

static void read_address(const char *text, struct rill_address *out) {
    if (rill_address_parse(text, out))
        fail(text);
}

/* "192.0.2.1/24" */
static uint8_t read_prefix(char *text, struct rill_address *out) {
    char *slash = strchr(text, '/');
    if (!slash)
        fail(text);
    *slash = 0;
    read_address(text, out);
    return (uint8_t)atoi(slash + 1);
}

static uint32_t number(const char *interface) {
    return interface[0] == 'A' ? 0 : 1;
}

static void add_address(struct rill_stack *stack, char **words) {
    struct rill_address address;
    uint8_t length = read_prefix(words[2], &address);
    if (rill_address_add(stack, number(words[1]), &address, length))
        fail(words[2]);
    if (words[3] && strcmp(words[3], "deprecated") == 0)
        rill__ip_address_find(&stack->ip, stack->ip.interfaces[number(words[1])], &address)->state =
            RILL_ADDRESS_DEPRECATED;
}

static void add_route(struct rill_stack *stack, char **words) {
    struct rill_address prefix, gateway = {{0}};
    uint8_t length = read_prefix(words[2], &prefix);
    if (words[3])
        read_address(words[3], &gateway);
    if (rill_route_add(stack, number(words[1]), &prefix, length, &gateway))
        fail(words[2]);
}

static void answer(struct rill_stack *stack, char **words) {
    struct rill_endpoint remote = {{{0}}, 9, 0}, local = {{{0}}, 0, 0};
    struct rill_route_info info;
    char hop[RILL_ADDRESS_TEXT], source[RILL_ADDRESS_TEXT];
    read_address(words[1], &remote.address);
    for (int i = 2; words[i]; i += 2) {
        if (strcmp(words[i], "from") == 0)
            read_address(words[i + 1], &local.address);
        else
            remote.zone = (uint16_t)(number(words[i + 1]) + 1);
    }
    if (rill_route_get(stack, &remote, &local, &info)) {
        printf("none\n");
        return;
    }
    bool direct = rill_address_equal(&info.hop, &remote.address);
    printf("%c %s %s\n", info.interface == 2 ? 'L' : 'A' + (int)info.interface,
           direct ? "-" : rill_address_format(&info.hop, hop),
           rill_address_format(&info.source, source));
}

static struct rill_stack *open_host(struct rill_allocator *memory) {
    struct rill_stack_config config;
    struct rill_stack *stack;
    struct rill_address loopback[2] = {rill_address_ipv4(127, 0, 0, 1), {{0}}};
    loopback[1].bytes[15] = 1;
    rill_stack_config_default(&config);
    config.allocator = *memory;
    config.pool = rill_pool_open(memory, 0);
    config.seed[0] = 1;
    if (rill_stack_open(&config, &stack))
        fail("no stack");
    for (uint32_t i = 0; i < 3; i++) {
        struct rill_interface_config interface;
        uint32_t index;
        rill_interface_config_default(&interface);
        interface.framing = i < 2 ? &rill_ethernet : 0;
        interface.flags = i < 2 ? 0 : RILL_INTERFACE_LOOPBACK;
        interface.mac[0] = 2;
        interface.mac[5] = (uint8_t)i;
        interface.detection = RILL_DETECTION_OFF;
        if (rill_interface_add(stack, &interface, &index))
            fail("no interface");
    }
    if (rill_address_add(stack, 2, &loopback[0], 8) ||
        rill_address_add(stack, 2, &loopback[1], 128))
        fail("no loopback");
    return stack;
}

int main(void) {
    struct rill_allocator memory = {0, allocate, release};
    struct rill_stack *stack = open_host(&memory);
    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        char *words[8] = {0};
        int count = 0;
        for (char *word = strtok(line, " \n"); word && count < 7; word = strtok(0, " \n"))
            words[count++] = word;
        if (!count || words[0][0] == '#')
            continue;
        if (strcmp(words[0], "address") == 0)
            add_address(stack, words);
        else if (strcmp(words[0], "route") == 0)
            add_route(stack, words);
        else if (strcmp(words[0], "case") == 0)
            answer(stack, words);
        else
            fail(words[0]);
    }
    return 0;
}
