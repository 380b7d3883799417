import { TunnelClosed } from "./errors.js";

/**
 * Carries what is written to a `WritableStream` to a call's upload, with back-pressure: a write is done when the worker
 * has asked for its bytes.
 *
 * @template Chunk
 */
export class UploadPipe {
  /** @type {TransformStream<Uint8Array, Uint8Array>} */
  #pipe = new TransformStream(undefined, undefined, { highWaterMark: 0 });
  #writer = this.#pipe.writable.getWriter();
  /** @type {WritableStreamDefaultController | null} */
  #controller = null;
  #encode;

  /** @param {(chunk: Chunk) => Uint8Array} encode makes bytes of what is written, or throws why it can't */
  constructor(encode) {
    this.#encode = encode;
    this.#writer.closed.catch(() => {}); // whoever writes learns of it
  }

  /** For the call's `upload`. */
  get upload() {
    return this.#pipe.readable;
  }

  /**
   * @param {Promise<void>} over settles when the call is over
   * @param {Promise<void>} [sent] what closing the stream waits for
   * @returns {WritableStream<Chunk>}
   */
  open(over, sent = over) {
    return new WritableStream({
      start: (controller) => {
        this.#controller = controller;
        over.catch((error) => controller.error(error));
      },
      write: (chunk) => this.#write(chunk, over),
      close: async () => {
        await this.#writer.close().catch(() => over);
        await sent;
      },
      abort: (reason) => this.#writer.abort(reason),
    });
  }

  /**
   * End the upload after what has been written; writing more fails with `reason`.
   * @param {unknown} reason
   */
  async end(reason) {
    this.#controller?.error(reason);
    await this.#writer.close().catch(() => {}); // it has been closed or aborted before
  }

  /**
   * @param {Chunk} chunk
   * @param {Promise<void>} over
   */
  async #write(chunk, over) {
    let bytes;
    try {
      bytes = this.#encode(chunk);
    } catch (error) {
      void this.#writer.abort(error); // the stream has an error from now on, so nothing would ever end the call
      throw error;
    }
    try {
      await this.#writer.write(bytes);
    } catch {
      await over; // it knows why
      throw new TunnelClosed("this socket has been closed");
    }
  }
}
