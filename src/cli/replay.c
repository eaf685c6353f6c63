/* cli/replay.c: `rill replay FILE`: what a stack was asked, asked again; the same must come of it.
 *
 * The journal is one that `--journal FILE` of another command wrote. The exit code is 0 if nothing
 * differs, 1 at a difference, 5 if the journal is damaged or cut off. */
#include "cli/allocator.h"
#include "cli/command.h"
#include "link/trace_json.h"

#include <errno.h>
#include <rill/journal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct replay {
    const char *name, *trace_name, *capture_name;
    FILE *trace, *capture;
    bool capture_failed, json, tell_stacks;
    const uint8_t *bytes;
    size_t length;
};

static bool read_file(struct replay *replay) {
    FILE *file = fopen(replay->name, "rb");
    struct stat stat;
    void *bytes = MAP_FAILED;
    if (file && fstat(fileno(file), &stat) == 0 && stat.st_size > 0)
        bytes = mmap(0, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fileno(file), 0);
    if (bytes != MAP_FAILED) {
        replay->bytes = bytes;
        replay->length = (size_t)stat.st_size;
    } else if (file && errno == 0) {
        errno = EINVAL;
    }
    if (file)
        fclose(file);
    return replay->bytes;
}

static bool write_capture(void *context, const uint8_t *data, size_t length) {
    return fwrite(data, 1, length, context) == length;
}

static void on_packet(void *context, uint8_t number, const struct rill_packet *packet, int outbound,
                      rill_time now) {
    struct replay *replay = context;
    (void)number;
    if (!rill_capture_packet(packet, now, outbound, write_capture, replay->capture))
        replay->capture_failed = true;
}

static void tell_connection(struct rill_stack *stack, rill_handle handle) {
    struct rill_tcp_info info;
    char local[RILL_ENDPOINT_TEXT], remote[RILL_ENDPOINT_TEXT];
    info.size = sizeof info;
    if (rill_tcp_get_info(stack, handle, &info))
        return;
    printf("    %s to %s: %s, cwnd %u, in flight %u, rto %.3f s, to send %u, to read %u\n",
           rill_endpoint_format(&info.local, local), rill_endpoint_format(&info.remote, remote),
           rill_tcp_state_text(info.state), info.cwnd, info.in_flight, (double)info.rto / 1e9,
           info.send_queued, info.receive_queued);
}

static void on_end(void *context, const struct rill_replay_stack *at) {
    struct replay *replay = context;
    struct rill_stack_info info;
    if (!replay->tell_stacks)
        return;
    rill_stack_get_info(at->stack, &info);
    printf("stack %u stands with %u connections, %u listeners, %u half-open, %u in TIME-WAIT, "
           "%llu bytes held\n",
           at->number, info.connections, info.listeners, info.half_open, info.time_wait,
           (unsigned long long)info.memory_held);
    for (size_t i = 0; i < at->handle_count; i++)
        tell_connection(at->stack, at->handles[i]);
}

static void tell(const struct replay *replay, const struct rill_replay_result *result) {
    const char *fault = result->what[0] ? result->what : rill_replay_end_text(result->end);
    if (replay->json) {
        printf("{\"end\":\"%s\",\"what\":\"%s\",\"calls\":%llu,\"packets_in\":%llu,\"packets_out\":"
               "%llu,\"requests_failed\":%llu,\"first\":%.9f,\"last\":%.9f,\"offset\":%llu,"
               "\"stack\":%u,\"call\":\"%s\"}\n",
               rill_replay_end_text(result->end), result->what, (unsigned long long)result->calls,
               (unsigned long long)result->packets_in, (unsigned long long)result->packets_out,
               (unsigned long long)result->requests_failed, (double)result->first / 1e9,
               (double)result->last / 1e9, (unsigned long long)result->offset, result->number,
               result->call ? result->call : "");
        return;
    }
    printf("%llu calls, %llu packets in, %llu out, %llu requests for memory failed as they had; "
           "%.6f s of virtual time\n",
           (unsigned long long)result->calls, (unsigned long long)result->packets_in,
           (unsigned long long)result->packets_out, (unsigned long long)result->requests_failed,
           (double)(result->last - result->first) / 1e9);
    if (result->end == RILL_REPLAY_DONE)
        printf("the replay equals the journal\n");
    else
        printf("%s at call %llu (%s of stack %u), time %.9f s, byte %llu of the journal\n", fault,
               (unsigned long long)result->calls, result->call ? result->call : "none",
               result->number, (double)result->last / 1e9, (unsigned long long)result->offset);
}

static int code_of(enum rill_replay_end end) {
    switch (end) {
    case RILL_REPLAY_DONE:
    case RILL_REPLAY_UNTIL:
        return CLI_DONE;
    case RILL_REPLAY_TRUNCATED: /* a crash ends a journal so; or its length is damaged */
    case RILL_REPLAY_DAMAGED:
        return CLI_PARTIAL;
    case RILL_REPLAY_MEMORY:
        return CLI_MISSING;
    default:
        return CLI_FAILED;
    }
}

static bool open_file(FILE **file, const char *name, const char *option) {
    if (!name || (*file = fopen(name, "wb")))
        return true;
    cli_error("cannot write %s: %s; give %s a path that can be written", name, strerror(errno),
              option);
    return false;
}

static bool open_files(struct replay *replay) {
    uint8_t head[RILL_CAPTURE_OVERHEAD];
    if (!open_file(&replay->capture, replay->capture_name, "--capture") ||
        !open_file(&replay->trace, replay->trace_name, "--trace"))
        return false;
    if (replay->capture)
        replay->capture_failed = !write_capture(replay->capture, head, rill_capture_begin(head));
    return true;
}

/* What was written must be whole. */
static bool close_files(struct replay *replay) {
    bool ok = true;
    if (replay->capture && (fclose(replay->capture) || replay->capture_failed)) {
        cli_error("the capture %s is not whole: writing it failed; is the disk full?",
                  replay->capture_name);
        ok = false;
    }
    bool failed = replay->trace && ferror(replay->trace);
    if (replay->trace && (fclose(replay->trace) || failed)) {
        cli_error("the trace %s is not whole: writing it failed; is the disk full?",
                  replay->trace_name);
        ok = false;
    }
    return ok;
}

static int run(struct replay *replay, const struct rill_replay_config *config) {
    struct rill_replay_result result;
    int error = rill_journal_replay(replay->bytes, replay->length, config, &result);
    if (error == RILL_ERROR_ARGUMENT) {
        cli_error("%s is no journal of this version of rill; make one with --journal",
                  replay->name);
        return CLI_USAGE;
    }
    if (error) {
        cli_error("%s", rill_error_text(error));
        return CLI_MISSING;
    }
    tell(replay, &result);
    return code_of(result.end);
}

int command_replay(int argc, char **argv) {
    struct replay replay = {0};
    struct rill_replay_config config;
    rill_replay_config_default(&config);
    uint64_t memory = config.memory_max;
    const struct cli_option options[] = {
        {"--until", CLI_TIME, &config.until, "T", "stop before later calls, tell where it stands",
         0},
        {"--trace", CLI_TEXT, &replay.trace_name, "FILE", "write what happens as lines of JSON", 0},
        {"--capture", CLI_TEXT, &replay.capture_name, "FILE", "write every frame as pcapng", 0},
        {"--memory", CLI_SIZE, &memory, "SIZE", "the most it may use (1G)", 0},
        {"--json", CLI_FLAG, &replay.json, 0, "one JSON object instead of text", 0},
    };
    int words = cli_parse(argc, argv,
                          "rill replay FILE [options]\n"
                          "example: rill demo --journal F && rill replay F",
                          options, sizeof options / sizeof *options, &replay.name, 1);
    if (words < 0)
        return -1 - words;
    if (words < 1) {
        cli_error("which journal? rill replay FILE");
        return CLI_USAGE;
    }
    errno = 0;
    if (!read_file(&replay)) {
        cli_error("cannot read %s: %s", replay.name, strerror(errno));
        return CLI_FAILED;
    }
    config.allocator = cli_allocator();
    config.memory_max = memory;
    config.context = &replay;
    config.at_end = on_end;
    replay.tell_stacks = config.until != RILL_TIME_NEVER && !replay.json;
    int code = CLI_FAILED;
    if (open_files(&replay)) {
        config.packet = replay.capture ? on_packet : 0;
        config.trace = replay.trace ? trace_json : 0;
        config.trace_context = replay.trace;
        code = run(&replay, &config);
    }
    bool whole = close_files(&replay);
    return code == CLI_DONE && !whole ? CLI_FAILED : code;
}
