/* streams/report_writer.h: text for a page, piece by piece into the caller's sink. */
#ifndef RILL_STREAMS_REPORT_WRITER_H
#define RILL_STREAMS_REPORT_WRITER_H

#include "streams/report.h"

struct report_writer {
    report_sink sink;
    void *context;
    uint64_t written; /* bytes so far */
    bool failed;
    size_t used;
    uint8_t buffer[4096];
};

void report_put_bytes(struct report_writer *writer, const uint8_t *data, size_t length);
void report_flush(struct report_writer *writer);

/* The format's text as it is, and in it
 *   %s  const char *  with what HTML takes as its own escaped, at most REPORT_TEXT
 *                     bytes of it
 *   %u  uint64_t      a number in decimal
 *   %t  uint64_t      nanoseconds for people: "2.50 s"
 *   %b  uint64_t      bytes for people: "1.0 MiB"
 *   %r  uint64_t      bit/s for people: "9.55 Mbit/s"
 *   %g  uint64_t      a number with its thousands apart: "1,204"
 *   %m  uint64_t      thousandths as a decimal fraction: "12.5"
 *   %%                a per cent sign */
void report_put(struct report_writer *writer, const char *format, ...);

/* A part of a whole in per cent, to three digits: "12.5 %". */
void report_put_percent(struct report_writer *writer, uint64_t part, uint64_t whole);

/* A number with its sign. */
void report_put_signed(struct report_writer *writer, int64_t value);

/* A value of a column, by its unit. */
void report_put_value(struct report_writer *writer, uint64_t value, enum report_unit unit);

/* part * scale / whole, also where the product does not fit; 0 if whole is 0. `scale` is at most
 * 2^20. */
uint64_t report_share(uint64_t part, uint64_t whole, uint64_t scale);

#endif
