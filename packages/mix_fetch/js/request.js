/** What `mixFetch` makes of its arguments, as the Fetch standard's `Request` constructor does. */
import { BadHeader, BadMethod, BadUrl, UnsupportedScheme, UrlHasCredentials, BadBody } from "mix-tunnel/errors.js";

import { readBody } from "./body.js";
import { invalidOption, readOptions } from "./options.js";

/** @import { Content } from "./body.js" */
/** @import { FetchOptions } from "./options.js" */
/** @import { MixFetchInit } from "./index.js" */

/**
 * A request that has been checked.
 * @typedef {object} PreparedRequest
 * @property {FetchOptions & { url: string, method: string, headers: [string, string][] }} params
 * @property {Content} content
 * @property {AbortSignal} [signal]
 * @property {string} [tunnel] the name of the tunnel to use
 */

const BODYLESS_METHODS = new Set(["GET", "HEAD"]);
const FORBIDDEN_METHODS = new Set(["CONNECT", "TRACE", "TRACK"]);
const NORMALIZED_METHODS = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]);
/** Forbidden request-headers of the Fetch standard that tell one connection what to do, or how a body is framed. */
const OF_THE_CONNECTION = [
  ...["connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "trailer"],
  ...["transfer-encoding", "upgrade"],
];
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * Check and complete what was given to `mixFetch`. Throws a `UsageError` for what cannot be a request, and the signal's
 * reason when it is aborted already or while the body is read.
 *
 * The platform's `Request` is not used for this: it refuses headers that only browsers may set, such as `Cookie`,
 * `Origin` and `User-Agent`, and those are the page's own affair here.
 *
 * @param {string | URL | Request} input
 * @param {MixFetchInit} [given]
 * @returns {Promise<PreparedRequest>}
 */
export async function prepareRequest(input, given) {
  const init = given ?? {};
  if (typeof init !== "object") {
    throw invalidOption("init", "an object");
  }
  const request = input instanceof Request ? input : null;
  const url = checkUrl(request ? request.url : String(input));
  const method = checkMethod(init.method ?? request?.method ?? "GET");
  const options = readOptions(/** @type {Record<string, unknown>} */ (init), request);
  const headers = checkHeaders(init.headers ?? request?.headers);
  const signal = (init.signal === undefined ? request?.signal : init.signal) ?? undefined;
  const body = init.body ?? (request && (await bodyOf(request, signal)));
  if (body !== null && BODYLESS_METHODS.has(method)) {
    throw new BadBody(`a ${method} request takes no body`);
  }
  if (signal?.aborted) {
    void (body instanceof ReadableStream && !body.locked && body.cancel(signal.reason).catch(() => {}));
    throw signal.reason;
  }
  const content = await untilAborted(readBody(body, headers), signal);
  const { tunnel } = init;
  return { params: { url: url.href, method, headers: [...headers], ...options }, content, signal, tunnel };
}

/** @param {string} text */
function checkUrl(text) {
  /** @type {URL} */
  let url;
  try {
    url = new URL(text, globalThis.document?.baseURI ?? globalThis.location?.href);
  } catch {
    throw new BadUrl("this is not a valid URL; it should look like https://example.org/path");
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new UnsupportedScheme("only http:// and https:// URLs can be fetched");
  }
  if (url.username || url.password) {
    throw new UrlHasCredentials(
      "the URL holds a user name or password; leave them out and send an Authorization header instead",
    );
  }
  return url;
}

/** @param {unknown} given */
function checkMethod(given) {
  const method = String(given);
  const upper = method.toUpperCase();
  if (!TOKEN.test(method) || FORBIDDEN_METHODS.has(upper)) {
    throw new BadMethod("this is not a method that can be sent; use GET, POST, PUT or another word of letters");
  }
  return NORMALIZED_METHODS.has(upper) ? upper : method;
}

/**
 * The headers to send. Those of the connection are the tunnel's affair: they are dropped in silence, as `fetch` does.
 *
 * @param {HeadersInit | undefined} given
 */
function checkHeaders(given) {
  /** @type {Headers} */
  let headers;
  try {
    headers = new Headers(given);
  } catch {
    throw new BadHeader("headers must be an object, pairs or Headers, of names and values that HTTP allows");
  }
  OF_THE_CONNECTION.forEach((name) => headers.delete(name));
  return headers;
}

/**
 * The body of a `Request`, which is used up by that.
 *
 * @param {Request} request
 * @param {AbortSignal} [signal]
 * @returns {Promise<ReadableStream<Uint8Array> | Blob | null>}
 */
async function bodyOf(request, signal) {
  if (request.bodyUsed || request.body?.locked) {
    throw new BadBody("the request's body has been used already");
  }
  if (request.body === null || BODYLESS_METHODS.has(request.method)) {
    return null;
  }
  // Not every browser shows the body as a stream; those which don't, take none either.
  if (request.body !== undefined && isOfStream(request)) {
    return request.body;
  }
  const content = await untilAborted(request.blob(), signal);
  return content.slice(); // has no type: the request's own headers tell it, unless init replaces them
}

/**
 * Whether a request's body was given as a stream: any other has a length that can be told, and can be sent again after
 * a redirect. There is no asking for that, but the Fetch standard refuses to make a "no-cors" request of a stream.
 *
 * @param {Request} request
 */
function isOfStream(request) {
  const copy = request.clone();
  try {
    const settings = /** @type {const} */ ({ mode: "no-cors", method: "POST", cache: "default", integrity: "" });
    void new Request(copy, { ...settings, headers: {} }).body?.cancel();
    return false;
  } catch {
    void copy.body?.cancel(); // or all that is read of the request would be kept for it
    return true;
  }
}

/**
 * The promise's outcome, or the signal's reason as soon as it is aborted.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
async function untilAborted(promise, signal) {
  if (!signal) {
    return promise;
  }
  /** @type {() => void} */
  let leave = () => {};
  /** @type {Promise<never>} */
  const aborted = new Promise((_, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort);
    leave = () => signal.removeEventListener("abort", onAbort);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    leave();
  }
}
