/* cli/report_assets.h: style, script and charts of the pages, put into the command when it is built
 * (cmake/assets.cmake). */
#ifndef RILL_CLI_REPORT_ASSETS_H
#define RILL_CLI_REPORT_ASSETS_H

#include "streams/report.h"

/* Null: this command was built without them, and it has been told what to do. */
const struct report_assets *cli_report_assets(void);

#endif
