/** What `mixFetch` makes of its options: each is checked by one rule, which says its name and what is allowed. */
import { InvalidFetchOption } from "mix-tunnel/errors.js";

/**
 * The options of a request as the worker wants them; what is absent is the tunnel's default.
 * @typedef {object} FetchOptions
 * @property {RequestRedirect} redirect
 * @property {RequestCredentials} credentials
 * @property {string} integrity
 * @property {number} [maxRedirects]
 * @property {number} [timeoutMs]
 * @property {number} [connectTimeoutMs]
 * @property {number} [responseTimeoutMs]
 * @property {number} [idleTimeoutMs]
 */

/** The longest delay that timers of browsers keep. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** @typedef {{ allowed: string, accepts: (value: unknown) => boolean }} Rule */

/**
 * @param {string[]} words
 * @returns {Rule}
 */
function oneOf(...words) {
  const quoted = words.map((word) => `"${word}"`);
  const allowed = `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`;
  return { allowed, accepts: (value) => words.includes(/** @type {string} */ (value)) };
}

/**
 * One of another frame, or of a library that stands in for it, will do.
 * @param {any} value
 */
function isSignal(value) {
  return typeof value?.aborted === "boolean" && typeof value.addEventListener === "function";
}

/** @type {Rule} */
const DELAY = {
  allowed: `a number of milliseconds above 0 and up to ${MAX_DELAY_MS}`,
  accepts: (value) => typeof value === "number" && value > 0 && value <= MAX_DELAY_MS,
};

/** @type {Record<string, Rule>} */
const RULES = {
  redirect: oneOf("follow", "manual", "error"),
  credentials: oneOf("omit", "same-origin", "include"),
  integrity: { allowed: "a text such as sha256-…", accepts: (value) => typeof value === "string" },
  duplex: oneOf("half"),
  tunnel: { allowed: "the name of a tunnel", accepts: (value) => typeof value === "string" && value !== "" },
  signal: { allowed: "an AbortSignal", accepts: isSignal },
  maxRedirects: {
    allowed: "a whole number from 0 to 100",
    accepts: (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 100,
  },
  timeoutMs: DELAY,
  connectTimeoutMs: DELAY,
  responseTimeoutMs: DELAY,
  idleTimeoutMs: DELAY,
};
const WITHOUT_DEFAULT = ["maxRedirects", "timeoutMs", "connectTimeoutMs", "responseTimeoutMs", "idleTimeoutMs"];

/**
 * The error for an option, with what is allowed.
 *
 * @param {string} option
 * @param {string} allowed
 */
export function invalidOption(option, allowed) {
  return new InvalidFetchOption(`${option} must be ${allowed}`, { fields: { option, allowed } });
}

/**
 * Check every option that is there and collect those for the worker. Options that only a browser's own fetch can heed
 * (`mode`, `cache`, `referrer`, `keepalive`, `priority`, …) are passed over, as the reference client does.
 *
 * @param {Record<string, unknown>} init
 * @param {Request | null} request gives the values that `init` leaves out
 * @returns {FetchOptions}
 */
export function readOptions(init, request) {
  for (const [option, rule] of Object.entries(RULES)) {
    const value = init[option] ?? undefined;
    if (value !== undefined && !rule.accepts(value)) {
      throw invalidOption(option, rule.allowed);
    }
  }
  const options = {
    redirect: init.redirect ?? request?.redirect ?? "follow",
    credentials: init.credentials ?? request?.credentials ?? "same-origin",
    integrity: init.integrity ?? request?.integrity ?? "",
    ...Object.fromEntries(WITHOUT_DEFAULT.filter((name) => init[name] != null).map((name) => [name, init[name]])),
  };
  return /** @type {FetchOptions} */ (options);
}
