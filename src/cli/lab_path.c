/* cli/lab_path.c: the options of a path. Each may be given for both directions, or for one with -ab
 * or -ba behind its name; what is given for one counts before what is given for both, whatever the
 * order. */
#include "cli/lab.h"

#include "base/util.h"
#include <stdlib.h>
#include <string.h>

#define DELAY_MAX (3600 * RILL_SECOND)

static bool parse_u32(const char *text, uint32_t *out) {
    uint64_t value;
    if (!cli_parse_size(text, &value) || value > UINT32_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

/* "FIRST:REST" into two strings. */
static bool split(const char *text, char *first, size_t size, const char **rest) {
    const char *colon = strchr(text, ':');
    if (!colon || (size_t)(colon - text) >= size)
        return false;
    memcpy(first, text, (size_t)(colon - text));
    first[colon - text] = '\0';
    *rest = colon + 1;
    return true;
}

static bool take_rate(struct lab_path *path, const char *text) {
    return cli_parse_rate(text, &path->config.rate);
}

static bool take_delay(struct lab_path *path, const char *text) {
    return cli_parse_time(text, &path->config.delay) && path->config.delay <= DELAY_MAX;
}

static bool take_jitter(struct lab_path *path, const char *text) {
    return cli_parse_time(text, &path->config.jitter) && path->config.jitter <= DELAY_MAX;
}

/* P, burst:P:LENGTH or list:FILE */
static bool take_loss(struct lab_path *path, const char *text) {
    char chance[32];
    if (strncmp(text, "list:", 5) == 0) {
        path->list = text + 5;
        return text[5];
    }
    if (strncmp(text, "burst:", 6) != 0)
        return cli_parse_probability(text, &path->config.loss);
    return split(text + 6, chance, sizeof chance, &text) &&
           cli_parse_probability(chance, &path->config.burst) &&
           parse_u32(text, &path->config.burst_length) && path->config.burst_length > 0;
}

/* P or P:TIME */
static bool take_reorder(struct lab_path *path, const char *text) {
    char chance[32];
    const char *by;
    if (!split(text, chance, sizeof chance, &by))
        return cli_parse_probability(text, &path->config.reorder);
    return cli_parse_probability(chance, &path->config.reorder) &&
           cli_parse_time(by, &path->config.reorder_by) && path->config.reorder_by <= DELAY_MAX;
}

static bool take_duplicate(struct lab_path *path, const char *text) {
    return cli_parse_probability(text, &path->config.duplicate);
}

static bool take_corrupt(struct lab_path *path, const char *text) {
    return cli_parse_probability(text, &path->config.corrupt);
}

/* BYTES or xBDP */
static bool take_queue(struct lab_path *path, const char *text) {
    size_t length = strlen(text);
    char factor[24];
    uint64_t thousandths;
    path->queue_thousandths = 0;
    if (length < 5 || strcmp(text + length - 4, "xBDP") != 0)
        return cli_parse_size(text, &path->config.queue) && path->config.queue <= 1u << 30;
    if (length - 4 >= sizeof factor)
        return false;
    memcpy(factor, text, length - 4);
    strcpy(factor + length - 4, "K"); /* a rate's K is a thousand */
    if (!cli_parse_rate(factor, &thousandths) || !thousandths || thousandths > 1000000)
        return false;
    path->queue_thousandths = thousandths;
    return true;
}

/* codel, ecn:BYTES, policer:RATE or policer:RATE:BURST */
static bool take_aqm(struct lab_path *path, const char *text) {
    char rate[32];
    const char *burst;
    if (strcmp(text, "codel") == 0) {
        path->config.codel = true;
        return true;
    }
    if (strncmp(text, "ecn:", 4) == 0)
        return cli_parse_size(text + 4, &path->config.ecn_threshold) && path->config.ecn_threshold;
    if (strncmp(text, "policer:", 8) != 0)
        return false;
    text += 8;
    if (!split(text, rate, sizeof rate, &burst))
        return cli_parse_rate(text, &path->config.policer) && path->config.policer;
    return cli_parse_rate(rate, &path->config.policer) && path->config.policer &&
           cli_parse_size(burst, &path->config.policer_burst) &&
           path->config.policer_burst <= INT32_MAX;
}

static bool take_mtu(struct lab_path *path, const char *text) {
    return parse_u32(text, &path->config.mtu) && path->config.mtu >= 576 &&
           path->config.mtu <= 65535;
}

static bool take_schedule(struct lab_path *path, const char *text) {
    path->schedule = text;
    return text[0];
}

static bool take_seed(struct lab_path *path, const char *text) {
    return cli_parse_number(text, &path->config.seed);
}

/* The order of the rows in lab.c's table. */
static const struct {
    bool (*parse)(struct lab_path *path, const char *text);
    const char *expected;
} kinds[LAB_OPTIONS] = {
    {take_rate, "a rate in bit/s such as 10M"},
    {take_delay, "a time of at most 1h such as 20ms"},
    {take_jitter, "a time of at most 1h such as 2ms"},
    {take_loss, "a probability such as 1%, burst:0.1%:5 or list:FILE"},
    {take_reorder, "a probability such as 2%, or with a time 2%:5ms"},
    {take_duplicate, "a probability such as 0.1%"},
    {take_corrupt, "a probability such as 0.1%"},
    {take_queue, "a size of at most 1G such as 64K, or a factor such as 0.25xBDP"},
    {take_aqm, "codel, ecn:BYTES, policer:RATE or policer:RATE:BYTES"},
    {take_mtu, "a number of bytes from 576 to 65535"},
    {take_schedule, "the name of a file"},
    {take_seed, "a number"},
};

static bool take(struct cli_directed *directed, enum cli_direction direction, const char *text) {
    struct lab_option *option = RILL_CONTAINER(directed, struct lab_option, directed);
    struct lab_path scratch = {0};
    option->texts[direction] = text;
    return option->parse(&scratch, text);
}

void lab_path_options(struct lab *lab) {
    for (int i = 0; i < LAB_OPTIONS; i++)
        lab->options[i] =
            (struct lab_option){.directed = {take, kinds[i].expected}, .parse = kinds[i].parse};
    for (int i = 0; i < 2; i++)
        rill_path_config_default(&lab->paths[i].config);
}

static const char *given(const struct lab *lab, int direction,
                         bool (*parse)(struct lab_path *path, const char *text)) {
    for (int i = 0; i < LAB_OPTIONS; i++)
        if (lab->options[i].parse == parse)
            return lab->options[i].texts[direction];
    return 0;
}

/* What needs a rate and has none. */
static bool check_rate(const struct lab *lab) {
    static const struct {
        bool (*parse)(struct lab_path *path, const char *text);
        const char *name;
    } needy[] = {{take_queue, "--queue"}, {take_aqm, "--aqm"}};
    static const char *const suffixes[3] = {"-ab", "-ba", ""};
    for (int direction = 0; direction < 3; direction++) {
        for (size_t i = 0; i < sizeof needy / sizeof *needy; i++) {
            const char *text = given(lab, direction, needy[i].parse);
            bool needs = text && strncmp(text, "policer:", 8) != 0;
            bool has = false;
            for (int way = 0; way < 2; way++)
                if (direction == way || direction == CLI_BOTH_WAYS)
                    has |= lab->paths[way].config.rate || lab->paths[way].schedule;
            if (!needs || has)
                continue;
            cli_error("%s%s %s needs a rate: without one nothing waits; give --rate%s",
                      needy[i].name, suffixes[direction], text, suffixes[direction]);
            return false;
        }
    }
    return true;
}

/* x times the product of the rate and the delays of both directions. */
static bool size_queue(struct lab *lab, int direction) {
    struct lab_path *path = &lab->paths[direction];
    uint64_t rtt_us = (lab->paths[0].config.delay + lab->paths[1].config.delay) / 1000;
    uint64_t bits;
    if (!path->queue_thousandths || !path->config.rate)
        return true;
    if (!rtt_us) {
        cli_error("--queue in BDP needs a --delay: without one the product is nothing");
        return false;
    }
    if (!__builtin_mul_overflow(path->config.rate, rtt_us, &bits)) {
        uint64_t bytes = bits / 8000000; /* bits and microseconds */
        path->config.queue =
            bytes / 1000 * path->queue_thousandths + bytes % 1000 * path->queue_thousandths / 1000;
        if (path->config.queue <= UINT64_C(1) << 32)
            return true;
    }
    cli_error("--queue is more than 4G; ask for fewer BDP");
    return false;
}

int lab_path_resolve(struct lab *lab) {
    const char *seed = given(lab, CLI_BOTH_WAYS, take_seed);
    lab->seed_given = seed && cli_parse_number(seed, &lab->seed);
    for (int way = 0; way < 2; way++) {
        struct lab_path *path = &lab->paths[way];
        for (int i = 0; i < LAB_OPTIONS; i++) {
            const struct lab_option *option = &lab->options[i];
            const char *text =
                option->texts[way] ? option->texts[way] : option->texts[CLI_BOTH_WAYS];
            if (text && !option->parse(path, text))
                return CLI_USAGE; /* it was read before: not so */
        }
        if (!given(lab, way, take_seed)) /* its own otherwise */
            path->config.seed = lab->seed * 2 + (uint64_t)way;
        int code = path->list ? lab_read_list(path) : CLI_DONE;
        if (!code && path->schedule)
            code = lab_read_schedule(path);
        if (code)
            return code;
    }
    return check_rate(lab) && size_queue(lab, 0) && size_queue(lab, 1) ? CLI_DONE : CLI_USAGE;
}
