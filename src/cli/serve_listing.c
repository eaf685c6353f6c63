/* cli/serve_listing.c: a directory as a page, and types by suffix. Names are anybody's: they are
 * escaped for where they stand, as a URL in the link and as HTML in the text. */
#include "cli/serve.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *serve_type(const char *name) {
    static const struct {
        const char *suffix, *type;
    } types[] = {
        {"html", "text/html; charset=utf-8"},
        {"htm", "text/html; charset=utf-8"},
        {"txt", "text/plain; charset=utf-8"},
        {"md", "text/plain; charset=utf-8"},
        {"css", "text/css; charset=utf-8"},
        {"js", "text/javascript; charset=utf-8"},
        {"json", "application/json"},
        {"xml", "application/xml"},
        {"svg", "image/svg+xml"},
        {"png", "image/png"},
        {"jpg", "image/jpeg"},
        {"jpeg", "image/jpeg"},
        {"gif", "image/gif"},
        {"webp", "image/webp"},
        {"ico", "image/x-icon"},
        {"pdf", "application/pdf"},
        {"mp4", "video/mp4"},
        {"webm", "video/webm"},
        {"mp3", "audio/mpeg"},
        {"wasm", "application/wasm"},
        {"zip", "application/zip"},
        {"gz", "application/gzip"},
    };
    const char *slash = strrchr(name, '/');
    const char *dot = strrchr(slash ? slash : name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot + 1, types[i].suffix) == 0)
            return types[i].type;
    return "application/octet-stream";
}

static void put_html(FILE *out, const char *text) {
    for (; *text; text++) {
        if (*text == '&')
            fputs("&amp;", out);
        else if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '>')
            fputs("&gt;", out);
        else if (*text == '"')
            fputs("&quot;", out);
        else
            fputc(*text, out);
    }
}

static void put_url(FILE *out, const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            strchr("-_.~", c))
            fputc(c, out);
        else
            fprintf(out, "%%%02X", c);
    }
}

static void put_entry(FILE *out, int directory, const char *name) {
    struct stat status;
    if (fstatat(directory, name, &status, 0))
        return;
    const char *slash = S_ISDIR(status.st_mode) ? "/" : "";
    fputs("<tr><td><a href=\"./", out);
    put_url(out, name);
    fprintf(out, "%s\">", slash);
    put_html(out, name);
    fprintf(out, "%s</a></td><td align=\"right\">", slash);
    if (S_ISREG(status.st_mode))
        fprintf(out, "%lld", (long long)status.st_size);
    fputs("</td></tr>\n", out);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int not_hidden(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

struct MHD_Response *serve_listing(int directory, const char *url) {
    char *page = 0;
    size_t length = 0;
    struct dirent **entries = 0;
    FILE *out = open_memstream(&page, &length);
    int count = out ? scandirat(directory, ".", &entries, not_hidden, by_name) : -1;
    if (out) {
        fputs("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>", out);
        put_html(out, url);
        fputs("</title></head><body><h1>", out);
        put_html(out, url);
        fputs("</h1><table>\n", out);
        if (strcmp(url, "/") != 0)
            fputs("<tr><td><a href=\"../\">../</a></td><td></td></tr>\n", out);
    }
    for (int i = 0; i < count; i++) {
        put_entry(out, directory, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    close(directory);
    if (!out)
        return 0;
    fputs("</table></body></html>\n", out);
    if (fclose(out)) {
        free(page);
        return 0;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(length, page, MHD_RESPMEM_MUST_FREE);
    if (!response)
        free(page);
    else
        MHD_add_response_header(response, "Content-Type", "text/html; charset=utf-8");
    return response;
}
