/* tests/sim/grid_test.c: every path TCP has to survive (issue 2, item 6), in virtual time.
 *
 * Two processes share the points; what came of each lies in shared memory, so that a crash names
 * its point too. `grid_test --point N` runs one alone and says how it went; `grid_test --update`
 * writes tests/sim/grid_results.txt anew, which a change of behaviour must bring along. */
#include "sim/grid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define POINTS 12000
#define LIMITED 3000
#define MULTI_BIT 1000
#define WORKERS 2
#define TABLE "tests/sim/grid_results.txt"

enum progress { NOT_BEGUN, BEGUN, ENDED };

struct shared {
    struct point_result result;
    enum progress progress;
};

/* Runs every point, each process every second one. The caller unmaps. */
static struct shared *run_all(const struct point *points, size_t count) {
    struct shared *shared =
        mmap(0, count * sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    fflush(stdout);
    pid_t children[WORKERS];
    for (size_t worker = 0; worker < WORKERS; worker++) {
        children[worker] = fork();
        assert_true(children[worker] >= 0);
        if (children[worker])
            continue;
        for (size_t i = worker; i < count; i += WORKERS) {
            shared[i].progress = BEGUN;
            point_run(&points[i], &shared[i].result);
            shared[i].progress = ENDED;
        }
        _exit(0);
    }
    for (size_t worker = 0; worker < WORKERS; worker++) {
        int status;
        waitpid(children[worker], &status, 0);
    }
    return shared;
}

static void say(const char *what, size_t i, const struct point *point, const char *message) {
    char text[320];
    point_describe(point, text, sizeof text);
    print_message("# %s: point %zu: %s: %s\n", what, i, text, message);
}

static size_t crashed(const struct point *points, const struct shared *shared, size_t count) {
    size_t bad = 0;
    for (size_t i = 0; i < count; i++) {
        if (shared[i].progress == BEGUN)
            say("crashed", i, &points[i], "the process died here");
        bad += shared[i].progress != ENDED;
    }
    return bad;
}

static void every_path_with_patience_carries_every_byte(void **state) {
    (void)state;
    static struct point points[POINTS];
    size_t total, covering = grid_points(points, POINTS, 1);
    assert_int_equal(grid_pairs_missing(points, POINTS, &total), 0);
    struct shared *shared = run_all(points, POINTS);
    size_t failed = crashed(points, shared, POINTS), bytes = 0, steps = 0;
    uint64_t slowest = 0; /* time used, in % of the limit */
    for (size_t i = 0; i < POINTS; i++) {
        if (shared[i].progress == ENDED && !shared[i].result.done) {
            say("failed", i, &points[i], shared[i].result.message);
            failed++;
        }
        bytes += shared[i].result.bytes;
        steps += shared[i].result.steps;
        uint64_t used = shared[i].result.time * 100 / point_time_limit(&points[i]);
        slowest = used > slowest ? used : slowest;
    }
    print_message("# %d points, the first %zu cover all %zu pairs; %zu failed; %zu bytes, %zu "
                  "steps with every connection checked; at most %llu%% of the time limit\n",
                  POINTS, covering, total, failed, bytes, steps, (unsigned long long)slowest);
    munmap(shared, POINTS * sizeof *shared);
    assert_int_equal(failed, 0);
}

/* Without bursts: one that outlasts a SYN's six retries, each a single frame, is no matter of a
 * share of loss. */
static void limit(struct point *points, size_t count) {
    for (size_t i = 0; i < count; i++) {
        points[i].default_limits = true;
        points[i].burst = 0;
    }
}

static void default_limits_give_up_only_above_20_percent_loss(void **state) {
    (void)state;
    static struct point points[LIMITED];
    grid_points(points, LIMITED, 2);
    limit(points, LIMITED);
    struct shared *shared = run_all(points, LIMITED);
    size_t failed = crashed(points, shared, LIMITED), gave_up = 0, above = 0;
    for (size_t i = 0; i < LIMITED; i++) {
        const struct point_result *result = &shared[i].result;
        bool lossy = point_loss(&points[i]) > RILL_CERTAIN / 5;
        above += lossy;
        if (result->done || shared[i].progress != ENDED)
            continue;
        gave_up += result->gave_up;
        bool allowed = result->gave_up && lossy && !result->wrong;
        say(allowed ? "gave up" : "failed", i, &points[i], result->message);
        failed += !allowed;
    }
    print_message("# %d points with default limits, %zu above 20%% loss: %zu gave up\n", LIMITED,
                  above, gave_up);
    munmap(shared, LIMITED * sizeof *shared);
    assert_int_equal(failed, 0);
}

/* A checksum of 16 bits lets some of it through: the stream may suffer, the program may not. */
static void frames_with_many_bits_turned_over_do_no_harm(void **state) {
    (void)state;
    static struct point points[MULTI_BIT];
    grid_points(points, MULTI_BIT, 3);
    for (size_t i = 0; i < MULTI_BIT; i++) {
        limit(points + i, 1);
        points[i].corrupt = RILL_CERTAIN / 10;
        points[i].corrupt_bits = 8u << i % 4;
    }
    struct shared *shared = run_all(points, MULTI_BIT);
    size_t failed = crashed(points, shared, MULTI_BIT), whole = 0, wrong = 0, left = 0;
    for (size_t i = 0; i < MULTI_BIT; i++) {
        whole += shared[i].result.done;
        wrong += shared[i].result.wrong;
        left += strstr(shared[i].result.message, "left behind") != 0;
        if (!shared[i].result.done)
            say("ended", i, &points[i], shared[i].result.message);
    }
    print_message("# %d points with 8 to 64 bits turned over in 10%% of frames: %zu whole, %zu "
                  "with a wrong stream\n",
                  MULTI_BIT, whole, wrong);
    munmap(shared, MULTI_BIT * sizeof *shared);
    assert_int_equal(failed, 0);
    assert_int_equal(left, 0);
    assert_true(whole > MULTI_BIT / 2);
}

/* The table as text; null if a point failed. */
static char *make_table(void) {
    static struct point points[GRID_NAMED_MAX];
    static const char *names[GRID_NAMED_MAX];
    static char text[GRID_NAMED_MAX * 100 + 400];
    size_t count = grid_named(points, names), used = 0;
    struct shared *shared = run_all(points, count);
    used += (size_t)snprintf(text, sizeof text,
                             "# 1 MB over 100 ms, MTU 1500, window 1 MiB, and one thing different. "
                             "tests/sim/grid_test --update\n# %-14s %12s %9s %8s %9s\n",
                             "path", "virtual us", "segments", "resent", "by RTO");
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        const struct point_result *r = &shared[i].result;
        if (shared[i].progress != ENDED || !r->done)
            say("failed", i, &points[i], r->message);
        good = good && shared[i].progress == ENDED && r->done;
        used += (size_t)snprintf(
            text + used, sizeof text - used, "%-16s %12llu %9llu %8llu %9llu\n", names[i],
            (unsigned long long)(r->time / RILL_MICROSECOND), (unsigned long long)r->segments,
            (unsigned long long)r->resent, (unsigned long long)r->timeout_resent);
    }
    munmap(shared, count * sizeof *shared);
    return good ? text : 0;
}

/* Says which lines differ; returns how many. */
static unsigned compare(char *now, char *kept) {
    unsigned differ = 0;
    while (*now || *kept) {
        size_t n = strcspn(now, "\n"), k = strcspn(kept, "\n");
        if (n != k || strncmp(now, kept, n) != 0) {
            print_message("# was: %.*s\n# now: %.*s\n", (int)k, kept, (int)n, now);
            differ++;
        }
        now += n + (now[n] != 0);
        kept += k + (kept[k] != 0);
    }
    return differ;
}

static void completion_times_are_those_of_the_table(void **state) {
    (void)state;
    static char kept[GRID_NAMED_MAX * 100 + 400];
    char *text = make_table();
    assert_non_null(text);
    FILE *file = fopen(TABLE, "r");
    assert_non_null(file);
    kept[fread(kept, 1, sizeof kept - 1, file)] = 0;
    fclose(file);
    unsigned differ = compare(text, kept);
    if (differ)
        print_message("# %s is not what happens now; if that is meant: grid_test --update\n",
                      TABLE);
    assert_int_equal(differ, 0);
}

static int update(void) {
    char *text = make_table();
    FILE *file = text ? fopen(TABLE, "w") : 0;
    if (!file || fputs(text, file) < 0 || fclose(file))
        return 1;
    return 0;
}

/* One point of a set alone, for looking into: --point SET N, the set numbered as its seed. */
static int run_one(uint64_t set, size_t number) {
    static struct point points[POINTS];
    grid_points(points, set == 1 ? POINTS : set == 2 ? LIMITED : MULTI_BIT, set);
    if (set > 1)
        limit(points + number, 1);
    if (set == 3) {
        points[number].corrupt = RILL_CERTAIN / 10;
        points[number].corrupt_bits = 8u << number % 4;
    }
    struct point_result result;
    point_run(&points[number], &result);
    char text[320];
    point_describe(&points[number], text, sizeof text);
    printf("%s\n%s %s\nvirtual %.3f s of at most %.3f s, %llu steps, %llu segments, %llu resent, "
           "%llu of them after a timeout\n",
           text, result.done ? "done" : "not done", result.message, (double)result.time / 1e9,
           (double)point_time_limit(&points[number]) / 1e9, (unsigned long long)result.steps,
           (unsigned long long)result.segments, (unsigned long long)result.resent,
           (unsigned long long)result.timeout_resent);
    return !result.done;
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "--update"))
        return update();
    if (argc == 4 && !strcmp(argv[1], "--point"))
        return run_one(strtoull(argv[2], 0, 10), strtoul(argv[3], 0, 10));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_with_patience_carries_every_byte),
        cmocka_unit_test(default_limits_give_up_only_above_20_percent_loss),
        cmocka_unit_test(frames_with_many_bits_turned_over_do_no_harm),
        cmocka_unit_test(completion_times_are_those_of_the_table),
    };
    return cmocka_run_group_tests_name("grid", tests, 0, 0);
}
