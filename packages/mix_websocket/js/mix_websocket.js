import { callTunnel } from "mix-tunnel/facade.js";
import { MalformedRpcMessage } from "mix-tunnel/errors.js";
import { decodeRecords } from "mix-tunnel/records.js";

import { encodeClose, readOptions, readProtocols, readUrl } from "./arguments.js";
import { defineEventHandlers } from "./event_handlers.js";
import { closeEvent, errorEvent } from "./events.js";
import { BINARY, CLOSE, LATENCY, Outbox, SENT, TEXT, checkRecord, readMessage } from "./wire.js";

/** @import { MixRecord } from "mix-tunnel/records.js" */

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;
const BINARY_TYPES = ["blob", "arraybuffer"];

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The browser's `WebSocket` through the mixnet; what differs is in index.d.ts. */
export class MixWebSocket extends EventTarget {
  /** @type {number} */
  #readyState = CONNECTING;
  #url;
  #protocols;
  #protocol = "";
  #extensions = "";
  #binaryType = "arraybuffer";
  /** @type {number | null} */
  #latencyMs = null;
  /** Bytes given to `send` when it was too late. */
  #unsent = 0;
  #outbox = new Outbox();
  #abort = new AbortController();
  #opened;
  #closed;
  #setOpened = () => {};
  #setClosed = () => {};

  /**
   * @param {string | URL} url
   * @param {string | Iterable<string>} [protocols]
   * @param {import("./index.js").MixWebSocketOptions} [options]
   */
  constructor(url, protocols = [], options = {}) {
    super();
    if (arguments.length === 0) {
      throw new TypeError("MixWebSocket needs a URL");
    }
    this.#url = readUrl(url);
    this.#protocols = readProtocols(protocols);
    const { params, tunnel, maxMessageBytes } = readOptions(options);
    this.#opened = new Promise((resolve) => (this.#setOpened = () => resolve(undefined)));
    this.#closed = new Promise((resolve) => (this.#setClosed = () => resolve(undefined)));
    void this.#run({ url: this.#url, protocols: this.#protocols, ...params }, tunnel, maxMessageBytes);
  }

  get url() {
    return this.#url;
  }

  get protocols() {
    return [...this.#protocols];
  }

  get readyState() {
    return this.#readyState;
  }

  get bufferedAmount() {
    return this.#outbox.bufferedAmount + this.#unsent;
  }

  get protocol() {
    return this.#protocol;
  }

  get extensions() {
    return this.#extensions;
  }

  get latencyMs() {
    return this.#latencyMs;
  }

  get binaryType() {
    return this.#binaryType;
  }

  set binaryType(type) {
    if (BINARY_TYPES.includes(String(type))) {
      this.#binaryType = String(type);
    }
  }

  opened() {
    return this.#opened;
  }

  /**
   * @param {unknown} data
   * @returns {Promise<void>}
   */
  send(data) {
    if (arguments.length === 0) {
      return Promise.reject(new TypeError("send needs a message"));
    }
    if (this.#readyState === CONNECTING) {
      return Promise.reject(new DOMException("the WebSocket is still connecting", "InvalidStateError"));
    }
    const message = readMessage(data);
    /** @type {Promise<void>} */
    let sent;
    if (this.#readyState === OPEN) {
      sent = this.#outbox.send(message.kind, message.size, message.data);
    } else {
      this.#unsent += message.size;
      sent = Promise.reject(new DOMException("the WebSocket is closing or closed", "InvalidStateError"));
    }
    sent.catch(() => {}); // a page that expects the browser's `send`, which promises nothing, is not bothered
    return sent;
  }

  /**
   * @param {number} [code]
   * @param {string} [reason]
   * @returns {Promise<void>}
   */
  close(code, reason) {
    const payload = encodeClose(code, reason);
    if (this.#readyState === CONNECTING) {
      this.#readyState = CLOSING;
      this.#abort.abort(new DOMException("the WebSocket was closed before it was open", "AbortError"));
    } else if (this.#readyState === OPEN) {
      this.#readyState = CLOSING;
      this.#outbox.close(payload);
    }
    return this.#closed;
  }

  /**
   * From the handshake to the end.
   *
   * @param {Record<string, unknown>} params
   * @param {string | undefined} tunnel
   * @param {number} maxMessageBytes
   */
  async #run(params, tunnel, maxMessageBytes) {
    try {
      const call = { upload: this.#outbox.readable, signal: this.#abort.signal, tunnel };
      const { value, body } = await callTunnel("websocket.open", params, call);
      this.#open(value);
      const records = /** @type {ReadableStream<Uint8Array>} */ (body).pipeThrough(decodeRecords(maxMessageBytes));
      const reader = records.getReader();
      while (this.#readyState !== CLOSED) {
        const { done, value: record } = await reader.read();
        if (done) {
          throw new MalformedRpcMessage("the worker ended a WebSocket without a word");
        }
        this.#receive(record);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @param {{ protocol: string, extensions: string }} agreed */
  #open({ protocol, extensions }) {
    if (this.#readyState !== CONNECTING) {
      return; // closed in the meantime
    }
    this.#protocol = protocol;
    this.#extensions = extensions;
    this.#readyState = OPEN;
    this.#setOpened();
    this.dispatchEvent(new Event("open"));
  }

  /** @param {MixRecord} record */
  #receive(record) {
    checkRecord(record);
    const { kind, payload } = record;
    switch (kind) {
      case TEXT:
        this.#deliver(decoder.decode(payload));
        break;
      case BINARY:
        this.#deliver(this.#binaryType === "blob" ? new Blob([payload]) : payload.buffer);
        break;
      case SENT:
        this.#outbox.acknowledge(new DataView(payload.buffer));
        break;
      case LATENCY:
        this.#latencyMs = new DataView(payload.buffer).getUint32(0) / 1000;
        break;
      case CLOSE:
        this.#end(new DataView(payload.buffer).getUint16(0), decoder.decode(payload.subarray(2)), true);
        break;
    }
  }

  /**
   * While this side is closing too, as the published package does: its README sends, closes, and reads the answer.
   * @param {string | Blob | ArrayBuffer} data
   */
  #deliver(data) {
    this.dispatchEvent(new MessageEvent("message", { data, origin: new URL(this.#url).origin }));
  }

  /** @param {unknown} error */
  #fail(error) {
    if (this.#readyState !== CLOSED) {
      this.#readyState = CLOSED;
      this.#abort.abort(error);
      const message = error instanceof Error || error instanceof DOMException ? error.message : String(error);
      this.dispatchEvent(errorEvent(error, message));
      this.#end(1006, "", false);
    }
  }

  /**
   * @param {number} code
   * @param {string} reason
   * @param {boolean} wasClean
   */
  #end(code, reason, wasClean) {
    this.#readyState = CLOSED;
    this.#outbox.fail(new DOMException("the WebSocket was closed before the message had left", "NetworkError"));
    this.#setOpened();
    this.dispatchEvent(closeEvent({ code, reason, wasClean }));
    this.#setClosed();
  }
}

for (const target of [MixWebSocket, MixWebSocket.prototype]) {
  for (const [name, value] of Object.entries({ CONNECTING, OPEN, CLOSING, CLOSED })) {
    Object.defineProperty(target, name, { value, enumerable: true });
  }
}
defineEventHandlers(MixWebSocket.prototype, ["open", "message", "error", "close"]);
Object.defineProperty(MixWebSocket.prototype, Symbol.toStringTag, { value: "MixWebSocket", configurable: true });
