/* tests/fuzz/harness.c: see harness.h. */
#include "fuzz/harness.h"

#include "fuzz/hook.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct test_journal journal;

uint8_t input_8(struct fuzz_input *input) {
    return input->at < input->end ? *input->at++ : 0;
}

uint16_t input_16(struct fuzz_input *input) {
    unsigned high = input_8(input);
    return (uint16_t)(high << 8 | input_8(input));
}

uint32_t input_32(struct fuzz_input *input) {
    uint32_t high = input_16(input);
    return high << 16 | input_16(input);
}

uint32_t input_below(struct fuzz_input *input, uint32_t limit) {
    return (limit > 256 ? input_16(input) : input_8(input)) % limit;
}

const uint8_t *input_bytes(struct fuzz_input *input, size_t *length) {
    const uint8_t *bytes = input->at;
    size_t left = (size_t)(input->end - input->at);
    *length = *length < left ? *length : left;
    input->at += *length;
    return bytes;
}

/* Once: what follows the first failure is of no interest. */
static void save_journal(void) {
    static bool saved;
    const char *directory = getenv("RILL_FUZZ_ARTIFACTS");
    char name[512];
    if (saved || !journal.length)
        return;
    saved = true;
    snprintf(name, sizeof name, "%s/%s-%ld.journal", directory ? directory : ".", fuzz_target,
             (long)getpid());
    if (test_journal_save(&journal, name))
        fprintf(stderr, "%s: the journal of this run: %s (rill replay shows it)\n", fuzz_target,
                name);
    else
        fprintf(stderr, "%s: the journal of this run could not be written to %s\n", fuzz_target,
                name);
}

_Noreturn void fuzz_fail(const char *what, const char *file, int line) {
    fprintf(stderr, "%s: %s:%d: not so: %s\n", fuzz_target, file, line, what);
    save_journal();
    abort();
}

void fuzz_say(const char *format, ...) {
    static int wanted = -1;
    va_list arguments;
    if (wanted < 0)
        wanted = getenv("RILL_FUZZ_TRACE") != 0;
    if (!wanted)
        return;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

_Noreturn void fuzz_assertion_failed(const char *text, const char *file, int line) {
    fuzz_fail(text, file, line);
}

/* The sanitizers call these before they report. */
void __asan_on_error(void);
void __asan_on_error(void) {
    save_journal();
}

void __ubsan_on_report(void);
void __ubsan_on_report(void) {
    save_journal();
}

/* Freed memory is kept from use for some megabytes, not for all that a small machine has. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "quarantine_size_mb=16:malloc_context_size=8";
}

struct test_journal *fuzz_journal_begin(void) {
    const char *name = getenv("RILL_FUZZ_JOURNAL");
    journal.length = 0;
    if (journal.file)
        fclose(journal.file);
    journal.file = name ? fopen(name, "wb") : 0;
    if (journal.file)
        setvbuf(journal.file, 0, _IONBF, 0);
    return &journal;
}

void fuzz_journal_replay(void) {
    struct rill_replay_result result;
    if (journal.file)
        return;
    test_journal_replay(&journal, &result);
    if (result.end != RILL_REPLAY_DONE)
        fuzz_fail(*result.what ? result.what : rill_replay_end_text(result.end), __FILE__,
                  __LINE__);
}

/* A block exactly as long as the bytes, so that ASan sees a step beyond. */
static struct rill_block *exact(struct rill_pool *pool, const uint8_t *bytes, size_t length) {
    uint8_t *copy = malloc(length ? length : 1);
    if (!copy)
        return 0;
    if (length)
        memcpy(copy, bytes, length);
    struct rill_block *block = rill_block_wrap(pool, copy, length, free, copy);
    if (!block)
        free(copy);
    return block;
}

static struct rill_block *roomy(struct rill_pool *pool, const uint8_t *bytes, size_t length) {
    struct rill_block *block = rill_block_open(pool, length + 1);
    if (block && length)
        memcpy(rill_block_data(block), bytes, length);
    return block;
}

struct rill_packet *fuzz_packet_of(struct rill_pool *pool, const uint8_t *bytes, size_t length,
                                   uint8_t shape) {
    struct rill_packet *packet = rill_packet_open(pool);
    size_t at = 0, pieces = (shape >> 1 & 3) + 1u;
    if (!packet)
        return 0;
    for (size_t i = 0; i < pieces; i++) {
        size_t part = length - at;
        if (i + 1 < pieces) /* the headers are mostly in the first piece */
            part = i == 0 && part > 140 ? 140 : part / 2;
        struct rill_block *block =
            shape & 1 ? roomy(pool, bytes + at, part) : exact(pool, bytes + at, part);
        struct rill_slice slice = {block ? rill_block_data(block) : 0, part, block};
        if (!block || rill_packet_append(packet, slice)) {
            if (block)
                rill_block_drop(block);
            rill_packet_drop(packet);
            return 0;
        }
        at += part;
    }
    return packet;
}
