/* tests/sim/mixed_soak.c: random runs of two hosts (mixed.h) for as long as one likes, each with a
 * journal that is played again: no invariant breaks, and the replay is the same.
 *
 *     mixed_soak [--seed N] [--seconds N]     CPU seconds; a failing run prints its seed
 *
 * RILL_FUZZ_ARTIFACTS says where the journal of a failing run goes. */
#include "sim/mixed.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STEPS 400

static uint64_t seed = 1;
static struct test_journal journal;

static void save(const char *what) {
    const char *directory = getenv("RILL_FUZZ_ARTIFACTS");
    char name[512];
    snprintf(name, sizeof name, "%s/mixed-%llu.journal", directory ? directory : ".",
             (unsigned long long)seed);
    bool saved = journal.length && test_journal_save(&journal, name);
    fprintf(stderr, "mixed_soak: seed %llu: %s; its journal: %s\n", (unsigned long long)seed, what,
            saved ? name : "none");
}

/* An assertion of the library's ends in a trap, a sanitizer's report in an abort. */
static void on_signal(int number) {
    save(number == SIGABRT ? "aborted" : "crashed");
    _exit(1);
}

void fuzz_assertion_failed(const char *text, const char *file, int line);
void fuzz_assertion_failed(const char *text, const char *file, int line) {
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, text);
    save("an invariant is broken");
    _exit(1);
}

void __asan_on_error(void);
void __asan_on_error(void) {
    save("a sanitizer has something to say");
}

void __ubsan_on_report(void);
void __ubsan_on_report(void) {
    save("a sanitizer has something to say");
}

int main(int argc, char **argv) {
    uint64_t seconds = 10, runs = 0, steps = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--seed"))
            seed = strtoull(argv[i + 1], 0, 0);
        else if (!strcmp(argv[i], "--seconds"))
            seconds = strtoull(argv[i + 1], 0, 0);
    }
    signal(SIGABRT, on_signal);
    signal(SIGILL, on_signal);
    uint64_t first = seed;
    for (; (uint64_t)clock() / CLOCKS_PER_SEC < seconds; seed++, runs++) {
        struct mixed_result result;
        struct rill_replay_result replay;
        journal.length = 0;
        mixed_run(seed, STEPS, &journal, &result);
        steps += result.steps;
        if (result.broken) {
            save(result.broken);
            return 1;
        }
        test_journal_replay(&journal, &replay);
        if (replay.end != RILL_REPLAY_DONE) {
            save(rill_replay_end_text(replay.end));
            return 1;
        }
    }
    printf("mixed_soak: %llu runs, %llu steps, seeds %llu to %llu, %llu CPU seconds\n",
           (unsigned long long)runs, (unsigned long long)steps, (unsigned long long)first,
           (unsigned long long)(seed - 1), (unsigned long long)seconds);
    test_journal_close(&journal);
    return 0;
}
