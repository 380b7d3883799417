export { setupMixTunnel, disconnectMixTunnel, getTunnelState, onTunnelState, getTunnelStats, MixError } from "mix-tunnel";
export type {
  SetupMixTunnelOptions,
  SetupMixTunnelOptions as SetupMixTunnelOpts,
  TunnelState,
  TunnelStats,
} from "mix-tunnel";

export type MixWebSocketReadyState = 0 | 1 | 2 | 3;

/** What is offered for permessage-deflate (RFC 7692 section 7.1). */
export interface CompressionOptions {
  /** Ask the server to compress each message on its own. */
  serverNoContextTakeover?: boolean | undefined;
  /** Compress each message on its own. */
  clientNoContextTakeover?: boolean | undefined;
  /** Ask the server to use a window of at most 2**this bytes, 8 to 15. */
  serverMaxWindowBits?: number | undefined;
  /** Use a window of at most 2**this bytes, 9 to 15. */
  clientMaxWindowBits?: number | undefined;
}

/** What a browser's WebSocket has no options for. */
export interface MixWebSocketOptions {
  /** Further headers of the handshake, such as Authorization, Cookie or Origin. */
  headers?: HeadersInit | undefined;
  /** Name of the tunnel to use, where a page has several. */
  tunnel?: string | undefined;
  /** The largest message received, decompressed (67108864); a larger one ends the connection. */
  maxMessageBytes?: number | undefined;
  /** Milliseconds between keep-alive pings (20000); 0 sends none. */
  pingIntervalMs?: number | undefined;
  /** Milliseconds for the connection to open, name and TLS included (60000); 0 waits for ever. */
  openTimeoutMs?: number | undefined;
  /** Whether, and how, permessage-deflate is offered (true). */
  compression?: boolean | CompressionOptions | undefined;
}

/** The `error` event also tells why. */
export interface MixWebSocketErrorEvent extends Event {
  /** A sentence for a person. */
  readonly message: string;
  /** A `MixError` with a `code`, as a rule. */
  readonly error: unknown;
}

export interface MixWebSocketEventMap {
  open: Event;
  message: MessageEvent;
  error: MixWebSocketErrorEvent;
  close: CloseEvent;
}

/**
 * A WebSocket through the mixnet, with everything that the browser's has. The tunnel must be set up by
 * `setupMixTunnel()`; otherwise an `error` and a `close` event say so.
 *
 * What differs from the browser's: `opened()`, `protocols` and `latencyMs`; `send()` and `close()` return promises; the
 * `error` event says why; `binaryType` is "arraybuffer" at first; messages that arrive between `close()` and the
 * server's answer to it are still delivered; no `Origin` header is sent unless `headers` has one.
 */
export declare class MixWebSocket extends EventTarget {
  static readonly CONNECTING: 0;
  static readonly OPEN: 1;
  static readonly CLOSING: 2;
  static readonly CLOSED: 3;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;

  /**
   * Throws a "SyntaxError" DOMException for what is no ws:, wss:, http: or https: URL, or has a fragment, and for
   * subprotocols that are no tokens or are named twice; an `InvalidWebSocketOption` for a wrong option.
   */
  constructor(url: string | URL, protocols?: string | Iterable<string>, options?: MixWebSocketOptions);

  /** The URL in its normal form. */
  readonly url: string;
  /** The subprotocols that were offered. */
  readonly protocols: string[];
  readonly readyState: MixWebSocketReadyState;
  /** The subprotocol that the server chose; "" if none. */
  readonly protocol: string;
  /** The extensions agreed on, as the server wrote them. */
  readonly extensions: string;
  /** Bytes given to `send()` that have not been handed to the network yet. Those that never will be stay counted. */
  readonly bufferedAmount: number;
  /** Milliseconds between the last answered keep-alive ping and its pong; null before the first. */
  readonly latencyMs: number | null;
  /** What binary messages arrive as. */
  binaryType: "blob" | "arraybuffer";

  onopen: ((this: MixWebSocket, event: Event) => unknown) | null;
  onmessage: ((this: MixWebSocket, event: MessageEvent) => unknown) | null;
  onerror: ((this: MixWebSocket, event: MixWebSocketErrorEvent) => unknown) | null;
  onclose: ((this: MixWebSocket, event: CloseEvent) => unknown) | null;

  /** Resolves when the connection is open or has failed: `readyState` tells which. */
  opened(): Promise<void>;

  /**
   * Send a message; messages keep their order. Resolves when it has been handed to the network, with back-pressure
   * from there.
   *
   * Rejects with an "InvalidStateError" DOMException unless the state is OPEN, and with a "NetworkError" one when the
   * connection ends before the message has left. Who ignores the promise is told nothing, as with the browser's, but
   * for one case in which the browser's throws: a `send()` while still connecting.
   */
  send(data: string | ArrayBuffer | ArrayBufferView | Blob): Promise<void>;

  /**
   * Close after all messages have left. Resolves when the connection is closed.
   *
   * Throws an "InvalidAccessError" DOMException unless the code is 1000 or 3000 to 4999, a "SyntaxError" one for a
   * reason of more than 123 bytes.
   */
  close(code?: number, reason?: string): Promise<void>;

  addEventListener<K extends keyof MixWebSocketEventMap>(
    type: K,
    listener: (this: MixWebSocket, event: MixWebSocketEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof MixWebSocketEventMap>(
    type: K,
    listener: (this: MixWebSocket, event: MixWebSocketEventMap[K]) => unknown,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}
