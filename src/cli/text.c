/* cli/text.c: see text.h. */
#include "cli/text.h"

#include <stdio.h>

const char *cli_size_text(uint64_t bytes, char *out, size_t size) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    int unit = 0;
    while (value >= 1024 && unit < 4) {
        value /= 1024;
        unit++;
    }
    snprintf(out, size, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return out;
}

const char *cli_time_text(rill_time time, char *out, size_t size) {
    if (time < RILL_MILLISECOND)
        snprintf(out, size, "%.1f us", (double)time / 1e3);
    else if (time < RILL_SECOND)
        snprintf(out, size, "%.1f ms", (double)time / 1e6);
    else
        snprintf(out, size, "%.2f s", (double)time / 1e9);
    return out;
}

const char *cli_rate_text(uint64_t bit_per_s, char *out, size_t size) {
    static const char *const units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
    double value = (double)bit_per_s;
    int unit = 0;
    while (value >= 999.5 && unit < 4) {
        value /= 1000;
        unit++;
    }
    snprintf(out, size, "%.3g %s", value, units[unit]);
    return out;
}
