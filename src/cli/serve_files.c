/* cli/serve_files.c: a request answered: which file, which part of it, with what head.
 *
 * Nothing outside the directory is ever opened: the kernel resolves the path beneath it
 * (openat2, RESOLVE_BENEATH), symbolic links included. */
#include "cli/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (256u * 1024)

struct body {
    int fd;
    uint64_t from;
};

/* Opens what the path names below `root`; -1 with errno. */
static int open_beneath(int root, const char *path) {
    struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    while (*path == '/')
        path++;
    return (int)syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof how);
}

static ssize_t read_body(void *context, uint64_t position, char *out, size_t max) {
    struct body *body = context;
    ssize_t n = pread(body->fd, out, max, (off_t)(body->from + position));
    return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR; /* it has become shorter meanwhile */
}

static void free_body(void *context) {
    struct body *body = context;
    close(body->fd);
    free(body);
}

/* A short page of text. */
static enum MHD_Result say(struct MHD_Connection *connection, unsigned status, const char *text,
                           const char *header, const char *value) {
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
    if (header)
        MHD_add_response_header(response, header, value);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result say_error(struct MHD_Connection *connection, int cause) {
    if (cause == EACCES || cause == EPERM)
        return say(connection, MHD_HTTP_FORBIDDEN, "403: not readable\n", 0, 0);
    if (cause == ENFILE || cause == EMFILE || cause == ENOMEM)
        return say(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "503: too busy\n", 0, 0);
    return say(connection, MHD_HTTP_NOT_FOUND, "404: not here\n", 0, 0);
}

/* A run of digits; false if there is none, or more than 18. */
static bool digits(const char **text, uint64_t *out) {
    const char *start = *text;
    *out = 0;
    for (; **text >= '0' && **text <= '9' && *text - start < 18; (*text)++)
        *out = *out * 10 + (uint64_t)(**text - '0');
    return *text != start && !(**text >= '0' && **text <= '9');
}

enum range { RANGE_WHOLE, RANGE_PART, RANGE_BAD };

/* RFC 9110 §14.1.2, one range; of several, or of what is not understood, the whole is sent. */
static enum range parse_range(const char *text, uint64_t size, uint64_t *from, uint64_t *length) {
    uint64_t first, last;
    if (!text || strncmp(text, "bytes=", 6) != 0)
        return RANGE_WHOLE;
    text += 6;
    if (*text == '-') { /* the last so many bytes */
        text++;
        if (!digits(&text, &last) || *text)
            return RANGE_WHOLE;
        *length = last < size ? last : size;
        *from = size - *length;
        return *length ? RANGE_PART : RANGE_BAD;
    }
    if (!digits(&text, &first) || *text++ != '-')
        return RANGE_WHOLE;
    last = UINT64_MAX;
    if (*text && (!digits(&text, &last) || *text || last < first))
        return RANGE_WHOLE;
    if (first >= size)
        return RANGE_BAD;
    *from = first;
    *length = last < size - 1 ? last - first + 1 : size - first;
    return RANGE_PART;
}

static void http_date(time_t when, char *out, size_t size) {
    struct tm parts;
    gmtime_r(&when, &parts);
    strftime(out, size, "%a, %d %b %Y %H:%M:%S GMT", &parts);
}

static enum MHD_Result send_file(struct MHD_Connection *connection, int fd,
                                 const struct stat *status, const char *name) {
    uint64_t size = (uint64_t)status->st_size, from = 0, length = size;
    char date[40], text[80];
    http_date(status->st_mtime, date, sizeof date);
    const char *wanted = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Range");
    const char *only_if = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-Range");
    if (only_if && strcmp(only_if, date) != 0)
        wanted = 0;
    enum range range = parse_range(wanted, size, &from, &length);
    if (range == RANGE_BAD) {
        close(fd);
        snprintf(text, sizeof text, "bytes */%llu", (unsigned long long)size);
        return say(connection, MHD_HTTP_RANGE_NOT_SATISFIABLE, "416: beyond the end\n",
                   "Content-Range", text);
    }
    struct body *body = malloc(sizeof *body);
    struct MHD_Response *response = 0;
    if (body) {
        *body = (struct body){fd, from};
        size_t block = length < BLOCK ? (size_t)length + 1 : BLOCK;
        response = MHD_create_response_from_callback(length, block, read_body, body, free_body);
    }
    if (!response) {
        free(body);
        close(fd);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", serve_type(name));
    MHD_add_response_header(response, "Accept-Ranges", "bytes");
    MHD_add_response_header(response, "Last-Modified", date);
    if (range == RANGE_PART) {
        snprintf(text, sizeof text, "bytes %llu-%llu/%llu", (unsigned long long)from,
                 (unsigned long long)(from + length - 1), (unsigned long long)size);
        MHD_add_response_header(response, "Content-Range", text);
    }
    enum MHD_Result result = MHD_queue_response(
        connection, range == RANGE_PART ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

/* A directory asked for without its last slash: relative links in it would go astray. */
static enum MHD_Result redirect(struct MHD_Connection *connection, const char *url) {
    char *target = malloc(3 * strlen(url) + 2), *out = target;
    if (!target)
        return MHD_NO;
    while (url[0] == '/' && url[1] == '/') /* "//host" would be another host */
        url++;
    for (; *url; url++) {
        unsigned char c = (unsigned char)*url;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            strchr("/-_.~", c))
            *out++ = (char)c;
        else
            out += sprintf(out, "%%%02X", c);
    }
    strcpy(out, "/");
    enum MHD_Result result = say(connection, MHD_HTTP_MOVED_PERMANENTLY, "301: it is a directory\n",
                                 MHD_HTTP_HEADER_LOCATION, target);
    free(target);
    return result;
}

static enum MHD_Result send_directory(struct MHD_Connection *connection, int fd, const char *url) {
    struct stat status;
    if (url[strlen(url) - 1] != '/') {
        close(fd);
        return redirect(connection, url);
    }
    int index = open_beneath(fd, "index.html");
    if (index >= 0 && fstat(index, &status) == 0 && S_ISREG(status.st_mode)) {
        close(fd);
        return send_file(connection, index, &status, "index.html");
    }
    if (index >= 0)
        close(index);
    struct MHD_Response *response = serve_listing(fd, url);
    if (!response)
        return MHD_NO;
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result serve_answer(int root, struct MHD_Connection *connection, const char *url,
                             const char *method) {
    struct stat status;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return say(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "405: only GET and HEAD\n", "Allow",
                   "GET, HEAD");
    if (url[0] != '/')
        return say(connection, MHD_HTTP_BAD_REQUEST, "400: a path begins with /\n", 0, 0);
    int fd = open_beneath(root, url);
    if (fd < 0)
        return say_error(connection, errno);
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
        return send_directory(connection, fd, url);
    if (S_ISREG(status.st_mode) && url[strlen(url) - 1] != '/')
        return send_file(connection, fd, &status, url);
    close(fd);
    return say_error(connection, ENOENT);
}
