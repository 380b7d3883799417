/** The events of a WebSocket's end, which Node has no classes for: what imports this in Node may well be told an error. */

/**
 * @param {unknown} error
 * @param {string} message
 * @returns {Event}
 */
export function errorEvent(error, message) {
  const isKnown = typeof ErrorEvent !== "undefined";
  return isKnown ? new ErrorEvent("error", { error, message }) : Object.assign(new Event("error"), { error, message });
}

/**
 * @param {{ code: number, reason: string, wasClean: boolean }} init
 * @returns {Event}
 */
export function closeEvent(init) {
  return typeof CloseEvent !== "undefined" ? new CloseEvent("close", init) : Object.assign(new Event("close"), init);
}
