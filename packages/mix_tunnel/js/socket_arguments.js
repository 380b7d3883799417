/** What a host, a port, an ALPN list and a datagram may be; `mix_tunnel.runtime.sockets.arguments` looks closer. */
import { invalidArgument } from "./refusals.js";

const MAX_NAME_BYTES = 255;
const MAX_PROTOCOLS = 16;
const MAX_DATAGRAM_BYTES = 65_507;

/** @param {unknown} host */
export function checkHost(host) {
  const isHost = typeof host === "string" && /^[^\s/@?#]+$/.test(host);
  if (!isHost || new TextEncoder().encode(host).byteLength > MAX_NAME_BYTES) {
    throw invalidArgument("host", "a host name or an IP address");
  }
  return host;
}

/** @param {unknown} port */
export function checkPort(port) {
  if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw invalidArgument("port", "a whole number from 1 to 65535");
  }
  return port;
}

/** @param {unknown} alpn */
export function checkAlpn(alpn) {
  const isName = (/** @type {unknown} */ name) => typeof name === "string" && /^[\0-\x7f]{1,255}$/.test(name);
  if (!Array.isArray(alpn) || alpn.length > MAX_PROTOCOLS || !alpn.every(isName)) {
    throw invalidArgument("alpn", `a list of at most ${MAX_PROTOCOLS} protocol names, such as ["http/1.1"]`);
  }
  return /** @type {string[]} */ (alpn);
}

/** @param {unknown} signal */
export function checkSignal(signal) {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalidArgument("signal", "an AbortSignal");
  }
  return signal;
}

/**
 * The bytes of a buffer or a view, as they are now.
 *
 * @param {unknown} data
 * @param {string} argument
 * @returns {Uint8Array}
 */
export function readBytes(data, argument) {
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  if (data instanceof ArrayBuffer) {
    return new Uint8Array(data);
  }
  throw invalidArgument(argument, "a Uint8Array or another buffer");
}

/** @param {unknown} data */
export function checkDatagram(data) {
  const bytes = readBytes(data, "data");
  if (bytes.byteLength > MAX_DATAGRAM_BYTES) {
    throw invalidArgument("data", `at most ${MAX_DATAGRAM_BYTES} bytes`);
  }
  return bytes;
}
