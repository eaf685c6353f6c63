/* cli/paged.c: see paged.h. */
#include "cli/paged.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ON_HEAP ((size_t)16 << 20)

static bool grow_file(struct paged *paged, size_t size) {
    FILE *file = paged->file ? paged->file : tmpfile();
    void *at = MAP_FAILED;
    /* Room that is promised now is there when it is written to. */
    if (file && posix_fallocate(fileno(file), 0, (off_t)size) == 0)
        at = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    if (at == MAP_FAILED) {
        if (file && !paged->file)
            fclose(file);
        return false;
    }
    if (paged->file) {
        munmap(paged->at, paged->size);
    } else {
        if (paged->size)
            memcpy(at, paged->at, paged->size);
        free(paged->at);
    }
    *paged = (struct paged){at, size, file};
    return true;
}

bool paged_grow(struct paged *paged, size_t size) {
    if (size <= paged->size)
        return true;
    if (size > ON_HEAP)
        return grow_file(paged, size);
    void *at = realloc(paged->at, size);
    if (!at)
        return false;
    *paged = (struct paged){at, size, 0};
    return true;
}

void paged_free(struct paged *paged) {
    if (paged->file) {
        munmap(paged->at, paged->size);
        fclose(paged->file);
    } else {
        free(paged->at);
    }
    memset(paged, 0, sizeof *paged);
}
