import { make } from "./elements.js";

/** What to do, by the first word of an error's code; the error's own sentence says what was wrong. */
const ADVICE = new Map([
  ["dns", "Check the name, or choose another DNS server in the tunnel's options."],
  ["tls", "The site could not prove who it is, so nothing was sent to it."],
  ["tcp", "Check the port, or try again: the site's machine did not take the connection, or dropped it."],
  ["http", "The site broke off or does not speak HTTP properly; another request is not affected."],
  ["websocket", "Check the address and the subprotocol; the tunnel itself is not affected."],
  ["gateway", "Connect again: another entry gateway may be chosen."],
  ["directory", "Check that the directory can be reached from here, then connect again."],
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
  const advice = ADVICE.get(known.split(".")[0] ?? "") ?? (retryable ? "Trying again may help." : "");
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
