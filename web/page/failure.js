import { make } from "./elements.js";

/** Where on this page that is which an error's sentence advises; the sentence itself says what was wrong. */
const PLACES = /** @type {const} */ ([
  [/^dns\.(server_failed|query_refused|timed_out|malformed_answer|https_refused|bad_server)$/,
    "DNS servers are chosen among the tunnel's options."],
  [/^tunnel\.closed$/, "Connect the tunnel and start it again."],
  [/^tunnel\.(exit|gateway|mixnet)_/, "Entry gateway and exit are chosen among the tunnel's options."],
]);

/**
 * What is worth telling about anything that was thrown.
 *
 * @param {unknown} error
 * @returns {{ code: string, message: string, advice: string }}
 */
export function describeFailure(error) {
  const { name, message, code, retryable } =
    /** @type {Error & { code?: string | number, retryable?: boolean }} */ (error);
  if (name === "AbortError") {
    return { code: name, message: "You stopped it.", advice: "" };
  }
  const known = typeof code === "string" ? code : name;
  const place = PLACES.find(([codes]) => codes.test(known))?.[1];
  const advice = place ?? (retryable && !message.includes(";") ? "Trying again may help." : "");
  return { code: known, message: message || "It failed without saying why.", advice };
}

/**
 * Show an error as a sentence, its code and what to do; null hides the box.
 *
 * @param {HTMLElement} box
 * @param {unknown} error
 * @param {string} [detail] what had happened before
 */
export function showFailure(box, error, detail = "") {
  box.hidden = error === null;
  if (error === null) {
    box.replaceChildren();
    return;
  }
  const { code, message, advice } = describeFailure(error);
  const sentence = /[.!?]$/.test(message) ? message : `${message}.`;
  box.replaceChildren(
    make("span", "", sentence.charAt(0).toUpperCase() + sentence.slice(1)), detail ? ` ${detail}` : "",
    advice ? ` ${advice}` : "", " ", make("code", "", code));
}
