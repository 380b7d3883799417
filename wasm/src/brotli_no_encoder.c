/* Stands in for Brotli's encoder, which _brotli.c refers to.
 *
 * Only the first function can be called: a Compressor without an instance is refused by _brotli.c itself. */

#include <brotli/encode.h>

BrotliEncoderState* BrotliEncoderCreateInstance(brotli_alloc_func allocate, brotli_free_func release, void* opaque) {
  return NULL;
}

void BrotliEncoderDestroyInstance(BrotliEncoderState* state) {}

BROTLI_BOOL BrotliEncoderSetParameter(BrotliEncoderState* state, BrotliEncoderParameter parameter, uint32_t value) {
  return BROTLI_FALSE;
}

BROTLI_BOOL BrotliEncoderCompressStream(BrotliEncoderState* state, BrotliEncoderOperation operation,
                                        size_t* available_in, const uint8_t** next_in, size_t* available_out,
                                        uint8_t** next_out, size_t* total_out) {
  return BROTLI_FALSE;
}

BROTLI_BOOL BrotliEncoderIsFinished(BrotliEncoderState* state) {
  return BROTLI_FALSE;
}

BROTLI_BOOL BrotliEncoderHasMoreOutput(BrotliEncoderState* state) {
  return BROTLI_FALSE;
}
