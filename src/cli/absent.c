/* cli/absent.c: stands in for subcommands whose library was not there when rill was built. */
#include "cli/command.h"
#include "cli/report_assets.h"

#include <stdio.h>

#if defined(RILL_WITHOUT_SERVE) || defined(RILL_WITHOUT_GET)
static int absent(const char *command, const char *library, const char *package) {
    fprintf(stderr, "rill %s: built without %s; install %s and build again\n", command, library,
            package);
    return CLI_MISSING;
}
#endif

#ifdef RILL_WITHOUT_SERVE
int command_serve(int argc, char **argv) {
    (void)argc;
    (void)argv;
    return absent("serve", "libmicrohttpd", "libmicrohttpd-dev");
}
#endif

#ifdef RILL_WITHOUT_GET
int command_get(int argc, char **argv) {
    (void)argc;
    (void)argv;
    return absent("get", "libcurl", "libcurl4-openssl-dev");
}
#endif

#ifdef RILL_WITHOUT_REPORT
const struct report_assets *cli_report_assets(void) {
    cli_error(
        "built without uPlot, so it writes no report; run tools/install page and build again");
    return 0;
}
#endif
