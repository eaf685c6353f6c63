/* The same socket calls on the kernel's loopback and on rill's: each call answers alike.
 *
 * scenarios.txt is the table of calls. Every scenario runs on both; a line that answers differently
 * must stand in `differences` with what each says and why, and what stands there must differ. On a
 * difference that is not listed the scenario runs again with more time between the calls, so that a
 * busy machine does not decide. */

#include "script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SCENARIOS 200
#define STEPS 120

/* Why answers differ. */
#define NO_PORT                                                                                    \
    "TIME-WAIT: the kernel keeps a port from being bound, rill the four-tuple from being opened"
#define ITS_OWN "the kernel has an option of that number"
#define ROUTE                                                                                      \
    "the kernel asks for a route before it asks whether broadcast is allowed, and a namespace of " \
    "loopback alone has none"

#define LOW_WATER                                                                                  \
    "each takes no more than half of what its own receive buffer may become, or all of it"
#define IN_LINE                                                                                    \
    "the kernel takes the urgent byte out of the stream unless SO_OOBINLINE is set; rill never "   \
    "does (RFC 6093 §6)"

struct difference {
    const char *scenario, *line;
    int occurrence; /* of that line in the scenario, from 1 */
    const char *kernel, *rill;
    const char *reason;
};

static const struct difference differences[] = {
    {"tcp time-wait", "bind d lo 7001", 1, "EADDRINUSE", "0", NO_PORT},
    {"tcp time-wait", "name d", 1, "any 0", "127.0.0.1 7001", NO_PORT},
    {"tcp options of a fresh socket", "get a socket nonesuch", 1, "?", "ENOPROTOOPT", ITS_OWN},
    {"tcp options of an IPv6 socket", "set a ipv6 nonesuch 1", 1, "0", "ENOPROTOOPT", ITS_OWN},
    {"tcp more options of the socket level", "get a socket rcvlowat", 4,
     "0 value 16777216 0 length 4", "0 value 131072 0 length 4", LOW_WATER},
    {"tcp urgent, not asked for in line", "recv c 9", 2, "EAGAIN", "1 [2..2]", IN_LINE},
    {"udp out of reach", "sendto a 1 255.255.255.255 7000", 1, "ENETUNREACH", "EACCES", ROUTE},
    {"udp out of reach", "connect a 255.255.255.255 7000", 1, "ENETUNREACH", "EACCES", ROUTE},
    {0, 0, 0, 0, 0, 0},
};

struct scenario {
    char name[SCRIPT_TEXT];
    char lines[STEPS][SCRIPT_TEXT];
    char results[2][STEPS][SCRIPT_TEXT]; /* kernel, rill */
    int count;
};

static struct scenario scenarios[SCENARIOS];
static int scenario_count;
static bool seen[sizeof differences / sizeof *differences];
static const struct driver *kernel;
static const char *why_no_kernel;

static int read_scenarios(void **state) {
    (void)state;
    FILE *file = fopen("tests/socket/scenarios.txt", "r");
    char text[SCRIPT_TEXT];
    if (!file)
        return -1;
    while (fgets(text, sizeof text, file)) {
        text[strcspn(text, "\n")] = 0;
        struct scenario *last = &scenarios[scenario_count ? scenario_count - 1 : 0];
        if (text[0] == '=')
            memcpy(scenarios[scenario_count++].name, text + 2, sizeof text - 2);
        else if (text[0] && text[0] != '#')
            memcpy(last->lines[last->count++], text, sizeof text);
        if (scenario_count == SCENARIOS || last->count == STEPS)
            break;
    }
    fclose(file);
    kernel = kernel_driver(&why_no_kernel);
    return 0;
}

static void run(struct scenario *scenario, int which, unsigned settle) {
    struct script script;
    const struct driver *driver = which ? &rill_driver : kernel;
    driver->begin();
    script_init(&script, driver, settle);
    for (int i = 0; i < scenario->count; i++)
        if (!script_step(&script, scenario->lines[i], scenario->results[which][i]))
            fail_msg("%s: no such call: %s", scenario->name, scenario->lines[i]);
    driver->end();
}

static int occurrence(const struct scenario *scenario, int step) {
    int n = 0;
    for (int i = 0; i <= step; i++)
        n += !strcmp(scenario->lines[i], scenario->lines[step]);
    return n;
}

static bool is_listed(const struct scenario *scenario, int step) {
    for (size_t i = 0; i + 1 < sizeof differences / sizeof *differences; i++) {
        const struct difference *d = &differences[i];
        if (!strcmp(d->scenario, scenario->name) && !strcmp(d->line, scenario->lines[step]) &&
            d->occurrence == occurrence(scenario, step) &&
            !strcmp(d->kernel, scenario->results[0][step]) &&
            !strcmp(d->rill, scenario->results[1][step])) {
            seen[i] = true;
            return true;
        }
    }
    return false;
}

static int compare(const struct scenario *scenario, bool tell) {
    int wrong = 0;
    for (int i = 0; i < scenario->count; i++) {
        if (!strcmp(scenario->results[0][i], scenario->results[1][i]) || is_listed(scenario, i))
            continue;
        wrong++;
        if (tell)
            printf("# {\"%s\", \"%s\", %d, \"%s\", \"%s\", \"\"},\n", scenario->name,
                   scenario->lines[i], occurrence(scenario, i), scenario->results[0][i],
                   scenario->results[1][i]);
    }
    return wrong;
}

static void each_call_answers_as_the_kernel_does(void **state) {
    (void)state;
    int wrong = 0, calls = 0;
    if (!kernel) {
        printf("# skipped: %s\n", why_no_kernel);
        skip();
    }
    for (int i = 0; i < scenario_count; i++) {
        struct scenario *scenario = &scenarios[i];
        run(scenario, 0, 1);
        run(scenario, 1, 1);
        if (compare(scenario, false)) {
            run(scenario, 0, 60);
            run(scenario, 1, 60);
        }
        wrong += compare(scenario, true);
        calls += scenario->count;
    }
    printf("# %d calls in %d scenarios, %zu listed differences\n", calls, scenario_count,
           sizeof differences / sizeof *differences - 1);
    assert_int_equal(wrong, 0);
    assert_in_range(calls, 200, SCENARIOS * STEPS);
}

static void every_listed_difference_is_still_one(void **state) {
    (void)state;
    if (!kernel)
        skip();
    int stale = 0;
    for (size_t i = 0; i + 1 < sizeof differences / sizeof *differences; i++) {
        if (seen[i])
            continue;
        stale++;
        printf("# no difference any more: %s: %s\n", differences[i].scenario, differences[i].line);
    }
    assert_int_equal(stale, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_answers_as_the_kernel_does),
        cmocka_unit_test(every_listed_difference_is_still_one),
    };
    return cmocka_run_group_tests_name("socket differential", tests, read_scenarios, 0);
}
