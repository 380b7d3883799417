#include "processor.h"

#include <string.h>

#include "utils.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

static int has_sha256(void)
{
    unsigned int a, b, c, d;

    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_1) && (c & bit_SSSE3) &&
           __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

static int has_aes(void)
{
    unsigned int a, b, c, d;

    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_AES) && (c & bit_SSE4_1);
}

int processor_has_avx512(void)
{
    const unsigned int wanted = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    unsigned int a, b, c, d;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) {
        return 0;
    }
    __asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (a & 0xe6) == 0xe6 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & wanted) == wanted;
}

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

__attribute__((target("sha,sse4.1,ssse3")))
static void compress_sha(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    const __m128i reversed = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i dcba = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *) state), 0xb1);
    __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *) (state + 4)), 0x1b);
    __m128i abef = _mm_alignr_epi8(dcba, hgfe, 8);
    __m128i cdgh = _mm_blend_epi16(hgfe, dcba, 0xf0);

    for (; count--; blocks += 64) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i words[4];

#pragma clang loop unroll(full)
        for (int i = 0; i < 16; i++) { /* four rounds each */
            __m128i now;

            if (i < 4) {
                now = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *) blocks + i), reversed);
            }
            else {
                const __m128i last = words[(i + 3) & 3];

                now = _mm_sha256msg1_epu32(words[i & 3], words[(i + 1) & 3]);
                now = _mm_add_epi32(now, _mm_alignr_epi8(last, words[(i + 2) & 3], 4));
                now = _mm_sha256msg2_epu32(now, last);
            }
            words[i & 3] = now;
            now = _mm_add_epi32(now, _mm_loadu_si128((const __m128i *) round_constants + i));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, now);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(now, 0x0e));
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    {
        const __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);

        _mm_storeu_si128((__m128i *) state, _mm_blend_epi16(feba, dchg, 0xf0));
        _mm_storeu_si128((__m128i *) (state + 4), _mm_alignr_epi8(dchg, feba, 8));
    }
}

#define AES_ROUNDS 10

__attribute__((target("aes,sse4.1")))
static inline __m128i next_round_key(__m128i key, __m128i assist)
{
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
    return _mm_xor_si128(key, _mm_shuffle_epi32(assist, 0xff));
}

__attribute__((target("aes,sse4.1")))
static void stream_aesni(uint8_t *out, size_t blocks, const uint8_t key[16])
{
    __m128i keys[AES_ROUNDS + 1], lanes[8];
    size_t at = 0;

    keys[0] = _mm_loadu_si128((const __m128i *) key);
#define NEXT(i, constant) keys[i] = next_round_key(keys[i - 1], _mm_aeskeygenassist_si128(keys[i - 1], constant))
    NEXT(1, 0x01), NEXT(2, 0x02), NEXT(3, 0x04), NEXT(4, 0x08), NEXT(5, 0x10);
    NEXT(6, 0x20), NEXT(7, 0x40), NEXT(8, 0x80), NEXT(9, 0x1b), NEXT(10, 0x36);
#undef NEXT
    while (at < blocks) {
        size_t step = blocks - at < 8 ? blocks - at : 8;

        for (int i = 0; i < 8; i++) { /* a counter is big-endian and stays below 256 */
            lanes[i] = _mm_xor_si128(_mm_insert_epi8(_mm_setzero_si128(), (int) at + i, 15), keys[0]);
        }
        for (int round = 1; round < AES_ROUNDS; round++) {
            for (int i = 0; i < 8; i++) {
                lanes[i] = _mm_aesenc_si128(lanes[i], keys[round]);
            }
        }
        for (size_t i = 0; i < 8; i++) {
            lanes[i] = _mm_aesenclast_si128(lanes[i], keys[AES_ROUNDS]);
        }
        memcpy(out + 16 * at, lanes, 16 * step);
        at += step;
    }
    sodium_memzero(keys, sizeof keys);
    sodium_memzero(lanes, sizeof lanes);
}

void (*processor_sha256(void))(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    return has_sha256() ? compress_sha : NULL;
}

void (*processor_aes128(void))(uint8_t *out, size_t blocks, const uint8_t key[16])
{
    return has_aes() ? stream_aesni : NULL;
}

#else

int processor_has_avx512(void)
{
    return 0;
}

void (*processor_sha256(void))(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    return NULL;
}

void (*processor_aes128(void))(uint8_t *out, size_t blocks, const uint8_t key[16])
{
    return NULL;
}

#endif
