import { find, make } from "./elements.js";

const MAX_LINES = 500;

/**
 * Add a line to the log.
 *
 * @param {string} text
 * @param {"" | "bad"} kind
 */
export function log(text, kind = "") {
  const list = find("log");
  const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 4;
  list.append(make("li", kind, make("time", "", new Date().toTimeString().slice(0, 8)), text));
  if (list.childElementCount > MAX_LINES) {
    list.firstElementChild?.remove();
  }
  if (atEnd) {
    list.scrollTop = list.scrollHeight;
  }
}
