/* tests/fuzz/harness.h: what the fuzz targets share: their input taken byte by byte, failing with
 * what is needed to repeat it, the journal of the run, and packets made of bytes.
 *
 * A target is one file with LLVMFuzzerTestOneInput. It keeps nothing from one input to the next, so
 * an input that fails, fails alone. Linked with libFuzzer it is a fuzzer, with replay_main.c a
 * program that runs files.
 *
 * RILL_FUZZ_ARTIFACTS   directory where a failing run leaves its journal (default: the current one)
 * RILL_FUZZ_TRACE       if set, some targets say what they do
 * RILL_FUZZ_JOURNAL     file to write the journal to as it grows, for runs that end in no assertion
 */
#ifndef TESTS_FUZZ_HARNESS_H
#define TESTS_FUZZ_HARNESS_H

#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern const char fuzz_target[]; /* its name, given by each target */

struct fuzz_input {
    const uint8_t *at, *end;
};

/* At the end of the input: zeros. */
uint8_t input_8(struct fuzz_input *input);
uint16_t input_16(struct fuzz_input *input);
uint32_t input_32(struct fuzz_input *input);
/* 0 ... limit - 1, from one byte, or from two if the limit is larger than 256. */
uint32_t input_below(struct fuzz_input *input, uint32_t limit);
static inline bool input_done(const struct fuzz_input *input) {
    return input->at == input->end;
}
/* Up to `length` bytes of the input itself; `*length` becomes how many. */
const uint8_t *input_bytes(struct fuzz_input *input, size_t *length);

/* Says what is wrong, writes the journal and aborts. */
_Noreturn void fuzz_fail(const char *what, const char *file, int line);
#define FUZZ_REQUIRE(condition) ((condition) ? (void)0 : fuzz_fail(#condition, __FILE__, __LINE__))

/* With RILL_FUZZ_TRACE set: what the run does, a line each. */
void fuzz_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The journal of this run, emptied: to be given to the world. */
struct test_journal *fuzz_journal_begin(void);
/* Plays what has been written so far again: it must come out the same. */
void fuzz_journal_replay(void);

/* How the bytes of a packet lie: in one block or several, of the pool or of just their length. */
struct rill_packet *fuzz_packet_of(struct rill_pool *pool, const uint8_t *bytes, size_t length,
                                   uint8_t shape);

#endif
