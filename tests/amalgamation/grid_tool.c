/* tests/amalgamation/grid_tool.c: the first points of the path grid, a line each: how it went and
 * when, which depends on no compiler and no processor.
 *
 *     grid_tool COUNT */
#include "sim/grid.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define POINTS_MAX 1000

int main(int argc, char **argv) {
    static struct point points[POINTS_MAX];
    size_t count = argc == 2 ? strtoul(argv[1], 0, 10) : 0;
    int failed = 0;
    if (count == 0 || count > POINTS_MAX) {
        fprintf(stderr, "usage: grid_tool COUNT (at most %d)\n", POINTS_MAX);
        return 2;
    }
    grid_points(points, POINTS_MAX, 1);
    for (size_t i = 0; i < count; i++) {
        struct point_result result;
        point_run(&points[i], &result);
        printf("%zu %s at %" PRIu64 " ns: %" PRIu64 " bytes, %" PRIu64 " segments, %" PRIu64
               " resent, %" PRIu64 " of them after a timeout %s\n",
               i, result.done ? "done" : "not done", result.time, result.bytes, result.segments,
               result.resent, result.timeout_resent, result.message);
        failed += !result.done;
    }
    return failed != 0;
}
