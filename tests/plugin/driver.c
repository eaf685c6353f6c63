/* tests/plugin/driver.c: `driver SO FILE…`: runs scripts with the host of the shared object, and
 * prints a line each, as rill script does. Exit code 0: all passed. */
#include "plugin/driver.h"
#include "script/script.h"

#include "cli/allocator.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void (*driver_init)(const char *flags, struct packetdrill_interface *interface);
int (*driver_getsockopt)(int fd, int level, int option, void *value, socklen_t *length);

static char *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "r");
    char *text = file ? malloc(1 << 20) : 0;
    if (text)
        *length = fread(text, 1, 1 << 20, file);
    if (file)
        fclose(file);
    return text;
}

static bool load(const char *path) {
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE | RTLD_DEEPBIND);
    if (!object) {
        fprintf(stderr, "%s\n", dlerror());
        return false;
    }
    *(void **)&driver_init = dlsym(object, "packetdrill_interface_init");
    *(void **)&driver_getsockopt = dlsym(object, "getsockopt");
    return driver_init && driver_getsockopt;
}

int main(int argc, char **argv) {
    unsigned passed = 0, failed = 0;
    if (argc < 2 || !load(argv[1]))
        return 2;
    snprintf(driver_settings, sizeof driver_settings, "/tmp/rill-driver-%d", (int)getpid());
    for (int i = 2; i < argc; i++) {
        struct script_config config = {.allocator = cli_allocator(), .seed = 1};
        struct script_result result;
        char *text = read_file(argv[i], &config.length);
        remove(driver_settings);
        if (!text)
            return 2;
        config.source = text;
        script_run(&config, &result);
        if (result.passed)
            printf("PASS %s\n", argv[i]);
        else
            printf("FAIL %s:%u: %s\n", argv[i], result.line, result.what);
        *(result.passed ? &passed : &failed) += 1;
        free(text);
    }
    remove(driver_settings);
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0;
}
