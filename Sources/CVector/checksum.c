#include "CVector.h"
#include <string.h>

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c(uint32_t remainder, const uint8_t *bytes, ptrdiff_t count) {
    uint64_t wide = remainder;
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t eight;
        memcpy(&eight, bytes, 8);
        wide = __builtin_ia32_crc32di(wide, eight);
    }
    remainder = (uint32_t)wide;
    for (; count > 0; bytes++, count--) remainder = __builtin_ia32_crc32qi(remainder, *bytes);
    return remainder;
}

int32_t cv_crc32c(uint32_t *remainder, const uint8_t *bytes, ptrdiff_t count) {
    if (!__builtin_cpu_supports("sse4.2")) return 0;
    *remainder = crc32c(*remainder, bytes, count);
    return 1;
}
#else
int32_t cv_crc32c(uint32_t *remainder, const uint8_t *bytes, ptrdiff_t count) {
    (void)remainder, (void)bytes, (void)count;
    return 0;
}
#endif
