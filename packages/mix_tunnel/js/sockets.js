import { TunnelClosed } from "./errors.js";
import { callTunnel } from "./facade.js";
import { checkAlpn, checkHost, checkPort, checkSignal, readBytes } from "./socket_arguments.js";
import { UploadPipe } from "./upload_pipe.js";

/** @import { Answer } from "./channel.js" */
/** @import { TcpSocket, TcpConnectOptions, TlsConnectOptions } from "./index.js" */

/**
 * @param {string | undefined} tunnel
 * @param {TcpConnectOptions} options
 * @returns {Promise<TcpSocket>}
 */
export async function connectTcp(tunnel, { host, port, signal }) {
  return connect(tunnel, { host: checkHost(host), port: checkPort(port) }, checkSignal(signal));
}

/**
 * @param {string | undefined} tunnel
 * @param {TlsConnectOptions} options
 * @returns {Promise<TcpSocket>}
 */
export async function connectTls(tunnel, { host, port, alpn = [], signal }) {
  const params = { host: checkHost(host), port: checkPort(port), tls: true, alpn: checkAlpn(alpn) };
  return connect(tunnel, params, checkSignal(signal));
}

/**
 * Open a connection. Its two directions are a call each, and end each on its own.
 *
 * @param {string | undefined} tunnel
 * @param {Record<string, unknown>} params
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<TcpSocket>}
 */
async function connect(tunnel, params, signal) {
  signal?.throwIfAborted();
  const reading = new AbortController();
  const writing = new AbortController();
  let reset = (/** @type {unknown} */ reason) => reading.abort(reason);
  const stop = () => reset(signal?.reason);
  signal?.addEventListener("abort", stop);
  const release = () => signal?.removeEventListener("abort", stop);
  try {
    const answer = await callTunnel("socket.connect", params, { signal: reading.signal, tunnel });
    const { socket } = answer.value;
    reset = (reason) => {
      if (writing.signal.aborted) {
        return;
      }
      void callTunnel("socket.reset", { socket }, { tunnel }).catch(() => {});
      reading.abort(reason);
      writing.abort(reason);
    };
    const pipe = new UploadPipe((chunk) => readBytes(chunk, "the chunk"));
    const written = callTunnel("socket.write", { socket }, { upload: pipe.upload, signal: writing.signal, tunnel });
    const stopReading = (/** @type {unknown} */ reason) => reading.abort(reason);
    return new Connection(answer, pipe, written.then(() => {}), { reset, stopReading, release });
  } catch (error) {
    release();
    throw error;
  }
}

/**
 * How a connection is ended.
 * @typedef {object} Ends
 * @property {(reason: unknown) => void} reset
 * @property {(reason: unknown) => void} stopReading
 * @property {() => void} release to be called when it is over
 */

/** @implements {TcpSocket} */
class Connection {
  #end = new TunnelClosed("this connection has been closed");
  #pipe;
  #written;
  #ends;

  /**
   * @param {Answer} answer of `socket.connect`
   * @param {UploadPipe<unknown>} pipe
   * @param {Promise<void>} written settles when everything has been sent
   * @param {Ends} ends
   */
  constructor({ value, body, ended }, pipe, written, ends) {
    this.localAddress = value.localAddress;
    this.localPort = value.localPort;
    this.remoteAddress = value.remoteAddress;
    this.remotePort = value.remotePort;
    this.alpn = value.alpn;
    this.readable = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (body);
    this.writable = pipe.open(written);
    this.#ends = ends;
    this.closed = this.#watch([ended, written]);
    this.closed.catch(() => {}); // the streams tell it as well
    this.#pipe = pipe;
    this.#written = written;
  }

  async close() {
    await this.#pipe.end(this.#end);
    await this.#written.catch(() => {});
    this.#ends.stopReading(this.#end);
  }

  /**
   * What breaks one direction breaks the other.
   *
   * @param {Promise<void>[]} directions
   */
  async #watch(directions) {
    try {
      await Promise.all(directions);
    } catch (error) {
      if (error !== this.#end) {
        this.#ends.reset(error);
        throw error;
      }
    } finally {
      this.#ends.release();
    }
  }
}
