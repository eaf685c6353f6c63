/* base/assert.h: our own invariants, checked in release builds too. Peer bytes are judged, never
 * asserted. An embedder may define RILL_ASSERT_HOOK(text, file, line), which must not return. */
#ifndef RILL_BASE_ASSERT_H
#define RILL_BASE_ASSERT_H

#ifndef RILL_ASSERT_HOOK
#define RILL_ASSERT_HOOK(text, file, line) __builtin_trap()
#endif
#define RILL_ASSERT(condition)                                                                     \
    ((condition) ? (void)0 : (void)(RILL_ASSERT_HOOK(#condition, __FILE__, __LINE__)))

#endif
