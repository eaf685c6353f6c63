# Writes OUTPUT, a C file that holds the report page's style, script and charts as bytes.
# Run as a script: cmake -D OUTPUT=… -D PAGE=src/streams/page -D UPLOT=node_modules/uplot -P assets.cmake
function(as_bytes name path)
  file(READ ${path} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "((0x..,){24})" "\\1\n" bytes "${bytes}")
  set(text "${text}static const uint8_t ${name}[] = {\n${bytes}};\n" PARENT_SCOPE)
endfunction()

set(text "/* Made by cmake/assets.cmake. */\n#include \"cli/report_assets.h\"\n\n")
as_bytes(style ${PAGE}/page.css)
as_bytes(script ${PAGE}/page.js)
as_bytes(chart_style ${UPLOT}/dist/uPlot.min.css)
as_bytes(chart_script ${UPLOT}/dist/uPlot.iife.min.js)
as_bytes(chart_licence ${UPLOT}/LICENSE)
file(WRITE ${OUTPUT} "${text}
static const struct report_assets assets = {
    {style, sizeof style},
    {script, sizeof script},
    {chart_style, sizeof chart_style},
    {chart_script, sizeof chart_script},
    {chart_licence, sizeof chart_licence},
};

const struct report_assets *cli_report_assets(void) {
    return &assets;
}
")
