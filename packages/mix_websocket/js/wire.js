/** The records between a `MixWebSocket` and the worker; `mix_tunnel.worker.websocket_service` is the other end. */
import { MalformedRpcMessage } from "mix-tunnel/errors.js";
import { encodeRecord } from "mix-tunnel/records.js";

/** @import { MixRecord } from "mix-tunnel/records.js" */

export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 5;
export const SENT = 6;
export const LATENCY = 7;

/** From a message's last piece to the others. */
const MORE_FOLLOWS = 2;
const PIECE_BYTES = 64 * 1024;

/** What the worker may say: by kind, the least and the most bytes of the payload. @type {Map<number, [number, number]>} */
const FROM_WORKER = new Map([
  [TEXT, [0, Infinity]],
  [BINARY, [0, Infinity]],
  [CLOSE, [2, 125]],
  [SENT, [8, 8]],
  [LATENCY, [4, 4]],
]);

/**
 * A message that waits to be sent.
 * @typedef {object} Waiting
 * @property {number} kind
 * @property {Uint8Array | Promise<Uint8Array>} data
 */

/** Messages on their way to the worker: it takes them piece by piece, and tells what of them has left. */
export class Outbox {
  /** A stream of records for the worker. */
  readable;
  /** Bytes that were given to `send` and have not left. */
  bufferedAmount = 0;
  /** @type {Waiting[]} */
  #waiting = [];
  /** @type {Uint8Array | null} What is left of the message that is being sent. */
  #rest = null;
  #wake = () => {};
  /** @type {{ resolve: () => void, reject: (reason: unknown) => void }[]} */
  #promises = [];

  constructor() {
    /** @type {UnderlyingDefaultSource<Uint8Array>} */
    const source = { pull: async (controller) => controller.enqueue(await this.#next()) };
    this.readable = new ReadableStream(source, { highWaterMark: 0 });
  }

  /**
   * Send a message after all before it.
   *
   * @param {number} kind TEXT or BINARY
   * @param {number} size
   * @param {Uint8Array | Promise<Uint8Array>} data
   * @returns {Promise<void>} resolves when it has left; rejects with the reason of `fail`
   */
  send(kind, size, data) {
    this.bufferedAmount += size;
    this.#put({ kind, data });
    return new Promise((resolve, reject) => void this.#promises.push({ resolve, reject }));
  }

  /**
   * Close after all messages.
   * @param {Uint8Array} payload
   */
  close(payload) {
    this.#put({ kind: CLOSE, data: payload });
  }

  /**
   * The worker says that so many bytes (u32) have left, and with them the ends of so many messages (u32).
   * @param {DataView} payload
   */
  acknowledge(payload) {
    const bytes = payload.getUint32(0);
    const messages = payload.getUint32(4);
    if (bytes > this.bufferedAmount || messages > this.#promises.length) {
      throw new MalformedRpcMessage("the worker says that more has left than was sent");
    }
    this.bufferedAmount -= bytes;
    for (const { resolve } of this.#promises.splice(0, messages)) {
      resolve();
    }
  }

  /**
   * Nothing more will leave.
   * @param {unknown} reason
   */
  fail(reason) {
    this.#waiting = [];
    for (const { reject } of this.#promises.splice(0)) {
      reject(reason);
    }
  }

  /** @param {Waiting} waiting */
  #put(waiting) {
    this.#waiting.push(waiting);
    this.#wake();
  }

  /** @returns {Promise<Uint8Array>} */
  async #next() {
    while (this.#waiting[0] === undefined) {
      await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
    }
    const { kind, data } = this.#waiting[0];
    this.#rest ??= await data;
    const piece = this.#rest.subarray(0, PIECE_BYTES);
    if (kind !== CLOSE && piece.byteLength < this.#rest.byteLength) {
      this.#rest = this.#rest.subarray(PIECE_BYTES);
      return encodeRecord(kind + MORE_FOLLOWS, piece);
    }
    this.#rest = null;
    this.#waiting.shift();
    return encodeRecord(kind, piece);
  }
}

/**
 * Check what the worker says; throws a `MalformedRpcMessage`.
 * @param {MixRecord} record
 */
export function checkRecord({ kind, payload }) {
  const [least, most] = FROM_WORKER.get(kind) ?? [Infinity, 0];
  if (payload.byteLength < least || payload.byteLength > most) {
    throw new MalformedRpcMessage("the worker says about a WebSocket what nobody understands");
  }
}

/**
 * What `send` was given, as bytes that nobody changes any more.
 *
 * @param {unknown} data
 * @returns {{ kind: number, size: number, data: Uint8Array | Promise<Uint8Array> }}
 */
export function readMessage(data) {
  if (data instanceof Blob) {
    const bytes = data.arrayBuffer().then((buffer) => new Uint8Array(buffer));
    bytes.catch(() => {}); // it is told when its turn has come
    return { kind: BINARY, size: data.size, data: bytes };
  }
  if (data instanceof ArrayBuffer) {
    return binary(new Uint8Array(data));
  }
  if (ArrayBuffer.isView(data)) {
    return binary(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  const text = new TextEncoder().encode(String(data));
  return { kind: TEXT, size: text.byteLength, data: text };
}

/** @param {Uint8Array} view */
function binary(view) {
  return { kind: BINARY, size: view.byteLength, data: view.slice() };
}
