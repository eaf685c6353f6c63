/* tests/fuzz/hook.h: included before every file of the library in a fuzzing build: a broken
 * invariant ends in the harness, which writes the journal before it aborts. */
#ifndef TESTS_FUZZ_HOOK_H
#define TESTS_FUZZ_HOOK_H

_Noreturn void fuzz_assertion_failed(const char *text, const char *file, int line);
#define RILL_ASSERT_HOOK(text, file, line) fuzz_assertion_failed(text, file, line)

#endif
