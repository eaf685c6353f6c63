/* script/shell.c: the lines a script gives to a shell, answered without one.
 *
 * Lines, `;` and `&&` separate commands; `|` joins them: what one prints, the next reads. A command
 * of the few that suites use is answered; any other fails the script, rather than be passed over.
 *   sysctl, set_sysctls.py, echo VALUE > /proc/sys/…   set what a host of rill's has
 *   sockstat, tcpdrop                                  look at the host's sockets, or end them
 *   grep, true                                         as they are, for the pipes behind sockstat
 *   defaults.sh                                        what the Linux suite begins with
 *   ip, tc, ethtool, nstat, and the script that restores settings   change nothing */
#include "script/run.h"
#include "script/sysctl.h"

#include "base/util.h"
#include <string.h>

#define WORDS 24
#define OUTPUT 16384

struct shell {
    struct run *run;
    unsigned line;
    char *input, *output; /* of the command that runs; OUTPUT bytes each */
    int status;
    const char *words[WORDS + 1];
    unsigned count;
};

static void tell_unused(struct shell *shell, const char *what, const char *value) {
    char line[200];
    struct text text;
    text_init(&text, line, sizeof line);
    text_add(&text, "without effect: ");
    text_add(&text, what);
    text_add(&text, *value ? "=" : "");
    text_add(&text, value);
    run_tell(shell->run, line);
}

static void set_key(struct shell *shell, const char *assignment) {
    char key[100];
    struct text text;
    const char *equal = strchr(assignment, '=');
    if (!equal) {
        tell_unused(shell, assignment, "");
        return;
    }
    text_init(&text, key, sizeof key);
    text_add_bytes(&text, assignment, (size_t)(equal - assignment));
    if (!sysctl_set(&shell->run->world, key, equal + 1))
        tell_unused(shell, key, equal + 1);
    else if (world_configure(&shell->run->world))
        run_fail(shell->run, shell->line, "this setting is not possible: ", assignment,
                 (const char *)0);
}

static void run_sysctl(struct shell *shell) {
    for (unsigned i = 1; i < shell->count; i++)
        if (shell->words[i][0] != '-')
            set_key(shell, shell->words[i]);
}

static void run_defaults(struct shell *shell) {
    static const char *const settings[] = {
        "net.ipv4.tcp_rmem=4096 540000 15728640",
        "net.ipv4.tcp_wmem=4096 262144 4194304",
        "net.ipv4.tcp_ecn=0",
        "net.ipv4.tcp_slow_start_after_idle=0",
        "net.ipv4.tcp_syn_retries=5",
        "net.ipv4.tcp_fastopen=0x70403",
        "net.ipv4.tcp_fastopen_key=a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4",
        "net.ipv4.tcp_congestion_control=cubic",
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings && !shell->run->failed; i++)
        set_key(shell, settings[i]);
}

/* FreeBSD's name of a state. */
static const char *state_name(enum rill_tcp_state state) {
    static const char *const names[] = {"CLOSED",      "LISTEN",     "SYN_SENT",   "SYN_RCVD",
                                        "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSE_WAIT",
                                        "CLOSING",     "LAST_ACK",   "TIME_WAIT"};
    return names[state];
}

static enum rill_tcp_state state_of(struct run *run, int fd) {
    struct rill_tcp_info info = {.size = sizeof info};
    int listens = 0;
    size_t length = sizeof listens;
    (void)rill_getsockopt(run->world.sockets, fd, RILL_SOL_SOCKET, RILL_SO_ACCEPTCONN, &listens,
                          &length);
    if (listens)
        return RILL_TCP_LISTEN;
    if (rill_tcp_get_info(run->world.stack, rill_socket_handle(run->world.sockets, fd), &info))
        return RILL_TCP_CLOSED;
    return info.state;
}

static void socket_line(struct text *out, const char *owner, const char *state) {
    text_add(out, owner);
    text_add(out, " tcp 8080 ");
    text_add(out, state);
    text_add(out, "\n");
}

/* The sockets that are open, and what the stack keeps beside them. */
static void run_sockstat(struct shell *shell) {
    struct run *run = shell->run;
    struct rill_stack_info info = {.size = sizeof info};
    struct text out;
    uint32_t waiting = 0;
    text_init(&out, shell->output, OUTPUT);
    for (unsigned i = 0; i < run->descriptor_count; i++)
        if (run->descriptors[i].fd >= 0) {
            enum rill_tcp_state state = state_of(run, run->descriptors[i].fd);
            waiting += state == RILL_TCP_TIME_WAIT;
            socket_line(&out, "root packetdrill", state_name(state));
        }
    if (run->world.stack)
        rill_stack_get_info(run->world.stack, &info);
    for (uint32_t i = 0; i < info.half_open; i++)
        socket_line(&out, "? ?", "SYN_RCVD");
    for (uint32_t i = waiting; i < info.time_wait; i++)
        socket_line(&out, "? ?", "TIME_WAIT");
}

/* tcpdrop -s STATE: ends the connections in that state. */
static void run_tcpdrop(struct shell *shell) {
    struct run *run = shell->run;
    const char *state = shell->count == 3 ? shell->words[2] : "";
    for (unsigned i = 0; i < run->descriptor_count; i++)
        if (run->descriptors[i].fd >= 0 &&
            text_equal(state_name(state_of(run, run->descriptors[i].fd)), state))
            if (rill_connect(run->world.sockets, run->descriptors[i].fd, 0))
                shell->status = 1;
}

/* Lines with the pattern as it is written; -c counts them, -v takes the others, -q prints none. */
static void run_grep(struct shell *shell) {
    bool count_only = false, others = false, quiet = false;
    const char *pattern = 0;
    int64_t count = 0;
    struct text out;
    text_init(&out, shell->output, OUTPUT);
    for (unsigned i = 1; i < shell->count; i++) {
        count_only |= text_equal(shell->words[i], "-c");
        others |= text_equal(shell->words[i], "-v");
        quiet |= text_equal(shell->words[i], "-q");
        pattern = shell->words[i][0] == '-' ? pattern : shell->words[i];
    }
    for (char *at = shell->input, *end; pattern && (end = strchr(at, '\n')); at = end + 1) {
        *end = 0;
        bool found = (strstr(at, pattern) != 0) != others;
        count += found;
        if (found && !count_only && !quiet) {
            text_add(&out, at);
            text_add(&out, "\n");
        }
    }
    if (count_only && !quiet) {
        text_number(&out, count);
        text_add(&out, "\n");
    }
    shell->status = count == 0;
}

/* echo VALUE > /proc/sys/KEY, or to the pipe. */
static void run_echo(struct shell *shell) {
    char assignment[200];
    struct text text;
    bool to_file = shell->count == 4 && text_equal(shell->words[2], ">");
    if (to_file &&
        (text_begins(shell->words[3], "/proc/sys/") || text_begins(shell->words[3], "/sys/"))) {
        text_init(&text, assignment, sizeof assignment);
        text_add(&text, shell->words[3]);
        text_add(&text, "=");
        text_add(&text, shell->words[1]);
        set_key(shell, assignment);
        return;
    }
    text_init(&text, shell->output, OUTPUT);
    for (unsigned i = 1; i < shell->count; i++) {
        text_add(&text, i > 1 ? " " : "");
        text_add(&text, shell->words[i]);
    }
    text_add(&text, "\n");
}

static void run_nothing(struct shell *shell) {
    tell_unused(shell, shell->words[0], "");
}

static const struct {
    const char *name;
    void (*run)(struct shell *shell);
} commands[] = {
    {"sysctl", run_sysctl},
    {"set_sysctls.py", run_sysctl},
    {"defaults.sh", run_defaults},
    {"sockstat", run_sockstat},
    {"tcpdrop", run_tcpdrop},
    {"grep", run_grep},
    {"echo", run_echo},
    {"ip", run_nothing},
    {"tc", run_nothing},
    {"ethtool", run_nothing},
    {"nstat", run_nothing},
    {"true", run_nothing},
};

static void run_command(struct shell *shell) {
    const char *name = shell->words[0], *slash = strrchr(name, '/');
    name = slash ? slash + 1 : name;
    shell->status = 0;
    shell->output[0] = 0;
    if (text_begins(name, "sysctl_restore_")) /* the host goes with the script */
        return;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (text_equal(commands[i].name, name)) {
            commands[i].run(shell);
            return;
        }
    run_fail(shell->run, shell->line, "no answer to the shell command ", shell->words[0],
             ": known are sysctl, sockstat, tcpdrop, grep, echo, ip, tc, ethtool, nstat, "
             "defaults.sh and set_sysctls.py",
             (const char *)0);
}

/* A word, without its quotes; null at the end of the command. */
static const char *next_word(char **at) {
    char *read = *at, *begin, *write, quote = 0;
    while (*read == ' ' || *read == '\t')
        read++;
    begin = write = read;
    for (; *read && (quote || (*read != ' ' && *read != '\t')); read++) {
        if (quote ? *read == quote : *read == '"' || *read == '\'')
            quote = quote ? 0 : *read;
        else
            *write++ = *read;
    }
    *at = *read ? read + 1 : read;
    bool any = read > begin;
    *write = 0;
    return any ? begin : 0;
}

/* Commands joined by pipes. */
static void run_pipeline(struct shell *shell, char *pipeline) {
    shell->input[0] = shell->output[0] = 0;
    for (char *at = pipeline; at && !shell->run->failed;) {
        char *bar = strchr(at, '|');
        if (bar)
            *bar = 0;
        const char *word;
        for (shell->count = 0; shell->count < WORDS && (word = next_word(&at));)
            shell->words[shell->count++] = word;
        if (shell->count && shell->words[0][0] != '#') {
            char *swap = shell->input;
            shell->input = shell->output;
            shell->output = swap;
            run_command(shell);
        }
        at = bar ? bar + 1 : 0;
    }
}

/* Cuts the text at the end of its first command. Returns what follows, or null. */
static char *cut_command(char *text) {
    for (; *text; text++) {
        if (text[0] == '\\' && text[1] == '\n')
            text[0] = text[1] = ' ';
        size_t mark = text[0] == '\n' || text[0] == ';'  ? 1
                      : text[0] == '&' && text[1] == '&' ? 2
                                                         : 0;
        if (mark) {
            *text = 0;
            return text + mark;
        }
    }
    return 0;
}

bool run_shell(struct run *run, const struct script_event *event) {
    struct shell shell = {.run = run, .line = event->line};
    char *text = arena_string(&run->arena, event->text, text_length(event->text));
    shell.input = arena_new(&run->arena, OUTPUT);
    shell.output = arena_new(&run->arena, OUTPUT);
    if (!text || !shell.input || !shell.output)
        return run_fail_text(run, event->line, "out of memory");
    while (text && !run->failed) {
        char *next = cut_command(text);
        char *whole = arena_string(&run->arena, text, text_length(text));
        shell.status = 0;
        run_pipeline(&shell, text);
        if (shell.status && !run->failed)
            run_fail(run, event->line, "expected success of `", whole ? whole : "",
                     "`, came failure", (const char *)0);
        text = next;
    }
    run_settle(run);
    return !run->failed;
}
