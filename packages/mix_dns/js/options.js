/** The options of a lookup: each is checked by one rule, which says its name and what is allowed. */
import { BadLookupOption } from "mix-tunnel/errors.js";

/** @typedef {{ allowed: string, accepts: (value: any) => boolean }} Rule */

const MAX_TIMEOUT_MS = 3_600_000;

/** @type {Record<string, Rule>} */
const RULES = {
  timeoutMs: {
    allowed: `a number of milliseconds above 0 and up to ${MAX_TIMEOUT_MS}`,
    accepts: (value) => typeof value === "number" && value > 0 && value <= MAX_TIMEOUT_MS,
  },
  // A signal of another frame, or of a library that stands in for it, will do.
  signal: {
    allowed: "an AbortSignal",
    accepts: (value) => typeof value?.aborted === "boolean" && typeof value.addEventListener === "function",
  },
  cache: { allowed: "true or false", accepts: (value) => typeof value === "boolean" },
  tunnel: { allowed: "the name of a tunnel", accepts: (value) => typeof value === "string" && value !== "" },
};

/**
 * The error for an argument or option, with what is allowed.
 *
 * @param {string} option
 * @param {string} allowed
 */
function invalid(option, allowed) {
  return new BadLookupOption(`${option} must be ${allowed}`, { fields: { option, allowed } });
}

/**
 * @param {string} argument
 * @param {unknown} value
 */
export function checkText(argument, value) {
  if (typeof value !== "string") {
    throw invalid(argument, "a text");
  }
}

/**
 * Check the options; what is absent, undefined or null is the tunnel's default.
 *
 * @param {unknown} [given]
 * @returns {{ params: { timeoutMs?: number, cache?: boolean }, call: { signal?: AbortSignal, tunnel?: string } }}
 */
export function readOptions(given) {
  const options = /** @type {Record<string, any>} */ (given ?? {});
  if (typeof options !== "object") {
    throw invalid("options", "an object");
  }
  for (const [option, value] of Object.entries(options)) {
    const rule = RULES[option];
    if (rule === undefined) {
      throw invalid("options", `an object with ${Object.keys(RULES).join(", ")} and nothing else`);
    }
    if (value != null && !rule.accepts(value)) {
      throw invalid(option, rule.allowed);
    }
  }
  /** @param {string[]} names */
  const pick = (...names) =>
    Object.fromEntries(names.filter((name) => options[name] != null).map((name) => [name, options[name]]));
  return { params: pick("timeoutMs", "cache"), call: pick("signal", "tunnel") };
}
