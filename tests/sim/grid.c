/* tests/sim/grid.c: see grid.h.
 *
 * All-pairs covering, greedily: of some random candidates, the one that covers most pairs not yet
 * covered, half of them seeded with an uncovered pair. A point is an array of levels until the end.
 */
#include "sim/grid.h"

#include "base/random.h"
#include <string.h>

enum factor {
    LOSS,
    BURST,
    REORDER,
    DUPLICATE,
    CORRUPT,
    RTT,
    MTU,
    WINDOW,
    FAMILY,
    RATE,
    GSO,
    BATCH,
    DIRECTION,
    READER,
    OPTIONS,
    CLOSER,
    FACTORS
};

static const uint32_t losses[] = {0, 1000000, 10000000, 30000000, 100000000, 200000000, 300000000};
static const uint32_t bursts[] = {0, 2000000, 10000000};
static const uint32_t reorders[] = {0, 10000000, 100000000, 500000000};
static const uint32_t duplicates[] = {0, 10000000, 100000000};
static const uint32_t corrupts[] = {0, 1000000, 50000000};
static const rill_time rtts[] = {1000, 100000, 10 * RILL_MILLISECOND, 100 * RILL_MILLISECOND,
                                 2 * RILL_SECOND};
static const uint32_t mtus[] = {296, 576, 1280, 1500, 9000, 65535};
static const uint32_t windows[] = {1, 100, 1000, 10000, 65535, 1u << 20, 16u << 20};
static const uint64_t rates[] = {0, 100000000, 2000000};

#define LEVELS(array) (uint8_t)(sizeof(array) / sizeof *(array))
static const uint8_t levels[FACTORS] = {
    LEVELS(losses),
    LEVELS(bursts),
    LEVELS(reorders),
    LEVELS(duplicates),
    LEVELS(corrupts),
    LEVELS(rtts),
    LEVELS(mtus),
    LEVELS(windows),
    2,
    LEVELS(rates),
    2,
    2,
    POINT_DIRECTIONS,
    2,
    2,
    2,
};
#define LEVELS_MAX 7
#define CANDIDATES 40

struct row {
    uint8_t level[FACTORS];
};

struct covered {
    bool pair[FACTORS][FACTORS][LEVELS_MAX][LEVELS_MAX];
};

static size_t pairs_of(const struct row *row, struct covered *covered, bool mark) {
    size_t fresh = 0;
    for (int a = 0; a < FACTORS; a++) {
        for (int b = a + 1; b < FACTORS; b++) {
            bool *pair = &covered->pair[a][b][row->level[a]][row->level[b]];
            fresh += !*pair;
            *pair |= mark;
        }
    }
    return fresh;
}

static size_t missing(const struct covered *covered, size_t *total, size_t which, int first[4]) {
    size_t count = 0, all = 0;
    for (int a = 0; a < FACTORS; a++)
        for (int b = a + 1; b < FACTORS; b++)
            for (int i = 0; i < levels[a]; i++)
                for (int j = 0; j < levels[b]; j++, all++) {
                    if (covered->pair[a][b][i][j])
                        continue;
                    if (first && count == which)
                        memcpy(first, (int[]){a, b, i, j}, 4 * sizeof *first);
                    count++;
                }
    if (total)
        *total = all;
    return count;
}

static struct row random_row(struct random *random) {
    struct row row;
    for (int i = 0; i < FACTORS; i++)
        row.level[i] = (uint8_t)rill__random_below(random, levels[i]);
    return row;
}

static struct point point_of(const struct row *row, uint64_t seed) {
    struct point point = {
        .seed = seed,
        .loss = losses[row->level[LOSS]],
        .burst = bursts[row->level[BURST]],
        .burst_length = row->level[BURST] == 2 ? 8 : 4,
        .reorder = reorders[row->level[REORDER]],
        .duplicate = duplicates[row->level[DUPLICATE]],
        .corrupt = corrupts[row->level[CORRUPT]],
        .corrupt_bits = 1,
        .rtt = rtts[row->level[RTT]],
        .rate = rates[row->level[RATE]],
        .mtu = mtus[row->level[MTU]],
        .window = windows[row->level[WINDOW]],
        .ipv6 = row->level[FAMILY],
        .gso = row->level[GSO],
        .plain = row->level[OPTIONS],
        .lazy = row->level[READER],
        .orphan = row->level[CLOSER],
        .batch = row->level[BATCH] ? 64 : 1,
        .direction = (enum point_direction)row->level[DIRECTION],
    };
    if (point.ipv6 && point.mtu < 1280)
        point.mtu = 1280;
    return point;
}

static struct row best_row(struct random *random, struct covered *covered) {
    struct row best = random_row(random);
    size_t gain = 0, open = missing(covered, 0, 0, 0);
    for (int i = 0; i < CANDIDATES; i++) {
        struct row row = random_row(random);
        int pair[4];
        missing(covered, 0, (size_t)rill__random_below(random, open), pair);
        row.level[pair[0]] = (uint8_t)pair[2];
        row.level[pair[1]] = (uint8_t)pair[3];
        size_t fresh = pairs_of(&row, covered, false);
        if (fresh > gain) {
            gain = fresh;
            best = row;
        }
    }
    return best;
}

size_t grid_points(struct point *points, size_t count, uint64_t seed) {
    struct random random;
    struct covered covered;
    memset(&covered, 0, sizeof covered);
    rill__random_init(&random, (uint64_t[]){seed, 0});
    size_t n = 0;
    while (n < count && missing(&covered, 0, 0, 0)) {
        struct row row = best_row(&random, &covered);
        pairs_of(&row, &covered, true);
        points[n] = point_of(&row, seed * 100000 + n);
        n++;
    }
    size_t covering = n;
    for (; n < count; n++) {
        struct row row = random_row(&random);
        points[n] = point_of(&row, seed * 100000 + n);
    }
    return covering;
}

static uint8_t level32(const uint32_t *values, uint32_t value) {
    uint8_t i = 0;
    while (values[i] != value)
        i++;
    return i;
}

static uint8_t level64(const uint64_t *values, uint64_t value) {
    uint8_t i = 0;
    while (values[i] != value)
        i++;
    return i;
}

/* Levels a point really has: of an IPv6 point with a small MTU, that of 1280. */
static struct row row_of(const struct point *point) {
    struct row row;
    row.level[LOSS] = level32(losses, point->loss);
    row.level[BURST] = level32(bursts, point->burst);
    row.level[REORDER] = level32(reorders, point->reorder);
    row.level[DUPLICATE] = level32(duplicates, point->duplicate);
    row.level[CORRUPT] = level32(corrupts, point->corrupt);
    row.level[RTT] = level64(rtts, point->rtt);
    row.level[MTU] = level32(mtus, point->mtu);
    row.level[WINDOW] = level32(windows, point->window);
    row.level[FAMILY] = point->ipv6;
    row.level[RATE] = level64(rates, point->rate);
    row.level[GSO] = point->gso;
    row.level[BATCH] = point->batch == 64;
    row.level[DIRECTION] = (uint8_t)point->direction;
    row.level[READER] = point->lazy;
    row.level[OPTIONS] = point->plain;
    row.level[CLOSER] = point->orphan;
    return row;
}

size_t grid_pairs_missing(const struct point *points, size_t count, size_t *total) {
    struct covered covered;
    memset(&covered, 0, sizeof covered);
    for (size_t i = 0; i < count; i++) {
        struct row row = row_of(&points[i]);
        pairs_of(&row, &covered, true);
    }
    /* A path of IPv6 has at least 1280 bytes: those pairs cannot be. */
    for (int mtu = 0; mtus[mtu] < 1280; mtu++)
        covered.pair[MTU][FAMILY][mtu][1] = true;
    return missing(&covered, total, 0, 0);
}

struct variation {
    const char *name;
    enum factor factor;
    uint8_t level;
};

static const struct variation variations[] = {
    {"plain-path", FACTORS, 0},
    {"loss-0.1%", LOSS, 1},
    {"loss-1%", LOSS, 2},
    {"loss-3%", LOSS, 3},
    {"loss-10%", LOSS, 4},
    {"loss-20%", LOSS, 5},
    {"loss-30%", LOSS, 6},
    {"burst-0.2%x4", BURST, 1},
    {"burst-1%x8", BURST, 2},
    {"reorder-1%", REORDER, 1},
    {"reorder-10%", REORDER, 2},
    {"reorder-50%", REORDER, 3},
    {"dup-1%", DUPLICATE, 1},
    {"dup-10%", DUPLICATE, 2},
    {"corrupt-0.1%", CORRUPT, 1},
    {"corrupt-5%", CORRUPT, 2},
    {"rtt-1us", RTT, 0},
    {"rtt-100us", RTT, 1},
    {"rtt-10ms", RTT, 2},
    {"rtt-2s", RTT, 4},
    {"mtu-296", MTU, 0},
    {"mtu-576", MTU, 1},
    {"mtu-1280", MTU, 2},
    {"mtu-9000", MTU, 4},
    {"mtu-65535", MTU, 5},
    {"window-1", WINDOW, 0},
    {"window-100", WINDOW, 1},
    {"window-1000", WINDOW, 2},
    {"window-10000", WINDOW, 3},
    {"window-64K", WINDOW, 4},
    {"window-16M", WINDOW, 6},
    {"ipv6", FAMILY, 1},
    {"rate-100M", RATE, 1},
    {"rate-2M", RATE, 2},
    {"gso", GSO, 1},
    {"batch-64", BATCH, 1},
    {"server-sends", DIRECTION, 1},
    {"both-send", DIRECTION, 2},
    {"lazy-reader", READER, 1},
    {"no-options", OPTIONS, 1},
    {"orphaned", CLOSER, 1},
};

size_t grid_named(struct point *points, const char **names) {
    size_t count = sizeof variations / sizeof *variations;
    for (size_t i = 0; i < count; i++) {
        struct row row;
        memset(&row, 0, sizeof row);
        row.level[RTT] = 3;
        row.level[MTU] = 3;
        row.level[WINDOW] = 5;
        if (variations[i].factor != FACTORS)
            row.level[variations[i].factor] = variations[i].level;
        points[i] = point_of(&row, 7);
        names[i] = variations[i].name;
    }
    return count;
}
