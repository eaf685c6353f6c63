/* link/journal_file.h: a file that stacks write their journals to. */
#ifndef RILL_LINK_JOURNAL_FILE_H
#define RILL_LINK_JOURNAL_FILE_H

#include <rill/journal.h>
#include <stdio.h>

struct journal_file {
    FILE *file; /* null: none */
    const char *name;
    bool failed;
};

/* False: it cannot be written, and errno says why. */
bool journal_file_open(struct journal_file *journal, const char *name);
/* Has the stack write there, under this number; nothing if there is no file. */
void journal_file_attach(struct journal_file *journal, struct rill_stack_config *config,
                         uint8_t number);
/* False: it is not whole. */
bool journal_file_close(struct journal_file *journal);

#endif
