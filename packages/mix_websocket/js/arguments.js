/** What `new MixWebSocket` and its methods are given, checked as the WebSockets standard has it. */
import { InvalidWebSocketOption } from "mix-tunnel/errors.js";

/** @import { MixWebSocketOptions } from "./index.js" */

/** @typedef {{ allowed: string, accepts: (value: any) => boolean }} Rule */

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const MAX_REASON_BYTES = 123;
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const HOUR_MS = 3_600_000;

/** @param {number} highest @returns {Rule} */
const milliseconds = (highest) => ({
  allowed: `a number of milliseconds from 0 (none) to ${highest}`,
  accepts: (value) => typeof value === "number" && value >= 0 && value <= highest,
});

/** @type {Record<string, Rule>} */
const RULES = {
  headers: {
    allowed: "headers as fetch takes them, without Connection, Upgrade and Sec-WebSocket-…",
    accepts: (value) => typeof value === "object",
  },
  tunnel: { allowed: "the name of a tunnel", accepts: (value) => typeof value === "string" && value !== "" },
  maxMessageBytes: {
    allowed: "a whole number of bytes from 1 to 2147483647",
    accepts: (value) => Number.isInteger(value) && value >= 1 && value <= 2 ** 31 - 1,
  },
  pingIntervalMs: milliseconds(HOUR_MS),
  openTimeoutMs: milliseconds(HOUR_MS),
  compression: {
    allowed: "true, false, or permessage-deflate's parameters",
    accepts: (value) => typeof value === "boolean" || (typeof value === "object" && !Array.isArray(value)),
  },
};

/** @param {string} message */
function syntaxError(message) {
  return new DOMException(message, "SyntaxError");
}

/**
 * The standard's "get a URL record": absolute or relative to the page, http like ws, and no fragment.
 *
 * @param {unknown} given
 * @returns {string}
 */
export function readUrl(given) {
  let url;
  try {
    url = new URL(String(given), globalThis.document?.baseURI ?? globalThis.location?.href);
  } catch {
    throw syntaxError("this is not a valid URL");
  }
  if (url.protocol === "http:" || url.protocol === "https:") {
    url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
  }
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw syntaxError("a WebSocket's URL has to begin with ws:, wss:, http: or https:");
  }
  if (url.href.includes("#")) {
    throw syntaxError("a WebSocket's URL has no fragment: leave #… out");
  }
  return url.href;
}

/**
 * @param {unknown} given one subprotocol, or several
 * @returns {string[]}
 */
export function readProtocols(given) {
  const several = typeof given === "object" && given !== null && Symbol.iterator in given;
  const protocols = several ? Array.from(/** @type {Iterable<unknown>} */ (given), String) : [String(given)];
  if (protocols.some((protocol) => !TOKEN.test(protocol))) {
    throw syntaxError("a subprotocol is a name of letters, digits and signs, without spaces and separators");
  }
  if (new Set(protocols).size < protocols.length) {
    throw syntaxError("a subprotocol is named twice");
  }
  return protocols;
}

/**
 * Check the options; what is absent, undefined or null has its default.
 *
 * @param {unknown} given
 * @returns {{ params: Record<string, unknown>, tunnel: string | undefined, maxMessageBytes: number }}
 */
export function readOptions(given) {
  if (typeof given !== "object" || given === null) {
    throw invalidOption("options", "an object");
  }
  /** @type {Record<string, unknown>} */
  const options = {};
  for (const [option, value] of Object.entries(given)) {
    const rule = RULES[option];
    if (rule === undefined) {
      throw invalidOption("options", `an object with ${Object.keys(RULES).join(", ")} and nothing else`);
    }
    if (value != null) {
      if (!rule.accepts(value)) {
        throw invalidOption(option, rule.allowed);
      }
      options[option] = value;
    }
  }
  const { tunnel, headers, ...rest } = /** @type {MixWebSocketOptions} */ (options);
  const maxMessageBytes = rest.maxMessageBytes ?? MAX_MESSAGE_BYTES;
  return { params: { ...rest, maxMessageBytes, headers: readHeaders(headers) }, tunnel, maxMessageBytes };
}

/**
 * Pairs of name and value, with the names as they were written.
 *
 * @param {HeadersInit | undefined} given
 * @returns {[string, string][]}
 */
function readHeaders(given = {}) {
  try {
    new Headers(given); // throws for what can't be a header
  } catch {
    throw invalidOption("headers", /** @type {Rule} */ (RULES.headers).allowed);
  }
  const pairs = Symbol.iterator in given ? [.../** @type {Iterable<string[]>} */ (given)] : Object.entries(given);
  return pairs.map(([name, value]) => [String(name), String(value)]);
}

/**
 * @param {string} option
 * @param {string} allowed
 */
function invalidOption(option, allowed) {
  return new InvalidWebSocketOption(`${option} must be ${allowed}`, { fields: { option, allowed } });
}

/**
 * The arguments of `close`, as bytes for the worker: the code (u16, big-endian) and the reason, or nothing.
 *
 * @param {unknown} code
 * @param {unknown} reason
 * @returns {Uint8Array}
 */
export function encodeClose(code, reason) {
  const text = new TextEncoder().encode(reason === undefined ? "" : String(reason));
  const number = code === undefined ? undefined : clampToUnsignedShort(code);
  if (number !== undefined && number !== 1000 && (number < 3000 || number > 4999)) {
    throw new DOMException("a close code is 1000, or 3000 to 4999", "InvalidAccessError");
  }
  if (text.byteLength > MAX_REASON_BYTES) {
    throw syntaxError(`a close reason has at most ${MAX_REASON_BYTES} bytes`);
  }
  if (number === undefined && text.byteLength === 0) {
    return new Uint8Array(0);
  }
  const used = number ?? 1000; // as browsers have it: a reason can't be sent without a code
  return Uint8Array.of(used >> 8, used & 0xff, ...text);
}

/**
 * WebIDL's conversion of a `[Clamp] unsigned short`.
 * @param {unknown} value
 */
function clampToUnsignedShort(value) {
  const clamped = Math.min(Math.max(Number(value) || 0, 0), 0xffff);
  const below = Math.floor(clamped);
  const isHalf = clamped - below === 0.5;
  return isHalf ? below + (below % 2) : Math.round(clamped);
}
