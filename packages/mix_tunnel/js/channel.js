import { reviveError } from "./errors.js";

/** @import { Endpoint, FromWorker, ToWorker } from "./protocol.js" */

export const VERSION = 1;
/** Bytes of a response's body that may be on their way or waiting to be read. */
const DOWNLOAD_WINDOW = 512 * 1024;
/** The largest chunk of a request's body. */
const CHUNK_BYTES = 64 * 1024;
/** Those who watch a tunnel ask for this all the time. */
const WATCHING = "tunnel.stats";

/**
 * What a call may bring along.
 * @typedef {object} CallOptions
 * @property {ArrayBuffer} [body] the whole body; it is transferred, so it is empty here afterwards
 * @property {ReadableStream<Uint8Array>} [upload] a body that is sent as the worker asks for it
 * @property {AbortSignal} [signal] cancels the call, and the rest of its bodies
 */

/**
 * A call's value, and the body that follows it, if any.
 * @typedef {object} Answer
 * @property {any} value
 * @property {ReadableStream<Uint8Array<ArrayBuffer>> | null} body
 * @property {() => unknown} failure why the body broke off; undefined as long as it has not
 * @property {Promise<void>} ended resolves when the body is over or cancelled by its reader; rejects when it breaks off
 */

/** The page's side of the channel to the worker: calls methods by name, streams bodies under credit, cancels. */
export class Channel {
  /** @type {Map<number, OpenCall>} */
  #open = new Map();
  /** @type {Map<string, Set<(value: any) => void>>} */
  #listeners = new Map();
  /** @type {unknown} */
  #broken = null;
  #nextId = 1;
  #lastUse = performance.now();
  #endpoint;

  /** @param {Endpoint} endpoint */
  constructor(endpoint) {
    this.#endpoint = endpoint;
    endpoint.addEventListener("message", (event) => this.#receive(event.data));
  }

  /** For how long nothing was asked for or told, but for how much there was to do. */
  get quietMs() {
    return performance.now() - this.#lastUse;
  }

  /**
   * Call a method of the worker. Rejects with the worker's error, or with the signal's reason.
   *
   * @param {string} method
   * @param {Record<string, unknown>} [params]
   * @param {CallOptions} [options]
   * @returns {Promise<Answer>}
   */
  call(method, params = {}, { body, upload, signal } = {}) {
    if (signal?.aborted) {
      void upload?.cancel(signal.reason).catch(() => {});
      return Promise.reject(signal.reason);
    }
    if (this.#broken !== null) {
      return Promise.reject(this.#broken);
    }
    const id = this.#nextId++;
    /** @param {ToWorker} message */
    const send = (message) => this.#send(message);
    const call = new OpenCall(id, send, () => this.#open.delete(id), upload, signal);
    this.#open.set(id, call);
    call.isUse = method !== WATCHING;
    this.#noteUse(call);
    send({ version: VERSION, id, type: "call", method, params, upload: upload !== undefined, body });
    send({ version: VERSION, id, type: "credit", bytes: DOWNLOAD_WINDOW });
    return call.answer;
  }

  /**
   * Listen to the worker's events of one name; the returned function stops that.
   *
   * @param {string} name
   * @param {(value: any) => void} listener
   * @returns {() => void}
   */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /**
   * The worker is gone: every open call fails, and so does every later one.
   * @param {unknown} reason
   */
  break(reason) {
    this.#broken = reason;
    for (const call of [...this.#open.values()]) {
      call.fail(reason);
    }
  }

  /** @param {ToWorker} message */
  #send(message) {
    const bytes = "body" in message ? message.body : undefined;
    this.#endpoint.postMessage(message, bytes ? [bytes] : []);
  }

  /** @param {FromWorker} message */
  #receive(message) {
    if (message?.version !== VERSION) {
      return;
    }
    if (message.type === "event") {
      this.#noteUse();
      this.#send({ version: VERSION, id: 0, type: "credit", bytes: 1 }); // for one event more
      for (const listener of [...(this.#listeners.get(message.name) ?? [])]) {
        listener(message.value);
      }
      return;
    }
    const call = this.#open.get(message.id);
    this.#noteUse(call);
    call?.receive(message);
  }

  /** @param {OpenCall} [call] */
  #noteUse(call) {
    if (call?.isUse !== false) {
      this.#lastUse = performance.now();
    }
  }
}

/** A call from its beginning to its last message. */
class OpenCall {
  isUse = true;
  /** @type {Promise<Answer>} */
  answer;
  /** @type {(answer: Answer) => void} */
  #resolve = () => {};
  /** @type {(reason: unknown) => void} */
  #reject = () => {};
  /** @type {ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | null} */
  #download = null;
  /** Bytes that the worker may send and has not sent. */
  #outstanding = DOWNLOAD_WINDOW;
  /** @type {Upload | null} */
  #upload = null;
  #onAbort = () => this.cancel(this.#signal?.reason);
  #over = false;
  /** @type {unknown} */
  #failure;
  /** @type {() => void} */
  #resolveEnded = () => {};
  /** @type {(reason: unknown) => void} */
  #rejectEnded = () => {};
  #id;
  #send;
  #forget;
  #signal;

  /**
   * @param {number} id
   * @param {(message: ToWorker) => void} send
   * @param {() => void} forget called when the call is over
   * @param {ReadableStream<Uint8Array>} [upload]
   * @param {AbortSignal} [signal]
   */
  constructor(id, send, forget, upload, signal) {
    this.#id = id;
    this.#send = send;
    this.#forget = forget;
    this.#signal = signal;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (upload) {
      this.#upload = new Upload(id, send, upload, (reason) => this.cancel(reason));
    }
    signal?.addEventListener("abort", this.#onAbort);
  }

  /** @param {Exclude<FromWorker, { type: "event" }>} message */
  receive(message) {
    switch (message.type) {
      case "result":
        if (message.stream) {
          const ended = this.#makeEnd();
          this.#resolve({ value: message.value, body: this.#makeBody(), failure: () => this.#failure, ended });
        } else {
          this.#finish();
          this.#resolve({ value: message.value, body: null, failure: () => undefined, ended: Promise.resolve() });
        }
        break;
      case "error":
        this.fail(reviveError(message));
        break;
      case "chunk":
        if (message.body?.byteLength) {
          this.#outstanding -= message.body.byteLength;
          this.#download?.enqueue(new Uint8Array(message.body));
        }
        if (message.end) {
          this.#finish();
          this.#download?.close();
          this.#resolveEnded();
        }
        break;
      case "credit":
        void this.#upload?.grant(message.bytes);
        break;
    }
  }

  /** @param {unknown} reason */
  fail(reason) {
    if (!this.#over) {
      this.#failure = reason;
      this.#finish();
      this.#reject(reason);
      this.#download?.error(reason);
      this.#rejectEnded(reason);
    }
  }

  /** @param {unknown} reason */
  cancel(reason) {
    if (!this.#over) {
      this.#send({ version: VERSION, id: this.#id, type: "cancel" });
      this.fail(reason);
    }
  }

  /** @returns {Promise<void>} */
  #makeEnd() {
    const ended = new Promise((resolve, reject) => {
      this.#resolveEnded = () => resolve(undefined);
      this.#rejectEnded = reject;
    });
    ended.catch(() => {}); // the body tells it as well
    return ended;
  }

  #makeBody() {
    const source = {
      /** @param {ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>} controller */
      start: (controller) => {
        this.#download = controller;
      },
      /** @param {ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>} controller */
      pull: (controller) => {
        const room = (controller.desiredSize ?? 0) - this.#outstanding;
        if (room >= CHUNK_BYTES && !this.#over) {
          this.#outstanding += room;
          this.#send({ version: VERSION, id: this.#id, type: "credit", bytes: room });
        }
      },
      /** @param {unknown} reason */
      cancel: (reason) => {
        this.#download = null;
        this.#resolveEnded();
        this.cancel(reason);
      },
    };
    return new ReadableStream(source, new ByteLengthQueuingStrategy({ highWaterMark: DOWNLOAD_WINDOW }));
  }

  #finish() {
    this.#over = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#upload?.stop(this.#failure);
    this.#forget();
  }
}

/** A request's body on its way to the worker. */
class Upload {
  #credit = 0;
  #sending = false;
  #stopped = false;
  /** @type {Uint8Array} */
  #rest = new Uint8Array(0);
  #id;
  #send;
  #reader;
  #onError;

  /**
   * @param {number} id
   * @param {(message: ToWorker) => void} send
   * @param {ReadableStream<Uint8Array>} stream
   * @param {(reason: unknown) => void} onError called when the stream fails
   */
  constructor(id, send, stream, onError) {
    this.#id = id;
    this.#send = send;
    this.#reader = stream.getReader();
    this.#onError = onError;
  }

  /**
   * The worker takes so many bytes more.
   * @param {number} bytes
   */
  async grant(bytes) {
    this.#credit += bytes;
    if (this.#sending) {
      return;
    }
    this.#sending = true;
    try {
      while (this.#credit > 0 && !this.#stopped) {
        await this.#sendNext();
      }
    } catch (error) {
      this.#onError(error);
    } finally {
      this.#sending = false;
    }
  }

  /**
   * The call is over: the stream is not wanted any longer.
   * @param {unknown} [reason] why, unless the call has succeeded
   */
  stop(reason) {
    if (!this.#stopped) {
      this.#stopped = true;
      void this.#reader.cancel(reason).catch(() => {});
    }
  }

  async #sendNext() {
    if (this.#rest.byteLength === 0) {
      const { done, value } = await this.#reader.read();
      if (this.#stopped) {
        return;
      }
      if (done) {
        this.#stopped = true;
        this.#send({ version: VERSION, id: this.#id, type: "chunk", end: true });
        return;
      }
      if (!(value instanceof Uint8Array)) {
        throw new TypeError("a request's body must be a stream of Uint8Array");
      }
      this.#rest = value;
    }
    const part = this.#rest.slice(0, Math.min(this.#credit, CHUNK_BYTES)); // a copy, as the caller's must stay whole
    this.#rest = this.#rest.subarray(part.byteLength);
    this.#credit -= part.byteLength;
    if (part.byteLength > 0) {
      const body = /** @type {ArrayBuffer} */ (part.buffer);
      this.#send({ version: VERSION, id: this.#id, type: "chunk", end: false, body });
    }
  }
}
