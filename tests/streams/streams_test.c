/* tests/streams/streams_test.c: runs the parts of the suite "streams". */
#include "streams/streams_test.h"

void craft_count(void *context, const struct streams_connection *connection) {
    struct craft *craft = context;
    (void)connection;
    craft->result_count++;
}

int main(void) {
    static struct CMUnitTest all[200];
    size_t count = 0;
    const struct {
        const struct CMUnitTest *tests;
        size_t count;
    } parts[] = {{lives_tests, lives_test_count},  {labels_tests, labels_test_count},
                 {blame_tests, blame_test_count},  {frames_tests, frames_test_count},
                 {files_tests, files_test_count},  {arrow_tests, arrow_test_count},
                 {asleep_tests, asleep_test_count}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (size_t j = 0; j < parts[i].count; j++)
            all[count++] = parts[i].tests[j];
    return _cmocka_run_group_tests("streams", all, count, 0, 0);
}
