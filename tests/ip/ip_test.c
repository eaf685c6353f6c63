/* What a host does with hand-made frames: errors and whom they reach, neighbours, routers,
 * fragments, and tables that are full. */
#include "ip/station.h"

int main(void) {
    int failed = errors_tests();
    failed += neighbourhood_tests();
    failed += router_tests();
    failed += fragments_tests();
    failed += tables_tests();
    return failed;
}
