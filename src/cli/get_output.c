/* cli/get_output.c: see get.h. */
#include "cli/get.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Standard output again, with a file description of its own where there can be one, so that being
 * non-blocking does not concern the shell that shares it. */
static int open_standard_output(bool *direct) {
    struct stat status;
    if (fstat(STDOUT_FILENO, &status))
        return -1;
    if (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode))
        return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    *direct = fd >= 0;
    return fd >= 0 ? fd : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
}

bool get_output_open(struct get_output *output, const char *name) {
    struct stat status;
    *output = (struct get_output){.fd = -1};
    if (!name) {
        output->fd = open_standard_output(&output->direct);
        return output->fd >= 0;
    }
    if (stat(name, &status) == 0 && S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        return false;
    }
    if (stat(name, &status) == 0 && !S_ISREG(status.st_mode)) { /* a device, a pipe */
        output->fd = open(name, O_WRONLY | O_CLOEXEC);
        return output->fd >= 0;
    }
    size_t size = strlen(name) + 6;
    output->name = strdup(name);
    output->part = malloc(size);
    if (!output->name || !output->part) {
        get_output_close(output, false);
        errno = ENOMEM;
        return false;
    }
    snprintf(output->part, size, "%s.part", name);
    output->fd = open(output->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (output->fd >= 0)
        return true;
    int cause = errno;
    get_output_close(output, false);
    errno = cause;
    return false;
}

/* Writes what goes; returns how many bytes, or -1. */
static ssize_t write_some(struct get_output *output, const char *data, size_t length) {
    size_t done = 0;
    while (done < length) {
        ssize_t n = write(output->fd, data + done, length - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            output->error = errno;
            return -1;
        }
        done += (size_t)n;
        output->written += (size_t)n;
    }
    return (ssize_t)done;
}

int get_output_flush(struct get_output *output) {
    if (!output->kept_length)
        return 1;
    ssize_t n = write_some(output, output->kept + output->kept_from, output->kept_length);
    if (n < 0)
        return -1;
    output->kept_from += (size_t)n;
    output->kept_length -= (size_t)n;
    if (output->kept_length)
        return 0;
    free(output->kept);
    output->kept = 0;
    output->kept_from = 0;
    return 1;
}

int get_output_write(struct get_output *output, const char *data, size_t length) {
    int flushed = get_output_flush(output);
    if (flushed <= 0)
        return flushed;
    ssize_t n = write_some(output, data, length);
    if (n < 0 || (size_t)n == length)
        return n < 0 ? -1 : 1;
    output->kept_length = length - (size_t)n;
    output->kept = malloc(output->kept_length);
    if (!output->kept) {
        output->error = ENOMEM;
        return -1;
    }
    memcpy(output->kept, data + n, output->kept_length);
    return 1;
}

bool get_output_close(struct get_output *output, bool whole) {
    bool ok = true;
    while (whole && output->kept_length && ok) { /* the transfer is over: now it may wait */
        struct pollfd wait = {.fd = output->fd, .events = POLLOUT};
        poll(&wait, 1, -1);
        ok = get_output_flush(output) >= 0;
    }
    if (output->fd >= 0 && close(output->fd))
        ok = false;
    if (ok && whole && output->part)
        ok = rename(output->part, output->name) == 0;
    int cause = output->error ? output->error : errno;
    free(output->kept);
    free(output->name);
    free(output->part);
    output->fd = -1;
    output->kept = output->name = output->part = 0;
    errno = cause;
    return ok;
}

static void size_text(double bytes, char *out, size_t size) {
    static const char *const units[] = {"B", "K", "M", "G", "T"};
    int unit = 0;
    while (bytes >= 1000 && unit < 4) {
        bytes /= 1024;
        unit++;
    }
    snprintf(out, size, unit ? "%.1f%s" : "%.0f%s", bytes, units[unit]);
}

void get_progress_draw(struct get_progress *progress, uint64_t done, uint64_t total,
                       rill_time now) {
    char have[16], all[16], rate[16], bar[31];
    double seconds = (double)(now - progress->started) / 1e9;
    if (!isatty(STDERR_FILENO) || now < progress->drawn_at + 100 * RILL_MILLISECOND)
        return;
    progress->drawn_at = now;
    progress->shown = true;
    size_text((double)done, have, sizeof have);
    size_text((double)total, all, sizeof all);
    size_text(seconds > 0 ? (double)done / seconds : 0, rate, sizeof rate);
    double share = total ? (double)done / (double)total : 0;
    int filled = (int)((share > 1 ? 1 : share) * 30);
    for (int i = 0; i < 30; i++)
        bar[i] = i < filled ? '=' : i == filled ? '>' : ' ';
    bar[30] = '\0';
    if (total)
        fprintf(stderr, "\r%3d%% [%s] %s of %s, %s/s \033[K", (int)(share * 100), bar, have, all,
                rate);
    else
        fprintf(stderr, "\r%s, %s/s \033[K", have, rate);
}

void get_progress_clear(struct get_progress *progress) {
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}
