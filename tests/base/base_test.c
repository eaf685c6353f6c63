/* tests/base/base_test.c: the suite of src/base. */
#include "base/base_test.h"

int main(void) {
    return seq_tests() + checksum_tests() + siphash_tests() + random_tests() + slab_tests() +
           hash_tests() + wheel_tests() + address_tests();
}
