/* cli/bench_figure.c: how a figure of `rill bench` is told: the median of its rounds, and the least
 * and the most, as a line of text or one JSON object. */
#include "cli/bench.h"

#include <stdio.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_print(struct bench_figure *figure, bool json) {
    qsort(figure->rounds, (size_t)figure->count, sizeof *figure->rounds, by_value);
    double median = figure->rounds[figure->count / 2];
    double least = figure->rounds[0], most = figure->rounds[figure->count - 1];
    const char *limit = figure->limit ? figure->limit : "null";
    if (json)
        printf("{\"name\":\"%s\",\"variant\":\"%s\",\"unit\":\"%s\",\"median\":%.6g,\"min\":%.6g,"
               "\"max\":%.6g,\"rounds\":%d,\"limit\":%s,\"limited_by\":\"%s\"}\n",
               figure->name, figure->variant, figure->unit, median, least, most, figure->count,
               limit, figure->limited_by);
    else
        printf("%-8s %-34s %12.4g %-26s (%.4g to %.4g, %d rounds)\n", figure->name, figure->variant,
               median, figure->unit, least, most, figure->count);
    fflush(stdout);
}
