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
 * A large file of the worker's folder. A server that compresses tells so, and the browser unpacks. One that does not would
 * send several times as much, so the gzip form beside the file is fetched instead, and unpacked here while it arrives.
 *
 * @param {URL} url
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
export async function fetchPacked(url, options) {
  const answer = await fetchFile(url, options);
  if (answer.headers.has("Content-Encoding")) {
    return answer;
  }
  await answer.body?.cancel();
  const packed = await fetchFile(new URL(`${url.pathname}.gz`, url), options);
  if (packed.headers.has("Content-Encoding")) {
    return packed; // the server knows what the name's ending means, and the browser has unpacked it
  }
  const body = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (packed.body);
  const headers = { "Content-Type": answer.headers.get("Content-Type") ?? "application/octet-stream" };
  return new Response(body.pipeThrough(new DecompressionStream("gzip")), { headers });
}

/**
 * Refuse content that is not what was built: Brotli itself does not notice. Pages over plain http have no hashes, nor
 * anything else to rely on.
 *
 * @param {ArrayBuffer} content
 * @param {string} integrity as in the attribute of this name: "sha256-" and base64
 * @param {URL} url
 */
export async function checkIntegrity(content, integrity, url) {
  if (crypto.subtle) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
    if (integrity !== `sha256-${btoa(String.fromCharCode(...digest))}`) {
      throw new Error(`${url.pathname} cannot be fetched: what came is not what was built`);
    }
  }
}
