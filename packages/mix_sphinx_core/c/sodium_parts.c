/* What the parts of libsodium that are compiled in want of those that are not: its core would bring a random source. */
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "utils.h"

void sodium_misuse(void)
{
    abort(); /* a wrong length, which the module has excluded */
}

#if defined __wasm__ || defined WITHOUT_UTILS /* libsodium's utils.c wants more of a system than there are headers for */

void sodium_memzero(void *const memory, const size_t length)
{
    memset(memory, 0, length);
    __asm__ volatile("" : : "r"(memory) : "memory"); /* so that it is not left out */
}

int sodium_memcmp(const void *const one, const void *const other, size_t length)
{
    const volatile unsigned char *const a = one, *const b = other;
    unsigned char difference = 0;

    for (size_t i = 0; i < length; i++) {
        difference |= a[i] ^ b[i];
    }
    return (1 & ((difference - 1) >> 8)) - 1;
}

int sodium_is_zero(const unsigned char *n, const size_t length)
{
    volatile unsigned char bits = 0;

    for (size_t i = 0; i < length; i++) {
        bits |= n[i];
    }
    return 1 & ((bits - 1) >> 8);
}

#endif
