/* tests/fuzz/replay_main.c: a fuzz target as an ordinary program: runs each file, and each file of
 * each directory, that it is given, and prints TAP. For compilers without libFuzzer, and for the
 * suite that runs the kept corpora. */
#include "fuzz/harness.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static unsigned long files;

static void run_file(const char *name, size_t size) {
    FILE *file = fopen(name, "rb");
    uint8_t *data = malloc(size ? size : 1);
    if (!file || !data || fread(data, 1, size, file) != size) {
        fprintf(stderr, "%s cannot be read\n", name);
        exit(1);
    }
    fclose(file);
    fprintf(stderr, "%s\n", name); /* the last one named is the one that failed */
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    files++;
}

static void run(const char *name) {
    struct stat about;
    if (stat(name, &about)) {
        fprintf(stderr, "there is no %s\n", name);
        exit(1);
    }
    if (!S_ISDIR(about.st_mode)) {
        run_file(name, (size_t)about.st_size);
        return;
    }
    DIR *directory = opendir(name);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", name, entry->d_name);
        run(path);
    }
    if (directory)
        closedir(directory);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        run(argv[i]);
    if (files)
        printf("ok 1 - %s: %lu inputs\n1..1\n", fuzz_target, files);
    else
        printf("not ok 1 - %s: no inputs\n1..1\n", fuzz_target);
    return !files;
}
