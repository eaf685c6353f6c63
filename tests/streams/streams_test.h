/* tests/streams/streams_test.h: the parts of the suite "streams". */
#ifndef RILL_TESTS_STREAMS_TEST_H
#define RILL_TESTS_STREAMS_TEST_H

#include "streams/craft.h"

#define STREAMS_TEST(name) cmocka_unit_test_teardown(name, craft_close_test)

extern const struct CMUnitTest lives_tests[], labels_tests[], blame_tests[], frames_tests[],
    files_tests[], arrow_tests[], asleep_tests[];
extern const size_t lives_test_count, labels_test_count, blame_test_count, frames_test_count,
    files_test_count, arrow_test_count, asleep_test_count;

/* A streams_config.connection that only counts, into a struct craft. */
void craft_count(void *context, const struct streams_connection *connection);

#endif
