/**
 * A request as the worker wants it.
 * @typedef {object} PreparedRequest
 * @property {{ url: string, method: string, headers: [string, string][], redirect: RequestRedirect }} params
 * @property {ArrayBuffer} [body] the whole body
 * @property {ReadableStream<Uint8Array>} [upload] or a body that comes as a stream
 * @property {AbortSignal} [signal]
 */

const BODYLESS_METHODS = new Set(["GET", "HEAD"]);
const FORBIDDEN_METHODS = new Set(["CONNECT", "TRACE", "TRACK"]);
const NORMALIZED_METHODS = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]);
const REDIRECT_MODES = new Set(["follow", "manual", "error"]);
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * Check and complete what was given to `mixFetch`, as the Fetch standard does for `fetch`. Throws a TypeError for what
 * cannot be a request.
 *
 * The platform's `Request` is not used for this: it refuses headers that only browsers may set, such as `Cookie`,
 * `Origin` and `User-Agent`, and those are the page's own affair here.
 *
 * @param {string | URL | Request} input
 * @param {RequestInit} init
 * @returns {Promise<PreparedRequest>}
 */
export async function prepareRequest(input, init) {
  const request = input instanceof Request ? input : null;
  const url = new URL(request ? request.url : String(input), globalThis.location?.href);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new TypeError("mixFetch needs an http: or https: URL");
  }
  if (url.username || url.password) {
    throw new TypeError("mixFetch takes no user name or password in the URL: send an Authorization header");
  }
  const method = checkMethod(init.method ?? request?.method ?? "GET");
  const redirect = init.redirect ?? request?.redirect ?? "follow";
  if (!REDIRECT_MODES.has(redirect)) {
    throw new TypeError(`redirect must be "follow", "manual" or "error"`);
  }
  const headers = new Headers(init.headers ?? request?.headers);
  const given = init.body ?? request?.body ?? null;
  if (given !== null && BODYLESS_METHODS.has(method)) {
    throw new TypeError(`a ${method} request takes no body`);
  }
  const signal = init.signal ?? request?.signal ?? undefined;
  const content = await readBody(given, headers);
  return { params: { url: url.href, method, headers: [...headers], redirect }, ...content, signal };
}

/** @param {string} method */
function checkMethod(method) {
  const upper = method.toUpperCase();
  if (!TOKEN.test(method) || FORBIDDEN_METHODS.has(upper)) {
    throw new TypeError("this method is not allowed");
  }
  return NORMALIZED_METHODS.has(upper) ? upper : method;
}

/**
 * The bytes of any body that `fetch` takes; its content type is added to the headers unless they have one.
 *
 * @param {BodyInit | null} given
 * @param {Headers} headers
 * @returns {Promise<{ body?: ArrayBuffer, upload?: ReadableStream<Uint8Array> }>}
 */
async function readBody(given, headers) {
  if (given === null) {
    return {};
  }
  if (given instanceof ReadableStream) {
    if (given.locked) {
      throw new TypeError("the request's body has been used already");
    }
    return { upload: given };
  }
  const carrier = new Response(given);
  const type = carrier.headers.get("content-type");
  if (type !== null && !headers.has("content-type")) {
    headers.set("content-type", type);
  }
  return { body: await carrier.arrayBuffer() };
}
