/**
 * A file of the worker's folder. One that is missing, or not what `integrity` tells, is said by its name, which the
 * browser's own errors lack.
 *
 * @param {URL} url
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
export async function fetchFile(url, options) {
  const answer = await fetch(url, options).catch(() => null);
  if (!answer?.ok) {
    throw new Error(`${url.pathname} cannot be fetched${answer ? ` (${answer.status})` : ""}`);
  }
  return answer;
}

/**
 * The content of a gzip file, unpacked while it arrives.
 *
 * @param {Response} answer
 * @returns {Promise<ArrayBuffer>}
 */
export function inflate(answer) {
  const packed = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (answer.body);
  return new Response(packed.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
