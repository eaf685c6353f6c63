/* tests/sim/grid.h: the points of the path grid: every pair of two factors' levels, then random
 * ones. */
#ifndef TESTS_SIM_GRID_H
#define TESTS_SIM_GRID_H

#include "sim/point.h"

/* Fills in `count` points; the same ones every time. Returns how many of them it took to cover
 * every pair. */
size_t grid_points(struct point *points, size_t count, uint64_t seed);

/* Pairs of levels that no point of the first `count` has; of how many, in *total. */
size_t grid_pairs_missing(const struct point *points, size_t count, size_t *total);

/* One path varied in one thing at a time. Returns how many. */
#define GRID_NAMED_MAX 48
size_t grid_named(struct point *points, const char **names);

#endif
