/* tests/streams/report_page.c: the page of so many made-up connections: report_page COUNT LIVES
 * POINTS. */
#include "cli/report_assets.h"
#include "streams/report_fill.h"

#include <stdio.h>
#include <stdlib.h>

static bool sink(void *file, const uint8_t *data, size_t length) {
    return fwrite(data, 1, length, file) == length;
}

int main(int argc, char **argv) {
    struct report report;
    struct report_fill fill = {
        .pieces = 400, .text = "A verdict of the usual length, with the seconds " FILL_HOSTILE};
    if (argc != 4)
        return 2;
    fill.count = strtoul(argv[1], 0, 10);
    fill.lives = strtoul(argv[2], 0, 10);
    fill.points = strtoul(argv[3], 0, 10);
    report_fill(&fill, &report);
    return report_write(&report, cli_report_assets(), sink, stdout) && fflush(stdout) == 0 ? 0 : 1;
}
