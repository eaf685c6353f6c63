/* cli/lab.c: `rill lab`: a path between two ends: what is asked, whether it makes sense, and which
 * of the two kinds of run it is. */
#include "cli/lab.h"

#include "base/util.h"
#include "cli/report_assets.h"
#include <stdlib.h>
#include <string.h>

#define FLOWS_MAX 60000 /* one address has no more ports */

static const struct {
    const char *name;
    const struct rill_congestion_ops *ops;
} congestions[] = {
    {"cubic", &rill_cubic},
    {"reno", &rill_reno},
    {"none", &rill_no_congestion},
};

/* "10.0.0.2/24" */
static bool take_address(struct lab_end *end, const char *text) {
    const char *slash = strchr(text, '/');
    char address[RILL_ADDRESS_TEXT];
    uint64_t length;
    if (end->address_count == LAB_ADDRESSES || !slash || (size_t)(slash - text) >= sizeof address ||
        !cli_parse_number(slash + 1, &length))
        return false;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    struct link_prefix *out = &end->addresses[end->address_count++];
    out->length = (uint8_t)length;
    return rill_address_parse(address, &out->address) == 0 &&
           length <= (rill_address_is_ipv4(&out->address) ? 32 : 128);
}

static bool take_address_option(void *context, const char *text) {
    return take_address(context, text);
}

/* "10.0.0.2:80" or "[fd00::2]:80" */
static bool take_connect(void *context, const char *text) {
    struct rill_endpoint *out = context;
    const char *colon = strrchr(text, ':');
    char address[RILL_ADDRESS_TEXT];
    uint64_t port;
    if (!colon || !cli_parse_number(colon + 1, &port) || !port || port > 65535)
        return false;
    bool bracketed = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
    size_t length = (size_t)(colon - text) - (bracketed ? 2 : 0);
    if (length >= sizeof address)
        return false;
    memcpy(address, text + bracketed, length);
    address[length] = '\0';
    out->port = (uint16_t)port;
    return rill_address_parse(address, &out->address) == 0 &&
           bracketed != rill_address_is_ipv4(&out->address);
}

static bool take_bytes(void *context, const char *text) {
    struct lab *lab = context;
    lab->bytes_given = true;
    return cli_parse_size(text, &lab->bytes);
}

static bool refuse(const char *why) {
    cli_error("%s", why);
    return false;
}

/* Who opens the connections, and who sends. */
static bool choose_roles(struct lab *lab) {
    bool a = lab->ends[0].host, b = lab->ends[1].host;
    bool connects = lab->connect.port != 0, listens = lab->listen_port != 0;
    lab->real = !a || !b;
    lab->opener = lab->sender = -1;
    if (!a && !b) {
        if (connects || listens || lab->sender_name || lab->bytes_given || lab->report_name)
            return refuse("two links: this end only forwards; --connect, --listen, --send, "
                          "--bytes and --report are for a host");
        return true;
    }
    if (a && b) {
        if (connects || listens)
            return refuse("--connect and --listen are for a host with a link at the other end");
        lab->opener = 0;
    } else {
        if (connects == listens)
            return refuse("what does the host do? give --connect ADDRESS:PORT or --listen PORT");
        lab->opener = a == connects ? 0 : 1;
    }
    lab->sender = lab->opener;
    if (!lab->sender_name)
        return true;
    if (strcmp(lab->sender_name, "a") != 0 && strcmp(lab->sender_name, "b") != 0)
        return refuse("--send is a or b");
    lab->sender = lab->sender_name[0] - 'a';
    return true;
}

static bool choose_congestion(struct lab *lab) {
    for (size_t i = 0; i < sizeof congestions / sizeof *congestions; i++) {
        if (strcmp(lab->congestion_name, congestions[i].name) == 0) {
            lab->congestion = congestions[i].ops;
            return true;
        }
    }
    cli_error("no congestion control '%s'; there are: cubic, reno, none", lab->congestion_name);
    return false;
}

static bool choose_addresses(struct lab *lab) {
    static const char *const defaults[2][2] = {{"10.88.0.1/24", "fd88::1/64"},
                                               {"10.88.0.2/24", "fd88::2/64"}};
    for (int i = 0; i < 2; i++) {
        struct lab_end *end = &lab->ends[i];
        bool packet = strncmp(end->spec, "packet:", 7) == 0;
        if (packet && end->address_count) {
            cli_error("--%c-address: %s has the addresses its kernel gave it", 'a' + i, end->spec);
            return false;
        }
        for (int k = 0; k < 2 && !packet && (k == 0 || end->address_count == 1); k++)
            if (end->address_count == (size_t)k)
                take_address(end, defaults[i][k]);
    }
    return true;
}

static bool check(struct lab *lab) {
    for (int i = 0; i < 2; i++) {
        struct lab_end *end = &lab->ends[i];
        if (!end->spec) {
            cli_error("who is at the end %c? give --%c host, tun:NAME, tap:NAME or packet:IF",
                      'a' + i, 'a' + i);
            return false;
        }
        end->host = strcmp(end->spec, "host") == 0;
    }
    if (!choose_roles(lab) || !choose_congestion(lab) || !choose_addresses(lab))
        return false;
    if (lab->flows < 1 || lab->flows > FLOWS_MAX)
        return refuse("--flows is from 1 to 60000: one address has no more ports");
    if (lab->listen_port > 65535)
        return refuse("--listen: a port is a number from 1 to 65535");
    if (lab->buffer > 1u << 30)
        return refuse("--buffer is at most 1G");
    if (!lab->bytes_given)
        lab->bytes = lab->time ? UINT64_MAX : 1u << 20;
    return true;
}

/* Returns -1, or the exit code to end with. */
static int parse(struct lab *lab, int argc, char **argv) {
    const struct cli_option options[] = {
        {"--a", CLI_TEXT, &lab->ends[0].spec, "END",
         "host (a rill host here), or a link: tun:NAME, tap:NAME, packet:IF", 0},
        {"--b", CLI_TEXT, &lab->ends[1].spec, "END", "the same, for the other end", 0},
        {"--a-address", CLI_CALL, &lab->ends[0], "A/LEN",
         "of a host, or of a device made here (10.88.0.1/24 and fd88::1/64)", take_address_option},
        {"--b-address", CLI_CALL, &lab->ends[1], "A/LEN",
         "the same, for the other end (10.88.0.2/24 and fd88::2/64)", take_address_option},
        {"--rate", CLI_DIRECTED, &lab->options[0].directed, "R",
         "bit/s; like all down to --seed with -ab or -ba for one direction", 0},
        {"--delay", CLI_DIRECTED, &lab->options[1].directed, "T", "one way (0)", 0},
        {"--jitter", CLI_DIRECTED, &lab->options[2].directed, "T", "added, from 0 to T (0)", 0},
        {"--loss", CLI_DIRECTED, &lab->options[3].directed, "L",
         "P, burst:P:LENGTH or list:FILE of ordinals of first transmissions", 0},
        {"--reorder", CLI_DIRECTED, &lab->options[4].directed, "P",
         "held back; P:T by up to T (half the delay, at least 1ms)", 0},
        {"--duplicate", CLI_DIRECTED, &lab->options[5].directed, "P", "come twice (0)", 0},
        {"--corrupt", CLI_DIRECTED, &lab->options[6].directed, "P", "with one bit wrong (0)", 0},
        {"--queue", CLI_DIRECTED, &lab->options[7].directed, "SIZE",
         "bytes, or xBDP as in 0.5xBDP (1M)", 0},
        {"--aqm", CLI_DIRECTED, &lab->options[8].directed, "AQM",
         "codel, ecn:BYTES (marks beyond), policer:RATE[:BYTES]", 0},
        {"--mtu", CLI_DIRECTED, &lab->options[9].directed, "BYTES",
         "longer packets are dropped; hosts and devices made here know", 0},
        {"--schedule", CLI_DIRECTED, &lab->options[10].directed, "FILE",
         "lines of TIME key=value... change the path", 0},
        {"--seed", CLI_DIRECTED, &lab->options[11].directed, "N", "same seed, same losses (1)", 0},
        {"--flows", CLI_NUMBER, &lab->flows, "N", "connections (1)", 0},
        {"--bytes", CLI_CALL, lab, "SIZE", "each carries (1M; with --time no limit)", take_bytes},
        {"--time", CLI_TIME, &lab->time, "T", "senders stop, or forwarding ends, after T", 0},
        {"--connect", CLI_CALL, &lab->connect, "A:PORT",
         "the host opens connections to a program behind the link", take_connect},
        {"--listen", CLI_NUMBER, &lab->listen_port, "PORT", "the host takes connections there", 0},
        {"--send", CLI_TEXT, &lab->sender_name, "END", "a or b sends (who opens)", 0},
        {"--cc", CLI_TEXT, &lab->congestion_name, "NAME",
         "congestion control of hosts: cubic, reno, none (cubic)", 0},
        {"--ecn", CLI_FLAG, &lab->ecn, 0, "hosts ask for explicit congestion notification", 0},
        {"--buffer", CLI_SIZE, &lab->buffer, "SIZE", "of hosts, each way of a connection (64M)", 0},
        {"--capture", CLI_TEXT, &lab->capture_name, "FILE",
         "write every frame that enters the path as pcapng", 0},
        {"--trace", CLI_TEXT, &lab->trace_name, "FILE", "write what hosts do as lines of JSON", 0},
        {"--journal", CLI_TEXT, &lab->journal_name, "FILE",
         "record every call into hosts: see rill replay", 0},
        {"--report", CLI_TEXT, &lab->report_name, "FILE",
         "write an HTML page: sequence, congestion window, round trip, limiters", 0},
        {"--json", CLI_FLAG, &lab->json, 0, "one JSON object instead of lines", 0},
    };
    int words = cli_parse(argc, argv, "rill lab --a END --b END [options]", options,
                          sizeof options / sizeof *options, 0, 0);
    return words < 0 ? -1 - words : -1;
}

static int run(struct lab *lab) {
    size_t count = (size_t)lab->flows;
    lab->list = calloc(count, sizeof *lab->list);
    lab->closing = calloc(count, sizeof *lab->closing);
    lab->by_port = calloc(65536, sizeof *lab->by_port);
    if (!lab->list || !lab->closing || !lab->by_port) {
        cli_error("out of memory for %llu flows; ask for fewer", (unsigned long long)lab->flows);
        return CLI_MISSING;
    }
    int code = lab->real ? lab_real_run(lab) : lab_virtual_run(lab);
    bool opened = lab->world.paths[0] && lab->world.paths[1] && code != CLI_USAGE;
    if (opened && (lab->count || lab->real) && lab->json)
        lab_print_json(lab);
    else if (opened && (lab->count || lab->real))
        lab_print(lab);
    if (!code && lab->interrupted)
        cli_error("interrupted before all flows were over");
    bool ok = lab_ok(lab) && !lab->interrupted;
    if (opened && lab->report && !lab_report_write(lab))
        ok = false;
    if (!lab_world_close(lab))
        ok = false;
    return code ? code : ok ? CLI_DONE : CLI_FAILED;
}

int command_lab(int argc, char **argv) {
    static struct lab lab; /* zero, and too large for a stack */
    lab = (struct lab){.flows = 1, .seed = 1, .congestion_name = "cubic", .buffer = 64u << 20};
    lab_path_options(&lab);
    int code = parse(&lab, argc, argv);
    if (code < 0) {
        code = check(&lab) ? lab_path_resolve(&lab) : CLI_USAGE;
        if (!code && lab.report_name &&
            (!cli_report_assets() || !lab_report_open(&lab, argc, argv)))
            code = CLI_MISSING;
        if (!code)
            code = run(&lab);
    }
    for (int i = 0; i < 2; i++) {
        free(lab.paths[i].ordinals);
        free(lab.paths[i].changes);
    }
    free(lab.list);
    free(lab.closing);
    free(lab.by_port);
    lab_report_close(&lab);
    return code;
}
