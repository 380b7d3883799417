/** What `mixFetch` makes of a request's body. */
import { BadBody } from "mix-tunnel/errors.js";

/**
 * A body as the worker wants it: whole, or as a stream that is sent as the worker asks for it.
 * @typedef {{ body?: ArrayBuffer, upload?: ReadableStream<Uint8Array> }} Content
 */

/** A body up to this size crosses whole, so that it can be sent again after a redirect; a larger file is streamed. */
const WHOLE_BYTES = 8 * 1024 * 1024;

/**
 * The bytes of any body that `fetch` takes, and of asynchronous iterables; the content type that the body implies is
 * added to the headers unless they have one. Throws `BadBody`.
 *
 * @param {unknown} given
 * @param {Headers} headers
 * @returns {Promise<Content>}
 */
export async function readBody(given, headers) {
  if (given === null) {
    return {};
  }
  if (given instanceof ReadableStream) {
    if (given.locked) {
      throw new BadBody("the request's body has been used already");
    }
    return { upload: given };
  }
  if (isAsyncIterable(given)) {
    return { upload: streamOf(given) };
  }
  const carrier = new Response(checked(given));
  const type = carrier.headers.get("content-type");
  if (type !== null && !headers.has("content-type")) {
    headers.set("content-type", type);
  }
  const content = given instanceof Blob ? given : await carrier.blob();
  if (content.size <= WHOLE_BYTES) {
    return { body: await content.arrayBuffer() };
  }
  headers.set("content-length", String(content.size));
  return { upload: content.stream() };
}

/**
 * @param {unknown} given
 * @returns {given is AsyncIterable<Uint8Array>}
 */
function isAsyncIterable(given) {
  return typeof given === "object" && given !== null && Symbol.asyncIterator in given;
}

/**
 * What the platform's `Response` takes; it turns everything else into text, which a plain object never is meant to be.
 *
 * @param {any} given
 * @returns {BodyInit}
 */
function checked(given) {
  const known = [ArrayBuffer, Blob, FormData, URLSearchParams].some((kind) => given instanceof kind);
  if (known || ArrayBuffer.isView(given)) {
    return given;
  }
  if (typeof given === "symbol" || given?.toString === Object.prototype.toString || typeof given === "function") {
    throw new BadBody(
      "the body must be text, bytes, a Blob, FormData, URLSearchParams, a ReadableStream or an asynchronous iterable; " +
        "send objects as JSON.stringify(object)",
    );
  }
  return String(given);
}

/**
 * @param {AsyncIterable<Uint8Array>} iterable
 * @returns {ReadableStream<Uint8Array>}
 */
function streamOf(iterable) {
  const iterator = iterable[Symbol.asyncIterator]();
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (done) {
          controller.close();
        } else {
          controller.enqueue(value);
        }
      },
      async cancel(reason) {
        await iterator.return?.(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
