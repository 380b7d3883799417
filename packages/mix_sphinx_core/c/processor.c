#include "processor.h"

#include <string.h>

#include "utils.h"

#include "hash.h"

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

/* Two states at once, for an instruction's result takes longer than the next instruction's start; `pair` is 1 or 2. */
__attribute__((target("sha,sse4.1,ssse3"), always_inline))
static inline void compress_pair(uint32_t (*states)[8], const uint8_t *const *data, size_t blocks, const int pair)
{
    const __m128i reversed = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i abef[2], cdgh[2], abef_before[2], cdgh_before[2], words[2][4];

    for (int k = 0; k < pair; k++) {
        const __m128i dcba = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *) states[k]), 0xb1);
        const __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *) (states[k] + 4)), 0x1b);

        abef[k] = _mm_alignr_epi8(dcba, hgfe, 8);
        cdgh[k] = _mm_blend_epi16(hgfe, dcba, 0xf0);
    }
    for (size_t block = 0; block < blocks; block++) {
        for (int k = 0; k < pair; k++) {
            abef_before[k] = abef[k];
            cdgh_before[k] = cdgh[k];
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) { /* four rounds each */
            const __m128i constants = _mm_loadu_si128((const __m128i *) sha256_constants + i);

#pragma GCC unroll 2
            for (int k = 0; k < pair; k++) {
                __m128i now;

                if (i < 4) {
                    now = _mm_loadu_si128((const __m128i *) (data[k] + 64 * block) + i);
                    now = _mm_shuffle_epi8(now, reversed);
                }
                else {
                    const __m128i last = words[k][(i + 3) & 3];

                    now = _mm_sha256msg1_epu32(words[k][i & 3], words[k][(i + 1) & 3]);
                    now = _mm_add_epi32(now, _mm_alignr_epi8(last, words[k][(i + 2) & 3], 4));
                    now = _mm_sha256msg2_epu32(now, last);
                }
                words[k][i & 3] = now;
                now = _mm_add_epi32(now, constants);
                cdgh[k] = _mm_sha256rnds2_epu32(cdgh[k], abef[k], now);
                abef[k] = _mm_sha256rnds2_epu32(abef[k], cdgh[k], _mm_shuffle_epi32(now, 0x0e));
            }
        }
        for (int k = 0; k < pair; k++) {
            abef[k] = _mm_add_epi32(abef[k], abef_before[k]);
            cdgh[k] = _mm_add_epi32(cdgh[k], cdgh_before[k]);
        }
    }
    for (int k = 0; k < pair; k++) {
        const __m128i feba = _mm_shuffle_epi32(abef[k], 0x1b), dchg = _mm_shuffle_epi32(cdgh[k], 0xb1);

        _mm_storeu_si128((__m128i *) states[k], _mm_blend_epi16(feba, dchg, 0xf0));
        _mm_storeu_si128((__m128i *) (states[k] + 4), _mm_alignr_epi8(dchg, feba, 8));
    }
}

__attribute__((target("sha,sse4.1,ssse3")))
static void compress_sha(uint32_t (*states)[8], const uint8_t *const *data, size_t blocks, size_t count)
{
    for (; count > 1; count -= 2, states += 2, data += 2) {
        compress_pair(states, data, blocks, 2);
    }
    if (count) {
        compress_pair(states, data, blocks, 1);
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

void (*processor_sha256(void))(uint32_t (*states)[8], const uint8_t *const *data, size_t blocks, size_t count)
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

void (*processor_sha256(void))(uint32_t (*states)[8], const uint8_t *const *data, size_t blocks, size_t count)
{
    return NULL;
}

void (*processor_aes128(void))(uint8_t *out, size_t blocks, const uint8_t key[16])
{
    return NULL;
}

#endif
