/* link/journal_file.c: see journal_file.h. */
#include "link/journal_file.h"

static void write_part(void *context, const void *bytes, size_t length) {
    struct journal_file *journal = context;
    if (!journal->failed)
        journal->failed = fwrite(bytes, 1, length, journal->file) != length;
}

bool journal_file_open(struct journal_file *journal, const char *name) {
    uint8_t head[RILL_JOURNAL_HEADER];
    *journal = (struct journal_file){.file = fopen(name, "wb"), .name = name};
    if (!journal->file)
        return false;
    setvbuf(journal->file, 0, _IOFBF, 1 << 18);
    write_part(journal, head, rill_journal_begin(head));
    return true;
}

void journal_file_attach(struct journal_file *journal, struct rill_stack_config *config,
                         uint8_t number) {
    if (!journal->file)
        return;
    config->journal = write_part;
    config->journal_context = journal;
    config->journal_number = number;
}

bool journal_file_close(struct journal_file *journal) {
    bool ok = !journal->file || (fclose(journal->file) == 0 && !journal->failed);
    journal->file = 0;
    return ok;
}
