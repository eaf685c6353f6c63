/* tests/sim/journal_tool.c: writes the journal of a random run, or plays one, for any machine.
 *
 *     journal_tool write SEED STEPS FILE
 *     journal_tool play FILE                prints how it ended */
#include "sim/mixed.h"

#include <stdlib.h>
#include <string.h>

static int write_one(uint64_t seed, uint32_t steps, const char *name) {
    struct test_journal journal = {0};
    struct mixed_result result;
    mixed_run(seed, steps, &journal, &result);
    bool ok = !result.broken && test_journal_save(&journal, name);
    test_journal_close(&journal);
    return !ok;
}

static int play(const char *name) {
    struct test_journal journal = {0};
    struct rill_replay_result result;
    FILE *file = fopen(name, "rb");
    if (!file)
        return 2;
    journal.bytes = malloc(1u << 26);
    journal.length = journal.bytes ? fread(journal.bytes, 1, 1u << 26, file) : 0;
    fclose(file);
    test_journal_replay(&journal, &result);
    test_journal_close(&journal);
    printf("%s%s%s; %llu calls, %llu requests failed\n", rill_replay_end_text(result.end),
           result.what[0] ? ": " : "", result.what, (unsigned long long)result.calls,
           (unsigned long long)result.requests_failed);
    return result.end != RILL_REPLAY_DONE;
}

int main(int argc, char **argv) {
    if (argc == 5 && !strcmp(argv[1], "write"))
        return write_one(strtoull(argv[2], 0, 10), (uint32_t)strtoul(argv[3], 0, 10), argv[4]);
    return argc == 3 && !strcmp(argv[1], "play") ? play(argv[2]) : 2;
}
