/* cli/get.c: `rill get URL…`: libcurl whose TCP is rill's, by way of the bridge's SOCKS5.
 *
 * libcurl runs in our loop and thread (curl_multi_socket_action): its descriptors are watches, its
 * timeout is the latest end of a round. One thread, because a reset is shown to it through its own
 * descriptor (bridge/stream.h). Each transfer under way has a connection of its own: HTTP/1.1, and
 * as many at once as --parallel says. */
#include "cli/get.h"

#include "base/util.h"
#include "bridge/socks5.h"
#include "cli/host_options.h"
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define URLS_MAX 4096

struct get;

struct transfer {
    struct get *get;
    const char *url;
    CURL *easy; /* null: not begun, or over */
    struct get_output output;
    struct loop_watch watch; /* of an output that was full */
    bool watched;
    int fd;              /* libcurl's socket */
    uint64_t now, total; /* bytes */
    char why[200];       /* no connection could be made */
    char error[CURL_ERROR_SIZE];
};

struct get {
    /* asked for */
    const char *urls[URLS_MAX];
    struct transfer *transfers;
    int count, next, running;
    uint64_t parallel;
    const char *file, *authorities;
    bool by_name, insecure;
    rill_time connect_timeout;
    /* the world */
    struct host host;
    struct bridge bridge;
    struct dialer dialer;
    struct socks5 socks;
    CURLM *multi;
    rill_time curl_at; /* when libcurl wants to be called */
    struct get_progress progress;
    bool failed, interrupted;
    char proxy[128];
};

/* libcurl's descriptors */

struct curl_watch {
    struct loop_watch watch;
    struct get *get;
};

static void on_curl_ready(struct loop_watch *watch, uint32_t events) {
    struct curl_watch *curl = RILL_CONTAINER(watch, struct curl_watch, watch);
    int bits = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
               (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
               (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR | CURL_CSELECT_IN : 0);
    int running;
    curl_multi_socket_action(curl->get->multi, watch->fd, bits, &running);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *private) {
    struct get *get = context;
    struct curl_watch *curl = private;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (curl)
            loop_remove(&get->host.loop, &curl->watch);
        free(curl);
        return 0;
    }
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (curl)
        return loop_set(&get->host.loop, &curl->watch, events) ? -1 : 0;
    curl = calloc(1, sizeof *curl);
    if (!curl)
        return -1;
    *curl = (struct curl_watch){{fd, on_curl_ready}, get};
    if (loop_add(&get->host.loop, &curl->watch, events)) {
        free(curl);
        return -1;
    }
    curl_multi_assign(get->multi, fd, curl);
    return 0;
}

static int on_curl_timer(CURLM *multi, long milliseconds, void *context) {
    struct get *get = context;
    (void)multi;
    get->curl_at = milliseconds < 0 ? RILL_TIME_NEVER
                                    : loop_now() + (rill_time)milliseconds * RILL_MILLISECOND;
    return 0;
}

static curl_socket_t on_open_socket(void *context, curlsocktype purpose,
                                    struct curl_sockaddr *address) {
    struct transfer *transfer = context;
    (void)purpose;
    if (address->family != AF_UNIX) /* only the bridge's is meant to be reached */
        return CURL_SOCKET_BAD;
    transfer->fd = socks5_client_socket(&transfer->get->socks);
    return transfer->fd < 0 ? CURL_SOCKET_BAD : transfer->fd;
}

static void on_failure(void *context, int client, const char *why) {
    struct get *get = context;
    for (int i = 0; i < get->count; i++) {
        struct transfer *transfer = &get->transfers[i];
        if (transfer->easy && transfer->fd == client)
            strncpy(transfer->why, why, sizeof transfer->why - 1);
    }
}

/* bytes */

static void on_output_ready(struct loop_watch *watch, uint32_t events) {
    struct transfer *transfer = RILL_CONTAINER(watch, struct transfer, watch);
    (void)events;
    if (get_output_flush(&transfer->output) == 0)
        return;
    loop_remove(&transfer->get->host.loop, watch);
    transfer->watched = false;
    curl_easy_pause(transfer->easy, CURLPAUSE_CONT); /* a failure shows at the next write */
}

static size_t on_bytes(char *data, size_t size, size_t count, void *context) {
    struct transfer *transfer = context;
    int taken = get_output_write(&transfer->output, data, size * count);
    if (taken > 0)
        return size * count;
    if (taken < 0)
        return 0;
    transfer->watch = (struct loop_watch){transfer->output.fd, on_output_ready};
    transfer->watched = true;
    return loop_add(&transfer->get->host.loop, &transfer->watch, EPOLLOUT) ? 0
                                                                           : CURL_WRITEFUNC_PAUSE;
}

static int on_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up_now) {
    struct transfer *transfer = context;
    (void)up_total;
    (void)up_now;
    transfer->total = (uint64_t)total;
    transfer->now = (uint64_t)now;
    return 0;
}

/* a transfer */

/* The last part of the URL's path, as a name for a file; null if it is none. */
static char *name_of(const char *url) {
    CURLU *parts = curl_url();
    char *path = 0, *name = 0;
    if (parts && curl_url_set(parts, CURLUPART_URL, url, CURLU_DEFAULT_SCHEME) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_PATH, &path, 0) == CURLUE_OK) {
        const char *last = strrchr(path, '/');
        last = last ? last + 1 : path;
        if (*last && strcmp(last, ".") != 0 && strcmp(last, "..") != 0)
            name = strdup(last);
    }
    curl_free(path);
    curl_url_cleanup(parts);
    return name;
}

static bool open_output(struct transfer *transfer) {
    struct get *get = transfer->get;
    char *own = get->by_name ? name_of(transfer->url) : 0;
    const char *name = get->by_name ? own : get->file;
    if (get->by_name && !own) {
        cli_error("%s ends in no file name for -O; name one with -o FILE", transfer->url);
        return false;
    }
    bool ok = get_output_open(&transfer->output, name);
    if (!ok)
        cli_error("cannot write %s: %s; choose another with -o FILE", name ? name : "the output",
                  strerror(errno));
    free(own);
    return ok;
}

static void set_options(struct transfer *transfer) {
    struct get *get = transfer->get;
    CURL *easy = transfer->easy;
    curl_easy_setopt(easy, CURLOPT_URL, transfer->url);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_PROXY, get->proxy);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, ""); /* whatever the environment says: over rill */
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_DEFAULT_PROTOCOL, "http");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 10L);
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "rill/" RILL_VERSION);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L * 1024);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, transfer);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    if (get->connect_timeout)
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                         (long)RILL_MAX(get->connect_timeout / RILL_MILLISECOND, 1));
    if (get->authorities)
        curl_easy_setopt(easy, CURLOPT_CAINFO, get->authorities);
    if (get->insecure) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

static void start(struct get *get, struct transfer *transfer) {
    transfer->fd = -1;
    if (!open_output(transfer)) {
        get->failed = true;
        return;
    }
    transfer->easy = curl_easy_init();
    if (transfer->easy)
        set_options(transfer);
    if (!transfer->easy || curl_multi_add_handle(get->multi, transfer->easy) != CURLM_OK) {
        cli_error("%s: out of memory", transfer->url);
        get_output_close(&transfer->output, false);
        curl_easy_cleanup(transfer->easy);
        transfer->easy = 0;
        get->failed = true;
        return;
    }
    get->running++;
}

/* Why it failed, for people. */
static void explain(const struct transfer *transfer, CURLcode result, char *out, size_t size) {
    const char *text = transfer->error[0] ? transfer->error : curl_easy_strerror(result);
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (transfer->why[0])
        snprintf(out, size, "%s", transfer->why);
    else if (result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE)
        snprintf(out, size, "%s; give its certificate with --cacert FILE, or -k to go without",
                 text);
    else if (result == CURLE_WRITE_ERROR && transfer->output.error)
        snprintf(out, size, "cannot write what came: %s", strerror(transfer->output.error));
    else if (result == CURLE_HTTP_RETURNED_ERROR)
        snprintf(out, size, "the server answers %ld", status);
    else
        snprintf(out, size, "%s", text);
}

static void tell_failure(const struct transfer *transfer, CURLcode result) {
    const struct get_output *output = &transfer->output;
    char why[CURL_ERROR_SIZE + 100], rest[4200] = "";
    explain(transfer, result, why, sizeof why);
    if (output->part && output->written)
        snprintf(rest, sizeof rest, " (the first %llu bytes are in %s)",
                 (unsigned long long)output->written, output->part);
    else if (output->part)
        unlink(output->part);
    cli_error("%s: %s%s", transfer->url, why, rest);
}

static void over(struct transfer *transfer, CURLcode result) {
    struct get *get = transfer->get;
    get_progress_clear(&get->progress);
    if (transfer->watched)
        loop_remove(&get->host.loop, &transfer->watch);
    if (result != CURLE_OK && !get->interrupted)
        tell_failure(transfer, result);
    bool whole = result == CURLE_OK;
    if (!get_output_close(&transfer->output, whole) && whole) {
        cli_error("%s: cannot write what came: %s", transfer->url, strerror(errno));
        whole = false;
    }
    get->failed |= !whole;
    get->running--;
    curl_multi_remove_handle(get->multi, transfer->easy);
    curl_easy_cleanup(transfer->easy);
    transfer->easy = 0;
}

/* all of them */

static void draw(struct get *get) {
    uint64_t now = 0, total = 0;
    for (int i = 0; i < get->next; i++) {
        now += get->transfers[i].now;
        total += get->transfers[i].total;
    }
    get_progress_draw(&get->progress, now, total, get->host.now);
}

static void transfer_all(struct get *get) {
    int running;
    while (!get->host.loop.stopped) {
        while (get->next < get->count && (uint64_t)get->running < get->parallel)
            start(get, &get->transfers[get->next++]);
        if (!get->running)
            return;
        if (get->curl_at <= loop_now()) {
            get->curl_at = RILL_TIME_NEVER;
            curl_multi_socket_action(get->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        CURLMsg *message;
        while ((message = curl_multi_info_read(get->multi, &running))) {
            struct transfer *transfer;
            if (message->msg != CURLMSG_DONE)
                continue;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
            over(transfer, message->data.result);
        }
        rill_time until = get->curl_at;
        if (isatty(STDERR_FILENO))
            until = RILL_MIN(until, loop_now() + 200 * RILL_MILLISECOND);
        if (get->running)
            host_round(&get->host, until);
        draw(get);
    }
    get_progress_clear(&get->progress);
    if (!get->host.link->gone) /* of that host_close tells */
        cli_error("interrupted");
    get->failed = get->interrupted = true;
}

static bool open_world(struct get *get) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    get->multi = curl_multi_init();
    get->transfers = calloc((size_t)get->count, sizeof *get->transfers);
    if (!get->multi || !get->transfers) {
        cli_error("out of memory");
        return false;
    }
    int cause = dialer_open(&get->dialer, &get->host);
    if (!cause)
        cause = socks5_open(&get->socks, &get->bridge, &get->dialer);
    if (cause) {
        cli_error("cannot make a unix socket for libcurl: %s", strerror(cause));
        return false;
    }
    get->socks.on_failure = on_failure;
    get->socks.context = get;
    snprintf(get->proxy, sizeof get->proxy, "socks5h://localhost%s", get->socks.path);
    get->curl_at = RILL_TIME_NEVER;
    get->progress.started = loop_now();
    curl_multi_setopt(get->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(get->multi, CURLMOPT_SOCKETDATA, get);
    curl_multi_setopt(get->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(get->multi, CURLMOPT_TIMERDATA, get);
    curl_multi_setopt(get->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    for (int i = 0; i < get->count; i++) {
        get->transfers[i].get = get;
        get->transfers[i].url = get->urls[i];
    }
    return true;
}

static void close_world(struct get *get) {
    for (int i = 0; get->transfers && i < get->count; i++)
        if (get->transfers[i].easy) /* interrupted */
            over(&get->transfers[i], CURLE_ABORTED_BY_CALLBACK);
    curl_multi_cleanup(get->multi); /* closes what was kept open */
    host_drain(&get->host, RILL_SECOND);
    bridge_close(&get->bridge);
    host_flush(&get->host);
    socks5_close(&get->socks);
    dialer_close(&get->dialer);
    curl_global_cleanup();
    free(get->transfers);
}

static int run(struct get *get, const struct host_options *options) {
    int code = cli_host_open(&get->host, options);
    if (code)
        return code;
    get->socks.watch.fd = get->dialer.names.watch.fd = -1;
    bridge_open(&get->bridge, &get->host);
    if (open_world(get))
        transfer_all(get);
    else
        get->failed = true;
    close_world(get);
    return cli_host_close(&get->host, get->failed ? CLI_FAILED : CLI_DONE);
}

static bool words_fit(const struct get *get) {
    if (get->count == 0)
        cli_error("which URL? usage: rill get URL... --link tun:NAME");
    else if (get->file && get->by_name)
        cli_error("-o FILE and -O exclude each other");
    else if (get->file && get->count > 1)
        cli_error("-o FILE takes one URL; several go to files of their own names with -O");
    else if (get->parallel == 0 || get->parallel > 1000)
        cli_error("--parallel is from 1 to 1000");
    else if (get->parallel > 1 && get->count > 1 && !get->by_name)
        cli_error("several at once would mix on standard output; add -O");
    else
        return true;
    return false;
}

int command_get(int argc, char **argv) {
    static struct get get; /* large */
    struct host_options host = {0};
    get.parallel = 1;
    const struct cli_option options[] = {
        {"-o", CLI_TEXT, &get.file, "FILE", "write to FILE, not to standard output", 0},
        {"-O", CLI_FLAG, &get.by_name, 0, "write to a file named as the URL ends", 0},
        {"--parallel", CLI_NUMBER, &get.parallel, "N", "so many at once, a connection each (1)", 0},
        {"--cacert", CLI_TEXT, &get.authorities, "FILE", "certificates to trust, as PEM", 0},
        {"-k", CLI_FLAG, &get.insecure, 0, "do not check the server's certificate", 0},
        {"--connect-timeout", CLI_TIME, &get.connect_timeout, "T", "give up connecting after", 0},
        CLI_HOST_OPTIONS(&host),
    };
    get.count = cli_parse(argc, argv, "rill get URL... --link tun:NAME [options]", options,
                          sizeof options / sizeof *options, get.urls, URLS_MAX);
    if (get.count < 0)
        return -1 - get.count;
    return words_fit(&get) ? run(&get, &host) : CLI_USAGE;
}
